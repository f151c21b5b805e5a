/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids there and back, requests resolved, resources compared, the kubelet's limits. dp6 is the
 * device plugin's conformance case of that number.
 */
#include "test.h"

#include <errno.h>

#include "deviceplugin.pb-c.h"
#include "slice/fixture.h"

static struct config_share share_4 = {.name = (char *)"nvidia.com/gpu", .replicas = 4, .line = 3};

static const struct config plain = {.mig_strategy = CONFIG_MIG_MIXED};
static const struct config shared = {
    .mig_strategy = CONFIG_MIG_MIXED, .n_shares = 1, .shares = &share_4};
static const struct config shared_one = {
    .fail_requests_greater_than_one = true, .n_shares = 1, .shares = &share_4};

static void ids_are_uuids_and_replicas_count_up_behind_two_colons(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *whole = fixture_list(inv, &plain);
    struct resource_list *parts = fixture_list(inv, &shared);
    char id[SLICE_ID_SIZE], wanted[2 * SLICE_ID_SIZE];

    (void)state;
    assert_string_equal(resource_slice_id(id, &whole->resources[0], 1), inv->gpus[1].uuid);
    (void)snprintf(wanted, sizeof wanted, "%s::3", inv->gpus[1].uuid);
    assert_string_equal(resource_slice_id(id, &parts->resources[0], 7), wanted);
    resource_list_free(whole);
    resource_list_free(parts);
    inventory_free(inv);
}

static void check_ids(const struct resource *r)
{
    char id[SLICE_ID_SIZE];

    for (size_t s = 0; s < resource_slices(r); s++)
        assert_int_equal(resource_slice_find(r, resource_slice_id(id, r, s)), s);
}

static void every_id_finds_its_slice(void **state)
{
    struct config_share shares[] = {
        {.name = (char *)"nvidia.com/mig-1g.5gb", .replicas = 13},
        {.name = (char *)"nvidia.com/gpu", .replicas = 70},
    };
    struct config config = {.mig_strategy = CONFIG_MIG_MIXED, .n_shares = 2, .shares = shares};
    struct inventory *inv = fixture_node(8, GPU_MIG_OFF);
    struct resource_list *list;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        inv->gpus[i].mig = GPU_MIG_ON;
        fixture_all_1g(inv, i);
    }
    for (config.n_shares = 0; config.n_shares <= 2; config.n_shares++) {
        list = fixture_list(inv, &config);
        assert_int_equal(list->count, 2);
        for (size_t i = 0; i < list->count; i++) {
            struct resource unordered = list->resources[i];

            check_ids(&list->resources[i]);
            unordered.by_uuid = NULL;
            check_ids(&unordered);
        }
        resource_list_free(list);
    }
    inventory_free(inv);
}

static void ids_that_were_never_given_out_are_not_found(void **state)
{
    static const char *const tails[] = {
        "",      ":",    "::",   "::4",  "::00",
        "::01",  "::-1", "::+1", "::1 ", ":::1",
        "::1::", "::1x", "x::1", ":1",   "::99999999999999999999999"};
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *whole = fixture_list(inv, &plain);
    struct resource_list *parts = fixture_list(inv, &shared);
    char id[2 * SLICE_ID_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        (void)snprintf(id, sizeof id, "%s%s", inv->gpus[0].uuid, tails[i]);
        assert_int_equal(resource_slice_find(&parts->resources[0], id), -1);
        assert_int_equal(resource_slice_find(&whole->resources[0], id), i == 0 ? 0 : -1);
    }
    (void)snprintf(id, sizeof id, "%.20s", inv->gpus[0].uuid);
    assert_int_equal(resource_slice_find(&whole->resources[0], id), -1);
    (void)snprintf(id, sizeof id, "%.20s::1", inv->gpus[0].uuid);
    assert_int_equal(resource_slice_find(&parts->resources[0], id), -1);
    assert_int_equal(resource_slice_find(&parts->resources[0], "::1"), -1);
    assert_int_equal(resource_slice_find(&whole->resources[0], ""), -1);
    memset(id, 'G', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    assert_int_equal(resource_slice_find(&whole->resources[0], id), -1);
    resource_list_free(whole);
    resource_list_free(parts);
    inventory_free(inv);
}

/* Resolves a request for these slices of the resource, by number; gives the count of devices. */
static int resolve(const struct resource *r, const size_t *slices, size_t n, size_t *out,
                   struct err *e)
{
    char buffers[8][SLICE_ID_SIZE];
    const char *ids[8];
    size_t count = 99;
    int rc;

    for (size_t i = 0; i < n; i++)
        ids[i] = resource_slice_id(buffers[i], r, slices[i]);
    rc = resource_resolve(out, &count, r, ids, n, e);
    return rc < 0 ? rc : (int)count;
}

static void dp6_validate_request_matrix(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &shared);
    struct resource_list *one = fixture_list(inv, &shared_one);
    const char *unknown[] = {"GPU-no::0", "GPU-no::1"};
    size_t slices[] = {5, 2}, out[8], count;
    struct err e = {0};

    (void)state;
    assert_int_equal(resource_resolve(out, &count, &list->resources[0], unknown, 1, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "'GPU-no::0'"));
    assert_int_equal(resource_resolve(out, &count, &one->resources[0], unknown, 2, &e), -ENOENT);
    assert_int_equal(resolve(&one->resources[0], slices, 1, out, &e), 1);
    assert_int_equal(resolve(&list->resources[0], slices, 2, out, &e), 2);
    assert_int_equal(resolve(&one->resources[0], slices, 2, out, &e), -EINVAL);
    assert_string_equal(e.msg,
                        "invalid request: maximum request size for shared resources is 1; found 2");
    resource_list_free(list);
    resource_list_free(one);
    inventory_free(inv);
}

static void the_flag_means_nothing_where_nothing_is_shared(void **state)
{
    struct config config = {.fail_requests_greater_than_one = true};
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &config);
    size_t slices[] = {1, 0}, out[8];
    struct err e = {0};

    (void)state;
    assert_int_equal(resolve(&list->resources[0], slices, 2, out, &e), 2);
    resource_list_free(list);
    inventory_free(inv);
}

static void resolved_devices_are_distinct_and_ascending(void **state)
{
    struct inventory *inv = fixture_node(4, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &shared);
    size_t slices[] = {15, 1, 14, 9, 2, 0, 8}, out[8];
    struct err e = {0};

    (void)state;
    assert_int_equal(resolve(&list->resources[0], slices, 7, out, &e), 3);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 2);
    assert_int_equal(out[2], 3);
    resource_list_free(list);
    inventory_free(inv);
}

static void an_unhealthy_device_is_not_given_out(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *list;
    size_t good = 3, bad = 4, out[8];
    struct err e = {0};

    (void)state;
    (void)TEXT_COPY(inv->gpus[1].fault, "GPU is lost");
    list = fixture_list(inv, &shared);
    assert_int_equal(resolve(&list->resources[0], &good, 1, out, &e), 1);
    assert_int_equal(resolve(&list->resources[0], &bad, 1, out, &e), -EIO);
    assert_non_null(strstr(e.msg, inv->gpus[1].uuid));
    resource_list_free(list);
    inventory_free(inv);
}

static void resources_are_equal_until_anything_of_them_changes(void **state)
{
    struct inventory *inv = fixture_node(3, GPU_MIG_OFF);
    struct resource_list *a = fixture_list(inv, &plain), *b = fixture_list(inv, &plain);
    const struct resource *r = &a->resources[0];
    struct resource *other = &b->resources[0], kept = *other;
    struct resource_device device = other->devices[2];

    (void)state;
    assert_true(resource_equal(r, other));
#define CHANGED(change, back)                                                                      \
    do {                                                                                           \
        change;                                                                                    \
        assert_false(resource_equal(r, other));                                                    \
        assert_false(resource_equal(other, r));                                                    \
        back;                                                                                      \
        assert_true(resource_equal(r, other));                                                     \
    } while (0)
    CHANGED(other->name[0] = 'x', *other = kept);
    CHANGED(other->mig = true, *other = kept);
    CHANGED(other->replicas = 2, *other = kept);
    CHANGED(other->one_per_request = true, *other = kept);
    CHANGED(other->n_devices = 2, *other = kept);
    CHANGED(other->devices[2].uuid[5] = 'x', other->devices[2] = device);
    CHANGED(other->devices[2].gpu = 7, other->devices[2] = device);
    CHANGED(other->devices[2].gi_id = 7, other->devices[2] = device);
    CHANGED(other->devices[2].ci_id = 7, other->devices[2] = device);
    CHANGED(other->devices[2].numa_node = 7, other->devices[2] = device);
    CHANGED(other->devices[2].healthy = false, other->devices[2] = device);
#undef CHANGED
    resource_list_free(a);
    resource_list_free(b);
    inventory_free(inv);
}

/* The bytes that the list really takes, by the kubelet's own messages, all unhealthy. */
static size_t packed_bytes(const struct resource *r)
{
    Deviceplugin__ListAndWatchResponse answer = DEVICEPLUGIN__LIST_AND_WATCH_RESPONSE__INIT;
    size_t bytes = 0;

    for (size_t s = 0; s < resource_slices(r); s++) {
        int numa_node = r->devices[s / r->replicas].numa_node;
        Deviceplugin__Device device = DEVICEPLUGIN__DEVICE__INIT, *devices = &device;
        Deviceplugin__TopologyInfo topology = DEVICEPLUGIN__TOPOLOGY_INFO__INIT;
        Deviceplugin__NUMANode node = DEVICEPLUGIN__NUMANODE__INIT, *nodes = &node;
        char id[SLICE_ID_SIZE];

        (void)resource_slice_id(id, r, s);
        device.id = id;
        device.health = (char *)"Unhealthy";
        node.id = numa_node;
        topology.n_nodes = 1;
        topology.nodes = &nodes;
        device.topology = numa_node >= 0 ? &topology : NULL;
        answer.n_devices = 1;
        answer.devices = &devices;
        bytes += deviceplugin__list_and_watch_response__get_packed_size(&answer);
    }
    return bytes;
}

/* Finds what the error says fits; it must be exactly what fits. */
static void check_limit(struct inventory *inv)
{
    struct config_share share = {.name = (char *)"nvidia.com/gpu", .replicas = 4000000000U};
    struct config config = {.n_shares = 1, .shares = &share};
    struct resource_list *list = NULL;
    unsigned fit = 0;
    size_t told = 0;
    struct err e = {0};

    assert_int_equal(resource_list_make(&list, inv, &config, &e), -E2BIG);
    assert_null(list);
    assert_int_equal(sscanf(strstr(e.msg, "at most"), "at most %u replicas fit", &fit), 1);
    share.replicas = fit;
    list = fixture_list(inv, &config);
    assert_true(packed_bytes(&list->resources[0]) <= RESOURCE_MAX_LIST_BYTES);
    list->resources[0].replicas++;
    share.replicas++;
    assert_int_equal(resource_list_make(&list, inv, &config, &e), -E2BIG);
    assert_non_null(strstr(e.msg, "'nvidia.com/gpu'"));
    assert_int_equal(sscanf(strstr(e.msg, "list of"), "list of %zu bytes", &told), 1);
    assert_int_equal(told, packed_bytes(&list->resources[0]));
    assert_true(told > RESOURCE_MAX_LIST_BYTES);
    resource_list_free(list);
    inventory_free(inv);
}

static void a_list_too_long_for_the_kubelet_is_an_error_that_says_what_fits(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_OFF);

    (void)state;
    inv->gpus[0].numa_node = -1;
    check_limit(inv);
    check_limit(fixture_node(8, GPU_MIG_OFF));
    inv = fixture_node(2, GPU_MIG_OFF);
    inv->gpus[0].numa_node = 300;
    (void)TEXT_COPY(inv->gpus[1].uuid, "GPU-short");
    check_limit(inv);
}

static void an_uuid_that_leaves_no_room_for_replicas_is_noted(void **state)
{
    struct config_share share = {.name = (char *)"nvidia.com/gpu", .replicas = 10};
    struct config config = {.n_shares = 1, .shares = &share};
    struct inventory *inv = fixture_node(1, GPU_MIG_OFF);
    struct resource_list *list;

    (void)state;
    memset(inv->gpus[0].uuid, 'u', 60);
    inv->gpus[0].uuid[60] = '\0';
    list = fixture_list(inv, &config);
    assert_int_equal(resource_slices(&list->resources[0]), 10);
    check_ids(&list->resources[0]);
    resource_list_free(list);
    share.replicas = 11;
    list = fixture_list(inv, &config);
    assert_int_equal(list->count, 0);
    assert_true(fixture_has_note(list, "GPU 0: |too long for ids of 11 replicas"));
    resource_list_free(list);
    inventory_free(inv);
}

static void the_same_node_gives_the_same_list_again(void **state)
{
    struct inventory *inv = fixture_node(8, GPU_MIG_OFF);
    struct resource_list *a, *b;

    (void)state;
    inv->gpus[3].mig = GPU_MIG_ON;
    /* The driver may tell instances in any order. */
    fixture_instance(inv, 3, "3g.20gb", 4, "111");
    fixture_instance(inv, 3, "1g.5gb", 1, "1");
    fixture_instance(inv, 3, "1g.5gb", 0, "1");
    a = fixture_list(inv, &shared);
    struct gpu_instance kept = inv->gpus[3].instances[0];
    inv->gpus[3].instances[0] = inv->gpus[3].instances[2];
    inv->gpus[3].instances[2] = kept;
    b = fixture_list(inv, &shared);
    assert_int_equal(a->count, 2);
    assert_int_equal(b->count, 2);
    for (size_t i = 0; i < a->count; i++)
        assert_true(resource_equal(&a->resources[i], &b->resources[i]));
    resource_list_free(a);
    resource_list_free(b);
    inventory_free(inv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_uuids_and_replicas_count_up_behind_two_colons),
        cmocka_unit_test(every_id_finds_its_slice),
        cmocka_unit_test(ids_that_were_never_given_out_are_not_found),
        cmocka_unit_test(dp6_validate_request_matrix),
        cmocka_unit_test(the_flag_means_nothing_where_nothing_is_shared),
        cmocka_unit_test(resolved_devices_are_distinct_and_ascending),
        cmocka_unit_test(an_unhealthy_device_is_not_given_out),
        cmocka_unit_test(resources_are_equal_until_anything_of_them_changes),
        cmocka_unit_test(a_list_too_long_for_the_kubelet_is_an_error_that_says_what_fits),
        cmocka_unit_test(an_uuid_that_leaves_no_room_for_replicas_is_noted),
        cmocka_unit_test(the_same_node_gives_the_same_list_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
