/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver takes beside the allocations: contexts, code, stacks. We cannot see it from
 * within; whoever measures can (carve run, carved). We ask through the page and it answers there.
 * Where nobody answers, each context counts as much as the page states.
 */
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "page/page_slot.h"
#include "shim/shim.h"

enum { WAIT_MS = 50, STEP_MS = 2 };

static void futex_wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

/* Until the word is another one, or the deadline (CLOCK_MONOTONIC); returns false after that. */
static bool futex_wait(_Atomic uint32_t *word, uint32_t seen, const struct timespec *deadline)
{
    return syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen, deadline, NULL,
                   FUTEX_BITSET_MATCH_ANY) == 0 ||
           errno != ETIMEDOUT;
}

static struct timespec in_ms(unsigned ms)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += (long)ms * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* Returns the number of the question. */
static uint32_t ask(const struct shim *s, struct page_use *use)
{
    uint32_t asked = atomic_fetch_add(&use->measure_asked, 1) + 1;

    (void)atomic_fetch_add(&s->page->common.bell, 1);
    futex_wake(&s->page->common.bell);
    return asked;
}

/* True: the question was answered in so many milliseconds. */
static bool wait_for(struct page_use *use, uint32_t asked, unsigned ms)
{
    struct timespec deadline = in_ms(ms);
    uint32_t seen;

    do {
        seen = use->measured;
        if ((int32_t)(seen - asked) >= 0)
            return true;
    } while (futex_wait(&use->measured, seen, &deadline));
    return false;
}

/*
 * Who measures may be stopped, or find no moment in which nothing changes. So after a question that
 * was waited for in vain no other one is, until it is answered: what is refused often is refused at
 * once. 0, or slot * 2^32 + number of the question; a forked child has another slot.
 */
static _Atomic uint64_t measure_vain[PAGE_DEVICES];

static uint64_t question(const struct shim *s, uint32_t asked)
{
    return (uint64_t)(s->slot - s->page->slots + 1) << 32 | asked;
}

/* For how long to wait for an answer. */
static unsigned patience_ms(const struct shim *s, int device)
{
    uint64_t vain = measure_vain[device];
    const struct page_use *use = &s->slot->use[device];

    if (vain == 0 || vain != question(s, (uint32_t)vain))
        return WAIT_MS;
    return (int32_t)(use->measured - (uint32_t)vain) >= 0 ? WAIT_MS : 0;
}

enum answer { NO_ANSWER, ANSWERED, SOME_DIED };

/* Asks who measures; reaps: looks for the dead, too, until it answers. */
static enum answer ask_and_wait(const struct shim *s, int device, bool reaps)
{
    struct page_use *use = &s->slot->use[device];
    unsigned most_ms = patience_ms(s, device);
    uint32_t asked = ask(s, use);

    if (most_ms == 0 || !page_has(s->page, PAGE_RUN))
        return NO_ANSWER;
    for (unsigned ms = 0; ms < most_ms; ms += STEP_MS) {
        if (wait_for(use, asked, STEP_MS))
            return ANSWERED;
        if (reaps && page_reap(s->page) > 0)
            return SOME_DIED;
    }
    measure_vain[device] = question(s, asked);
    return NO_ANSWER;
}

static bool measure(int device)
{
    const struct shim *s = shim_get();
    struct shim_aside aside = shim_aside_begin();
    bool answered =
        s->state == SHIM_ATTACHED && device >= 0 && ask_and_wait(s, device, false) == ANSWERED;

    shim_aside_end(&aside);
    return answered;
}

/* While a process dies, the driver makes who measures wait too: its end may come before the answer.
 */
bool measure_or_reap(int device)
{
    const struct shim *s = shim_get();
    struct shim_aside aside = shim_aside_begin();
    enum answer answer = ask_and_wait(s, device, true);

    shim_aside_end(&aside);
    return answer != NO_ANSWER; /* also an earlier question's answer may have made room meanwhile */
}

void measure_soon(int device)
{
    const struct shim *s = shim_get();
    struct shim_aside aside = shim_aside_begin();

    if (s->state == SHIM_ATTACHED && device >= 0)
        (void)ask(s, &s->slot->use[device]);
    shim_aside_end(&aside);
}

void measure_estimate(int device, uint64_t bytes)
{
    const struct shim *s = shim_get();

    if (s->state == SHIM_ATTACHED && device >= 0)
        (void)atomic_fetch_add(&s->slot->use[device].overhead_bytes, (int64_t)bytes);
}

/* Nobody answers: at least, or at most, what the page states of so many contexts. */
static void state(struct page_use *use, int64_t stated, bool at_least)
{
    int64_t now = use->overhead_bytes;

    while ((at_least ? now < stated : now > stated) &&
           !atomic_compare_exchange_weak(&use->overhead_bytes, &now, stated))
        ;
}

void measure_context(int device, int delta)
{
    const struct shim *s = shim_get();
    struct page_use *use;
    uint32_t contexts;

    if (s->state != SHIM_ATTACHED || device < 0)
        return;
    use = &s->slot->use[device];
    contexts = atomic_fetch_add(&use->contexts, (uint32_t)delta) + (uint32_t)delta;
    if (!measure(device))
        state(use, (int64_t)(contexts * s->page->head.limits[device].context_bytes), delta > 0);
}
