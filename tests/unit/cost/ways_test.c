/* SPDX-License-Identifier: Apache-2.0 */
/* cost/ways.h with numbers reckoned by hand from the price of a node and NVIDIA's counts. */
#include "test.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "cost/ways.h"

static int open_catalog(void **state)
{
    struct err e = {0};
    struct catalog *c;

    assert_int_equal(catalog_open(&c, &e), 0);
    *state = c;
    return 0;
}

static int close_catalog(void **state)
{
    catalog_free(*state);
    return 0;
}

static const struct way *find(const struct way *ways, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(ways[i].name, name) == 0)
            return &ways[i];
    fail_msg("no way '%s'", name);
    return NULL;
}

static double on_demand(const struct instance_type *t)
{
    return catalog_price(t, "us-east-1", 1u << PURCHASE_ON_DEMAND)->usd_per_hour;
}

static void a_full_node_gives_the_price_of_a_slice(void **state)
{
    static const struct {
        const char *type, *way;
        uint64_t part_mib;
        unsigned per_gpu, per_node;
        double usd; /* to a tenth of a cent */
    } wanted[] = {
        {"p4d.24xlarge", "1g.5gb", 0, 7, 56, 0.392},
        {"p4de.24xlarge", "1g.10gb", 0, 7, 56, 0.490},
        {"g7e.2xlarge", "1g.24gb", 0, 4, 4, 0.841},
        {"p5.48xlarge", "1g.10gb", 0, 7, 56, 0.983},
        {"p5en.48xlarge", "1g.18gb", 0, 7, 56, 1.130},
        {"g7.2xlarge", "1g.16gb", 0, 2, 2, 1.26},
        {"p6-b200.48xlarge", "1g.23gb", 0, 7, 56, 2.035},
        {"p6-b300.48xlarge", "1g.34gb", 0, 7, 56, 2.543},
        {"g6f.large", "whole", 0, 1, 1, 0.202},
        {"g4dn.xlarge", "time-slice 4 GiB", 4096, 4, 4, 0.132},
        {"g6.xlarge", "time-slice 2861 MiB", 2861, 8, 8, 0.101},
        {"g6.xlarge", "whole", 0, 1, 1, 0.805},
        {"p4d.24xlarge", "all-balanced", 0, 4, 32, 0.686},
        {"g7e.2xlarge", "all-balanced", 0, 3, 3, 1.121},
        {"p4d.24xlarge", "7g.40gb", 0, 1, 8, 2.745},
    };

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        const struct instance_type *t = catalog_find(*state, wanted[i].type);
        struct way ways[WAYS_MAX];
        size_t n = ways_list(ways, t, wanted[i].part_mib);
        const struct way *w = find(ways, n, wanted[i].way);
        double usd = way_slice_usd(w, on_demand(t));

        assert_int_equal(w->per_gpu, wanted[i].per_gpu);
        assert_int_equal(w->per_node, wanted[i].per_node);
        if (fabs(usd - wanted[i].usd) > 0.0006)
            fail_msg("%s %s: %f", wanted[i].type, wanted[i].way, usd);
    }
}

static void memory_is_the_slices_own(void **state)
{
    const struct instance_type *t = catalog_find(*state, "p4d.24xlarge");
    struct way ways[WAYS_MAX];
    size_t n = ways_list(ways, t, 4096);

    assert_int_equal(find(ways, n, "1g.5gb")->slice_mib, 4864);
    assert_int_equal(find(ways, n, "whole")->slice_mib, 40960);
    assert_int_equal(find(ways, n, "all-balanced")->slice_mib, 4864);
    assert_int_equal(find(ways, n, "1g.5gb")->named_mib, 5120);
    assert_int_equal(find(ways, n, "all-balanced")->named_mib, 5120);
    assert_int_equal(find(ways, n, "whole")->named_mib, 0);
    assert_string_equal(find(ways, n, "all-balanced")->layout,
                        "1 x 3g.20gb + 1 x 2g.10gb + 2 x 1g.5gb");
    assert_false(find(ways, n, "1g.5gb")->by_name);
    t = catalog_find(*state, "g7.2xlarge");
    n = ways_list(ways, t, 0);
    assert_true(find(ways, n, "1g.16gb")->by_name);
    assert_int_equal(find(ways, n, "1g.16gb")->slice_mib, 16384);
}

static void variants_are_left_out(void **state)
{
    struct way ways[WAYS_MAX];
    size_t n = ways_list(ways, catalog_find(*state, "g7e.2xlarge"), 0);

    for (size_t i = 0; i < n; i++)
        assert_null(strpbrk(ways[i].name, "+"));
    assert_int_equal(n, 5); /* whole, 1g, 2g, 4g, balanced */
}

static void a_time_slice_needs_room_for_two(void **state)
{
    const struct instance_type *t = catalog_find(*state, "g6.xlarge");
    struct way ways[WAYS_MAX];

    assert_int_equal(ways_list(ways, t, 0), 1);
    assert_int_equal(ways_list(ways, t, 22888), 1);
    assert_int_equal(ways_list(ways, t, 11445), 1);
    assert_int_equal(ways_list(ways, t, 11444), 2);
    assert_int_equal(ways[1].per_gpu, 2);
    assert_int_equal(ways_list(ways, catalog_find(*state, "p6e-gb200.36xlarge"), 4096), 0);
}

/* 21.957642 / 0.475 = 46.2: 46 nodes of a quarter L4 are cheaper than p4d, 47 are not. */
static void breaks_even_against_a_gpu_each(void **state)
{
    const struct instance_type *t = catalog_find(*state, "p4d.24xlarge");
    const struct price *p = catalog_price(t, "us-east-1", 1u << PURCHASE_ON_DEMAND);
    struct way ways[WAYS_MAX];
    struct way_rival rival;
    size_t n = ways_list(ways, t, 0);

    assert_true(way_rival(&rival, *state, t, find(ways, n, "1g.5gb"), p));
    assert_string_equal(rival.type->name, "g6f.2xlarge");
    assert_int_equal(rival.from, 47);
    assert_true(way_rival(&rival, *state, t, find(ways, n, "2g.10gb"), p)); /* 9.6 GiB: 0.526 */
    assert_string_equal(rival.type->name, "g4dn.xlarge");
    assert_int_equal(rival.from, 42);
    assert_true(way_rival(&rival, *state, t, find(ways, n, "3g.20gb"), p)); /* 19.5 GiB: 0.8048 */
    assert_string_equal(rival.type->name, "g6.xlarge");
    assert_int_equal(rival.from, 28);
}

static void nothing_rivals_the_largest_gpu(void **state)
{
    const struct instance_type *t = catalog_find(*state, "p6-b300.48xlarge");
    const struct price *p = catalog_price(t, "us-east-1", 1u << PURCHASE_ON_DEMAND);
    struct way ways[WAYS_MAX];
    struct way_rival rival;
    size_t n = ways_list(ways, t, 0);

    assert_false(way_rival(&rival, *state, t, find(ways, n, "whole"), p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_node_gives_the_price_of_a_slice),
        cmocka_unit_test(memory_is_the_slices_own),
        cmocka_unit_test(variants_are_left_out),
        cmocka_unit_test(a_time_slice_needs_room_for_two),
        cmocka_unit_test(breaks_even_against_a_gpu_each),
        cmocka_unit_test(nothing_rivals_the_largest_gpu),
    };

    return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
