/* SPDX-License-Identifier: Apache-2.0 */
/* Slices that stay until they are released: which they are, and what they keep from others. */
#include "test.h"

#include <errno.h>

#include "slice/fixture.h"
#include "slice/leaving.h"

static struct config_share share_2 = {.name = (char *)"nvidia.com/gpu", .replicas = 2, .line = 3};

static const struct config plain = {.mig_strategy = CONFIG_MIG_MIXED};
static const struct config shared = {
    .mig_strategy = CONFIG_MIG_MIXED, .n_shares = 1, .shares = &share_2};

/* A slice of the GPU at that position; replica < 0: all of it. */
static struct leaving_slice of(const struct inventory *inv, unsigned gpu, int replica,
                               const char *resource)
{
    struct leaving_slice s = {0};

    (void)TEXT_COPY(s.resource, resource);
    if (replica < 0)
        (void)TEXT_COPY(s.id, inv->gpus[gpu].uuid);
    else
        (void)snprintf(s.id, sizeof s.id, "%.50s::%d", inv->gpus[gpu].uuid, replica);
    return s;
}

static size_t healthy(const struct resource *r)
{
    size_t n = 0;

    for (size_t i = 0; i < r->n_devices; i++)
        n += r->devices[i].healthy;
    return n;
}

static void doubles_go_and_the_rest_is_ordered(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct leaving_slice s[] = {of(inv, 1, 3, "nvidia.com/gpu"), of(inv, 0, 3, "nvidia.com/gpu"),
                                of(inv, 1, 3, "nvidia.com/gpu"), of(inv, 0, 3, "nvidia.com/a")};

    (void)state;
    assert_int_equal(leaving_sort(s, 4), 3);
    assert_string_equal(s[0].resource, "nvidia.com/a");
    assert_true(strcmp(s[1].id, s[2].id) < 0);
    assert_int_equal(leaving_sort(s, 0), 0);
    inventory_free(inv);
}

static void only_what_is_not_offered_and_is_there_leaves(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &shared);
    const struct leaving_slice offered = of(inv, 0, 1, "nvidia.com/gpu");
    const struct leaving_slice beyond = of(inv, 0, 2, "nvidia.com/gpu");
    const struct leaving_slice whole = of(inv, 0, -1, "nvidia.com/gpu");
    const struct leaving_slice elsewhere = of(inv, 0, 1, "nvidia.com/gpu.shared");
    const struct leaving_slice gone = {"nvidia.com/gpu",
                                       "GPU-11111111-2222-3333-4444-555555555555"};

    (void)state;
    assert_false(leaving_is(&offered, list, inv));
    assert_true(leaving_is(&beyond, list, inv));
    assert_true(leaving_is(&whole, list, inv));
    assert_true(leaving_is(&elsewhere, list, inv));
    assert_false(leaving_is(&gone, list, inv));
    resource_list_free(list);
    inventory_free(inv);
}

static void a_share_that_leaves_keeps_nothing_from_other_shares(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &shared);
    struct leaving_slice s[] = {of(inv, 0, 2, "nvidia.com/gpu"), of(inv, 1, 7, "nvidia.com/old")};
    struct err e = {0};
    size_t device;
    size_t n;
    const char *id = s[0].id;

    (void)state;
    assert_int_equal(leaving_apply(list, inv, s, 2, true, &e), 0);
    assert_int_equal(list->count, 2);
    assert_string_equal(list->resources[1].name, "nvidia.com/old");
    assert_int_equal(list->resources[1].n_devices, 0);
    assert_int_equal(list->resources[1].n_leaving, 1);
    assert_string_equal(list->resources[1].leaving[0], s[1].id);
    assert_int_equal(healthy(&list->resources[0]), 2);
    assert_int_equal(list->n_notes, 2);
    assert_int_equal(resource_resolve(&device, &n, &list->resources[0], &id, 1, &e), -EIO);
    assert_non_null(strstr(e.msg, "not configured any more"));
    assert_int_equal(resource_slice_find(&list->resources[1], s[1].id), -1);
    resource_list_free(list);
    inventory_free(inv);
}

static void what_is_held_whole_is_nobody_elses(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *parts = fixture_list(inv, &shared);
    struct resource_list *wholes = fixture_list(inv, &plain);
    struct leaving_slice whole = of(inv, 0, -1, "nvidia.com/gpu");
    struct leaving_slice part = of(inv, 1, 0, "nvidia.com/gpu");

    (void)state;
    assert_int_equal(leaving_apply(parts, inv, &whole, 1, false, NULL), 0);
    assert_false(parts->resources[0].devices[0].healthy);
    assert_true(parts->resources[0].devices[1].healthy);
    assert_int_equal(parts->n_notes, 0);
    assert_int_equal(leaving_apply(wholes, inv, &part, 1, true, NULL), 0);
    assert_true(wholes->resources[0].devices[0].healthy);
    assert_false(wholes->resources[0].devices[1].healthy);
    assert_int_equal(wholes->n_notes, 2);
    assert_true(strstr(wholes->notes[0], "GPU 1: ") == wholes->notes[0] ||
                strstr(wholes->notes[1], "GPU 1: ") == wholes->notes[1]);
    resource_list_free(parts);
    resource_list_free(wholes);
    inventory_free(inv);
}

static void a_gpu_and_its_mig_devices_are_one(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct leaving_slice whole = of(inv, 0, -1, "nvidia.com/gpu"), mig = {"nvidia.com/old", ""};
    struct resource_list *list;

    (void)state;
    inv->gpus[0].mig = GPU_MIG_ON;
    fixture_all_1g(inv, 0);
    list = fixture_list(inv, &plain);
    assert_int_equal(leaving_apply(list, inv, &whole, 1, false, NULL), 0);
    assert_int_equal(healthy(resource_list_find(list, "nvidia.com/mig-1g.5gb")), 0);
    assert_int_equal(healthy(resource_list_find(list, "nvidia.com/gpu")), 1);
    resource_list_free(list);

    list = fixture_list(inv, &plain);
    (void)TEXT_COPY(mig.id, inv->gpus[0].instances[2].computes[0].uuid);
    assert_true(leaving_is(&mig, list, inv));
    assert_int_equal(leaving_apply(list, inv, &mig, 1, false, NULL), 0);
    assert_int_equal(healthy(resource_list_find(list, "nvidia.com/mig-1g.5gb")), 6);
    resource_list_free(list);
    inventory_free(inv);
}

static void lists_with_other_leaving_slices_differ(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_OFF);
    struct resource_list *a = fixture_list(inv, &shared), *b = fixture_list(inv, &shared), *copy;
    struct leaving_slice s[] = {of(inv, 0, 2, "nvidia.com/gpu"), of(inv, 0, 3, "nvidia.com/gpu")};
    uint64_t bytes = resource_bytes(&a->resources[0]);

    (void)state;
    assert_int_equal(leaving_apply(a, inv, s, 1, false, NULL), 0);
    assert_false(resource_equal(&a->resources[0], &b->resources[0]));
    assert_int_equal(leaving_apply(b, inv, s + 1, 1, false, NULL), 0);
    assert_false(resource_equal(&a->resources[0], &b->resources[0]));
    assert_int_equal(leaving_apply(b, inv, s, 1, false, NULL), 0);
    assert_true(resource_equal(&a->resources[0], &b->resources[0]));
    assert_int_equal(resource_bytes(&a->resources[0]) - bytes,
                     resource_slice_bytes(strlen(s[0].id), -1));
    copy = resource_list_follow(a, inv);
    assert_non_null(copy);
    assert_int_equal(copy->resources[0].n_leaving, 0);
    resource_list_free(copy);
    resource_list_free(a);
    resource_list_free(b);
    inventory_free(inv);
}

static void a_resource_that_only_leaves_is_not_followed(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &shared), *copy;
    struct leaving_slice s = of(inv, 0, 2, "nvidia.com/a");

    (void)state;
    assert_int_equal(leaving_apply(list, inv, &s, 1, false, NULL), 0);
    assert_string_equal(list->resources[0].name, "nvidia.com/a");
    copy = resource_list_follow(list, inv);
    assert_non_null(copy);
    assert_int_equal(copy->count, 1);
    assert_string_equal(copy->resources[0].name, "nvidia.com/gpu");
    resource_list_free(copy);
    resource_list_free(list);
    inventory_free(inv);
}

static void the_list_stays_as_short_as_the_kubelet_takes(void **state)
{
    enum { MANY = 60000 };
    struct inventory *inv = fixture_node(1, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &shared);
    struct leaving_slice *s = calloc(MANY, sizeof *s);

    (void)state;
    assert_non_null(s);
    for (unsigned i = 0; i < MANY; i++)
        s[i] = of(inv, 0, (int)i + 2, "nvidia.com/gpu");
    assert_int_equal(leaving_sort(s, MANY), MANY);
    assert_int_equal(leaving_apply(list, inv, s, MANY, false, NULL), 0);
    assert_true(list->resources[0].n_leaving > 10000);
    assert_true(resource_bytes(&list->resources[0]) <= RESOURCE_MAX_LIST_BYTES);
    free(s);
    resource_list_free(list);
    inventory_free(inv);
}

static void there_are_no_more_resources_than_fit(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &shared);
    struct leaving_slice s[RESOURCE_MAX + 2];
    char name[RESOURCE_NAME_SIZE];

    (void)state;
    for (unsigned i = 0; i < RESOURCE_MAX + 2; i++) {
        (void)snprintf(name, sizeof name, "nvidia.com/z%03u", i);
        s[i] = of(inv, 0, 2, name);
    }
    assert_int_equal(leaving_apply(list, inv, s, RESOURCE_MAX + 2, false, NULL), 0);
    assert_int_equal(list->count, RESOURCE_MAX);
    resource_list_free(list);
    inventory_free(inv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_go_and_the_rest_is_ordered),
        cmocka_unit_test(only_what_is_not_offered_and_is_there_leaves),
        cmocka_unit_test(a_share_that_leaves_keeps_nothing_from_other_shares),
        cmocka_unit_test(what_is_held_whole_is_nobody_elses),
        cmocka_unit_test(a_gpu_and_its_mig_devices_are_one),
        cmocka_unit_test(lists_with_other_leaving_slices_differ),
        cmocka_unit_test(a_resource_that_only_leaves_is_not_followed),
        cmocka_unit_test(the_list_stays_as_short_as_the_kubelet_takes),
        cmocka_unit_test(there_are_no_more_resources_than_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
