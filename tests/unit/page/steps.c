/* SPDX-License-Identifier: Apache-2.0 */
/* See steps.h. A run is a list of choices; the next run takes the next choice at the last place
   that has one left. */
#include "steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>

#include "page/page_process.h"

enum { STACK_SIZE = 256 << 10, CHOICES_MAX = 4096 };

enum actor_state { READY, YIELDED, DONE, KILLED };

struct actor {
    ucontext_t context;
    enum actor_state state;
    char *stack;
};

static struct {
    const struct steps_plan *plan;
    struct page *page;
    struct actor actors[STEPS_ACTORS];
    ucontext_t home;
    unsigned current;
    bool running;
    unsigned declared_dead;
    unsigned switches_left;
    bool may_kill;
    unsigned char choice[CHOICES_MAX], n_choices[CHOICES_MAX];
    unsigned at, length;
} all;

/* The next choice of n; 0 where this run has not been before. */
static unsigned choose(unsigned n)
{
    if (all.at == CHOICES_MAX)
        abort();
    if (all.at == all.length) {
        all.choice[all.at] = 0;
        all.n_choices[all.at] = (unsigned char)n;
        all.length++;
    }
    return all.choice[all.at++];
}

/* False: every run was made. */
static bool next_run(void)
{
    while (all.length > 0 && all.choice[all.length - 1] + 1 >= all.n_choices[all.length - 1])
        all.length--;
    if (all.length == 0)
        return false;
    all.choice[all.length - 1]++;
    return true;
}

/* The actors other than the current one that can go on: those that did not yield, or else all. */
static unsigned list_others(unsigned out[STEPS_ACTORS])
{
    unsigned n = 0;

    for (unsigned pass = READY; pass <= YIELDED && n == 0; pass++)
        for (unsigned i = 0; i < all.plan->n_actors; i++)
            if (i != all.current && all.actors[i].state == (enum actor_state)pass)
                out[n++] = i;
    return n;
}

static void go_to(unsigned to)
{
    unsigned from = all.current;

    all.current = to;
    all.actors[to].state = READY;
    (void)swapcontext(&all.actors[from].context, &all.actors[to].context);
}

/* The current actor does not go on: another, or the run is over. */
static void leave(enum actor_state state)
{
    unsigned others[STEPS_ACTORS], n = list_others(others);

    all.actors[all.current].state = state;
    if (n > 0)
        go_to(others[choose(n)]);
    else if (state != YIELDED)
        (void)swapcontext(&all.actors[all.current].context, &all.home);
}

/* Is the order of accesses to it of any interest? */
static bool is_step(const volatile void *at)
{
    size_t offset = (size_t)((const volatile char *)at - (const volatile char *)all.page);

    if (!all.running || offset >= sizeof *all.page ||
        offset == offsetof(struct page, common.slots_high))
        return false;
    offset = (offset - offsetof(struct page, slots)) % sizeof(struct page_slot);
    if (offset == offsetof(struct page_slot, use[0].changing)) /* nothing in here depends on it */
        return false;
    return !all.plan->same_owners || (offset != offsetof(struct page_slot, owner) &&
                                      offset != offsetof(struct page_slot, use[0].overhead_bytes));
}

/* Before an atomic access: go on, or another actor, or die here. */
static void point(const volatile void *at)
{
    unsigned others[STEPS_ACTORS], n, chosen;
    bool kill = all.may_kill;

    if (!is_step(at))
        return;
    n = all.switches_left > 0 ? list_others(others) : 0;
    if (n == 0 && !kill)
        return;
    chosen = choose(1 + n + kill);
    if (chosen == 0)
        return;
    if (chosen == n + 1) {
        all.may_kill = false;
        leave(KILLED);
        return;
    }
    all.switches_left--;
    go_to(others[chosen - 1]);
}

static void run_actor(void)
{
    all.plan->actors[all.current](all.page);
    leave(DONE);
}

static void start(struct actor *actor)
{
    actor->state = READY;
    (void)getcontext(&actor->context);
    actor->context.uc_stack.ss_sp = actor->stack;
    actor->context.uc_stack.ss_size = STACK_SIZE;
    makecontext(&actor->context, run_actor, 0);
}

static void run_once(void)
{
    unsigned dead = 0;

    all.at = 0;
    all.declared_dead = 0;
    all.switches_left = all.plan->switches;
    all.may_kill = all.plan->kill;
    all.current = 0;
    all.plan->prepare(all.page);
    for (unsigned i = 0; i < all.plan->n_actors; i++)
        start(&all.actors[i]);
    all.current = choose(all.plan->n_actors);
    all.running = true;
    (void)swapcontext(&all.home, &all.actors[all.current].context);
    all.running = false;
    for (unsigned i = 0; i < all.plan->n_actors; i++)
        dead |= (unsigned)(all.actors[i].state == KILLED) << i;
    all.plan->check(all.page, dead);
}

unsigned long steps_explore(struct page *p, const struct steps_plan *plan)
{
    unsigned long runs = 0;

    memset(&all, 0, sizeof all);
    all.plan = plan;
    all.page = p;
    for (unsigned i = 0; i < plan->n_actors; i++) {
        all.actors[i].stack = malloc(STACK_SIZE);
        if (!all.actors[i].stack)
            abort();
    }
    do {
        run_once();
        runs++;
    } while (next_run());
    for (unsigned i = 0; i < plan->n_actors; i++)
        free(all.actors[i].stack);
    return runs;
}

/* ---- page_process.h, for actors. One that is not run is number n_actors and up, and alive. */

uint64_t steps_word(unsigned actor)
{
    return actor + 1;
}

void steps_declare_dead(unsigned actor)
{
    all.declared_dead |= 1u << actor;
}

uint64_t page_self(void)
{
    return steps_word(all.current);
}

uint64_t page_self_namespace(void)
{
    return 1;
}

enum page_life page_process_life(uint64_t word, uint64_t namespace)
{
    unsigned actor = (unsigned)word - 1;

    (void)namespace;
    if (all.declared_dead & 1u << actor)
        return PAGE_DEAD;
    return actor < all.plan->n_actors && all.actors[actor].state == KILLED ? PAGE_DEAD : PAGE_ALIVE;
}

/* Waiting is letting another go on. */
int clock_nanosleep(clockid_t clock, int flags, const struct timespec *request,
                    struct timespec *remain)
{
    (void)clock;
    (void)flags;
    (void)request;
    (void)remain;
    if (all.running)
        leave(YIELDED);
    return 0;
}

/* ---- what the compiler calls */

#define ATOMIC(bits)                                                                               \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order);       \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *at, int order)        \
    {                                                                                              \
        (void)order;                                                                               \
        point(at);                                                                                 \
        return *at;                                                                                \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t to, int order);   \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *at, uint##bits##_t to, int order)    \
    {                                                                                              \
        (void)order;                                                                               \
        point(at);                                                                                 \
        *at = to;                                                                                  \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile uint##bits##_t *at, uint##bits##_t by, \
                                                   int order);                                     \
    uint##bits##_t __tsan_atomic##bits##_fetch_add(volatile uint##bits##_t *at, uint##bits##_t by, \
                                                   int order)                                      \
    {                                                                                              \
        uint##bits##_t before;                                                                     \
                                                                                                   \
        (void)order;                                                                               \
        point(at);                                                                                 \
        before = *at;                                                                              \
        *at = before + by;                                                                         \
        return before;                                                                             \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_fetch_sub(volatile uint##bits##_t *at, uint##bits##_t by, \
                                                   int order);                                     \
    uint##bits##_t __tsan_atomic##bits##_fetch_sub(volatile uint##bits##_t *at, uint##bits##_t by, \
                                                   int order)                                      \
    {                                                                                              \
        return __tsan_atomic##bits##_fetch_add(at, -by, order);                                    \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_strong(                                             \
        volatile uint##bits##_t *at, uint##bits##_t *seen, uint##bits##_t to, int yes, int no);    \
    int __tsan_atomic##bits##_compare_exchange_strong(                                             \
        volatile uint##bits##_t *at, uint##bits##_t *seen, uint##bits##_t to, int yes, int no)     \
    {                                                                                              \
        (void)yes;                                                                                 \
        (void)no;                                                                                  \
        point(at);                                                                                 \
        if (*at != *seen) {                                                                        \
            *seen = *at;                                                                           \
            return 0;                                                                              \
        }                                                                                          \
        *at = to;                                                                                  \
        return 1;                                                                                  \
    }                                                                                              \
    int __tsan_atomic##bits##_compare_exchange_weak(                                               \
        volatile uint##bits##_t *at, uint##bits##_t *seen, uint##bits##_t to, int yes, int no);    \
    int __tsan_atomic##bits##_compare_exchange_weak(                                               \
        volatile uint##bits##_t *at, uint##bits##_t *seen, uint##bits##_t to, int yes, int no)     \
    {                                                                                              \
        return __tsan_atomic##bits##_compare_exchange_strong(at, seen, to, yes, no);               \
    }                                                                                              \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *at, uint##bits##_t seen, uint##bits##_t to, int yes, int no);     \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                                     \
        volatile uint##bits##_t *at, uint##bits##_t seen, uint##bits##_t to, int yes, int no)      \
    {                                                                                              \
        (void)__tsan_atomic##bits##_compare_exchange_strong(at, &seen, to, yes, no);               \
        return seen;                                                                               \
    }                                                                                              \
    struct steps_needs_a_semicolon

ATOMIC(32);
ATOMIC(64);

#define IGNORE(name, ...)                                                                          \
    void __tsan_##name(__VA_ARGS__);                                                               \
    void __tsan_##name(__VA_ARGS__)                                                                \
    {                                                                                              \
    }                                                                                              \
    struct steps_needs_a_semicolon

#define AT void *at __attribute__((unused))
#define SIZE unsigned long size __attribute__((unused))
IGNORE(init, void);
IGNORE(func_entry, AT);
IGNORE(func_exit, void);
IGNORE(read1, AT);
IGNORE(read2, AT);
IGNORE(read4, AT);
IGNORE(read8, AT);
IGNORE(read16, AT);
IGNORE(write1, AT);
IGNORE(write2, AT);
IGNORE(write4, AT);
IGNORE(write8, AT);
IGNORE(write16, AT);
IGNORE(unaligned_write8, AT);
IGNORE(read_range, AT, SIZE);
IGNORE(write_range, AT, SIZE);
