/* SPDX-License-Identifier: Apache-2.0 */
/* The NVML door over a stand-in library: old drivers, broken GPUs, every call failing once. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "door.h"
#include "gpu/geometry.h"

static const char *full_library, *old_library, *broken_library; /* paths from the command line */

static struct door door;

static void make(const char *library)
{
    door_make(&door, library);
}

static int drop(void **state)
{
    (void)state;
    door_remove(&door);
    return 0;
}

static int open_door(struct err *e)
{
    char sysfs[96];

    return driver_open_nvml(&door.driver, door.root, door_sysfs(&door, sysfs), e);
}

static int full(void **state)
{
    (void)state;
    make(full_library);
    return open_door(NULL);
}

static struct inventory *read_all(void)
{
    struct inventory *inv = NULL;
    struct err e = {0};

    assert_int_equal(door.driver.read(door.driver.self, &inv, &e), 0);
    assert_non_null(inv);
    return inv;
}

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
    make("/dev/null");
    assert_int_equal(open_door(&e), -ENODEV);
    assert_non_null(strstr(e.msg, "/usr/lib64/libnvidia-ml.so.1: "));
}

static void refuses_a_driver_without_a_required_function(void **state)
{
    struct err e = {0};

    (void)state;
    make(broken_library);
    assert_int_equal(open_door(&e), -ENOSYS);
    assert_non_null(strstr(e.msg, "no function nvmlDeviceGetUUID"));
}

static void reports_a_driver_that_is_not_loaded(void **state)
{
    struct err e = {0};

    (void)state;
    make(full_library);
    door.fake->fail_call = "nvmlInit_v2";
    door.fake->fail_code = NVML_DRIVER_NOT_LOADED;
    assert_int_equal(open_door(&e), -ENODEV);
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
    OWN(inventory_freep) struct inventory *inv = read_all();

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
    OWN(inventory_freep) struct inventory *inv = read_all();

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
    OWN(inventory_freep) struct inventory *first = read_all();
    unsigned calls = door.fake->calls;
    OWN(inventory_freep) struct inventory *second = NULL;

    (void)state;
    door.fake->geometry_calls = 0;
    second = read_all();
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
    inv = read_all();
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
    inv = read_all();
    assert_int_equal(inv->links[0 * 3 + 1].nvlinks, 4);
    assert_int_equal(inv->links[0 * 3 + 2].nvlinks, 0);
}

static void counts_hidden_nvlinks_where_the_driver_says_they_meet(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->remote_type = 0xFF;
    inv = read_all();
    assert_int_equal(inv->links[0 * 3 + 1].nvlinks, 4);
}

static void does_not_count_hidden_nvlinks_otherwise(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->remote_type = 0xFF;
    door.fake->fail_call = "nvmlDeviceGetP2PStatus";
    door.fake->fail_code = NVML_NOT_SUPPORTED;
    inv = read_all();
    assert_int_equal(inv->links[0 * 3 + 1].nvlinks, 0);
}

static void does_not_count_nvlinks_that_do_not_meet(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->remote_type = 0xFF;
    door.fake->p2p_status = 5;
    inv = read_all();
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
    first = read_all();
    assert_string_equal(first->gpus[0].fault, "read processes: Unknown Error");
    assert_int_equal(first->gpus[0].n_processes, 0);
    assert_int_equal(first->links[0 * 3 + 1].level, 50);
    door.fake->fail_call = NULL;
    door.fake->gpus[0].n_processes = 0;
    second = read_all();
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
    inv = read_all(); /* compute and graphics give the same four */
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
    inv = read_all();
    assert_int_equal(inv->gpus[1].n_processes, GPU_MAX_PROCESSES);
    assert_int_equal(inv->gpus[1].n_processes_left_out, FAKE_PROCESSES - GPU_MAX_PROCESSES);
}

static void keeps_a_lost_gpu_with_its_fault(void **state)
{
    OWN(inventory_freep) struct inventory *before = read_all();
    OWN(inventory_freep) struct inventory *after = NULL;

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetHandleByIndex_v2";
    door.fake->fail_gpu = 1;
    door.fake->fail_code = NVML_GPU_IS_LOST;
    after = read_all();
    assert_int_equal(after->n_gpus, 3);
    assert_string_equal(after->gpus[1].fault, "GPU is lost");
    assert_string_equal(after->gpus[1].uuid, before->gpus[1].uuid); /* known from before */
    assert_int_equal(after->gpus[1].geometry.n_profiles, 4);
    assert_string_equal(after->gpus[0].fault, "");
    assert_int_equal(after->links[0 * 3 + 1].level, 20);
}

/* GPU 0 in MIG mode with one instance of two compute instances, and a process. */
static void fills_gpu_0(void)
{
    struct driver *d = &door.driver;
    unsigned gi = 0;
    unsigned ci = 0;

    door.fake->gpus[0].mig = door.fake->gpus[0].mig_pending = 1;
    door.fake->gpus[0].n_processes = 1;
    assert_int_equal(d->create_instance(d->self, "GPU-aaaa", 14, 0, &gi, NULL), 0);
    assert_int_equal(d->create_compute(d->self, "GPU-aaaa", gi, 1, &ci, NULL), 0);
    assert_int_equal(d->create_compute(d->self, "GPU-aaaa", gi, 1, &ci, NULL), 0);
}

static void check_same_mig(const struct gpu *a, const struct gpu *b)
{
    assert_int_equal(a->mig, b->mig);
    assert_int_equal(a->mig_pending, b->mig_pending);
    assert_int_equal(a->n_instances, b->n_instances);
    assert_memory_equal(a->instances, b->instances, a->n_instances * sizeof a->instances[0]);
    assert_memory_equal(&a->geometry, &b->geometry, sizeof a->geometry);
    assert_int_equal(a->mem_total_bytes, b->mem_total_bytes);
}

/* Whatever a GPU stops to answer, what stands on it is still there, as it was last seen. */
static void keeps_the_instances_of_a_gpu_that_falls_silent(void **state)
{
    static const char *const calls[] = {
        "nvmlDeviceGetHandleByIndex_v2",  "nvmlDeviceGetUUID",
        "nvmlDeviceGetMemoryInfo_v2",     "nvmlDeviceGetMigMode",
        "nvmlDeviceGetGpuInstances",      "nvmlGpuInstanceGetInfo",
        "nvmlDeviceGetMaxMigDeviceCount", "nvmlDeviceGetMigDeviceHandleByIndex",
        "nvmlDeviceGetComputeInstanceId", "nvmlDeviceGetComputeRunningProcesses_v3",
    };
    OWN(inventory_freep) struct inventory *before = NULL;

    (void)state;
    fills_gpu_0();
    before = read_all();
    assert_int_equal(before->gpus[0].mig, GPU_MIG_ON);
    assert_int_equal(before->gpus[0].instances[0].n_computes, 2);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        OWN(inventory_freep) struct inventory *lost = NULL;
        OWN(inventory_freep) struct inventory *after = NULL;

        door.fake->fail_call = calls[i];
        door.fake->fail_gpu = 0;
        door.fake->fail_code = NVML_GPU_IS_LOST;
        lost = read_all();
        assert_string_equal(lost->gpus[0].fault, "GPU is lost");
        check_same_mig(&lost->gpus[0], &before->gpus[0]);
        door.fake->fail_call = NULL;
        after = read_all();
        assert_string_equal(after->gpus[0].fault, "");
        assert_int_equal(after->gpus[0].n_processes, 1);
        check_same_mig(&after->gpus[0], &before->gpus[0]);
    }
}

/* Once it answers, what it says counts, not what was remembered. */
static void forgets_the_instances_when_the_gpu_says_so(void **state)
{
    OWN(inventory_freep) struct inventory *on = NULL;
    OWN(inventory_freep) struct inventory *off = NULL;
    OWN(inventory_freep) struct inventory *lost = NULL;

    (void)state;
    fills_gpu_0();
    on = read_all();
    assert_int_equal(on->gpus[0].n_instances, 1);
    door.fake->gpus[0].mig = door.fake->gpus[0].mig_pending = 0;
    off = read_all();
    assert_int_equal(off->gpus[0].mig, GPU_MIG_OFF);
    assert_int_equal(off->gpus[0].n_instances, 0);
    door.fake->fail_call = "nvmlDeviceGetUUID";
    door.fake->fail_gpu = 0;
    door.fake->fail_code = NVML_GPU_IS_LOST;
    lost = read_all();
    assert_int_equal(lost->gpus[0].mig, GPU_MIG_OFF);
    assert_int_equal(lost->gpus[0].n_instances, 0);
}

static void keeps_a_gpu_that_was_lost_from_the_start(void **state)
{
    OWN(inventory_freep) struct inventory *first = NULL;
    OWN(inventory_freep) struct inventory *second = NULL;

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetUUID";
    door.fake->fail_gpu = 0;
    door.fake->fail_code = NVML_GPU_IS_LOST;
    first = read_all();
    assert_int_equal(first->n_gpus, 3);
    assert_string_equal(first->gpus[0].fault, "GPU is lost");
    assert_string_equal(first->gpus[0].uuid, "");
    assert_int_equal(first->links[0 * 3 + 1].level, 50); /* nobody knows */
    door.fake->fail_call = NULL;
    second = read_all();
    assert_string_equal(second->gpus[0].uuid, "GPU-aaaa");
    assert_string_equal(second->gpus[0].fault, "");
    assert_int_equal(second->links[0 * 3 + 1].level, 20); /* asked again */
}

static void tells_which_getter_failed(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetMemoryInfo_v2";
    door.fake->fail_gpu = 2;
    door.fake->fail_code = NVML_UNKNOWN;
    inv = read_all();
    assert_string_equal(inv->gpus[2].fault, "read memory: Unknown Error");
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
    make(old_library);
    assert_int_equal(open_door(NULL), 0);
    inv = read_all();
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
    off = read_all();
    assert_true(off->gpus[0].geometry.from_table);
    assert_int_equal(off->gpus[0].geometry.n_profiles, 7);
    door.fake->fail_call = NULL;
    door.fake->gpus[0].mig = 1;
    on = read_all();
    assert_false(on->gpus[0].geometry.from_table);
    assert_int_equal(on->gpus[0].geometry.n_profiles, 4);
    assert_true(on->gpus[1].geometry.from_table);
}

static void switches_mig_at_once_or_later(void **state)
{
    struct driver *d = &door.driver;
    enum driver_mode mode = DRIVER_MODE_PENDING;
    struct err e = {0};

    (void)state;
    assert_int_equal(d->set_mig(d->self, "GPU-aaaa", true, &mode, &e), 0);
    assert_int_equal(mode, DRIVER_MODE_SET);
    door.fake->gpus[1].activation = NVML_RESET_REQUIRED;
    assert_int_equal(d->set_mig(d->self, "GPU-bbbb", true, &mode, &e), 0);
    assert_int_equal(mode, DRIVER_MODE_PENDING);
}

static void reports_a_refused_mode(void **state)
{
    struct driver *d = &door.driver;
    enum driver_mode mode;
    struct err e = {0};

    (void)state;
    door.fake->gpus[0].activation = NVML_IN_USE;
    door.fake->gpus[0].refuses_mode = true;
    assert_int_equal(d->set_mig(d->self, "GPU-aaaa", true, &mode, &e), -EBUSY);
    assert_string_equal(e.msg, "switch MIG on on GPU-aaaa: in use by another client");
    assert_int_equal(d->set_mig(d->self, "GPU-cccc", true, &mode, &e), -ENOTSUP);
    assert_int_equal(d->set_mig(d->self, "GPU-none", true, &mode, &e), -ENODEV);
    assert_string_equal(e.msg, "find GPU 'GPU-none': not found");
}

static void makes_and_unmakes_instances(void **state)
{
    struct driver *d = &door.driver;
    OWN(inventory_freep) struct inventory *inv = NULL;
    const struct gpu_instance *gi;
    struct err e = {0};
    unsigned gi_id = 99;
    unsigned ci_id = 99;
    char name[GPU_PROFILE_NAME_SIZE];

    (void)state;
    door.fake->gpus[0].mig = 1;
    assert_int_equal(d->create_instance(d->self, "GPU-aaaa", 14, 4, &gi_id, &e), 0);
    assert_int_equal(d->create_compute(d->self, "GPU-aaaa", gi_id, 1, &ci_id, &e), 0);
    inv = read_all();
    assert_int_equal(inv->gpus[0].n_instances, 1);
    gi = &inv->gpus[0].instances[0];
    assert_int_equal(gi->id, gi_id);
    assert_int_equal(gi->profile_id, 14);
    assert_int_equal(gi->span.start, 4);
    assert_int_equal(gi->span.size, 2);
    assert_int_equal(gi->n_computes, 1);
    assert_int_equal(gi->computes[0].slices, 1);
    assert_string_equal(gi->computes[0].uuid, "MIG-GPU-aaaa-1-0");
    assert_string_equal(gpu_device_name(name, &inv->gpus[0], gi, &gi->computes[0]), "1c.2g.10gb");

    assert_int_equal(d->destroy_instance(d->self, "GPU-aaaa", gi_id, &e), -EBUSY);
    assert_string_equal(e.msg, "destroy GPU instance 1 on GPU-aaaa: in use by another client");
    assert_int_equal(d->destroy_compute(d->self, "GPU-aaaa", gi_id, ci_id, &e), 0);
    assert_int_equal(d->destroy_instance(d->self, "GPU-aaaa", gi_id, &e), 0);
    assert_int_equal(d->destroy_instance(d->self, "GPU-aaaa", gi_id, &e), -ENODEV);
}

static void makes_instances_of_a_gpu_never_read(void **state)
{
    struct driver *d = &door.driver;
    OWN(inventory_freep) struct inventory *inv = NULL;
    unsigned gi_id = 0;

    (void)state;
    assert_int_equal(d->create_instance(d->self, "GPU-bbbb", 19, 6, &gi_id, NULL), 0);
    door.fake->gpus[1].mig = 1;
    inv = read_all();
    assert_int_equal(inv->gpus[1].index, 1);
    assert_int_equal(inv->gpus[1].instances[0].span.start, 6);
}

static void refuses_what_the_board_does_not_have(void **state)
{
    struct driver *d = &door.driver;
    struct err e = {0};
    unsigned id = 7;

    (void)state;
    assert_int_equal(d->create_instance(d->self, "GPU-aaaa", 77, -1, &id, &e), -EINVAL);
    assert_string_equal(e.msg, "GPU-aaaa has no GPU instance profile 77");
    assert_int_equal(d->create_instance(d->self, "GPU-aaaa", 19, -1, &id, &e), 0);
    assert_int_equal(d->create_compute(d->self, "GPU-aaaa", id, 5, &id, &e), -EINVAL);
    door.fake->fail_call = "nvmlDeviceCreateGpuInstanceWithPlacement";
    door.fake->fail_code = NVML_INSUFFICIENT_RESOURCES;
    assert_int_equal(d->create_instance(d->self, "GPU-aaaa", 19, 3, &id, &e), -ENOSPC);
    assert_string_equal(e.msg, "create 1g.5gb at 3 on GPU-aaaa: insufficient resources");
    door.fake->fail_code = NVML_NO_PERMISSION;
    assert_int_equal(d->create_instance(d->self, "GPU-aaaa", 19, 3, &id, &e), -EPERM);
}

static void leaves_no_half_made_instance(void **state)
{
    struct driver *d = &door.driver;
    struct err e = {0};
    unsigned id = 7;

    (void)state;
    door.fake->fail_call = "nvmlGpuInstanceGetInfo";
    door.fake->fail_code = NVML_UNKNOWN;
    assert_int_equal(d->create_instance(d->self, "GPU-aaaa", 19, 3, &id, &e), -EIO);
    assert_false(door.fake->gpus[0].instances[1].there);
}

/* Whatever call fails, and however: all GPUs stay in the inventory, or the read says why not. */
static void survives_each_call_failing(void **state)
{
    static const int codes[] = {NVML_GPU_IS_LOST, NVML_UNKNOWN,          NVML_NOT_SUPPORTED,
                                NVML_MEMORY,      NVML_INVALID_ARGUMENT, NVML_INSUFFICIENT_SIZE};

    (void)state;
    for (size_t c = 0; c < sizeof codes / sizeof codes[0]; c++)
        for (unsigned n = 1, last = 1; n <= last; n++) {
            struct inventory *inv = NULL;
            struct err e = {0};
            int rc;

            door_reset(&door);
            assert_int_equal(open_door(NULL), 0);
            fills_gpu_0();
            door.fake->calls = 0;
            door.fake->fail_after = n;
            door.fake->fail_code = codes[c];
            rc = door.driver.read(door.driver.self, &inv, &e);
            last = door.fake->calls;
            if (rc == 0)
                assert_in_range(inv->n_gpus, 3, 4); /* the display may fail to say that it is one */
            else
                assert_string_not_equal(e.msg, "");
            inventory_free(inv);
            assert_in_range(last, n == 1 ? 1 : 100, 1000);
            if (n == 1)
                last = 100; /* a count that fails ends the read at once */
        }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_places_and_cure_when_there_is_no_library),
        cmocka_unit_test_teardown(says_why_a_library_does_not_load, drop),
        cmocka_unit_test_teardown(refuses_a_driver_without_a_required_function, drop),
        cmocka_unit_test_teardown(reports_a_driver_that_is_not_loaded, drop),
        cmocka_unit_test_setup_teardown(shuts_down_once, full, drop),
        cmocka_unit_test_setup_teardown(reads_who_the_gpus_are, full, drop),
        cmocka_unit_test_setup_teardown(reads_the_place_on_a_fabric, full, drop),
        cmocka_unit_test_setup_teardown(asks_for_geometry_and_links_once, full, drop),
        cmocka_unit_test_setup_teardown(counts_direct_nvlinks, full, drop),
        cmocka_unit_test_setup_teardown(counts_nvlinks_to_switches, full, drop),
        cmocka_unit_test_setup_teardown(counts_hidden_nvlinks_where_the_driver_says_they_meet, full,
                                        drop),
        cmocka_unit_test_setup_teardown(does_not_count_hidden_nvlinks_otherwise, full, drop),
        cmocka_unit_test_setup_teardown(does_not_count_nvlinks_that_do_not_meet, full, drop),
        cmocka_unit_test_setup_teardown(asks_for_links_again_after_a_fault, full, drop),
        cmocka_unit_test_setup_teardown(merges_process_lists_of_all_kinds, full, drop),
        cmocka_unit_test_setup_teardown(keeps_a_bounded_number_of_processes, full, drop),
        cmocka_unit_test_setup_teardown(keeps_a_lost_gpu_with_its_fault, full, drop),
        cmocka_unit_test_setup_teardown(keeps_the_instances_of_a_gpu_that_falls_silent, full, drop),
        cmocka_unit_test_setup_teardown(forgets_the_instances_when_the_gpu_says_so, full, drop),
        cmocka_unit_test_setup_teardown(keeps_a_gpu_that_was_lost_from_the_start, full, drop),
        cmocka_unit_test_setup_teardown(tells_which_getter_failed, full, drop),
        cmocka_unit_test_setup_teardown(asks_the_driver_for_words_of_unknown_codes, full, drop),
        cmocka_unit_test_teardown(old_driver_gets_names_by_rule_and_places_from_the_table, drop),
        cmocka_unit_test_setup_teardown(table_stands_in_until_the_driver_tells, full, drop),
        cmocka_unit_test_setup_teardown(switches_mig_at_once_or_later, full, drop),
        cmocka_unit_test_setup_teardown(reports_a_refused_mode, full, drop),
        cmocka_unit_test_setup_teardown(makes_and_unmakes_instances, full, drop),
        cmocka_unit_test_setup_teardown(makes_instances_of_a_gpu_never_read, full, drop),
        cmocka_unit_test_setup_teardown(refuses_what_the_board_does_not_have, full, drop),
        cmocka_unit_test_setup_teardown(leaves_no_half_made_instance, full, drop),
        cmocka_unit_test_setup_teardown(survives_each_call_failing, full, drop),
    };

    if (argc != 4)
        return 2;
    full_library = argv[1];
    old_library = argv[2];
    broken_library = argv[3];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
