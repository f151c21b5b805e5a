/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kill -9, and a stop, after every instruction that matters: a child does one thing to the page,
 * one instruction at a time under ptrace. A first run finds after which instructions the page is
 * another one; then a child is killed after each of these, and after others in between. After that
 * nothing may stay charged, and the others go on.
 */
#include "pages.h"
#include "test.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    OURS = 100,           /* what the test itself has charged */
    STEPS_MAX = 20000000, /* of one thing */
    BUDGET = 30000,       /* instructions of the rounds between the changes, for each thing */
    KILLS = 1000,         /* at any time */
    WATCHED = 4,          /* slots that the child may change */
};

struct state {
    char *folder;
    char path[PAGE_PATH_SIZE];
    struct page *page;
    unsigned rounds;
};

/* What a child does: first at full speed, then step by step. */
struct thing {
    const char *name;
    bool needs_dead; /* a slot that a killed process left, with charges */
    bool
        takes_room; /* stopped in the middle it may keep others waiting: it asks for all there is */
    struct page_slot *(*prepare)(struct page *p);
    void (*act)(struct page *p, struct page_slot *slot);
};

static struct page_slot *outside(struct page *p)
{
    (void)p;
    return NULL;
}

static struct page_slot *inside(struct page *p)
{
    return page_attach(p, PAGE_PROCESS);
}

static struct page_slot *charged(struct page *p)
{
    struct page_slot *slot = page_attach(p, PAGE_PROCESS);

    return slot && page_reserve(p, slot, 0, 200) ? slot : NULL;
}

static void attach(struct page *p, struct page_slot *slot)
{
    (void)slot;
    (void)page_attach(p, PAGE_PROCESS);
}

static void reserve(struct page *p, struct page_slot *slot)
{
    (void)page_reserve(p, slot, 0, 300);
}

static void reserve_too_much(struct page *p, struct page_slot *slot)
{
    (void)page_reserve(p, slot, 0, PAGES_LIMIT);
}

static void release(struct page *p, struct page_slot *slot)
{
    (void)p;
    page_release(slot, 0, 200);
}

static void detach(struct page *p, struct page_slot *slot)
{
    (void)p;
    page_detach(slot);
}

static void reap(struct page *p, struct page_slot *slot)
{
    (void)slot;
    (void)page_reap(p);
}

static const struct thing things[] = {
    {"attach", false, false, outside, attach},
    {"reserve", false, false, inside, reserve},
    {"reserve what the dead have", true, true, inside, reserve_too_much},
    {"be refused", false, true, charged, reserve_too_much},
    {"release", false, false, charged, release},
    {"detach", false, false, charged, detach},
    {"reap", true, false, inside, reap},
};

/* ---- a child under ptrace */

struct job {
    struct state *s;
    const struct thing *thing;
};

static int act(void *argument)
{
    const struct job *job = argument;
    struct page *p = job->s->page;
    struct page_slot *slot = job->thing->prepare(p);

    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return 1;
    (void)raise(SIGSTOP);
    job->thing->act(p, slot);
    (void)raise(SIGSTOP);
    return 0;
}

/* False: the child has come to its end. */
static bool step(pid_t pid)
{
    int status = 0;

    assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status));
    return WSTOPSIG(status) != SIGSTOP;
}

static pid_t start(struct job *job)
{
    pid_t pid = pages_child(act, job);
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    return pid;
}

/* From the stop at the end of the act. */
static void let_go(pid_t pid)
{
    assert_int_equal(ptrace(PTRACE_DETACH, pid, NULL, NULL), 0);
    assert_int_equal(pages_end(pid), 0);
}

static void run_on(pid_t pid)
{
    int status = 0;

    assert_int_equal(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    let_go(pid);
}

static int die_charged(void *argument)
{
    return charged(argument) ? (int)raise(SIGKILL) : 1;
}

static void leave_a_dead_one(struct state *s, const struct thing *thing)
{
    if (thing->needs_dead)
        assert_int_equal(pages_end(pages_child(die_charged, s->page)), 128 + SIGKILL);
}

/* ---- what must hold */

static bool is_zero(const void *at, size_t size)
{
    const char *bytes = at;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* All that is not ours is back: once the dead are looked for, their slots are as new. */
static void check_back(struct page *p)
{
    assert_true(page_reserve(p, &p->slots[0], 0, PAGES_LIMIT - OURS));
    page_release(&p->slots[0], 0, PAGES_LIMIT - OURS);
    (void)page_reap(p);
    assert_int_equal(page_used(p, 0), OURS);
    for (unsigned i = 1; i < PAGE_SLOTS; i++)
        assert_true(is_zero(&p->slots[i], sizeof p->slots[i]));
}

static int come_and_go(void *argument)
{
    struct page *p = argument;
    struct page_slot *slot = page_attach(p, PAGE_PROCESS);
    bool ok = slot && page_reserve(p, slot, 0, 300);

    if (slot)
        page_detach(slot);
    return ok ? 0 : 1;
}

/* What others see of the page. */
enum { SEEN = sizeof(struct page_common) + WATCHED * sizeof(struct page_slot) };

/* Steps until the page was another one n times; returns how many times it was, *out_steps in all.
 */
static unsigned step_changes(const struct state *s, pid_t pid, unsigned n, unsigned long *out_steps)
{
    static char before[SEEN];
    unsigned changes = 0;

    memcpy(before, (const char *)s->page + offsetof(struct page, common), SEEN);
    for (*out_steps = 0; changes < n && step(pid); ++*out_steps) {
        const char *now = (const char *)s->page + offsetof(struct page, common);

        assert_true(*out_steps < STEPS_MAX);
        if (memcmp(before, now, SEEN) == 0)
            continue;
        memcpy(before, now, SEEN);
        changes++;
    }
    return changes;
}

/* How often the page is another one while the thing is done, and how many instructions that takes.
 */
static unsigned count_changes(struct state *s, struct job *job, unsigned long *out_steps)
{
    unsigned n;
    pid_t pid;

    leave_a_dead_one(s, job->thing);
    pid = start(job);
    n = step_changes(s, pid, UINT_MAX, out_steps);
    let_go(pid);
    check_back(s->page);
    return n;
}

static void kill_and_check(struct state *s, pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(pages_end(pid), 128 + SIGKILL);
    check_back(s->page);
    if (s->rounds++ % 50 == 0)
        assert_int_equal(pages_end(pages_child(come_and_go, s->page)), 0);
}

static void kill_after_steps(struct state *s, struct job *job, unsigned long steps)
{
    pid_t pid;

    leave_a_dead_one(s, job->thing);
    pid = start(job);
    while (steps-- > 0 && step(pid))
        ;
    kill_and_check(s, pid);
}

static pid_t start_to_change(struct state *s, struct job *job, unsigned n)
{
    unsigned long steps;
    pid_t pid;

    leave_a_dead_one(s, job->thing);
    pid = start(job);
    assert_int_equal(step_changes(s, pid, n, &steps), n);
    return pid;
}

static void nothing_stays_charged_of_a_process_killed_at_any_instruction(void **state)
{
    struct state *s = *state;

    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++) {
        struct job job = {s, &things[i]};
        unsigned long length, rounds;
        unsigned n = count_changes(s, &job, &length), before = s->rounds;

        assert_true(n > 0);
        for (unsigned j = 1; j <= n; j++)
            kill_and_check(s, start_to_change(s, &job, j));
        rounds = 2UL * BUDGET / length + 1 < length ? 2UL * BUDGET / length + 1 : length;
        for (unsigned long j = 0; j < rounds; j++)
            kill_after_steps(s, &job, length * j / rounds);
        print_message("%s: %lu instructions, %u changes, %u rounds\n", things[i].name, length, n,
                      s->rounds - before);
    }
}

static void the_others_go_on_while_one_is_stopped_at_any_change(void **state)
{
    struct state *s = *state;

    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++) {
        struct job job = {s, &things[i]};
        unsigned long length;
        unsigned n = count_changes(s, &job, &length);

        for (unsigned j = 1; j <= n; j++) {
            pid_t pid = start_to_change(s, &job, j);

            if (!job.thing->takes_room)
                assert_int_equal(pages_end(pages_child(come_and_go, s->page)), 0);
            assert_true(page_used(s->page, 0) <= PAGES_LIMIT);
            run_on(pid);
            check_back(s->page);
        }
    }
}

/* All things over and over, until killed. */
static int do_all(void *argument)
{
    struct page *p = argument;

    for (;;) {
        struct page_slot *slot = page_attach(p, PAGE_PROCESS);

        if (!slot)
            return 1;
        for (unsigned i = 0; i < 20; i++)
            if (page_reserve(p, slot, 0, 300))
                page_release(slot, 0, 300);
        (void)page_reserve(p, slot, 0, PAGES_LIMIT);
        page_detach(slot);
    }
}

/* Two at a time, so that one also dies while it buries the other. */
static void nothing_stays_charged_of_processes_killed_at_any_time(void **state)
{
    struct state *s = *state;
    uint64_t seed = 1;

    for (unsigned i = 0; i < KILLS; i++) {
        pid_t first = pages_child(do_all, s->page), second = pages_child(do_all, s->page);
        struct timespec t = {.tv_nsec = 0};

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        t.tv_nsec = (long)(seed >> 33) % 2000000;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
        assert_int_equal(kill(first, SIGKILL), 0);
        assert_int_equal(pages_end(first), 128 + SIGKILL);
        t.tv_nsec /= 10;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
        assert_int_equal(kill(second, SIGKILL), 0);
        assert_int_equal(pages_end(second), 128 + SIGKILL);
        check_back(s->page);
    }
}

static int set_up(void **state)
{
    static struct state s;

    s.folder = pages_folder_make();
    s.page = pages_make(s.folder, s.path);
    s.page->common.slots_high = WATCHED; /* the same in all rounds */
    *state = &s;
    return page_reserve(s.page, &s.page->slots[0], 0, OURS) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct state *s = *state;

    page_unmap(s->page);
    pages_folder_remove(s->folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stays_charged_of_a_process_killed_at_any_instruction),
        cmocka_unit_test(the_others_go_on_while_one_is_stopped_at_any_change),
        cmocka_unit_test(nothing_stays_charged_of_processes_killed_at_any_time),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
