/* SPDX-License-Identifier: Apache-2.0 */
/* What MIG configurations make of nodes: defaults by board, and files of the set. */
#include "views.h"

#include "lint/view/supply.h"

static unsigned per_node(const struct mig_yield *y, const char *profile)
{
    for (size_t i = 0; i < y->n; i++)
        if (strcmp(y->items[i].profile, profile) == 0)
            return y->items[i].per_node;
    return 0;
}

static struct mig_yield yield_of(const char *config, const char *type)
{
    struct mig_yield y;

    mig_yield_make(&views_run, &y, &views_run.system, config, views_type(type));
    return y;
}

static void test_defaults(void **state)
{
    static const struct {
        const char *type, *config, *profile;
        unsigned per_gpu, per_node;
    } rows[] = {
        {"p4d.24xlarge", "all-1g.5gb", "1g.5gb", 7, 56},
        {"p4d.24xlarge", "all-1g.10gb", "1g.10gb", 4, 32},
        {"p4d.24xlarge", "all-2g.10gb", "2g.10gb", 3, 24},
        {"p4d.24xlarge", "all-balanced", "1g.5gb", 2, 16},
        {"p4d.24xlarge", "all-balanced", "2g.10gb", 1, 8},
        {"p4d.24xlarge", "all-balanced", "3g.20gb", 1, 8},
        {"p4d.24xlarge", "all-1g.5gb.me", "1g.5gb.me", 1, 8},
        {"p4de.24xlarge", "all-1g.10gb", "1g.10gb", 7, 56},
        {"p5.4xlarge", "all-1g.10gb", "1g.10gb", 7, 7},
        {"p5en.48xlarge", "all-1g.18gb", "1g.18gb", 7, 56},
        {"p6-b200.48xlarge", "all-balanced", "3g.90gb", 1, 8},
        {"g7e.2xlarge", "all-1g.24gb", "1g.24gb", 4, 4},
        {"g7e.48xlarge", "all-2g.48gb", "2g.48gb", 2, 16},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mig_yield y = yield_of(rows[i].config, rows[i].type);
        size_t k = 0;

        if (y.state != MIG_YIELD_OK)
            fail_msg("%s %s: state %d", rows[i].type, rows[i].config, (int)y.state);
        while (k < y.n && strcmp(y.items[k].profile, rows[i].profile) != 0)
            k++;
        if (k == y.n || y.items[k].per_gpu != rows[i].per_gpu ||
            y.items[k].per_node != rows[i].per_node)
            fail_msg("%s %s: %u", rows[i].type, rows[i].config, per_node(&y, rows[i].profile));
        assert_null(y.from);
        assert_int_equal(y.whole_gpus, 0);
    }
}

static void test_states(void **state)
{
    (void)state;
    assert_int_equal(yield_of("all-1g.6gb", "p4d.24xlarge").state, MIG_YIELD_NO_CONFIG);
    assert_int_equal(yield_of("all-1g.5gb", "g5.xlarge").state, MIG_YIELD_NO_MIG);
    assert_int_equal(yield_of("all-disabled", "g5.12xlarge").whole_gpus, 4);
    assert_int_equal(yield_of("all-disabled", "p4d.24xlarge").whole_gpus, 8);
    assert_int_equal(yield_of("all-enabled", "p4d.24xlarge").n, 0);
}

static void test_files(void **state)
{
    struct mig_yield y;

    (void)state;
    views_file(
        "m.yaml",
        "version: v1\nmig-configs:\n"
        "  two-kinds:\n"
        "    - {devices: [0, 1], mig-enabled: false}\n"
        "    - {devices: [2, 3, 4, 5], mig-enabled: true, mig-devices: {3g.20gb: 1, 1g.5gb: 4}}\n"
        "    - {devices: [6, 7], mig-enabled: true, mig-devices: {7g.40gb: 1}}\n"
        "  too-much:\n"
        "    - {devices: all, mig-enabled: true, mig-devices: {3g.20gb: 2, 1g.5gb: 1}}\n"
        "  other-board:\n"
        "    - {devices: all, mig-enabled: true, mig-devices: {1g.10gb: 2, 3g.40gb: 1}}\n"
        "  by-filter:\n"
        "    - {device-filter: '0x233010DE', devices: all, mig-enabled: true, mig-devices: "
        "{1g.10gb: 7}}\n"
        "    - {device-filter: '0x20B010DE', devices: all, mig-enabled: true, mig-devices: "
        "{1g.5gb: 7}}\n"
        "  all-1g.5gb:\n"
        "    - {devices: all, mig-enabled: true, mig-devices: {1g.5gb: 6}}\n");
    assert_int_equal(views_read()->n_migs, 1);
    y = yield_of("two-kinds", "p4d.24xlarge");
    assert_int_equal(y.state, MIG_YIELD_OK);
    assert_int_equal(y.whole_gpus, 2);
    assert_int_equal(per_node(&y, "1g.5gb"), 16);
    assert_int_equal(per_node(&y, "3g.20gb"), 4);
    assert_int_equal(per_node(&y, "7g.40gb"), 2);
    assert_ptr_equal(y.from, &views_run.system.migs[0]);
    assert_int_equal(yield_of("too-much", "p4d.24xlarge").state, MIG_YIELD_NO_ROOM);
    y = yield_of("other-board", "p4d.24xlarge");
    assert_int_equal(y.state, MIG_YIELD_NO_PROFILE);
    assert_string_equal(y.profile, "3g.40gb");
    y = yield_of("by-filter", "p4d.24xlarge");
    assert_int_equal(per_node(&y, "1g.5gb"), 56);
    y = yield_of("by-filter", "p5.48xlarge");
    assert_int_equal(per_node(&y, "1g.10gb"), 56);
    y = yield_of("by-filter", "p5en.48xlarge");
    assert_int_equal(y.whole_gpus, 8);
    y = yield_of("all-1g.5gb", "p4d.24xlarge");
    assert_int_equal(per_node(&y, "1g.5gb"), 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEWS_TEST(test_defaults),
        VIEWS_TEST(test_states),
        VIEWS_TEST(test_files),
    };

    return cmocka_run_group_tests(tests, views_open, views_close);
}
