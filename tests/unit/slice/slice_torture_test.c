/* SPDX-License-Identifier: Apache-2.0 */
/* slice/ with every allocation failing once. */
#include "test.h"

#include <errno.h>

#include "slice/fixture.h"
#include "slice/leaving.h"
#include "slice/prefer.h"
#include "slice/torture.h"

struct making {
    struct inventory *inv;
    struct config config;
};

static int make(void *self)
{
    struct making *m = self;
    struct resource_list *list = NULL;
    struct err e = {0};
    int r = resource_list_make(&list, m->inv, &m->config, &e);

    assert_true((r == 0) == (list != NULL));
    resource_list_free(list);
    return r;
}

static void lists_are_made_or_refused(void **state)
{
    struct config_share shares[] = {
        {.name = (char *)"nvidia.com/gpu", .replicas = 10},
        {.name = (char *)"nvidia.com/gpuu", .replicas = 4},
    };
    struct making m = {.config = {.mig_strategy = CONFIG_MIG_MIXED, .shares = shares}};

    (void)state;
    m.inv = fixture_node(4, GPU_MIG_OFF);
    m.inv->gpus[1].mig = m.inv->gpus[2].mig = GPU_MIG_ON;
    fixture_all_1g(m.inv, 1);
    m.config.n_shares = 2;
    /* list, candidates, order, resources, 2 x (devices, UUIDs), notes: room, array, 2 texts. */
    assert_true(torture(make, &m) >= 12);
    inventory_free(m.inv);
}

struct choosing {
    struct inventory *inv;
    struct resource_list *list;
};

static int choose(void *self)
{
    struct choosing *c = self;
    char id[SLICE_ID_SIZE];
    const char *available[] = {resource_slice_id(id, &c->list->resources[0], 1)};
    struct prefer_request request = {.n_available = 1, .available = available, .size = 1};
    struct err e = {0};
    size_t out;

    return prefer_choose(&out, &c->list->resources[0], c->inv, &request, &e);
}

static void choices_are_made_or_refused(void **state)
{
    struct config_share share = {.name = (char *)"nvidia.com/gpu", .replicas = 10};
    struct config config = {.n_shares = 1, .shares = &share};
    struct choosing c = {.inv = fixture_node(4, GPU_MIG_OFF)};

    (void)state;
    for (config.n_shares = 0; config.n_shares <= 1; config.n_shares++) {
        c.list = fixture_list(c.inv, &config);
        assert_int_equal(torture(choose, &c), 1 + config.n_shares);
        resource_list_free(c.list);
    }
    inventory_free(c.inv);
}

static int leave(void *self)
{
    struct choosing *c = self;
    struct resource_list *list = resource_list_follow(c->list, c->inv);
    struct leaving_slice s[] = {{"nvidia.com/gpu", ""}, {"nvidia.com/old", ""}};
    int r = list ? 0 : -ENOMEM;

    for (unsigned i = 0; i < 2; i++)
        (void)TEXT_COPY(s[i].id, c->inv->gpus[i].uuid);
    if (r == 0)
        r = leaving_apply(list, c->inv, s, 2, true, NULL);
    resource_list_free(list);
    return r;
}

static void slices_leave_or_it_is_refused(void **state)
{
    struct config_share share = {.name = (char *)"nvidia.com/gpu", .replicas = 10};
    struct config config = {.n_shares = 1, .shares = &share};
    struct choosing c = {.inv = fixture_node(4, GPU_MIG_OFF)};

    (void)state;
    c.list = fixture_list(c.inv, &config);
    assert_true(torture(leave, &c) > 8);
    resource_list_free(c.list);
    inventory_free(c.inv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_made_or_refused),
        cmocka_unit_test(choices_are_made_or_refused),
        cmocka_unit_test(slices_leave_or_it_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
