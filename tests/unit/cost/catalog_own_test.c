/* SPDX-License-Identifier: Apache-2.0 */
/* The user's own file over the catalogue, and bounds of any. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "added.h"

static void takes_the_users_own_file(void **state)
{
    struct added *f = *state;
    const struct instance_type *t;
    const struct quota *q;
    const struct price *p;

    added_takes(f,
                "version: v1\n"
                "date: 2026-09-01\n"
                "types:\n"
                "- {type: g9.xlarge, vcpus: 4, memory_mib: 16384, gpus: 1, gpu: l4,\n"
                "   gpu_memory_mib: 22888, max_pods: 58}\n"
                "unavailable:\n"
                "- {type: g6.xlarge, region: us-east-1, zone: us-east-1e}\n"
                "- {family: [p4d, p4de], region: eu-west-1}\n"
                "prices:\n"
                "- {type: p4d.24xlarge, region: us-east-1, usd_per_hour: 12.5, basis: 3 years}\n"
                "- {family: g, region: [us-east-1, us-west-2], percent_off: 30}\n"
                "- {type: g9.xlarge, region: us-east-1, purchase: on-demand, usd_per_hour: 0.9,\n"
                "   date: 2026-08-15}\n"
                "quotas:\n"
                "- {family: [g, gr], region: us-east-1, vcpus: 192}\n"
                "- {family: g6, region: us-east-1, vcpus: 64}\n"
                "- {family: p, region: us-east-1, purchase: spot, vcpus: 96}\n");
    t = catalog_find(f->c, "g9.xlarge");
    assert_int_equal(t->allocatable_memory_mib, 14162);
    p = catalog_price(t, "us-east-1", 1u << PURCHASE_COMMITTED);
    assert_true(added_near(p->usd_per_hour, 0.63)); /* of a price in the same file */
    assert_string_equal(p->date, "2026-09-01");
    p = catalog_price(catalog_find(f->c, "p4d.24xlarge"), "us-east-1",
                      PURCHASE_ANY & ~(1u << PURCHASE_SPOT));
    assert_true(added_near(p->usd_per_hour, 12.5));
    assert_string_equal(p->basis, "3 years");
    assert_true(
        added_near(added_usd(f, "g6.xlarge", "us-west-2", PURCHASE_COMMITTED), 0.8048 * 0.7));
    assert_true(added_near(added_usd(f, "gr6.4xlarge", "us-east-1", PURCHASE_COMMITTED), -1));
    t = catalog_find(f->c, "p4d.24xlarge");
    assert_int_equal(catalog_sold(t, "eu-west-1", NULL), SOLD_NO);
    assert_null(catalog_price(t, "eu-west-1", PURCHASE_ANY));
    t = catalog_find(f->c, "g6.xlarge");
    assert_int_equal(catalog_sold(t, "us-east-1", "us-east-1e"), SOLD_NO);
    assert_int_equal(catalog_sold(t, "us-east-1", NULL), SOLD_YES);
    q = catalog_quota(f->c, t, "us-east-1", PURCHASE_ON_DEMAND);
    assert_int_equal(q->vcpus, 64);
    assert_int_equal(
        catalog_quota(f->c, catalog_find(f->c, "gr6.4xlarge"), "us-east-1", PURCHASE_ON_DEMAND)
            ->vcpus,
        192);
    assert_null(catalog_quota(f->c, t, "us-east-1", PURCHASE_SPOT));
    /* A later file has the last word. */
    added_takes(f, "prices: [{type: p4d.24xlarge, region: us-east-1, usd_per_hour: 13}]\n"
                   "quotas: [{family: g6, region: us-east-1, vcpus: 8}]\n");
    assert_true(added_near(added_usd(f, "p4d.24xlarge", "us-east-1", PURCHASE_COMMITTED), 13));
    assert_int_equal(
        catalog_quota(f->c, catalog_find(f->c, "g6.xlarge"), "us-east-1", PURCHASE_ON_DEMAND)
            ->vcpus,
        8);
}

static void old_generations_are_no_rivals(void **state)
{
    struct added *f = *state;
    const struct instance_type *t;
    struct way ways[WAYS_MAX];
    struct way_rival rival;

    added_takes(f, "prices:\n"
                   "- {type: p4d.24xlarge, region: us-east-1, usd_per_hour: 20}\n"
                   "- {type: p2.xlarge, region: us-east-1, usd_per_hour: 0.1}\n"
                   "- {type: g5g.xlarge, region: us-east-1, usd_per_hour: 0.2}\n"
                   "- {type: g6.xlarge, region: us-east-1, usd_per_hour: 0.4}\n");
    t = catalog_find(f->c, "p4d.24xlarge");
    assert_int_equal(ways_list(ways, t, 0), 8);
    assert_true(way_rival(&rival, f->c, t, &ways[1],
                          catalog_price(t, "us-east-1", 1u << PURCHASE_COMMITTED)));
    assert_string_equal(rival.type->name, "g6.xlarge"); /* p2 is old, g5g another architecture */
    assert_int_equal(rival.from, 51);
}

static void a_type_that_is_known_keeps_what_the_file_does_not_tell(void **state)
{
    struct added *f = *state;

    added_takes(f, "types:\n"
                   "- {type: g3.4xlarge, vcpus: 16, memory_mib: 124928, gpus: 1, gpu: m60,\n"
                   "   gpu_memory_mib: 8192}\n"
                   "- {type: g9.xlarge, vcpus: 4, memory_mib: 16384, gpus: 1, gpu: l4,\n"
                   "   gpu_memory_mib: 22888}\n");
    assert_string_equal(catalog_find(f->c, "g3.4xlarge")->hypervisor, "xen");
    assert_string_equal(catalog_find(f->c, "g9.xlarge")->hypervisor, "nitro");
}

static void refuses_what_the_user_cannot_mean(void **state)
{
    struct added *f = *state;

    added_refuses(
        f, "prices:\n- {type: g6.xlage, region: us-east-1, usd_per_hour: 1}\n",
        ":2:10: error: no instance type 'g6.xlage' is in the catalogue; did you mean 'g6.xlarge'");
    added_refuses(f, "prices: [{family: g66, region: us-east-1, percent_off: 1}]",
                  "no family 'g66'");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east1, usd_per_hour: 1}]",
                  "is no region");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: -1}]",
                  ":1:10: 'g6.xlarge' has the negative price -1");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: 0}]",
                  "cannot cost 0");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: .inf}]",
                  "expected a number");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: '1'}]",
                  "expected a number");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east-1}]", "give either");
    added_refuses(f, "prices: [{family: g6, region: us-east-1, usd_per_hour: 1}]", "several types");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, percent_off: 100}]",
                  "leaves nothing to pay");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, percent_off: -5}]", "negative");
    added_refuses(f, "prices: [{type: p5e.48xlarge, region: us-east-1, percent_off: 5}]",
                  "the on-demand price of 'p5e.48xlarge' in us-east-1 is not known");
    added_refuses(
        f, "prices: [{type: g6.xlarge, region: us-east-1, purchase: on-demand, percent_off: 5}]",
        "part of itself");
    added_refuses(
        f, "prices: [{type: g6.xlarge, region: us-east-1, zone: us-west-2a, usd_per_hour: 1}]",
        "zone 'us-west-2a' is not in region 'us-east-1'");
    added_refuses(f, "prices: [{type: g6.xlarge, region: us-east-1, usd_per_hour: 1, date: soon}]",
                  "no date");
    added_refuses(f,
                  "prices:\n- {type: g6.xlarge, region: us-east-1, usd_per_hour: 1}\n"
                  "- {type: g6.xlarge, region: us-east-1, usd_per_hour: 2}\n",
                  ":3:3: 'g6.xlarge' in us-east-1 costs 2 committed, but 1 by /tmp/");
    added_refuses(f,
                  "prices:\n- {type: g6.xlarge, region: us-east-1, usd_per_hour: 1}\n"
                  "unavailable:\n- {family: g6, region: us-east-1}\n",
                  ":4:3: 'g6.xlarge' is not sold in us-east-1, but has a price there by /tmp/");
    added_refuses(f,
                  "prices:\n- {type: g6.xlarge, region: us-east-1, percent_off: 20}\n"
                  "unavailable:\n- {family: g6, region: us-east-1}\n",
                  ":2:3: 'g6.xlarge' is not sold in us-east-1, so no part of its price is known");
    added_refuses(f,
                  "quotas:\n- {family: g, region: us-east-1, vcpus: 8}\n"
                  "- {family: g, region: us-east-1, vcpus: 9}\n",
                  ":3:3: the quota in us-east-1 is 9 vCPUs, but 8 by /tmp/");
    added_refuses(f, "quotas: [{family: g, region: us-east-1, vcpus: 8, purchase: committed}]",
                  "on-demand and spot only");
    added_refuses(
        f,
        "types:\n- {type: g6.xlarge, vcpus: 4, memory_mib: 16384, gpus: 1, gpu: t4,\n"
        "   gpu_memory_mib: 16384}\n",
        ":2:3: 'g6.xlarge' has 1 x t4 of 16384 MiB, but 1 x l4 of 22888 MiB by the built-in");
    added_refuses(f, "types: [{type: g9.xlarge, vcpus: 4, memory_mib: 16384}]", "has no GPU");
    added_refuses(f, "price: []\n", "unknown key 'price'; did you mean 'prices'?");
    added_refuses(f, "version: v2\n", "is not v1");
    added_refuses(f, "date: 2026-09-01\ndate: 2026-09-02\n", "duplicate key 'date'");
}

/* A list nested in itself, and a text without an end, end the reading soon. */
static void is_bounded(void **state)
{
    struct added *f = *state;
    size_t size = 40u << 20;
    char *text = malloc(size + 64);
    int n;

    assert_non_null(text);
    n = snprintf(text, 64, "{\"InstanceTypes\": ");
    memset(text + n, '[', 1000);
    text[n + 1000] = '\0';
    added_refuses(f, text, "nested too deeply");
    n = snprintf(text, 64, "{\"InstanceTypes\": [\"");
    memset(text + n, 'a', size);
    text[(size_t)n + size] = '\0';
    added_refuses(f, text, "a value is too long");
    memset(text, '#', 2u << 20);
    text[2u << 20] = '\0';
    added_refuses(f, text, "more than");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, added_open, added_close)
        TEST(takes_the_users_own_file),
        TEST(old_generations_are_no_rivals),
        TEST(a_type_that_is_known_keeps_what_the_file_does_not_tell),
        TEST(refuses_what_the_user_cannot_mean),
        TEST(is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
