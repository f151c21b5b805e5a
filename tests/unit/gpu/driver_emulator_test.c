/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NVML door over the emulated driver: an EC2 node as it comes, the whole life of MIG instances
 * through the door alone, and a GPU that is lost. Arguments: the library, carve-emulator, the node,
 * the GPUs that it has.
 */
#include "test.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/text.h"
#include "door.h"
#include "gpu/geometry.h"

static const char *library, *control;
static unsigned expected_gpus;

static struct door door;
static struct driver *driver = &door.driver;
static char uuid[GPU_UUID_SIZE]; /* of GPU 0 */

/* Nothing may differ: the emulator is built from the same facts. */
static void no_difference(void *self, const char *words)
{
    (void)self;
    fail_msg("%s", words);
}

static struct inventory *read_all(void)
{
    struct inventory *inv = NULL;
    struct err e = {0};

    if (driver->read(driver->self, &inv, &e))
        fail_msg("%s", e.msg);
    return inv;
}

static int start(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;
    struct err e = {0};
    char sysfs[96];

    (void)state;
    door_make(&door, library);
    if (driver_open_nvml(driver, door.root, door_sysfs(&door, sysfs), &e))
        fail_msg("%s", e.msg);
    inv = read_all();
    (void)TEXT_COPY(uuid, inv->gpus[0].uuid);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    door_remove(&door);
    return 0;
}

static int start_in_mig_mode(void **state)
{
    enum driver_mode mode = DRIVER_MODE_PENDING;
    struct err e = {0};

    (void)start(state);
    if (driver->set_mig(driver->self, uuid, true, &mode, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(mode, DRIVER_MODE_SET);
    return 0;
}

static void reads_the_node(void **state)
{
    static const unsigned ids[] = {19, 20, 15, 14, 9, 5, 0};
    OWN(inventory_freep) struct inventory *inv = read_all();

    (void)state;
    assert_int_equal(inv->n_gpus, expected_gpus);
    assert_string_not_equal(inv->driver_version, "");
    assert_in_range(inv->cuda_version, 12000, 14000);
    for (unsigned i = 0; i < inv->n_gpus; i++) {
        const struct gpu *gpu = &inv->gpus[i];
        struct gpu_geometry table;

        assert_string_equal(gpu->fault, "");
        assert_int_equal(gpu->index, i);
        assert_true(text_starts(gpu->uuid, "GPU-"));
        assert_int_equal(gpu->mig, GPU_MIG_OFF);
        assert_int_equal(gpu->n_instances, 0);
        assert_false(gpu->geometry.from_table);
        assert_int_equal(gpu->geometry.n_profiles, 7);
        for (unsigned p = 0; p < 7; p++)
            assert_int_equal(gpu->geometry.profiles[p].id, ids[p]);
        assert_true(geometry_table(&table, gpu->device_id));
        assert_int_equal(geometry_compare(&gpu->geometry, &table, no_difference, NULL), 0);
        assert_in_range(gpu->mem_total_bytes, 40ull << 30, 150ull << 30);
    }
}

/* Both EC2 nodes have all GPUs behind switches. */
static void sees_all_gpus_at_the_switches(void **state)
{
    OWN(inventory_freep) struct inventory *inv = read_all();
    unsigned nvlinks = inv->links[1].nvlinks;

    (void)state;
    assert_in_range(nvlinks, 12, 18);
    for (unsigned a = 0; a < inv->n_gpus; a++)
        for (unsigned b = 0; b < inv->n_gpus; b++)
            assert_int_equal(inv->links[a * inv->n_gpus + b].nvlinks, a == b ? 0 : nvlinks);
}

static unsigned create(const struct gpu_profile *p, int at)
{
    struct err e = {0};
    unsigned gi = 99;

    if (driver->create_instance(driver->self, uuid, p->id, at, &gi, &e))
        fail_msg("%s", e.msg);
    return gi;
}

static unsigned create_compute(unsigned gi, unsigned slices)
{
    struct err e = {0};
    unsigned ci = 99;

    if (driver->create_compute(driver->self, uuid, gi, slices, &ci, &e))
        fail_msg("%s", e.msg);
    return ci;
}

static void destroy(unsigned gi, unsigned n_computes)
{
    struct err e = {0};

    for (unsigned ci = 0; ci < n_computes; ci++)
        if (driver->destroy_compute(driver->self, uuid, gi, ci, &e))
            fail_msg("%s", e.msg);
    if (driver->destroy_instance(driver->self, uuid, gi, &e))
        fail_msg("%s", e.msg);
}

/* What stands on GPU 0 is exactly one instance of p at `at` with a compute instance of all of it.
 */
static void check_only_instance(const struct gpu_profile *p, unsigned at, unsigned gi_id)
{
    OWN(inventory_freep) struct inventory *inv = read_all();
    const struct gpu *gpu = &inv->gpus[0];
    char name[GPU_PROFILE_NAME_SIZE];

    assert_string_equal(gpu->fault, "");
    assert_int_equal(gpu->n_instances, 1);
    assert_int_equal(gpu->instances[0].id, gi_id);
    assert_int_equal(gpu->instances[0].profile_id, p->id);
    assert_int_equal(gpu->instances[0].span.start, at);
    assert_int_equal(gpu->instances[0].span.size, p->span_size);
    assert_int_equal(gpu->instances[0].n_computes, 1);
    assert_true(text_starts(gpu->instances[0].computes[0].uuid, "MIG-"));
    assert_string_equal(
        gpu_device_name(name, gpu, &gpu->instances[0], &gpu->instances[0].computes[0]), p->name);
}

static void every_profile_lives_at_each_of_its_places(void **state)
{
    OWN(inventory_freep) struct inventory *inv = read_all();
    const struct gpu_geometry *g = &inv->gpus[0].geometry;

    (void)state;
    assert_int_equal(inv->gpus[0].mig, GPU_MIG_ON);
    for (unsigned i = 0; i < g->n_profiles; i++)
        for (unsigned at = 0; at < g->axis; at++) {
            unsigned gi;

            if (!(g->profiles[i].span_starts >> at & 1))
                continue;
            gi = create(&g->profiles[i], (int)at);
            assert_int_equal(create_compute(gi, g->profiles[i].slices), 0);
            check_only_instance(&g->profiles[i], at, gi);
            destroy(gi, 1);
        }
}

static void as_many_fit_as_the_driver_says(void **state)
{
    OWN(inventory_freep) struct inventory *inv = read_all();
    const struct gpu_geometry *g = &inv->gpus[0].geometry;

    (void)state;
    for (unsigned i = 0; i < g->n_profiles; i++) {
        const struct gpu_profile *p = &g->profiles[i];
        OWN(inventory_freep) struct inventory *full = NULL;
        struct err e = {0};
        unsigned gi;

        for (unsigned n = 0; n < p->max_instances; n++)
            (void)create(p, -1);
        assert_int_equal(driver->create_instance(driver->self, uuid, p->id, -1, &gi, &e), -ENOSPC);
        full = read_all();
        assert_int_equal(full->gpus[0].n_instances, p->max_instances);
        for (unsigned n = 0; n < full->gpus[0].n_instances; n++)
            destroy(full->gpus[0].instances[n].id, 0);
    }
}

static void a_taken_place_is_refused(void **state)
{
    OWN(inventory_freep) struct inventory *inv = read_all();
    const struct gpu_geometry *g = &inv->gpus[0].geometry;
    struct err e = {0};
    unsigned gi;

    (void)state;
    (void)create(&g->profiles[0], 6);
    assert_int_equal(driver->create_instance(driver->self, uuid, g->profiles[0].id, 6, &gi, &e),
                     -ENOSPC);
    assert_non_null(strstr(e.msg, "insufficient resources"));
    assert_non_null(strstr(e.msg, g->profiles[0].name));
}

static void instances_share_out_their_slices(void **state)
{
    OWN(inventory_freep) struct inventory *before = read_all();
    OWN(inventory_freep) struct inventory *inv = NULL;
    const struct gpu_profile *p = geometry_find_id(&before->gpus[0].geometry, 9);
    const struct gpu_instance *instance;
    char name[GPU_PROFILE_NAME_SIZE];
    char wanted[GPU_PROFILE_NAME_SIZE];
    struct err e = {0};
    unsigned gi;

    (void)state;
    gi = create(p, 4);
    (void)create_compute(gi, 2); /* fits at the start only: before the smaller one */
    (void)create_compute(gi, 1);
    inv = read_all();
    instance = &inv->gpus[0].instances[0];
    assert_int_equal(instance->n_computes, 2);
    assert_int_equal(instance->computes[0].slices, 2);
    assert_int_equal(instance->computes[1].slices, 1);
    assert_string_not_equal(instance->computes[0].uuid, instance->computes[1].uuid);
    (void)snprintf(wanted, sizeof wanted, "2c.%s", p->name);
    assert_string_equal(gpu_device_name(name, &inv->gpus[0], instance, &instance->computes[0]),
                        wanted);
    assert_int_equal(driver->create_compute(driver->self, uuid, gi, 1, &gi, &e), -ENOSPC);
    assert_int_equal(driver->destroy_instance(driver->self, uuid, instance->id, &e), -EBUSY);
    destroy(instance->id, 2);
}

/* A100 takes the wish and waits for a reset; Hopper refuses. */
static void mode_stays_on_while_instances_are_there(void **state)
{
    OWN(inventory_freep) struct inventory *inv = read_all();
    const struct gpu *gpu = &inv->gpus[0];
    OWN(inventory_freep) struct inventory *after = NULL;
    enum driver_mode mode = DRIVER_MODE_SET;
    struct err e = {0};
    unsigned gi = create(&gpu->geometry.profiles[0], -1);
    int rc;

    (void)state;
    assert_int_equal(create_compute(gi, 1), 0);
    rc = driver->set_mig(driver->self, uuid, false, &mode, &e);
    if (gpu->compute_major == 8) {
        assert_int_equal(rc, 0);
        assert_int_equal(mode, DRIVER_MODE_PENDING);
    } else {
        assert_int_equal(rc, -EBUSY);
    }
    after = read_all();
    assert_int_equal(after->gpus[0].mig, GPU_MIG_ON);
    assert_int_equal(after->gpus[0].mig_pending,
                     gpu->compute_major == 8 ? GPU_MIG_OFF : GPU_MIG_ON);
    assert_int_equal(after->gpus[0].n_instances, 1);
}

/* carve-emulator VERB 0, on the machine that the door sees. */
static void run_control(const char *verb)
{
    char *const args[] = {(char *)control, (char *)verb, (char *)"0", NULL};
    int status = -1;
    pid_t pid;

    assert_int_equal(posix_spawn(&pid, control, NULL, NULL, args, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void slices_of_a_lost_gpu_stay(void **state)
{
    char path[] = "/tmp/carve-emulator-state-XXXXXX";
    OWN(inventory_freep) struct inventory *before = NULL;
    OWN(inventory_freep) struct inventory *lost = NULL;
    OWN(inventory_freep) struct inventory *found = NULL;
    OWN_FD int fd = mkstemp(path);
    unsigned gi;

    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(setenv("CARVE_EMULATOR_STATE", path, 1), 0);
    (void)start_in_mig_mode(state);
    before = read_all();
    gi = create(&before->gpus[0].geometry.profiles[0], 6);
    assert_int_equal(create_compute(gi, 1), 0);
    check_only_instance(&before->gpus[0].geometry.profiles[0], 6, gi);
    run_control("lose");
    lost = read_all();
    assert_int_equal(lost->n_gpus, expected_gpus);
    assert_string_equal(lost->gpus[0].fault, "GPU is lost");
    assert_string_equal(lost->gpus[0].uuid, uuid);
    assert_int_equal(lost->gpus[0].mig, GPU_MIG_ON);
    assert_int_equal(lost->gpus[0].n_instances, 1);
    assert_int_equal(lost->gpus[0].instances[0].n_computes, 1);
    assert_string_equal(lost->gpus[1].fault, "");
    run_control("find");
    found = read_all();
    assert_string_equal(found->gpus[0].fault, "");
    assert_string_equal(found->gpus[0].instances[0].computes[0].uuid,
                        lost->gpus[0].instances[0].computes[0].uuid);
    (void)unsetenv("CARVE_EMULATOR_STATE");
    (void)unlink(path);
}

static void mode_goes_off_again(void **state)
{
    OWN(inventory_freep) struct inventory *inv = NULL;
    enum driver_mode mode = DRIVER_MODE_PENDING;
    struct err e = {0};

    (void)state;
    if (driver->set_mig(driver->self, uuid, false, &mode, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(mode, DRIVER_MODE_SET);
    inv = read_all();
    assert_int_equal(inv->gpus[0].mig, GPU_MIG_OFF);
    assert_int_equal(inv->gpus[0].mig_pending, GPU_MIG_OFF);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_the_node, start, stop),
        cmocka_unit_test_setup_teardown(sees_all_gpus_at_the_switches, start, stop),
        cmocka_unit_test_setup_teardown(every_profile_lives_at_each_of_its_places,
                                        start_in_mig_mode, stop),
        cmocka_unit_test_setup_teardown(as_many_fit_as_the_driver_says, start_in_mig_mode, stop),
        cmocka_unit_test_setup_teardown(a_taken_place_is_refused, start_in_mig_mode, stop),
        cmocka_unit_test_setup_teardown(instances_share_out_their_slices, start_in_mig_mode, stop),
        cmocka_unit_test_setup_teardown(mode_stays_on_while_instances_are_there, start_in_mig_mode,
                                        stop),
        cmocka_unit_test_setup_teardown(mode_goes_off_again, start_in_mig_mode, stop),
        cmocka_unit_test_teardown(slices_of_a_lost_gpu_stay, stop),
    };
    uint64_t gpus;

    if (argc != 5 || !text_uint(&gpus, argv[4], GPU_MAX))
        return 2;
    library = argv[1];
    control = argv[2];
    expected_gpus = (unsigned)gpus;
    (void)setenv("CARVE_EMULATOR_NODE", argv[3], 1);
    (void)unsetenv("CARVE_EMULATOR_STATE");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
