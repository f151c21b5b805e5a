/* SPDX-License-Identifier: Apache-2.0 */
/* plan/layout.h and plan/room.h against an enumeration of their own, board by board. */
#include "test.h"

#include <string.h>

#include "base/err.h"
#include "boards.h"
#include "plan/layout.h"
#include "plan/room.h"

/* Checks that each visited layout is legal, maximal and new. */
struct seen {
    const struct sites *sites;
    size_t n;
    uint64_t layouts[4096];
};

static bool see(void *self, const struct layout *l)
{
    struct seen *seen = self;
    uint64_t set = 0;

    for (unsigned i = 0; i < l->count; i++) {
        assert_int_equal(l->spans[i].size, l->profiles[i]->span_size);
        if (i)
            assert_true(l->spans[i].start > l->spans[i - 1].start);
        set |= UINT64_C(1) << sites_find(seen->sites, l->profiles[i], l->spans[i].start);
    }
    assert_true(sites_maximal(seen->sites, set));
    for (size_t i = 0; i < seen->n; i++)
        assert_true(seen->layouts[i] != set);
    assert_true(seen->n < 4096);
    seen->layouts[seen->n++] = set;
    return true;
}

struct expected {
    size_t legal, maximal, kinds;
};

static void check_geometry(const struct gpu_geometry *g, struct expected expected)
{
    struct sites sites;
    struct seen seen = {.sites = &sites};
    struct layout_kind *kinds;
    size_t n_kinds, maximal = 0, ways = 0;
    struct err e = {0};

    sites_init(&sites, g);
    layout_each(g, see, &seen);
    for (size_t i = 0; i < sites.n_layouts; i++)
        maximal += sites_maximal(&sites, sites.layouts[i]);
    assert_int_equal(layout_kinds(&kinds, &n_kinds, g, &e), 0);
    for (size_t i = 0; i < n_kinds; i++)
        ways += kinds[i].n_layouts;
    assert_int_equal(seen.n, maximal);
    assert_int_equal(ways, maximal);
    assert_int_equal(sites.n_layouts, expected.legal);
    assert_int_equal(maximal, expected.maximal);
    assert_int_equal(n_kinds, expected.kinds);
    free(kinds);
    sites_done(&sites);
}

static void counts_the_layouts_of_a_seven_slice_board(void **state)
{
    struct gpu gpu = board_a100();

    (void)state;
    check_geometry(&gpu.geometry, (struct expected){2319, 239, 64});
    board_without(&gpu.geometry, "+me");
    check_geometry(&gpu.geometry, (struct expected){723, 78, 38});
    board_without(&gpu.geometry, "1g.10gb");
    check_geometry(&gpu.geometry, (struct expected){298, 19, 14});
}

static void counts_the_layouts_of_an_a30(void **state)
{
    struct gpu gpu = board_gpu(A30, "NVIDIA A30");

    (void)state;
    check_geometry(&gpu.geometry, (struct expected){76, 17, 8});
    board_without(&gpu.geometry, "+me");
    check_geometry(&gpu.geometry, (struct expected){26, 5, 4});
}

static void counts_the_layouts_of_a_twelve_unit_board(void **state)
{
    struct gpu gpu = board_gpu(RTX_PRO_6000, "NVIDIA RTX PRO 6000 Blackwell Server Edition");
    struct gpu_geometry plain;

    (void)state;
    check_geometry(&gpu.geometry, (struct expected){717, 302, 64});
    layout_plain_geometry(&plain, &gpu.geometry);
    assert_int_equal(plain.n_profiles, 3);
    check_geometry(&plain, (struct expected){26, 5, 4});
}

/* Every board of the table, so that no row has media engines that forbid what is known to work. */
static void media_engines_forbid_no_known_layout(void **state)
{
    struct gpu_geometry g;
    const char *key;
    unsigned n_boards = 0;

    (void)state;
    for (unsigned number = 0; (key = geometry_table_board(&g, number)); number++) {
        struct sites sites;
        struct seen seen = {.sites = &sites};
        size_t maximal = 0;

        if (g.axis == 0)
            continue;
        sites_init(&sites, &g);
        layout_each(&g, see, &seen);
        for (size_t i = 0; i < sites.n_layouts; i++)
            maximal += sites_maximal(&sites, sites.layouts[i]);
        if (seen.n != maximal)
            print_error("%s: %zu of %zu\n", key, seen.n, maximal);
        assert_int_equal(seen.n, maximal);
        sites_done(&sites);
        n_boards++;
    }
    assert_true(n_boards >= 15);
}

static void tells_kinds_biggest_first_with_what_they_leave(void **state)
{
    static const struct {
        const char *text;
        unsigned ways, slices, units;
    } expected[] = {
        {"1 x 7g.40gb", 1, 0, 0},
        {"1 x 4g.20gb + 1 x 3g.20gb", 1, 0, 0},
        {"1 x 4g.20gb + 1 x 2g.10gb + 1 x 1g.5gb", 1, 0, 1},
        {"1 x 4g.20gb + 3 x 1g.5gb", 1, 0, 1},
        {"2 x 3g.20gb", 1, 1, 0},
        {"1 x 3g.20gb + 2 x 2g.10gb", 1, 0, 0},
        {"1 x 3g.20gb + 1 x 2g.10gb + 2 x 1g.5gb", 2, 0, 0},
        {"1 x 3g.20gb + 1 x 2g.10gb + 1 x 1g.5gb", 1, 1, 1},
        {"1 x 3g.20gb + 4 x 1g.5gb", 1, 0, 0},
        {"1 x 3g.20gb + 3 x 1g.5gb", 1, 1, 1},
        {"3 x 2g.10gb + 1 x 1g.5gb", 1, 0, 1},
        {"2 x 2g.10gb + 3 x 1g.5gb", 3, 0, 1},
        {"1 x 2g.10gb + 5 x 1g.5gb", 3, 0, 1},
        {"7 x 1g.5gb", 1, 0, 1},
    };
    struct gpu gpu = board_a100();
    struct layout_kind *kinds;
    size_t n;
    struct err e = {0};

    (void)state;
    board_without(&gpu.geometry, "+me");
    board_without(&gpu.geometry, "1g.10gb");
    assert_int_equal(layout_kinds(&kinds, &n, &gpu.geometry, &e), 0);
    assert_int_equal(n, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        char text[LAYOUT_TEXT_SIZE];

        assert_string_equal(layout_text(text, &gpu.geometry, kinds[i].counts), expected[i].text);
        assert_int_equal(kinds[i].n_layouts, expected[i].ways);
        assert_int_equal(kinds[i].idle_slices, expected[i].slices);
        assert_int_equal(kinds[i].idle_units, expected[i].units);
    }
    free(kinds);
}

static bool stop_at_three(void *self, const struct layout *l)
{
    (void)l;
    return ++*(unsigned *)self < 3;
}

static void stops_when_the_visitor_has_enough(void **state)
{
    struct gpu gpu = board_a100();
    unsigned n = 0;

    (void)state;
    layout_each(&gpu.geometry, stop_at_three, &n);
    assert_int_equal(n, 3);
}

static void a_board_without_mig_has_no_layouts(void **state)
{
    struct gpu_geometry none = {0};
    struct layout_kind *kinds;
    unsigned calls = 0;
    size_t n;
    char text[LAYOUT_TEXT_SIZE];
    struct err e = {0};

    (void)state;
    layout_each(&none, stop_at_three, &calls);
    assert_int_equal(calls, 0);
    assert_int_equal(layout_kinds(&kinds, &n, &none, &e), 0);
    assert_int_equal(n, 0);
    free(kinds);
    assert_string_equal(layout_text(text, &none, (unsigned[GPU_MAX_PROFILES]){0}), "nothing");
}

static void plain_geometry_drops_variants_only(void **state)
{
    struct gpu gpu = board_a100();
    struct gpu_geometry plain;

    (void)state;
    layout_plain_geometry(&plain, &gpu.geometry);
    assert_int_equal(plain.n_profiles, gpu.geometry.n_profiles - 1);
    assert_null(geometry_find(&plain, "1g.5gb+me"));
    assert_non_null(geometry_find(&plain, "1g.10gb"));
    assert_int_equal(plain.axis, 8);
}

static void tells_how_many_of_a_profile_fit(void **state)
{
    static const struct {
        const char *name;
        unsigned most;
    } expected[] = {{"1g.5gb", 7},  {"1g.5gb+me", 1}, {"1g.10gb", 4}, {"2g.10gb", 3},
                    {"3g.20gb", 2}, {"4g.20gb", 1},   {"7g.40gb", 1}};
    struct gpu told = board_a100(), silent = told;

    (void)state;
    /* A driver that does not tell the maximum: the spans say it, and for "+me" the OFA. */
    for (unsigned i = 0; i < silent.geometry.n_profiles; i++)
        silent.geometry.profiles[i].max_instances = 0;
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const char *name = expected[i].name;

        assert_int_equal(room_most(&told.geometry, board_profile(&told, name)), expected[i].most);
        assert_int_equal(room_most(&silent.geometry, board_profile(&silent, name)),
                         expected[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_the_layouts_of_a_seven_slice_board),
        cmocka_unit_test(counts_the_layouts_of_an_a30),
        cmocka_unit_test(counts_the_layouts_of_a_twelve_unit_board),
        cmocka_unit_test(media_engines_forbid_no_known_layout),
        cmocka_unit_test(tells_kinds_biggest_first_with_what_they_leave),
        cmocka_unit_test(stops_when_the_visitor_has_enough),
        cmocka_unit_test(a_board_without_mig_has_no_layouts),
        cmocka_unit_test(plain_geometry_drops_variants_only),
        cmocka_unit_test(tells_how_many_of_a_profile_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
