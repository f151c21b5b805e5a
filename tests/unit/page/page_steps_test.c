/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold in every order of the steps of two or three processes, and if one dies at any. */
#include "steps.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "page/page_charge.h"
#include "page/page_slot.h"

enum { LIMIT = 1000, MAKER = STEPS_ACTORS, SLOTS = STEPS_ACTORS + 1 };

/* What the actors found, for check. */
static struct {
    bool got[STEPS_ACTORS];
    struct page_slot *slot[STEPS_ACTORS];
    bool said_dead, ended, measured;
} found;

/* Slot i is actor i's, one more is the maker's. */
static void all_in(struct page *p)
{
    memset(&found, 0, sizeof found);
    memset(p, 0, sizeof *p);
    p->common.claim = PAGE_GRANTED;
    p->common.slots_high = SLOTS;
    p->head.limits[0].limit_bytes = LIMIT;
    for (unsigned i = 0; i <= STEPS_ACTORS; i++) {
        p->slots[i].owner = steps_word(i);
        p->slots[i].kind = i == MAKER ? PAGE_RUN : PAGE_PROCESS;
    }
}

/* Only two, so that all orders can be had. */
static void two_in(struct page *p)
{
    all_in(p);
    p->common.slots_high = 2;
}

/* Only the maker is in. */
static void maker_in(struct page *p)
{
    all_in(p);
    memset(p->slots, 0, STEPS_ACTORS * sizeof p->slots[0]);
}

static uint64_t tracked(const struct page *p)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < STEPS_ACTORS; i++)
        sum += p->slots[i].use[0].tracked_bytes;
    return sum;
}

static void nothing_is_asked(struct page *p, unsigned dead)
{
    for (unsigned i = 0; i < STEPS_ACTORS; i++)
        if (!(dead & 1u << i))
            assert_int_equal(p->slots[i].use[0].asking_bytes, 0);
}

/* ---- two or three ask */

#define ASK(name, actor, bytes)                                                                    \
    static void name(struct page *p)                                                               \
    {                                                                                              \
        found.got[actor] = page_reserve(p, &p->slots[actor], 0, bytes);                            \
    }                                                                                              \
    struct test_needs_a_semicolon

ASK(first_asks_600, 0, 600);
ASK(second_asks_600, 1, 600);
ASK(first_asks_500, 0, 500);
ASK(second_asks_500, 1, 500);
ASK(first_asks_400, 0, 400);
ASK(second_asks_400, 1, 400);
ASK(third_asks_400, 2, 400);

static void one_got_it(struct page *p, unsigned dead)
{
    (void)dead;
    assert_int_equal(found.got[0] + found.got[1], 1);
    assert_int_equal(tracked(p), 600);
    nothing_is_asked(p, 0);
}

static void of_two_that_do_not_fit_together_one_gets_it(void **state)
{
    const struct steps_plan plan = {.n_actors = 2,
                                    .actors = {first_asks_600, second_asks_600},
                                    .switches = 4,
                                    .same_owners = true,
                                    .prepare = two_in,
                                    .check = one_got_it};

    print_message("%lu orders\n", steps_explore(*state, &plan));
}

static void both_got_it(struct page *p, unsigned dead)
{
    (void)dead;
    assert_true(found.got[0] && found.got[1]);
    assert_int_equal(tracked(p), 1000);
    nothing_is_asked(p, 0);
}

static void two_that_fit_both_get_it(void **state)
{
    const struct steps_plan plan = {.n_actors = 2,
                                    .actors = {first_asks_500, second_asks_500},
                                    .switches = 5,
                                    .same_owners = true,
                                    .prepare = two_in,
                                    .check = both_got_it};

    print_message("%lu orders\n", steps_explore(*state, &plan));
}

static void two_of_three_got_it(struct page *p, unsigned dead)
{
    (void)dead;
    assert_int_equal(found.got[0] + found.got[1] + found.got[2], 2);
    assert_int_equal(tracked(p), 800);
    nothing_is_asked(p, 0);
}

static void of_three_the_two_that_fit_get_it(void **state)
{
    const struct steps_plan plan = {.n_actors = 3,
                                    .actors = {first_asks_400, second_asks_400, third_asks_400},
                                    .switches = 2,
                                    .same_owners = true,
                                    .prepare = all_in,
                                    .check = two_of_three_got_it};

    print_message("%lu orders\n", steps_explore(*state, &plan));
}

/* ---- memory that goes from one to another is not counted twice */

static void first_has_600(struct page *p)
{
    all_in(p);
    p->slots[0].use[0].tracked_bytes = 600;
}

static void first_releases_600(struct page *p)
{
    page_release(&p->slots[0], 0, 600);
}

static void third_got_it(struct page *p, unsigned dead)
{
    (void)dead;
    assert_true(found.got[2]);
    assert_true(tracked(p) <= LIMIT);
}

static void who_always_had_room_is_not_refused(void **state)
{
    const struct steps_plan plan = {.n_actors = 3,
                                    .actors = {first_releases_600, second_asks_600, third_asks_400},
                                    .switches = 2,
                                    .same_owners = true,
                                    .prepare = first_has_600,
                                    .check = third_got_it};

    print_message("%lu orders\n", steps_explore(*state, &plan));
}

/* ---- one dies */

static void first_takes_and_gives(struct page *p)
{
    if (page_reserve(p, &p->slots[0], 0, 600))
        page_release(&p->slots[0], 0, 600);
    page_detach(&p->slots[0]);
}

static void third_reaps(struct page *p)
{
    (void)page_reap(p);
}

/* Whoever died: once looked for, all is as if it had never been. */
static void nothing_is_left_of_the_dead(struct page *p, unsigned dead)
{

    (void)page_reap(p);
    for (unsigned i = 0; i < STEPS_ACTORS; i++) {
        if (!(dead & 1u << i))
            continue;
        assert_int_equal(p->slots[i].owner, 0);
        assert_int_equal(page_slot_used(&p->slots[i], 0), 0);
    }
    assert_true(page_used(p, 0) <= LIMIT);
    assert_int_equal(page_used(p, 0), found.got[1] && !(dead & 2) ? 600 : 0);
    nothing_is_asked(p, 0);
    assert_true(page_reserve(p, &p->slots[MAKER], 0, LIMIT - page_used(p, 0)));
}

static void one_may_die_anywhere(void **state)
{
    const struct steps_plan plan = {.n_actors = 3,
                                    .actors = {first_takes_and_gives, second_asks_600, third_reaps},
                                    .switches = 1,
                                    .kill = true,
                                    .prepare = all_in,
                                    .check = nothing_is_left_of_the_dead};

    print_message("%lu orders\n", steps_explore(*state, &plan));
}

/* ---- a slot of the dead is emptied by two, while a third comes */

static void one_dead_in_first_slot(struct page *p)
{
    maker_in(p);
    p->slots[0].owner = steps_word(MAKER + 1);
    p->slots[0].kind = PAGE_PROCESS;
    p->slots[0].use[0].tracked_bytes = 700;
    p->slots[0].use[0].overhead_bytes = 100;
    p->slots[1].owner = steps_word(MAKER); /* so that the free slot is the dead one's */
    p->slots[1].kind = PAGE_PROCESS;
    p->slots[2].owner = steps_word(MAKER);
    p->slots[2].kind = PAGE_PROCESS;
    steps_declare_dead(MAKER + 1);
}

static void reap(struct page *p)
{
    (void)page_reap(p);
}

static void third_comes(struct page *p)
{
    found.slot[2] = page_attach(p, PAGE_PROCESS);
    if (found.slot[2])
        page_charge(found.slot[2], 0, 300);
}

/* What the dead had is back at once, though who was emptying its slot may have died. */
static void who_came_has_its_own(struct page *p, unsigned dead)
{
    const struct page_slot *slot = found.slot[2];

    assert_true(page_used(p, 0) <= 300);
    assert_true(page_try(p, &p->slots[MAKER], 0, LIMIT - 300));
    page_release(&p->slots[MAKER], 0, LIMIT - 300);
    if (dead & 4) {
        (void)page_reap(p);
        assert_int_equal(page_used(p, 0), 0);
    } else if (slot) {
        assert_int_equal(slot->owner, steps_word(2));
        assert_int_equal(slot->kind, PAGE_PROCESS);
        assert_int_equal(page_slot_used(slot, 0), 300);
    }
    for (unsigned i = 0; slot && i < PAGE_SLOTS; i++)
        if (&p->slots[i] != slot)
            assert_int_not_equal(p->slots[i].owner, steps_word(2));
}

static void who_comes_gets_a_clean_slot_of_its_own(void **state)
{
    const struct steps_plan plan = {.n_actors = 3,
                                    .actors = {reap, reap, third_comes},
                                    .switches = 1,
                                    .kill = true,
                                    .prepare = one_dead_in_first_slot,
                                    .check = who_came_has_its_own};

    print_message("%lu orders\n", steps_explore(*state, &plan));
}

/* ---- a page whose last process went is never used again */

/* Actor 0 is `carve run`: it goes, and takes the page away if nobody is in then. */
static void first_keeps_it(struct page *p)
{
    maker_in(p);
    p->slots[1].owner = steps_word(0);    /* not the first: that one is free */
    p->slots[1].pid = (uint32_t)getpid(); /* page_detach wants it */
    p->slots[1].kind = PAGE_RUN;
    memset(&p->slots[MAKER], 0, sizeof p->slots[MAKER]);
}

static void first_leaves(struct page *p)
{
    page_detach(&p->slots[1]);
    found.ended = !page_alive(p);
}

static void second_looks(struct page *p)
{
    found.said_dead = !page_alive(p);
}

static void nobody_is_in_a_dead_page(struct page *p, unsigned dead)
{
    bool in = !(dead & 4) && found.slot[2];

    if (in)
        assert_true(page_alive(p));
    assert_false(in && found.said_dead);
    assert_false(in && found.ended);
}

static void nobody_comes_into_a_page_that_was_seen_dead(void **state)
{
    const struct steps_plan plan = {.n_actors = 3,
                                    .actors = {first_leaves, second_looks, third_comes},
                                    .switches = 1,
                                    .kill = true,
                                    .prepare = first_keeps_it,
                                    .check = nobody_is_in_a_dead_page};

    print_message("%lu orders\n", steps_explore(*state, &plan));
}

/* ---- who measures does not write to a slot that has a new owner */

static void one_dead_without_overhead(struct page *p)
{
    one_dead_in_first_slot(p);
    p->slots[0].use[0].overhead_bytes = 0;
}

static void first_measures(struct page *p)
{
    found.measured = page_measured(&p->slots[0], steps_word(MAKER + 1), 0, 100, 7);
}

static void no_overhead_is_left(struct page *p, unsigned dead)
{
    (void)page_reap(p);
    if (!(dead & 4) && found.slot[2])
        assert_int_equal(page_slot_used(found.slot[2], 0), 300);
    assert_int_equal(page_used(p, 0), !(dead & 4) && found.slot[2] ? 300 : 0);
}

static void a_measure_of_the_dead_does_not_go_to_the_next(void **state)
{
    const struct steps_plan plan = {.n_actors = 3,
                                    .actors = {first_measures, reap, third_comes},
                                    .switches = 2,
                                    .prepare = one_dead_without_overhead,
                                    .check = no_overhead_is_left};

    print_message("%lu orders\n", steps_explore(*state, &plan));
}

static int set_up(void **state)
{
    *state = aligned_alloc(64, sizeof(struct page));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_that_do_not_fit_together_one_gets_it),
        cmocka_unit_test(two_that_fit_both_get_it),
        cmocka_unit_test(of_three_the_two_that_fit_get_it),
        cmocka_unit_test(who_always_had_room_is_not_refused),
        cmocka_unit_test(one_may_die_anywhere),
        cmocka_unit_test(who_comes_gets_a_clean_slot_of_its_own),
        cmocka_unit_test(nobody_comes_into_a_page_that_was_seen_dead),
        cmocka_unit_test(a_measure_of_the_dead_does_not_go_to_the_next),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
