/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIG through the NVML door over a stand-in library: modes and instances, and what stays of them
 * where a GPU falls silent.
 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "gpu/geometry.h"
#include "nvml_door.h"

static void keeps_a_lost_gpu_with_its_fault(void **state)
{
    OWN(inventory_freep) struct inventory *before = nvml_read();
    OWN(inventory_freep) struct inventory *after = NULL;

    (void)state;
    door.fake->fail_call = "nvmlDeviceGetHandleByIndex_v2";
    door.fake->fail_gpu = 1;
    door.fake->fail_code = NVML_GPU_IS_LOST;
    after = nvml_read();
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
    before = nvml_read();
    assert_int_equal(before->gpus[0].mig, GPU_MIG_ON);
    assert_int_equal(before->gpus[0].instances[0].n_computes, 2);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        OWN(inventory_freep) struct inventory *lost = NULL;
        OWN(inventory_freep) struct inventory *after = NULL;

        door.fake->fail_call = calls[i];
        door.fake->fail_gpu = 0;
        door.fake->fail_code = NVML_GPU_IS_LOST;
        lost = nvml_read();
        assert_string_equal(lost->gpus[0].fault, "GPU is lost");
        check_same_mig(&lost->gpus[0], &before->gpus[0]);
        door.fake->fail_call = NULL;
        after = nvml_read();
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
    on = nvml_read();
    assert_int_equal(on->gpus[0].n_instances, 1);
    door.fake->gpus[0].mig = door.fake->gpus[0].mig_pending = 0;
    off = nvml_read();
    assert_int_equal(off->gpus[0].mig, GPU_MIG_OFF);
    assert_int_equal(off->gpus[0].n_instances, 0);
    door.fake->fail_call = "nvmlDeviceGetUUID";
    door.fake->fail_gpu = 0;
    door.fake->fail_code = NVML_GPU_IS_LOST;
    lost = nvml_read();
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
    first = nvml_read();
    assert_int_equal(first->n_gpus, 3);
    assert_string_equal(first->gpus[0].fault, "GPU is lost");
    assert_string_equal(first->gpus[0].uuid, "");
    assert_int_equal(first->links[0 * 3 + 1].level, 50); /* nobody knows */
    door.fake->fail_call = NULL;
    second = nvml_read();
    assert_string_equal(second->gpus[0].uuid, "GPU-aaaa");
    assert_string_equal(second->gpus[0].fault, "");
    assert_int_equal(second->links[0 * 3 + 1].level, 20); /* asked again */
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
    inv = nvml_read();
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
    inv = nvml_read();
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
            assert_int_equal(nvml_open(NULL), 0);
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
        cmocka_unit_test_setup_teardown(keeps_a_lost_gpu_with_its_fault, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(keeps_the_instances_of_a_gpu_that_falls_silent,
                                        nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(forgets_the_instances_when_the_gpu_says_so, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(keeps_a_gpu_that_was_lost_from_the_start, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(switches_mig_at_once_or_later, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(reports_a_refused_mode, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(makes_and_unmakes_instances, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(makes_instances_of_a_gpu_never_read, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(refuses_what_the_board_does_not_have, nvml_open_full,
                                        nvml_drop),
        cmocka_unit_test_setup_teardown(leaves_no_half_made_instance, nvml_open_full, nvml_drop),
        cmocka_unit_test_setup_teardown(survives_each_call_failing, nvml_open_full, nvml_drop),
    };

    if (argc != 4)
        return 2;
    nvml_full = argv[1];
    nvml_old = argv[2];
    nvml_broken = argv[3];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
