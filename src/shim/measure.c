/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver takes beside the allocations: contexts, code, stacks. We cannot see it from
 * within; whoever measures can (carve run, carved). We ask through the page and it answers there.
 * Where nobody answers, each context counts as much as the page states.
 */
#include <errno.h>
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

static bool measure(int device)
{
    const struct shim *s = shim_get();
    int saved = errno;
    bool answered = false;

    if (s->state == SHIM_ATTACHED && device >= 0) {
        struct page_use *use = &s->slot->use[device];
        uint32_t asked = ask(s, use);

        answered = page_has(s->page, PAGE_RUN) && wait_for(use, asked, WAIT_MS);
    }
    errno = saved;
    return answered;
}

void measure_now(int device)
{
    (void)measure(device);
}

/* While a process dies, the driver makes who measures wait too: its end may come before the answer.
 */
static bool wait_or_reap(const struct shim *s, struct page_use *use)
{
    int64_t overhead = use->overhead_bytes;
    uint32_t asked = ask(s, use);
    bool answers = page_has(s->page, PAGE_RUN);

    for (unsigned ms = 0; answers && ms < WAIT_MS; ms += STEP_MS) {
        if (wait_for(use, asked, STEP_MS))
            return use->overhead_bytes < overhead;
        if (page_reap(s->page) > 0)
            return true;
    }
    return false;
}

bool measure_or_reap(int device)
{
    const struct shim *s = shim_get();
    int saved = errno;
    bool more = wait_or_reap(s, &s->slot->use[device]);

    errno = saved;
    return more;
}

void measure_soon(int device)
{
    const struct shim *s = shim_get();
    int saved = errno;

    if (s->state == SHIM_ATTACHED && device >= 0)
        (void)ask(s, &s->slot->use[device]);
    errno = saved;
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
