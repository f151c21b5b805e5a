/* SPDX-License-Identifier: Apache-2.0 */
/* Best connected sets against a search that scores every set by the definition. */
#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "slice/connected.h"

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static int64_t inside(const struct connected *c, uint64_t nodes)
{
    int64_t sum = 0;

    for (unsigned a = 0; a < c->count; a++)
        for (unsigned b = a + 1; b < c->count; b++)
            if (nodes >> a & 1 && nodes >> b & 1)
                sum += c->score[a][b];
    return sum;
}

/* The set that lists the lower node first where two lists of nodes differ. */
static bool is_lower(uint64_t a, uint64_t b)
{
    uint64_t differ = a ^ b;

    return a & (differ & -differ);
}

static uint64_t oracle(const struct connected *c, uint64_t available, uint64_t required,
                       unsigned size)
{
    uint64_t best = 0;
    int64_t best_inside = 0, best_rest = 0;

    for (uint64_t set = available;; set = (set - 1) & available) {
        int64_t in, rest;

        if ((unsigned)__builtin_popcountll(set) == size && (set & required) == required) {
            in = inside(c, set);
            rest = inside(c, available & ~set);
            if (!best || in > best_inside || (in == best_inside && rest > best_rest) ||
                (in == best_inside && rest == best_rest && is_lower(set, best))) {
                best = set;
                best_inside = in;
                best_rest = rest;
            }
        }
        if (set == 0)
            return best;
    }
}

/* Few different scores, so that ties are common. */
static void random_scores(struct connected *c, unsigned count, uint32_t *seed)
{
    unsigned kinds = 1 + next(seed) % 4;

    memset(c, 0, sizeof *c);
    c->count = count;
    for (unsigned a = 0; a < count; a++)
        for (unsigned b = a + 1; b < count; b++)
            c->score[a][b] = c->score[b][a] =
                10 * (int32_t)(1 + next(seed) % 6) * (int32_t)(next(seed) % kinds) + 10;
}

static void is_the_best_set_by_definition(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (unsigned round = 0; round < 1500; round++) {
        unsigned count = 1 + next(&seed) % 9;
        uint64_t available = 0, required = 0, chosen, wanted;
        struct connected c;
        unsigned size;

        random_scores(&c, count, &seed);
        while (!available)
            available = next(&seed) & ((UINT64_C(1) << count) - 1);
        required = available & next(&seed) & next(&seed);
        size = (unsigned)__builtin_popcountll(required);
        size += next(&seed) % ((unsigned)__builtin_popcountll(available) - size + 1);
        wanted = oracle(&c, available, required, size);
        chosen = connected_choose(&c, available, required, size);
        if (chosen != wanted)
            fail_msg("round %u: chose %llx, best is %llx", round, (unsigned long long)chosen,
                     (unsigned long long)wanted);
    }
}

/* An 8-GPU board whose NVLinks are uneven, as on a DGX-1: pairs with 2 links, some with 1. */
static void cube_mesh(struct connected *c)
{
    static const uint8_t two[][2] = {{0, 3}, {0, 4}, {1, 2}, {1, 5},
                                     {2, 3}, {4, 7}, {5, 6}, {6, 7}};
    static const uint8_t one[][2] = {{0, 1}, {0, 2}, {1, 3}, {2, 6},
                                     {3, 7}, {4, 5}, {4, 6}, {5, 7}};

    memset(c, 0, sizeof *c);
    c->count = 8;
    for (unsigned a = 0; a < 8; a++)
        for (unsigned b = 0; b < 8; b++)
            c->score[a][b] = a == b ? 0 : a / 4 == b / 4 ? 30 : 10;
    for (unsigned i = 0; i < 8; i++) {
        c->score[two[i][0]][two[i][1]] += 200;
        c->score[two[i][1]][two[i][0]] += 200;
        c->score[one[i][0]][one[i][1]] += 100;
        c->score[one[i][1]][one[i][0]] += 100;
    }
}

static void dp9_nvlink_pairs_are_chosen_on_an_8_gpu_board(void **state)
{
    struct connected c;

    (void)state;
    cube_mesh(&c);
    assert_int_equal(c.score[0][3], 230);
    assert_int_equal(c.score[0][5], 10);
    for (unsigned size = 1; size <= 8; size++)
        assert_int_equal(connected_choose(&c, 0xff, 0, size), oracle(&c, 0xff, 0, size));
    /* A pair with two links on one side, and the best partner of a required one. */
    assert_int_equal(c.score[2][3], inside(&c, connected_choose(&c, 0xff, 0, 2)));
    assert_int_equal(connected_choose(&c, 0xff, 1 << 6, 2), 1 << 5 | 1 << 6);
    assert_int_equal(connected_choose(&c, 0xff & ~(1 << 5), 1 << 6, 2), 1 << 6 | 1 << 7);
}

static void equals_leave_the_better_rest_then_go_by_number(void **state)
{
    struct connected c;

    (void)state;
    memset(&c, 0, sizeof c);
    c.count = 5;
    for (unsigned a = 0; a < 5; a++)
        for (unsigned b = 0; b < 5; b++)
            c.score[a][b] = a == b ? 0 : 10;
    assert_int_equal(connected_choose(&c, 0x1f, 0, 2), 0x3);
    /* 1 and 2 are a pair worth keeping: one alone is taken from the others. */
    c.score[1][2] = c.score[2][1] = 60;
    assert_int_equal(connected_choose(&c, 0x1f, 0, 1), 0x1);
    assert_int_equal(connected_choose(&c, 0x1e, 0, 1), 0x8);
}

/* Groups of `width` nodes that are linked well, their members spread over the numbers. */
static void groups(struct connected *c, unsigned count, unsigned width)
{
    memset(c, 0, sizeof *c);
    c->count = count;
    for (unsigned a = 0; a < count; a++)
        for (unsigned b = 0; b < count; b++)
            c->score[a][b] = a == b ? 0 : a % (count / width) == b % (count / width) ? 1850 : 10;
}

static void sixty_four_gpus_give_a_whole_group(void **state)
{
    struct connected c;

    (void)state;
    groups(&c, 64, 8);
    for (unsigned size = 1; size <= 8; size++) {
        uint64_t chosen = connected_choose(&c, UINT64_MAX, 0, size);

        assert_int_equal(__builtin_popcountll(chosen), size);
        assert_int_equal(inside(&c, chosen), 1850 * size * (size - 1) / 2);
    }
    /* The best group is found wherever it is. */
    for (unsigned a = 5; a < 64; a += 8)
        for (unsigned b = 5; b < 64; b += 8)
            c.score[a][b] += a == b ? 0 : 1;
    assert_int_equal(connected_choose(&c, UINT64_MAX, 0, 8), UINT64_C(0x2020202020202020));
    groups(&c, 64, 8);
    /* Sizes beyond a group take whole groups first. */
    assert_int_equal(inside(&c, connected_choose(&c, UINT64_MAX, 0, 32)),
                     4 * 1850 * 28 + 10 * 6 * 64);
    assert_int_equal(connected_choose(&c, UINT64_MAX, 0, 64), UINT64_MAX);
    /* With what is required in two groups. */
    assert_int_equal(__builtin_popcountll(connected_choose(&c, UINT64_MAX, 0x3, 20)), 20);
    assert_int_equal(connected_choose(&c, UINT64_MAX, 0x3, 20) & 0x3, 0x3);
}

static void large_searches_beat_taking_the_lowest_numbers(void **state)
{
    uint32_t seed = 7;

    (void)state;
    for (unsigned round = 0; round < 5; round++) {
        struct connected c;
        uint64_t chosen;

        random_scores(&c, 40, &seed);
        chosen = connected_choose(&c, (UINT64_C(1) << 40) - 1, 0, 15);
        assert_int_equal(__builtin_popcountll(chosen), 15);
        assert_true(inside(&c, chosen) >= inside(&c, 0x7fff));
        /* No single exchange is better. */
        for (unsigned old = 0; old < 40; old++)
            for (unsigned new = 0; new < 40; new ++)
                if (chosen >> old & 1 && !(chosen >> new & 1))
                    assert_true(inside(&c, (chosen & ~(UINT64_C(1) << old)) | UINT64_C(1) << new) <=
                                inside(&c, chosen));
    }
}

/* A hundred times what it needs, so that only another order of growth fails. */
static void no_search_takes_long(void **state)
{
    struct timespec before, after;
    struct connected c;
    uint32_t seed = 3;
    double seconds;

    (void)state;
    for (unsigned count = 8; count <= 64; count += 8) {
        random_scores(&c, count, &seed);
        for (unsigned size = 1; size <= count; size++) {
            (void)clock_gettime(CLOCK_MONOTONIC, &before);
            (void)connected_choose(&c, UINT64_MAX >> (64 - count), 0, size);
            (void)clock_gettime(CLOCK_MONOTONIC, &after);
            seconds = (double)(after.tv_sec - before.tv_sec) +
                      (double)(after.tv_nsec - before.tv_nsec) / 1e9;
            assert_true(seconds < 2);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_best_set_by_definition),
        cmocka_unit_test(dp9_nvlink_pairs_are_chosen_on_an_8_gpu_board),
        cmocka_unit_test(equals_leave_the_better_rest_then_go_by_number),
        cmocka_unit_test(sixty_four_gpus_give_a_whole_group),
        cmocka_unit_test(large_searches_beat_taking_the_lowest_numbers),
        cmocka_unit_test(no_search_takes_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
