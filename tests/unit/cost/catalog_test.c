/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in catalogue: its numbers agree with Karpenter's formulas and with the MIG table. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cost/catalog.h"
#include "cost/draft.h"
#include "gpu/geometry.h"
#include "plan/room.h"

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

static void types_are_found_by_name(void **state)
{
    const struct instance_type *t;
    size_t n = 0;

    for (; (t = catalog_at(*state, n)); n++)
        assert_ptr_equal(catalog_find(*state, t->name), t);
    assert_int_equal(n, 76);
    assert_null(catalog_find(*state, "g6.tiny"));
    assert_null(catalog_find(*state, ""));
    assert_string_equal(catalog_date(*state), "2026-07-20");
    assert_true(catalog_has_family(*state, "p6-b200") && !catalog_has_family(*state, "p6"));
    assert_true(catalog_has_size(*state, "metal") && !catalog_has_size(*state, "g6.xlarge"));
    assert_true(catalog_has_region(*state, "us-gov-east-1"));
    assert_false(catalog_has_region(*state, "mars-north-1"));
    assert_string_equal(catalog_nearest_type(*state, "g6.xlage"), "g6.xlarge");
    assert_string_equal(catalog_nearest_region(*state, "us-east1"), "us-east-1");
    assert_string_equal(catalog_nearest_family(*state, "g4d"), "g4dn");
    assert_null(catalog_nearest_family(*state, "nothing-like-it"));
}

static void what_is_allocatable_follows_karpenters_formulas(void **state)
{
    const struct instance_type *t;

    for (size_t i = 0; (t = catalog_at(*state, i)); i++) {
        if (t->vcpus == 0)
            continue;
        if (t->allocatable_milli_cpu != draft_allocatable_milli_cpu(t->vcpus))
            fail_msg("%s: CPU %u", t->name, draft_allocatable_milli_cpu(t->vcpus));
        if (t->allocatable_memory_mib !=
            draft_allocatable_memory_mib(t->memory_mib, t->arch, t->max_pods))
            fail_msg("%s: memory %llu", t->name,
                     (unsigned long long)draft_allocatable_memory_mib(t->memory_mib, t->arch,
                                                                      t->max_pods));
    }
    assert_int_equal(draft_pods(4, 15), 58);
    assert_int_equal(draft_pods(15, 50), 737);
    assert_int_equal(draft_pods(0, 15), 0);
}

/* Counts that the papers tell are those that the placements give. */
static void mig_counts_follow_from_the_geometry(void **state)
{
    const struct instance_type *t;
    unsigned with = 0, without = 0;

    for (size_t i = 0; (t = catalog_at(*state, i)); i++) {
        assert_true(t->mig == (t->board != NULL) && t->mig == (t->n_mig_profiles > 0));
        with += t->geometry != NULL;
        without += t->mig && !t->geometry;
        for (size_t k = 0; t->geometry && k < t->n_mig_profiles; k++) {
            const struct gpu_profile *p = geometry_find(t->geometry, t->mig_profiles[k].name);

            if (!p)
                fail_msg("%s: no %s", t->name, t->mig_profiles[k].name);
            if (room_most(t->geometry, p) != t->mig_profiles[k].per_gpu)
                fail_msg("%s: %u x %s", t->name, room_most(t->geometry, p), p->name);
        }
    }
    assert_int_equal(with, 15);
    assert_int_equal(without, 6); /* g7: nobody told the placements */
}

static void is_sound(void **state)
{
    const struct instance_type *t;

    for (size_t i = 0; (t = catalog_at(*state, i)); i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "%s.%s", t->family, t->size);
        assert_string_equal(name, t->name);
        assert_true(strcmp(t->arch, "amd64") == 0 || strcmp(t->arch, "arm64") == 0);
        assert_true(t->gpus <= GPU_MAX && (t->gpus == 0) == (t->gpu_memory_mib == 0));
        for (size_t k = 0; k < t->n_prices; k++) {
            const struct price *p = &t->prices[k];

            assert_true(p->usd_per_hour > 0 && *p->basis && price_day(p) > 20000);
            assert_int_equal(catalog_sold(t, p->region, NULL), SOLD_YES);
        }
    }
}

static void prices_are_the_lowest_that_are_allowed(void **state)
{
    const struct instance_type *t = catalog_find(*state, "g6.xlarge");
    const struct price *p = catalog_price(t, "us-east-1", 1u << PURCHASE_ON_DEMAND);

    assert_true(p->usd_per_hour > 0.8047 && p->usd_per_hour < 0.8049);
    assert_string_equal(p->date, "2026-07-20");
    assert_string_equal(p->basis, "exact");
    p = catalog_price(t, "us-east-1", PURCHASE_ANY);
    assert_int_equal(p->purchase, PURCHASE_SPOT);
    assert_null(catalog_price(t, "us-east-1", 1u << PURCHASE_COMMITTED));
    assert_null(catalog_price(t, "eu-west-1", PURCHASE_ANY));
    assert_int_equal(catalog_sold(t, "eu-west-1", NULL), SOLD_NO);
    assert_int_equal(catalog_sold(t, "eu-west-1", "eu-west-1a"), SOLD_NO);
    assert_int_equal(catalog_sold(t, "us-east-1", "us-east-1a"), SOLD_UNKNOWN);
    assert_int_equal(catalog_sold(catalog_find(*state, "g7.2xlarge"), "eu-west-1", NULL),
                     SOLD_UNKNOWN);
    assert_null(
        catalog_price(catalog_find(*state, "p5e.48xlarge"), "us-east-1", 1u << PURCHASE_ON_DEMAND));
}

static void label(void **state, const char *type, const char *key, const char *wanted)
{
    const struct instance_type *t = catalog_find(*state, type);
    char value[CATALOG_LABEL_SIZE], whole[96];

    (void)snprintf(whole, sizeof whole, "%s%s",
                   strchr(key, '/') ? "" : "karpenter.k8s.aws/instance-", key);
    if (catalog_label(value, t, whole) != (wanted != NULL))
        fail_msg("%s %s", type, key);
    if (wanted)
        assert_string_equal(value, wanted);
}

static void labels_are_karpenters(void **state)
{
    label(state, "g6.xlarge", "category", "g");
    label(state, "gr6f.4xlarge", "category", "gr");
    label(state, "gr6f.4xlarge", "family", "gr6f");
    label(state, "gr6f.4xlarge", "generation", "6");
    label(state, "gr6f.4xlarge", "gpu-count", "0");
    label(state, "p6-b200.48xlarge", "category", "p");
    label(state, "p6-b200.48xlarge", "generation", "6");
    label(state, "p6-b200.48xlarge", "family", "p6-b200");
    label(state, "p4d.24xlarge", "size", "24xlarge");
    label(state, "p4d.24xlarge", "cpu", "96");
    label(state, "p4d.24xlarge", "memory", "1179648");
    label(state, "p4d.24xlarge", "gpu-memory", "40960");
    label(state, "p4d.24xlarge", "gpu-name", "a100");
    label(state, "p4d.24xlarge", "gpu-manufacturer", "nvidia");
    label(state, "p4d.24xlarge", "local-nvme", "8000");
    label(state, "p4d.24xlarge", "network-bandwidth", "400000");
    label(state, "p4d.24xlarge", "hypervisor", "nitro");
    label(state, "g4dn.metal", "hypervisor", "");
    label(state, "g5g.xlarge", "cpu-manufacturer", "aws");
    label(state, "g5g.xlarge", "kubernetes.io/arch", "arm64");
    label(state, "g5g.xlarge", "kubernetes.io/os", "linux");
    label(state, "g5g.xlarge", "node.kubernetes.io/instance-type", "g5g.xlarge");
    label(state, "g5g.xlarge", "local-nvme", NULL);
    label(state, "g5g.xlarge", "type", NULL);
    label(state, "g5g.xlarge", "topology.kubernetes.io/zone", NULL);
    label(state, "p6e-gb200.36xlarge", "gpu-name", NULL);
    assert_true(catalog_label_open("karpenter.k8s.aws/instance-ebs-bandwidth"));
    assert_false(catalog_label_open("karpenter.k8s.aws/instance-memory"));
}

static void zones_lead_to_their_regions(void **state)
{
    static const struct {
        const char *zone, *region;
    } zones[] = {
        {"us-east-1a", "us-east-1"},
        {"us-gov-west-1b", "us-gov-west-1"},
        {"us-west-2-lax-1a", "us-west-2"},
        {"ap-southeast-2c", "ap-southeast-2"},
        {"us-east-1", NULL},
        {"europe-west1-b", NULL},
        {"", NULL},
        {"test-zone-a", NULL},
        {"a-b-1-", "a-b-1"},
        {"use1-az1", NULL},
        {"us-1a", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++) {
        char region[CATALOG_REGION_SIZE];
        bool found = catalog_zone_region(region, zones[i].zone);

        if (found != (zones[i].region != NULL))
            fail_msg("%s", zones[i].zone);
        if (found)
            assert_string_equal(region, zones[i].region);
    }
}

static void dates_become_days(void **state)
{
    static const struct {
        const char *date;
        int64_t day;
    } dates[] = {
        {"1970-01-01", 0},
        {"2000-02-29", 11016},
        {"2000-03-01", 11017},
        {"2026-07-20", 20654},
        {"2025-H2", 20453},
        {"2026-H1", 20634},
        {"", 0},
        {"2026", 0},
        {"2026-13-01", 0},
        {"2026-07-20Z", 0},
        {"2026-7-20", 0},
        {"yesterday", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++) {
        struct price p = {.date = dates[i].date};

        if (price_day(&p) != dates[i].day)
            fail_msg("%s: %lld", dates[i].date, (long long)price_day(&p));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_found_by_name),
        cmocka_unit_test(what_is_allocatable_follows_karpenters_formulas),
        cmocka_unit_test(mig_counts_follow_from_the_geometry),
        cmocka_unit_test(is_sound),
        cmocka_unit_test(prices_are_the_lowest_that_are_allowed),
        cmocka_unit_test(labels_are_karpenters),
        cmocka_unit_test(zones_lead_to_their_regions),
        cmocka_unit_test(dates_become_days),
    };

    return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
