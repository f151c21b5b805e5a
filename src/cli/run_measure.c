/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who measures: one thread, asleep on the page's bell. For each process that asks, it reads what
 * the driver shows of it and notes what that is beyond the tracked allocations. Now and then, less
 * and less often, it measures all, and looks for processes of the program that use a GPU and have
 * no slot. See run.h.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cli/process.h"
#include "cli/report.h"
#include "cli/run.h"
#include "page/page_charge.h"

enum {
    LOOKS = 24, /* at one process, until its figures belong together */
    LOOK_PAUSE_NS = 200000,
    AGAIN_MS = 20,         /* where they did not; doubles */
    FIRST_STROLL_MS = 500, /* to everyone, and for the unattached; doubles */
    LAST_STROLL_MS = 60000,
    UNATTACHED_MAX = 64, /* pids that were told of */
    ANCESTORS_MAX = 64,
};

/* What the thread keeps. */
struct round {
    struct run *run;
    unsigned n_told;
    uint32_t told[UNATTACHED_MAX];
};

static void pause_ns(long ns)
{
    const struct timespec t = {.tv_nsec = ns};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void futex_wake(_Atomic uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen, unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)syscall(SYS_futex, word, FUTEX_WAIT, seen, &t, NULL, 0);
}

/* The driver's figure of the slot's process; false: it shows none. */
static bool driver_bytes(struct run *r, const struct page_slot *slot, unsigned device,
                         uint64_t *out)
{
    bool here = slot->pid_namespace == page_self_namespace();
    const struct gpu_process *listed;
    uint32_t pid = slot->pid;
    bool found = false;
    struct err e;
    unsigned n;

    *out = 0;
    if (meter_processes(r->meter, r->devices[device], &listed, &n, &e) < 0)
        return false;
    for (unsigned i = 0; i < n; i++) {
        if (here ? listed[i].pid != pid : process_inside_pid(listed[i].pid) != pid)
            continue;
        *out += listed[i].mem_bytes;
        found = true;
    }
    return found;
}

/* One look; false: the process was allocating meanwhile, or the driver does not show it. */
static bool look(struct run *r, struct page_slot *slot, unsigned device, int64_t *out)
{
    struct page_use *use = &slot->use[device];
    uint64_t changing = use->changing, tracked = use->tracked_bytes, managed = use->managed_bytes;
    uint64_t shown;
    bool found;

    if ((uint32_t)changing != 0)
        return false;
    found = driver_bytes(r, slot, device, &shown);
    if (use->changing != changing || use->tracked_bytes != tracked || use->managed_bytes != managed)
        return false;
    if (!found && use->contexts > 0)
        return false;
    *out = found ? (int64_t)shown - (int64_t)(tracked - managed) : 0;
    return true;
}

/* True if the question is answered, or is not to be any more. */
static bool answer(struct run *r, struct page_slot *slot, unsigned device)
{
    struct page_use *use = &slot->use[device];
    uint64_t owner = slot->owner;
    uint32_t asked = use->measure_asked;
    int64_t overhead;

    for (unsigned i = 0; i < LOOKS; i++) {
        if (slot->owner != owner || page_life(slot) == PAGE_DEAD)
            return true;
        if (look(r, slot, device, &overhead)) {
            if (page_measured(slot, owner, device, overhead, asked))
                futex_wake(&use->measured);
            return true;
        }
        pause_ns(LOOK_PAUSE_NS);
    }
    return false;
}

/*
 * All that ask, or everyone: what the driver takes can grow without a call that we see, for stacks
 * at a launch, say. False: somebody asked and has no answer.
 */
static bool answer_all(struct run *r, bool everyone)
{
    bool all = true;

    for (unsigned i = 0; i < page_slots(r->page); i++) {
        struct page_slot *slot = &r->page->slots[i];

        if (!page_held(slot) || slot->kind != PAGE_PROCESS)
            continue;
        for (unsigned d = 0; d < r->n_devices; d++) {
            bool asks = slot->use[d].measure_asked != slot->use[d].measured;

            if ((asks || everyone) && !answer(r, slot, d) && asks)
                all = false;
        }
    }
    return all;
}

/* The program is our child, and so is, in the end, all that it starts: we are its subreaper. */
static bool descends(uint32_t pid)
{
    uint32_t self = (uint32_t)getpid();

    for (unsigned i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
        pid = process_parent(pid);
        if (pid == self)
            return true;
    }
    return false;
}

static bool has_slot(const struct page *p, uint32_t pid)
{
    for (unsigned i = 0; i < page_slots(p); i++) {
        const struct page_slot *slot = &p->slots[i];

        if (!page_held(slot))
            continue;
        if (slot->pid_namespace == page_self_namespace() ? slot->pid == pid
                                                         : slot->pid == process_inside_pid(pid))
            return true;
    }
    return false;
}

static void tell_unattached(struct round *w, uint32_t pid, unsigned gpu)
{
    char name[PROCESS_NAME_SIZE];

    for (unsigned i = 0; i < w->n_told; i++)
        if (w->told[i] == pid)
            return;
    if (w->n_told == UNATTACHED_MAX)
        return;
    w->told[w->n_told++] = pid;
    w->run->page->common.unattached++;
    if (!w->run->o.allow_unattached)
        report_note(
            "warning: process %u (%s) uses GPU %u without a limit: nothing of carve is attached "
            "to it; 'man carve-run' says why that can be",
            pid, process_name(name, pid), gpu);
}

static void look_for_unattached(struct round *w)
{
    struct run *r = w->run;

    for (unsigned d = 0; d < r->n_devices; d++) {
        const struct gpu_process *listed;
        struct err e;
        unsigned n;

        if (meter_processes(r->meter, r->devices[d], &listed, &n, &e) < 0)
            continue;
        for (unsigned i = 0; i < n; i++)
            if (!has_slot(r->page, listed[i].pid) && descends(listed[i].pid))
                tell_unattached(w, listed[i].pid, meter_device(r->meter, r->devices[d])->gpu);
    }
}

static uint64_t now_ms(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static unsigned longer(unsigned ms)
{
    return 2 * ms < LAST_STROLL_MS ? 2 * ms : LAST_STROLL_MS;
}

static void *work(void *self)
{
    struct run_measure *m = self;
    /* Of a program that cannot be attached it is known already. */
    struct round w = {.run = m->run, .n_told = m->run->back_end ? 0 : 1, .told = {m->run->child}};
    unsigned stroll_ms = FIRST_STROLL_MS, again_ms = AGAIN_MS / 2;
    uint64_t next = now_ms() + stroll_ms;

    while (!m->stop) {
        uint32_t bell = w.run->page->common.bell;
        uint64_t now = now_ms();
        unsigned sleep_ms;

        again_ms = answer_all(w.run, now >= next) ? AGAIN_MS / 2 : longer(again_ms);
        if (now >= next) {
            look_for_unattached(&w);
            stroll_ms = longer(stroll_ms);
            now = now_ms();
            next = now + stroll_ms;
        }
        sleep_ms = (unsigned)(next - now);
        if (again_ms >= AGAIN_MS && again_ms < sleep_ms)
            sleep_ms = again_ms;
        if (!m->stop)
            futex_wait(&w.run->page->common.bell, bell, sleep_ms);
    }
    return NULL;
}

int run_measure_start(struct run_measure *m, struct run *r, struct err *e)
{
    int code;

    m->run = r;
    m->stop = false;
    code = pthread_create(&m->thread, NULL, work, m);
    return code == 0 ? 0 : err_errno(e, code, "start the thread that measures");
}

void run_measure_stop(struct run_measure *m)
{
    m->stop = true;
    m->run->page->common.bell++;
    futex_wake(&m->run->page->common.bell);
    (void)pthread_join(m->thread, NULL);
}
