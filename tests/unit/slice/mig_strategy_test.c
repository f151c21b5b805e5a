/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIG strategies and resource patterns: what of the node is promised, and what is noted. The names
 * beginning dp4 and dp11 are the device plugin's conformance cases of that number.
 */
#include "test.h"

#include <errno.h>

#include "slice/fixture.h"

/* The whole outcome in one call: summary, number of notes, words of one note ("" for none). */
static void check(struct inventory *inv, const struct config *config, const char *summary,
                  size_t n_notes, const char *words)
{
    struct resource_list *list = fixture_list(inv, config);
    char text[512];

    assert_string_equal(fixture_summary(text, list), summary);
    assert_int_equal(list->n_notes, n_notes);
    if (words[0])
        assert_true(fixture_has_note(list, words));
    resource_list_free(list);
    inventory_free(inv);
}

static const struct config none = {.mig_strategy = CONFIG_MIG_NONE};
static const struct config single = {.mig_strategy = CONFIG_MIG_SINGLE};
static const struct config mixed = {.mig_strategy = CONFIG_MIG_MIXED};

static void dp11_without_mig_every_strategy_offers_whole_gpus(void **state)
{
    (void)state;
    check(fixture_node(8, GPU_MIG_NONE), &none, "nvidia.com/gpu=8", 0, "");
    check(fixture_node(8, GPU_MIG_OFF), &single, "nvidia.com/gpu=8", 0, "");
    check(fixture_node(8, GPU_MIG_OFF), &mixed, "nvidia.com/gpu=8", 0, "");
    check(fixture_node(0, GPU_MIG_OFF), &mixed, "", 0, "");
}

static struct inventory *node_all_1g(void)
{
    struct inventory *inv = fixture_node(8, GPU_MIG_ON);

    for (unsigned i = 0; i < 8; i++)
        fixture_all_1g(inv, i);
    return inv;
}

static void dp11_one_profile_everywhere(void **state)
{
    (void)state;
    check(node_all_1g(), &none, "", 1, "GPUs 0-7: |MIG is on|its pods fail");
    check(node_all_1g(), &single, "nvidia.com/gpu=56", 0, "");
    check(node_all_1g(), &mixed, "nvidia.com/mig-1g.5gb=56", 0, "");
}

static struct inventory *node_balanced(void)
{
    struct inventory *inv = fixture_node(8, GPU_MIG_ON);

    for (unsigned i = 0; i < 8; i++) {
        fixture_instance(inv, i, "3g.20gb", 4, "3");
        fixture_instance(inv, i, "2g.10gb", 2, "2");
        fixture_instance(inv, i, "1g.5gb", 0, "1");
        fixture_instance(inv, i, "1g.5gb", 1, "1");
    }
    return inv;
}

static void dp11_several_profiles(void **state)
{
    (void)state;
    check(node_balanced(), &mixed,
          "nvidia.com/mig-1g.5gb=16 nvidia.com/mig-2g.10gb=8 nvidia.com/mig-3g.20gb=8", 0, "");
    check(node_balanced(), &single, "nvidia.com/gpu=16", 2,
          "GPUs 0-7: |2g.10gb not offered|here 1g.5gb");
}

static void dp11_of_equally_many_single_offers_the_first(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_ON);

    (void)state;
    fixture_instance(inv, 0, "3g.20gb", 4, "3");
    fixture_instance(inv, 0, "2g.10gb", 0, "2");
    check(inv, &single, "nvidia.com/gpu=1", 2, "GPU 0: |3g.20gb not offered|here 2g.10gb");
}

static struct inventory *node_one_empty(void)
{
    struct inventory *inv = fixture_node(3, GPU_MIG_ON);

    fixture_all_1g(inv, 0);
    fixture_all_1g(inv, 2);
    return inv;
}

static void dp11_a_mig_gpu_without_devices(void **state)
{
    (void)state;
    check(node_one_empty(), &single, "nvidia.com/gpu=14", 1, "GPU 1: |no MIG devices");
    check(node_one_empty(), &mixed, "nvidia.com/mig-1g.5gb=14", 1, "GPU 1: |no MIG devices");
    check(fixture_node(2, GPU_MIG_ON), &single, "", 1, "GPUs 0-1: |no MIG devices");
}

static struct inventory *node_part_enabled(void)
{
    struct inventory *inv = fixture_node(4, GPU_MIG_OFF);

    inv->gpus[1].mig = GPU_MIG_ON;
    fixture_all_1g(inv, 1);
    return inv;
}

static void dp11_mig_on_some_gpus(void **state)
{
    (void)state;
    check(node_part_enabled(), &none, "nvidia.com/gpu=3", 1, "GPU 1: |MIG is on");
    check(node_part_enabled(), &single, "nvidia.com/gpu=7", 1, "GPUs 0, 2-3: |strategy single");
    check(node_part_enabled(), &mixed, "nvidia.com/gpu=3 nvidia.com/mig-1g.5gb=7", 0, "");
}

static void single_never_falls_back_to_whole_gpus_while_a_gpu_has_mig_on(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_OFF);

    (void)state;
    inv->gpus[0].mig = GPU_MIG_ON;
    check(inv, &single, "", 2, "GPU 1: |whole GPU not offered");
}

static void mixed_writes_plus_as_dot_and_wants_full_compute_instances(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_ON);

    (void)state;
    fixture_instance(inv, 0, "1g.5gb+me", 0, "1");
    fixture_instance(inv, 0, "3g.20gb", 4, "12");
    fixture_instance(inv, 0, "2g.10gb", 2, "");
    check(inv, &mixed, "nvidia.com/mig-1g.5gb.me=1", 3, "GPU 0: |2c.3g.20gb not offered");
}

static void an_instance_without_compute_instance_is_noted(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_ON);

    (void)state;
    fixture_instance(inv, 0, "2g.10gb", 2, "");
    check(inv, &mixed, "", 1, "GPU 0: |2g.10gb at 2|no compute instance");
}

static void an_unknown_profile_gets_no_name(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_ON);

    (void)state;
    fixture_instance(inv, 0, "1g.5gb", 0, "1");
    inv->gpus[0].instances[0].profile_id = 77;
    check(inv, &mixed, "", 1, "GPU 0: |not offered");
}

static void devices_come_by_gpu_then_placement(void **state)
{
    struct inventory *inv = node_balanced();
    struct resource_list *list = fixture_list(inv, &mixed);
    const struct resource *r = resource_list_find(list, "nvidia.com/mig-1g.5gb");

    (void)state;
    assert_non_null(r);
    assert_true(r->mig);
    for (size_t i = 0; i < r->n_devices; i++) {
        assert_int_equal(r->devices[i].gpu, i / 2);
        assert_int_equal(r->devices[i].gi_id, 7 + i % 2);
        assert_int_equal(r->devices[i].numa_node, i / 8);
    }
    assert_null(resource_list_find(list, "nvidia.com/gpu"));
    resource_list_free(list);
    inventory_free(inv);
}

/* Names that one pattern gives to the devices of a GPU with 1g.5gb, 1g.5gb+me and 3g.20gb. */
static void check_pattern(const char *pattern, const char *summary, size_t n_notes)
{
    struct config_pattern entry = {.pattern = (char *)pattern, .name = (char *)"nvidia.com/small"};
    struct config config = {.mig_strategy = CONFIG_MIG_MIXED,
                            .honor_resources = true,
                            .n_mig_patterns = 1,
                            .mig_patterns = &entry};
    struct inventory *inv = fixture_node(1, GPU_MIG_ON);

    fixture_instance(inv, 0, "1g.5gb", 0, "1");
    fixture_instance(inv, 0, "1g.5gb+me", 1, "1");
    fixture_instance(inv, 0, "3g.20gb", 4, "3");
    check(inv, &config, summary, n_notes, n_notes ? "not offered|resources.mig" : "");
}

static void dp4_mig_patterns_name_what_they_match_whole(void **state)
{
    (void)state;
    check_pattern("*", "nvidia.com/small=3", 0);
    check_pattern("1g.5gb", "nvidia.com/small=1", 2);
    check_pattern("1g*", "nvidia.com/small=2", 1);
    check_pattern("*me", "nvidia.com/small=1", 2);
    check_pattern("*20gb", "nvidia.com/small=1", 2);
    check_pattern("g.5gb", "", 3);
}

static void dp4_gpu_patterns_match_product_names_in_order(void **state)
{
    struct config_pattern entries[] = {
        {.pattern = (char *)"*H100*", .name = (char *)"nvidia.com/h100"},
        {.pattern = (char *)"NVIDIA A100*", .name = (char *)"nvidia.com/a100"},
        {.pattern = (char *)"*A100*", .name = (char *)"nvidia.com/late"},
    };
    struct config config = {.honor_resources = true, .n_gpu_patterns = 3, .gpu_patterns = entries};
    struct inventory *inv = fixture_node(3, GPU_MIG_OFF);

    (void)state;
    (void)TEXT_COPY(inv->gpus[2].name, "Tesla T4");
    check(inv, &config, "nvidia.com/a100=2", 1, "GPU 2: |'Tesla T4'|resources.gpus");
    config.honor_resources = false;
    check(fixture_node(3, GPU_MIG_OFF), &config, "nvidia.com/gpu=3", 0, "");
}

static void dp4_a_name_longer_than_63_is_not_offered(void **state)
{
    char longest[] = "nvidia.com/a23456789012345678901234567890123456789012345678901b";
    char longer[] = "nvidia.com/a23456789012345678901234567890123456789012345678901bc";
    struct config_pattern entry = {.pattern = (char *)"*", .name = longest};
    struct config config = {.honor_resources = true, .n_gpu_patterns = 1, .gpu_patterns = &entry};
    char summary[128];

    (void)state;
    assert_int_equal(strlen(longest), 63);
    (void)snprintf(summary, sizeof summary, "%s=1", longest);
    check(fixture_node(1, GPU_MIG_OFF), &config, summary, 0, "");
    entry.name = longer;
    check(fixture_node(1, GPU_MIG_OFF), &config, "", 1, "longer than 63");
}

static void one_name_never_means_gpus_and_mig_devices(void **state)
{
    struct config_pattern entry = {.pattern = (char *)"*", .name = (char *)"nvidia.com/gpu"};
    struct config config = {.mig_strategy = CONFIG_MIG_MIXED,
                            .honor_resources = true,
                            .n_mig_patterns = 1,
                            .mig_patterns = &entry};

    (void)state;
    check(node_part_enabled(), &config, "nvidia.com/gpu=3", 1,
          "GPU 1: |MIG devices 1g.5gb|already means whole GPUs");
}

static void there_are_at_most_64_resources_of_64_gpus(void **state)
{
    static char names[70][40];
    static struct config_pattern entries[70];
    struct config config = {.mig_strategy = CONFIG_MIG_MIXED,
                            .honor_resources = true,
                            .n_gpu_patterns = 70,
                            .gpu_patterns = entries,
                            .n_mig_patterns = 70,
                            .mig_patterns = entries};
    struct inventory *inv = fixture_node(GPU_MAX, GPU_MIG_OFF);
    struct resource_list *list = NULL;
    struct err e = {0};

    (void)state;
    for (unsigned i = 0; i < 70; i++) {
        (void)snprintf(names[i], sizeof names[i], "nvidia.com/%02u", i);
        entries[i] = (struct config_pattern){.pattern = names[i] + 11, .name = names[i]};
    }
    for (unsigned i = 0; i < GPU_MAX; i++)
        (void)snprintf(inv->gpus[i].name, sizeof inv->gpus[i].name, "%02u", i);
    inv->gpus[0].mig = GPU_MIG_ON;
    fixture_instance(inv, 0, "1g.5gb", 0, "1");
    fixture_instance(inv, 0, "2g.10gb", 2, "2");
    (void)TEXT_COPY(inv->gpus[0].geometry.profiles[0].name, "64");
    (void)TEXT_COPY(inv->gpus[0].geometry.profiles[2].name, "65");
    list = fixture_list(inv, &config);
    assert_int_equal(list->count, RESOURCE_MAX);
    assert_true(fixture_has_note(list, "'nvidia.com/65' not offered|64 resources"));
    resource_list_free(list);
    inv->n_gpus = GPU_MAX + 1;
    assert_int_equal(resource_list_make(&list, inv, &config, &e), -EINVAL);
    inv->n_gpus = GPU_MAX;
    inventory_free(inv);
}

static void a_gpu_with_a_fault_is_listed_and_unhealthy(void **state)
{
    struct inventory *inv = fixture_node(3, GPU_MIG_OFF);
    struct resource_list *list;

    (void)state;
    (void)TEXT_COPY(inv->gpus[1].fault, "GPU is lost");
    list = fixture_list(inv, &none);
    assert_int_equal(list->count, 1);
    assert_int_equal(list->resources[0].n_devices, 3);
    assert_true(list->resources[0].devices[0].healthy);
    assert_false(list->resources[0].devices[1].healthy);
    assert_true(list->resources[0].devices[2].healthy);
    assert_int_equal(list->n_notes, 0);
    resource_list_free(list);
    inventory_free(inv);
}

static void every_slice_of_a_gpu_with_a_fault_is_unhealthy(void **state)
{
    struct inventory *inv = node_all_1g();
    struct resource_list *list;

    (void)state;
    (void)TEXT_COPY(inv->gpus[5].fault, "GPU is lost");
    list = fixture_list(inv, &mixed);
    assert_int_equal(list->resources[0].n_devices, 56);
    for (size_t i = 0; i < 56; i++)
        assert_int_equal(list->resources[0].devices[i].healthy, i / 7 != 5);
    resource_list_free(list);
    inventory_free(inv);
}

static void a_gpu_without_usable_uuid_is_noted(void **state)
{
    struct inventory *inv = fixture_node(3, GPU_MIG_OFF);

    (void)state;
    inv->gpus[1].uuid[0] = '\0';
    (void)TEXT_COPY(inv->gpus[1].fault, "GPU is lost");
    memset(inv->gpus[2].uuid, 'x', SLICE_ID_SIZE);
    inv->gpus[2].uuid[SLICE_ID_SIZE] = '\0';
    check(inv, &none, "nvidia.com/gpu=1", 2, "GPU 1: |no UUID, GPU is lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dp11_without_mig_every_strategy_offers_whole_gpus),
        cmocka_unit_test(dp11_one_profile_everywhere),
        cmocka_unit_test(dp11_several_profiles),
        cmocka_unit_test(dp11_of_equally_many_single_offers_the_first),
        cmocka_unit_test(dp11_a_mig_gpu_without_devices),
        cmocka_unit_test(dp11_mig_on_some_gpus),
        cmocka_unit_test(single_never_falls_back_to_whole_gpus_while_a_gpu_has_mig_on),
        cmocka_unit_test(mixed_writes_plus_as_dot_and_wants_full_compute_instances),
        cmocka_unit_test(an_instance_without_compute_instance_is_noted),
        cmocka_unit_test(an_unknown_profile_gets_no_name),
        cmocka_unit_test(devices_come_by_gpu_then_placement),
        cmocka_unit_test(dp4_mig_patterns_name_what_they_match_whole),
        cmocka_unit_test(dp4_gpu_patterns_match_product_names_in_order),
        cmocka_unit_test(dp4_a_name_longer_than_63_is_not_offered),
        cmocka_unit_test(one_name_never_means_gpus_and_mig_devices),
        cmocka_unit_test(there_are_at_most_64_resources_of_64_gpus),
        cmocka_unit_test(a_gpu_with_a_fault_is_listed_and_unhealthy),
        cmocka_unit_test(every_slice_of_a_gpu_with_a_fault_is_unhealthy),
        cmocka_unit_test(a_gpu_without_usable_uuid_is_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
