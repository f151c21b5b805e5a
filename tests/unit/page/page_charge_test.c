/* SPDX-License-Identifier: Apache-2.0 */
/* Charges of many processes and threads at once, and of pages whose numbers are wrong. */
#include "pages.h"
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PROCESSES = 8, THREADS = 4, CROWD = 64, TURNS = 3200 };

/* What is really held, as the test itself knows it. */
struct truth {
    _Atomic uint64_t held;
    _Atomic unsigned taken, refused, passed, lost;
    _Atomic unsigned ready;
};

struct state {
    char *folder;
    char path[PAGE_PATH_SIZE];
    struct page *page;
    struct truth *truth;
};

struct taker {
    struct state *s;
    struct page_slot *slot;
    uint64_t seed;
    unsigned turns;
    uint64_t most; /* bytes at a time; one byte is the least */
};

static uint64_t next(struct taker *t)
{
    t->seed = t->seed * 6364136223846793005u + 1442695040888963407u;
    return t->seed >> 33;
}

static void *take_and_give(void *argument)
{
    struct taker *t = argument;
    struct truth *truth = t->s->truth;

    for (unsigned i = 0; i < t->turns; i++) {
        uint64_t bytes = 1 + next(t) % t->most;

        if (!page_reserve(t->s->page, t->slot, 0, bytes)) {
            (void)atomic_fetch_add(&truth->refused, 1);
            continue;
        }
        if (atomic_fetch_add(&truth->held, bytes) + bytes > PAGES_LIMIT)
            (void)atomic_fetch_add(&truth->passed, 1);
        (void)atomic_fetch_add(&truth->taken, 1);
        if (page_used(t->s->page, 0) < bytes)
            (void)atomic_fetch_add(&truth->lost, 1);
        (void)sched_yield();
        (void)atomic_fetch_sub(&truth->held, bytes);
        page_release(t->slot, 0, bytes);
    }
    return NULL;
}

struct crowd {
    struct state *s;
    unsigned n_threads, turns;
    uint64_t most;
};

static int take_with_threads(void *argument)
{
    const struct crowd *c = argument;
    struct page_slot *slot = page_attach(c->s->page, PAGE_PROCESS);
    struct taker takers[THREADS];
    pthread_t threads[THREADS];

    if (!slot)
        return 1;
    for (unsigned i = 0; i < c->n_threads; i++) {
        takers[i] = (struct taker){c->s, slot, (uint64_t)getpid() * THREADS + i, c->turns, c->most};
        if (pthread_create(&threads[i], NULL, take_and_give, &takers[i]) != 0)
            return 2;
    }
    for (unsigned i = 0; i < c->n_threads; i++)
        (void)pthread_join(threads[i], NULL);
    page_detach(slot);
    return 0;
}

static void run_crowd(struct state *s, unsigned n_processes, unsigned n_threads, uint64_t most)
{
    struct crowd c = {s, n_threads, TURNS / n_processes / n_threads, most};
    pid_t pids[CROWD];

    *s->truth = (struct truth){0};
    for (unsigned i = 0; i < n_processes; i++)
        pids[i] = pages_child(take_with_threads, &c);
    for (unsigned i = 0; i < n_processes; i++)
        assert_int_equal(pages_end(pids[i]), 0);
    print_message("%u taken, %u refused\n", s->truth->taken, s->truth->refused);
    assert_int_equal(s->truth->passed, 0);
    assert_int_equal(s->truth->lost, 0);
    assert_true(s->truth->taken > 0);
    assert_int_equal(page_used(s->page, 0), 0);
    for (unsigned i = 0; i < PAGE_SLOTS; i++)
        assert_int_equal(s->page->slots[i].use[0].asking_bytes, 0);
}

static void the_limit_is_never_passed(void **state)
{
    run_crowd(*state, PROCESSES, THREADS, PAGES_LIMIT);
}

static void nobody_is_refused_while_there_is_room(void **state)
{
    struct state *s = *state;

    run_crowd(s, PROCESSES, THREADS, PAGES_LIMIT / (PROCESSES * THREADS));
    assert_int_equal(s->truth->refused, 0);
}

static void sixty_four_processes_share_a_slice(void **state)
{
    struct state *s = *state;

    run_crowd(s, CROWD, 1, PAGES_LIMIT / CROWD);
    assert_int_equal(s->truth->refused, 0);
    run_crowd(s, CROWD, 1, PAGES_LIMIT);
}

static void a_refusal_is_counted(void **state)
{
    struct state *s = *state;
    struct page_slot *slot = &s->page->slots[0];
    uint32_t before = slot->use[0].refused;

    assert_true(page_reserve(s->page, slot, 0, PAGES_LIMIT));
    assert_false(page_reserve(s->page, slot, 0, 1));
    assert_int_equal(slot->use[0].refused, before + 1);
    assert_int_equal(slot->use[0].refused_bytes, 1);
    assert_false(page_attempt(s->page, slot, 0, 1));
    assert_false(page_try(s->page, slot, 0, 1));
    assert_int_equal(slot->use[0].refused, before + 1);
    page_release(slot, 0, PAGES_LIMIT);
    assert_false(page_reserve(s->page, slot, 0, UINT64_MAX));
    assert_false(page_reserve(s->page, slot, 0, PAGES_LIMIT + 1));
    assert_false(page_reserve(s->page, slot, 1, 1));
    assert_false(page_reserve(s->page, slot, PAGE_DEVICES, 1));
    assert_int_equal(page_used(s->page, 0), 0);
}

static void a_release_never_goes_below_zero(void **state)
{
    struct state *s = *state;
    struct page_slot *slot = &s->page->slots[0];

    assert_true(page_reserve(s->page, slot, 0, 10));
    page_release(slot, 0, 11);
    assert_int_equal(page_used(s->page, 0), 0);
}

/* Whatever one slot says, there is not more room, and nothing overflows. */
static void wrong_numbers_do_not_lift_the_limit(void **state)
{
    static const uint64_t wrong[] = {UINT64_MAX, UINT64_MAX - 500, 1ull << 63, (1ull << 63) - 1};
    struct state *s = *state;
    struct page_slot *slot = &s->page->slots[0];

    assert_true(page_reserve(s->page, slot, 0, 600));
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        slot->use[0].overhead_bytes = (int64_t)wrong[i];
        assert_false(page_reserve(s->page, slot, 0, 500));
        slot->use[0].overhead_bytes = 0;
        slot->use[0].asking_bytes = wrong[i];
        assert_false(page_reserve(s->page, slot, 0, 500));
        slot->use[0].asking_bytes = 0;
        slot->use[0].tracked_bytes = wrong[i];
        assert_false(page_reserve(s->page, slot, 0, 500));
        assert_true(page_used(s->page, 0) > PAGES_LIMIT);
        slot->use[0].tracked_bytes = 600;
    }
    slot->use[0].overhead_bytes = INT64_MIN;
    assert_true(page_reserve(s->page, slot, 0, 400));
    assert_int_equal(page_used(s->page, 0), 1000);
    slot->use[0].overhead_bytes = 0;
    page_release(slot, 0, 1000);
    s->page->common.slots_high = UINT32_MAX;
    assert_int_equal(page_slots(s->page), PAGE_SLOTS);
    assert_int_equal(page_used(s->page, 0), 0);
}

static void the_overhead_counts(void **state)
{
    struct state *s = *state;
    struct page_slot *slot = &s->page->slots[0];

    slot->use[0].measure_asked = 3;
    assert_true(page_measured(slot, slot->owner, 0, 500, 3));
    assert_int_equal(slot->use[0].measured, 3);
    assert_int_equal(page_slot_used(slot, 0), 500);
    assert_false(page_reserve(s->page, slot, 0, 501));
    assert_true(page_reserve(s->page, slot, 0, 500));
    assert_false(page_measured(slot, slot->owner + 1, 0, 0, 4));
    assert_int_equal(page_used(s->page, 0), PAGES_LIMIT);
    assert_true(page_measured(slot, slot->owner, 0, 0, 4));
    page_release(slot, 0, 500);
}

/* A call that takes no memory goes on, though contexts and code take more than the limit. */
static void nothing_fits_even_beyond_the_limit(void **state)
{
    struct state *s = *state;
    struct page_slot *slot = &s->page->slots[0];

    slot->use[0].overhead_bytes = PAGES_LIMIT + 1;
    assert_false(page_try(s->page, slot, 0, 1));
    assert_true(page_try(s->page, slot, 0, 0));
    page_change_end(slot, 0);
    assert_true(page_attempt(s->page, slot, 0, 0));
    page_change_end(slot, 0);
    assert_true(page_reserve(s->page, slot, 0, 0));
    assert_int_equal(page_used(s->page, 0), PAGES_LIMIT + 1);
    slot->use[0].overhead_bytes = 0;
}

static void changes_under_way_are_counted(void **state)
{
    struct state *s = *state;
    struct page_slot *slot = &s->page->slots[0];

    slot->use[0].changing = 0;
    page_change_begin(slot, 0);
    page_change_begin(slot, 0);
    assert_int_equal(slot->use[0].changing, 2);
    page_change_end(slot, 0);
    page_change_end(slot, 0);
    assert_int_equal(slot->use[0].changing, 2ull << 32);
    assert_true(page_try(s->page, slot, 0, PAGES_LIMIT)); /* who may call the driver will */
    assert_int_equal(slot->use[0].changing, (2ull << 32) + 1);
    assert_false(page_try(s->page, slot, 0, 1)); /* who may not, does not */
    assert_false(page_attempt(s->page, slot, 0, 1));
    assert_false(page_reserve(s->page, slot, 0, 1));
    assert_int_equal(slot->use[0].changing, (2ull << 32) + 1);
    page_release(slot, 0, PAGES_LIMIT);
    page_change_end(slot, 0);
    assert_true(page_reserve(s->page, slot, 0, 1));
    assert_int_equal(slot->use[0].changing, 4ull << 32);
    page_release(slot, 0, 1);
}

static int set_up(void **state)
{
    static struct state s;

    s.folder = pages_folder_make();
    s.page = pages_make(s.folder, s.path);
    s.truth =
        mmap(NULL, sizeof *s.truth, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *state = &s;
    return s.truth == MAP_FAILED ? -1 : 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;

    page_unmap(s->page);
    (void)munmap(s->truth, sizeof *s->truth);
    pages_folder_remove(s->folder);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_never_passed),
        cmocka_unit_test(nobody_is_refused_while_there_is_room),
        cmocka_unit_test(sixty_four_processes_share_a_slice),
        cmocka_unit_test(a_refusal_is_counted),
        cmocka_unit_test(a_release_never_goes_below_zero),
        cmocka_unit_test(wrong_numbers_do_not_lift_the_limit),
        cmocka_unit_test(the_overhead_counts),
        cmocka_unit_test(nothing_fits_even_beyond_the_limit),
        cmocka_unit_test(changes_under_way_are_counted),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
