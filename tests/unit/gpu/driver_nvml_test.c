/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading through the NVML door over a stand-in library: what is there, old drivers, every call
 * failing once.
 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "gpu/geometry.h"
#include "nvml_door.h"

static void names_places_and_cure_when_there_is_no_library(void **state)
{
    struct driver d = {0};
    struct err e = {0};

    (void)state;
    assert_int_equal(driver_open_nvml(&d, "/nonexistent", "/sys", &e), -ENODEV);
    assert_non_null(strstr(e.msg, "libnvidia-ml.so.1"));
    assert_non_null(strstr(e.msg, "'/nonexistent'"));
    assert_non_null(strstr(e.msg, "install the NVIDIA driver"));
    assert_null(d.self);
    driver_close(&d);
}

static void says_why_a_library_does_not_load(void **state)
{
    struct err e = {0};

    (void)state;
    nvml_make("/dev/null");
    assert_int_equal(nvml_open(&e), -ENODEV);
    assert_non_null(strstr(e.msg, "/usr/lib64/libnvidia-ml.so.1: "));
}

static void refuses_a_driver_without_a_required_function(void **state)
{
    struct err e = {0};

    (void)state;
    nvml_make(nvml_broken);
    assert_int_equal(nvml_open(&e), -ENOSYS);
    assert_non_null(strstr(e.msg, "no function nvmlDeviceGetUUID"));
}

static void reports_a_driver_that_is_not_loaded(void **state)
{
    struct err e = {0};

    (void)state;
    nvml_make(nvml_full);
    door.fake->fail_call = "nvmlInit_v2";
    door.fake->fail_code = NVML_DRIVER_NOT_LOADED;
    assert_int_equal(nvml_open(&e), -ENODEV);
    assert_string_equal(e.msg, "start NVML: driver not loaded");
    assert_int_equal(door.fake->open, 0);
}

static void shuts_down_once(void **state)
{
    (void)state;
    assert_int_equal(door.fake->open, 1);
    driver_close(&door.driver);
    driver_close(&door.driver);
    assert_int_equal(door.fake->open, 0);
}

static void reads_who_the_gpus_are(void **state)
{
    OWN(inventory_freep) struct inventory *inv = nvml_read();

    (void)state;
    assert_string_equal(inv->driver_version, "470.1");
    assert_string_equal(inv->nvml_version, ""); /* the stand-in does not tell */
    assert_int_equal(inv->n_gpus, 3);           /* without the display */
    assert_string_equal(inv->gpus[1].uuid, "GPU-bbbb");
    assert_string_equal(inv->gpus[1].name, "NVIDIA A100-SXM4-40GB");
    assert_string_equal(inv->gpus[1].bus_id, "0000:11:1c.0");
    assert_int_equal(inv->gpus[1].index, 1);
    assert_int_equal(inv->gpus[1].minor, 6);
    assert_int_equal(inv->gpus[1].device_id, 0x20B010DE);
    assert_int_equal(inv->gpus[1].compute_major, 8);
    assert_int_equal(inv->gpus[0].numa_node, 1);
    assert_int_equal(inv->gpus[1].numa_node, -1);
    assert_int_equal(inv->gpus[0].mem_reserved_bytes, 1ull << 30);
    assert_int_equal(inv->gpus[0].mem_used_bytes, 1ull << 30);
    assert_int_equal(inv->gpus[0].mig, GPU_MIG_OFF);
    assert_int_equal(inv->gpus[2].mig, GPU_MIG_NONE);
    assert_int_equal(inv->gpus[2].geometry.n_profiles, 0);
    assert_int_equal(inv->gpus[0].geometry.n_profiles, 4);
    assert_false(inv->gpus[0].geometry.from_table);
    assert_string_equal(inv->gpus[0].geometry.profiles[3].name, "7g.40gb");
    assert_int_equal(inv->gpus[0].geometry.profiles[1].span_starts, 0x15);
    assert_string_equal(inv->gpus[0].fault, "");
}

static void check_clique(const char *clique)
{
    OWN(inventory_freep) struct inventory *inv = nvml_read();

    assert_string_equal(inv->gpus[1].clique, clique);
    assert_string_equal(inv->gpus[0].clique, "");
}

/* And what is registered without a cluster, or not yet, is on no fabric. */
static void reads_the_place_on_a_fabric(void **state)
{
    struct nvml_fabric *fabric = &door.fake->gpus[1].fabric;

    (void)state;
    check_clique("");
    *fabric = (struct nvml_fabric){.cliqueId = 7, .state = NVML_FABRIC_COMPLETED};
    check_clique("");
    for (unsigned i = 0; i < sizeof fabric->clusterUuid; i++)
        fabric->clusterUuid[i] = (unsigned char)(0xa0 + i);
    check_clique("a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf.7");
    door.fake->fail_call = "nvmlDeviceGetGpuFabricInfoV";
    door.fake->fail_gpu = -1;
    door.fake->fail_code = NVML_UNKNOWN; /* does not tell now */
    check_clique("a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf.7");
    door.fake->fail_code = NVML_ARGUMENT_VERSION_MISMATCH; /* tells in the older way */
    check_clique("a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf.7");
    door.fake->fail_call = NULL;
    fabric->state = NVML_FABRIC_COMPLETED - 1;
    check_clique("");
    fabric->state = NVML_FABRIC_COMPLETED;
    fabric->status = NVML_UNKNOWN;
    check_clique("");
}

static void asks_for_geometry_and_links_once(void **state)
{
    OWN(inventory_freep) struct inventory *first = nvml_read();
    unsigned calls = door.fake->calls;
    OWN(inventory_freep) struct inventory *second = NULL;

    (void)state;
    door.fake->geometry_calls = 0;
    second = nvml_read();
    assert_int_equal(door.fake->geometry_calls, 0);
    assert_in_range(door.fake->calls - calls, 1, calls / 3);
    assert_memory_equal(first->links, second->links, 9 * sizeof *first->links);
    assert_memory_equal(&first->gpus[0].geometry, &second->gpus[0].geometry,
                        sizeof first->gpus[0].geometry);
}

static void counts_direct_nvlinks(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->remote_type = NVML_LINK_TO_GPU;
    inv = nvml_read();
    assert_int_equal(inv->links[0 * 3 + 1].nvlinks, 4);
    assert_int_equal(inv->links[1 * 3 + 0].nvlinks, 4);
    assert_int_equal(inv->links[0 * 3 + 1].level, 20);
    assert_int_equal(inv->links[0 * 3 + 2].nvlinks, 0);
    assert_int_equal(inv->links[2 * 3 + 0].level, 40);
    assert_int_equal(inv->links[0].level, 0);
}

static void counts_nvlinks_to_switches(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->remote_type = NVML_LINK_TO_SWITCH;
    inv = nvml_read();
    assert_int_equal(inv->links[0 * 3 + 1].nvlinks, 4);
    assert_int_equal(inv->links[0 * 3 + 2].nvlinks, 0);
}

static void counts_hidden_nvlinks_where_the_driver_says_they_meet(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->remote_type = 0xFF;
    inv = nvml_read();
    assert_int_equal(inv->links[0 * 3 + 1].nvlinks, 4);
}

static void does_not_count_hidden_nvlinks_otherwise(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->remote_type = 0xFF;
    door.fake->fail_call = "nvmlDeviceGetP2PStatus";
    door.fake->fail_code = NVML_NOT_SUPPORTED;
    inv = nvml_read();
    assert_int_equal(inv->links[0 * 3 + 1].nvlinks, 0);
}

static void does_not_count_nvlinks_that_do_not_meet(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->remote_type = 0xFF;
    door.fake->p2p_status = 5;
    inv = nvml_read();
    assert_int_equal(inv->links[0 * 3 + 1].nvlinks, 0);
}

/* A GPU in trouble may have answered wrongly about its links, too. */
static void asks_for_links_again_after_a_fault(void **state)
{
    OWN(inventory_freep) struct inventory *first = NULL;
    OWN(inventory_freep) struct inventory *second = NULL;

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetTopologyCommonAncestor";
    door.fake->fail_code = NVML_UNKNOWN;
    door.fake->gpus[0].n_processes = 1000000;
    first = nvml_read();
    assert_string_equal(first->gpus[0].fault, "read processes: Unknown Error");
    assert_int_equal(first->gpus[0].n_processes, 0);
    assert_int_equal(first->links[0 * 3 + 1].level, 50);
    door.fake->fail_call = NULL;
    door.fake->gpus[0].n_processes = 0;
    second = nvml_read();
    assert_int_equal(second->links[0 * 3 + 1].level, 20);
}

static void merges_process_lists_of_all_kinds(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;
    struct nvml_device *gpu = &door.fake->gpus[0];

    (void)state;
    gpu->n_processes = 4;
    gpu->processes[3] = (struct nvml_process){13, 1, NVML_NO_ID, NVML_NO_ID};
    gpu->processes[0] = (struct nvml_process){11, 5, NVML_NO_ID, 0};
    gpu->processes[1] = (struct nvml_process){11, 7, 3, 0};
    gpu->processes[2] = (struct nvml_process){12, NVML_NO_VALUE, 4, 1};
    inv = nvml_read(); /* compute and graphics give the same four */
    assert_int_equal(inv->gpus[0].n_processes, 4);
    assert_int_equal(inv->gpus[0].processes[3].ci_id, -1);
    assert_int_equal(inv->gpus[0].processes[0].gi_id, -1);
    assert_int_equal(inv->gpus[0].processes[0].ci_id, 0);
    assert_int_equal(inv->gpus[0].processes[1].gi_id, 3);
    assert_int_equal(inv->gpus[0].processes[1].mem_bytes, 7);
    assert_int_equal(inv->gpus[0].processes[2].mem_bytes, 0);
    assert_int_equal(inv->gpus[1].n_processes, 0);
}

static void keeps_a_bounded_number_of_processes(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;
    struct nvml_device *gpu = &door.fake->gpus[1];

    (void)state;
    gpu->n_processes = FAKE_PROCESSES;
    for (unsigned i = 0; i < FAKE_PROCESSES; i++)
        gpu->processes[i] = (struct nvml_process){i + 1, 1, NVML_NO_ID, NVML_NO_ID};
    door.fake->fail_call = "nvmlDeviceGetGraphicsRunningProcesses_v3";
    door.fake->fail_code = NVML_NOT_SUPPORTED;
    inv = nvml_read();
    assert_int_equal(inv->gpus[1].n_processes, GPU_MAX_PROCESSES);
    assert_int_equal(inv->gpus[1].n_processes_left_out, FAKE_PROCESSES - GPU_MAX_PROCESSES);
}

static void tells_which_getter_failed(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetMemoryInfo_v2";
    door.fake->fail_gpu = 2;
    door.fake->fail_code = NVML_UNKNOWN;
    inv = nvml_read();
    assert_string_equal(inv->gpus[2].fault, "read memory: Unknown Error");
}

static void blames_no_gpu_for_a_driver_that_is_unloaded_meanwhile(void **state)
{
    struct inventory *inv = NULL;
    struct err e = {0};

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetComputeRunningProcesses_v3";
    door.fake->fail_gpu = 2;
    door.fake->fail_code = NVML_DRIVER_NOT_LOADED;
    assert_int_equal(door.driver.read(door.driver.self, &inv, &e), -ENODEV);
    assert_string_equal(e.msg, "read GPU 2: driver not loaded");
    assert_null(inv);
}

static void asks_the_driver_for_words_of_unknown_codes(void **state)
{
    struct inventory *inv = NULL;
    struct err e = {0};

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetCount_v2";
    door.fake->fail_code = 14;
    assert_int_equal(door.driver.read(door.driver.self, &inv, &e), -EIO);
    assert_string_equal(e.msg, "count GPUs: infoROM is corrupted");
    assert_null(inv);
}

static void old_driver_gets_names_by_rule_and_places_from_the_table(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;
    const struct gpu_profile *p;

    (void)state;
    nvml_make(nvml_old);
    assert_int_equal(nvml_open(NULL), 0);
    inv = nvml_read();
    p = geometry_find(&inv->gpus[0].geometry, "2g.10gb");
    assert_non_null(p);
    assert_int_equal(p->id, 14);
    assert_int_equal(p->span_size, 2);
    assert_int_equal(p->span_starts, 0x15);
    assert_int_equal(inv->gpus[0].geometry.n_profiles, 4);
    assert_false(inv->gpus[0].geometry.from_table);
    assert_int_equal(inv->gpus[0].mem_used_bytes, 2ull << 30); /* reserved is in it */
    assert_int_equal(inv->gpus[0].mem_reserved_bytes, 0);
    assert_int_equal(inv->links[0 * 3 + 1].level, 50);
}

static void table_stands_in_until_the_driver_tells(void **state)
{
    OWN(inventory_freep) struct inventory *off = NULL;
    OWN(inventory_freep) struct inventory *on = NULL;

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetGpuInstanceProfileInfoV";
    door.fake->fail_code = NVML_NOT_SUPPORTED;
    off = nvml_read();
    assert_true(off->gpus[0].geometry.from_table);
    assert_int_equal(off->gpus[0].geometry.n_profiles, 7);
    door.fake->fail_call = NULL;
    door.fake->gpus[0].mig = 1;
    on = nvml_read();
    assert_false(on->gpus[0].geometry.from_table);
    assert_int_equal(on->gpus[0].geometry.n_profiles, 4);
    assert_true(on->gpus[1].geometry.from_table);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_places_and_cure_when_there_is_no_library),
        cmocka_unit_test_teardown(says_why_a_library_does_not_load, nvml_drop),
        cmocka_unit_test_teardown(refuses_a_driver_without_a_required_function, nvml_drop),
        cmocka_unit_test_teardown(reports_a_driver_that_is_not_loaded, nvml_drop),
        cmocka_unit_test_setup_teardown(shuts_down_once, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(reads_who_the_gpus_are, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(reads_the_place_on_a_fabric, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(asks_for_geometry_and_links_once, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(counts_direct_nvlinks, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(counts_nvlinks_to_switches, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(counts_hidden_nvlinks_where_the_driver_says_they_meet,
                                        nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(does_not_count_hidden_nvlinks_otherwise, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(does_not_count_nvlinks_that_do_not_meet, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(asks_for_links_again_after_a_fault, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(merges_process_lists_of_all_kinds, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(keeps_a_bounded_number_of_processes, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(tells_which_getter_failed, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(blames_no_gpu_for_a_driver_that_is_unloaded_meanwhile,
                                        nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(asks_the_driver_for_words_of_unknown_codes, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_teardown(old_driver_gets_names_by_rule_and_places_from_the_table,
                                  nvml_drop),
        cmocka_unit_test_setup_teardown(table_stands_in_until_the_driver_tells, nvml_open_full,
                                        nvml_drop),
    };

    if (argc != 4)
        return 2;
    nvml_full = argv[1];
    nvml_old = argv[2];
    nvml_broken = argv[3];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
