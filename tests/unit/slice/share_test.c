/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-slicing as configured: replicas, new names, chosen devices. dp3 and dp5 are the device
 * plugin's conformance cases of that number.
 */
#include "test.h"

#include "config/findings.h"
#include "slice/fixture.h"

/* Offers of the node with these shares; everything is honored. */
static struct resource_list *list_of(const struct inventory *inv, struct config_share *shares,
                                     size_t n_shares)
{
    struct config config = {.mig_strategy = CONFIG_MIG_MIXED,
                            .honor_resources = true,
                            .honor_devices = true,
                            .honor_rename = true,
                            .n_shares = n_shares,
                            .shares = shares};

    return fixture_list(inv, &config);
}

static void check(const struct inventory *inv, struct config_share *shares, size_t n_shares,
                  const char *summary, size_t n_notes, const char *words)
{
    struct resource_list *list = list_of(inv, shares, n_shares);
    char text[512];

    assert_string_equal(fixture_summary(text, list), summary);
    assert_int_equal(list->n_notes, n_notes);
    if (words[0])
        assert_true(fixture_has_note(list, words));
    resource_list_free(list);
}

static void dp5_replica_expansion(void **state)
{
    struct inventory *inv = fixture_node(8, GPU_MIG_OFF);
    struct config_share share = {.name = (char *)"nvidia.com/gpu", .replicas = 10};
    struct config config = {.n_shares = 1, .shares = &share};
    struct resource_list *list = fixture_list(inv, &config);
    char text[512], id[SLICE_ID_SIZE], wanted[2 * SLICE_ID_SIZE];

    (void)state;
    assert_string_equal(fixture_summary(text, list), "nvidia.com/gpu=80");
    for (size_t s = 0; s < 80; s++) {
        (void)snprintf(wanted, sizeof wanted, "%s::%zu", inv->gpus[s / 10].uuid, s % 10);
        assert_string_equal(resource_slice_id(id, &list->resources[0], s), wanted);
    }
    resource_list_free(list);
    config.rename_by_default = true;
    list = fixture_list(inv, &config);
    assert_string_equal(fixture_summary(text, list), "nvidia.com/gpu.shared=80");
    resource_list_free(list);
    inventory_free(inv);
}

static void replicas_of_mig_devices(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_ON);
    struct config_share share = {.name = (char *)"nvidia.com/mig-1g.5gb", .replicas = 3};

    (void)state;
    fixture_all_1g(inv, 0);
    check(inv, &share, 1, "nvidia.com/mig-1g.5gb=21", 0, "");
    inventory_free(inv);
}

static void a_rename_is_honored_only_when_asked(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct config_share share = {
        .name = (char *)"nvidia.com/gpu", .rename = (char *)"nvidia.com/part", .replicas = 4};
    struct config config = {.rename_by_default = true, .n_shares = 1, .shares = &share};
    struct resource_list *list = fixture_list(inv, &config);
    char text[512];

    (void)state;
    assert_string_equal(fixture_summary(text, list), "nvidia.com/gpu.shared=8");
    resource_list_free(list);
    config.honor_rename = true;
    list = fixture_list(inv, &config);
    assert_string_equal(fixture_summary(text, list), "nvidia.com/part=8");
    resource_list_free(list);
    inventory_free(inv);
}

static void a_share_of_what_the_node_does_not_have_is_noted(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct config_share share = {.name = (char *)"nvidia.com/gpuu", .replicas = 4, .line = 12};

    (void)state;
    inv->gpus[1].mig = GPU_MIG_ON;
    fixture_all_1g(inv, 1);
    check(inv, &share, 1, "nvidia.com/gpu=1 nvidia.com/mig-1g.5gb=7", 1,
          "'nvidia.com/gpuu'|line 12|it has: nvidia.com/gpu, nvidia.com/mig-1g.5gb");
    inventory_free(inv);
    inv = fixture_node(0, GPU_MIG_OFF);
    check(inv, &share, 1, "", 1, "'nvidia.com/gpuu'|it has: none");
    inventory_free(inv);
}

/* Shares these devices of 8 GPUs, of which GPU 7 has MIG devices, under a new name. */
static void check_devices(const char *name, const char *devices[4], size_t n_devices,
                          const char *summary, size_t n_notes, const char *words)
{
    struct inventory *inv = fixture_node(8, GPU_MIG_OFF);
    struct config_share share = {.name = (char *)name,
                                 .rename = (char *)"nvidia.com/part",
                                 .replicas = 10,
                                 .devices_kind = CONFIG_DEVICES_LIST,
                                 .n_devices = n_devices,
                                 .devices = (char **)devices};

    inv->gpus[7].mig = GPU_MIG_ON;
    fixture_all_1g(inv, 7);
    check(inv, &share, 1, summary, n_notes, words);
    inventory_free(inv);
}

static void dp3_devices_by_index_and_uuid(void **state)
{
    struct inventory *inv = fixture_node(8, GPU_MIG_OFF);
    char legacy[GPU_UUID_SIZE + 16], mig_uuid[GPU_UUID_SIZE];

    (void)state;
    fixture_all_1g(inv, 7);
    (void)snprintf(legacy, sizeof legacy, "MIG-%s/9/0", inv->gpus[7].uuid);
    (void)TEXT_COPY(mig_uuid, inv->gpus[7].instances[4].computes[0].uuid);
    check_devices("nvidia.com/gpu", (const char *[4]){"0", "3"}, 2,
                  "nvidia.com/gpu=5 nvidia.com/mig-1g.5gb=7 nvidia.com/part=20", 0, "");
    check_devices("nvidia.com/gpu", (const char *[4]){inv->gpus[5].uuid}, 1,
                  "nvidia.com/gpu=6 nvidia.com/mig-1g.5gb=7 nvidia.com/part=10", 0, "");
    check_devices("nvidia.com/mig-1g.5gb", (const char *[4]){"7:0", mig_uuid, legacy, "7:0"}, 4,
                  "nvidia.com/gpu=7 nvidia.com/mig-1g.5gb=4 nvidia.com/part=30", 0, "");
    check_devices("nvidia.com/gpu", (const char *[4]){"0", "7", "0:0", "GPU-no"}, 4,
                  "nvidia.com/gpu=6 nvidia.com/mig-1g.5gb=7 nvidia.com/part=10", 3,
                  "'nvidia.com/gpu'|no device '7'");
    inventory_free(inv);
}

static void dp3_the_chosen_devices_are_the_right_ones(void **state)
{
    const char *devices[] = {"3", "1"};
    struct config_share share = {.name = (char *)"nvidia.com/gpu",
                                 .rename = (char *)"nvidia.com/part",
                                 .replicas = 10,
                                 .devices_kind = CONFIG_DEVICES_LIST,
                                 .n_devices = 2,
                                 .devices = (char **)devices};
    struct inventory *inv = fixture_node(4, GPU_MIG_OFF);
    struct resource_list *list = list_of(inv, &share, 1);
    const struct resource *part = resource_list_find(list, "nvidia.com/part");
    const struct resource *rest = resource_list_find(list, "nvidia.com/gpu");

    (void)state;
    assert_true(part && rest);
    assert_int_equal(part->devices[0].gpu, 1);
    assert_int_equal(part->devices[1].gpu, 3);
    assert_int_equal(rest->devices[0].gpu, 0);
    assert_int_equal(rest->devices[1].gpu, 2);
    assert_int_equal(rest->replicas, 1);
    resource_list_free(list);
    inventory_free(inv);
}

static void dp3_devices_by_count(void **state)
{
    struct inventory *inv = fixture_node(4, GPU_MIG_OFF);
    struct config_share share = {.name = (char *)"nvidia.com/gpu",
                                 .rename = (char *)"nvidia.com/part",
                                 .replicas = 5,
                                 .devices_kind = CONFIG_DEVICES_COUNT,
                                 .devices_count = 3};

    (void)state;
    check(inv, &share, 1, "nvidia.com/gpu=1 nvidia.com/part=15", 0, "");
    share.devices_count = 6;
    check(inv, &share, 1, "nvidia.com/part=20", 1, "6 devices wished, there are 4");
    inventory_free(inv);
}

static void devices_mean_all_unless_honored(void **state)
{
    struct inventory *inv = fixture_node(4, GPU_MIG_OFF);
    struct config_share share = {.name = (char *)"nvidia.com/gpu",
                                 .replicas = 5,
                                 .devices_kind = CONFIG_DEVICES_COUNT,
                                 .devices_count = 1};
    struct config config = {.n_shares = 1, .shares = &share};
    struct resource_list *list = fixture_list(inv, &config);
    char text[512];

    (void)state;
    assert_string_equal(fixture_summary(text, list), "nvidia.com/gpu=20");
    assert_int_equal(list->n_notes, 0);
    resource_list_free(list);
    inventory_free(inv);
}

static void one_name_never_means_shared_and_whole_devices(void **state)
{
    struct inventory *inv = fixture_node(4, GPU_MIG_OFF);
    struct config_share share = {.name = (char *)"nvidia.com/gpu",
                                 .replicas = 5,
                                 .devices_kind = CONFIG_DEVICES_COUNT,
                                 .devices_count = 3,
                                 .line = 9};

    (void)state;
    check(inv, &share, 1, "nvidia.com/gpu=4", 1, "line 9|not made|3 of 4 devices|rename");
    share.devices_count = 4;
    check(inv, &share, 1, "nvidia.com/gpu=20", 0, "");
    inventory_free(inv);
}

static void one_name_never_means_two_counts_of_replicas(void **state)
{
    struct inventory *inv = fixture_node(4, GPU_MIG_OFF);
    const char *first[] = {"2", "3"}, *second[] = {"0"};
    struct config_share shares[] = {
        {.name = (char *)"nvidia.com/gpu",
         .rename = (char *)"nvidia.com/part",
         .replicas = 2,
         .devices_kind = CONFIG_DEVICES_LIST,
         .n_devices = 2,
         .devices = (char **)first},
        {.name = (char *)"nvidia.com/gpu",
         .rename = (char *)"nvidia.com/part",
         .replicas = 7,
         .devices_kind = CONFIG_DEVICES_LIST,
         .n_devices = 1,
         .devices = (char **)second},
    };

    (void)state;
    check(inv, shares, 2, "nvidia.com/gpu=1 nvidia.com/part=7", 1,
          "GPUs 2-3: |2 replicas|'nvidia.com/part'|7 replicas");
    shares[1].rename = (char *)"nvidia.com/small";
    check(inv, shares, 2, "nvidia.com/gpu=1 nvidia.com/part=4 nvidia.com/small=7", 0, "");
    inventory_free(inv);
}

static void of_two_shares_for_one_device_the_later_counts(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct config_share shares[] = {
        {.name = (char *)"nvidia.com/gpu", .replicas = 4},
        {.name = (char *)"nvidia.com/gpu", .replicas = 7, .line = 5},
    };

    (void)state;
    check(inv, shares, 2, "nvidia.com/gpu=14", 1, "line 5|the later one counts");
    inventory_free(inv);
}

static void a_new_name_is_not_found_by_later_shares(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct config_share shares[] = {
        {.name = (char *)"nvidia.com/gpu", .rename = (char *)"nvidia.com/part", .replicas = 4},
        {.name = (char *)"nvidia.com/part", .replicas = 7},
    };

    (void)state;
    check(inv, shares, 2, "nvidia.com/part=8", 1, "'nvidia.com/part'|no such resource");
    inventory_free(inv);
}

static void a_shared_name_longer_than_63_is_not_made(void **state)
{
    char name[] = "nvidia.com/a2345678901234567890123456789012345678901234567";
    struct config_pattern entry = {.pattern = (char *)"*", .name = name};
    struct config_share share = {.name = name, .replicas = 4};
    struct config config = {.honor_resources = true,
                            .n_gpu_patterns = 1,
                            .gpu_patterns = &entry,
                            .rename_by_default = true,
                            .n_shares = 1,
                            .shares = &share};
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct resource_list *list = fixture_list(inv, &config);

    (void)state;
    assert_int_equal(resource_slices(&list->resources[0]), 2);
    assert_string_equal(list->resources[0].name, name);
    assert_true(fixture_has_note(list, "longer than 63"));
    resource_list_free(list);
    inventory_free(inv);
}

static void notes_are_bounded(void **state)
{
    static char names[100][32];
    static char *devices[100];
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);
    struct config_share share = {.name = (char *)"nvidia.com/gpu",
                                 .rename = (char *)"nvidia.com/part",
                                 .replicas = 2,
                                 .devices_kind = CONFIG_DEVICES_LIST,
                                 .n_devices = 100,
                                 .devices = devices};

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        (void)snprintf(names[i], sizeof names[i], "%zu", 100 + i);
        devices[i] = names[i];
    }
    check(inv, &share, 1, "nvidia.com/gpu=2", 65, "36 more of the like");
    inventory_free(inv);
}

/* From the file's text through the parser to the offers. */
static void a_configuration_file_gives_what_it_says(void **state)
{
    static const char text[] = "version: v1\n"
                               "flags: {migStrategy: mixed}\n"
                               "resources:\n"
                               "  gpus: [{pattern: '*A100*', name: a100}]\n"
                               "  mig: [{pattern: '*', name: small}]\n"
                               "sharing:\n"
                               "  timeSlicing:\n"
                               "    failRequestsGreaterThanOne: true\n"
                               "    resources:\n"
                               "    - {name: a100, replicas: 10, devices: [0, 2], rename: part}\n"
                               "carve: {honor: [resources, devices, rename]}\n";
    struct inventory *inv = fixture_node(8, GPU_MIG_OFF);
    OWN(config_freep) struct config *config = NULL;
    struct resource_list *list;
    struct findings f;
    struct err e = {0};
    char summary[512];

    (void)state;
    inv->gpus[7].mig = GPU_MIG_ON;
    fixture_all_1g(inv, 7);
    findings_init(&f, "c.yaml");
    if (config_parse(&config, "c.yaml", text, sizeof text - 1, NULL, 0, true, &f, &e) < 0)
        fail_msg("%s", e.msg);
    list = fixture_list(inv, config);
    assert_string_equal(fixture_summary(summary, list),
                        "nvidia.com/a100=5 nvidia.com/part=20 nvidia.com/small=7");
    assert_int_equal(list->n_notes, 0);
    assert_true(resource_list_find(list, "nvidia.com/part")->one_per_request);
    resource_list_free(list);
    findings_done(&f);
    inventory_free(inv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dp5_replica_expansion),
        cmocka_unit_test(replicas_of_mig_devices),
        cmocka_unit_test(a_rename_is_honored_only_when_asked),
        cmocka_unit_test(a_share_of_what_the_node_does_not_have_is_noted),
        cmocka_unit_test(dp3_devices_by_index_and_uuid),
        cmocka_unit_test(dp3_the_chosen_devices_are_the_right_ones),
        cmocka_unit_test(dp3_devices_by_count),
        cmocka_unit_test(devices_mean_all_unless_honored),
        cmocka_unit_test(one_name_never_means_shared_and_whole_devices),
        cmocka_unit_test(one_name_never_means_two_counts_of_replicas),
        cmocka_unit_test(of_two_shares_for_one_device_the_later_counts),
        cmocka_unit_test(a_new_name_is_not_found_by_later_shares),
        cmocka_unit_test(a_shared_name_longer_than_63_is_not_made),
        cmocka_unit_test(notes_are_bounded),
        cmocka_unit_test(a_configuration_file_gives_what_it_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
