/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory as a value. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "gpu/geometry.h"

static void finds_gpus_by_uuid(void **state)
{
    struct gpu gpus[3] = {{.uuid = "GPU-a"}, {.uuid = ""}, {.uuid = "GPU-b"}};
    struct inventory inv = {.n_gpus = 3, .gpus = gpus};

    (void)state;
    assert_ptr_equal(inventory_find(&inv, "GPU-b"), &gpus[2]);
    assert_null(inventory_find(&inv, "GPU-c"));
    assert_null(inventory_find(&inv, "")); /* a GPU that could not say who it is */
}

static void frees_half_built_inventories(void **state)
{
    struct inventory *inv = calloc(1, sizeof *inv);

    (void)state;
    inventory_free(NULL);
    assert_non_null(inv);
    inv->n_gpus = 2;
    inventory_free(inv);
    inv = calloc(1, sizeof *inv);
    assert_non_null(inv);
    inv->n_gpus = 1;
    inv->gpus = calloc(1, sizeof *inv->gpus);
    assert_non_null(inv->gpus);
    inv->gpus[0].processes = calloc(1, sizeof *inv->gpus[0].processes);
    inventory_free(inv);
}

static void names_mig_devices_by_profile_and_size(void **state)
{
    struct gpu *gpu = calloc(1, sizeof *gpu);
    struct gpu_instance gi = {.profile_id = 9};
    struct gpu_compute whole = {.slices = 3};
    struct gpu_compute part = {.slices = 1};
    char name[GPU_PROFILE_NAME_SIZE];

    (void)state;
    assert_non_null(gpu);
    assert_true(geometry_table(&gpu->geometry, 0x20B010DE));
    assert_string_equal(gpu_device_name(name, gpu, &gi, &whole), "3g.20gb");
    assert_string_equal(gpu_device_name(name, gpu, &gi, &part), "1c.3g.20gb");
    gi.profile_id = 20;
    assert_string_equal(gpu_device_name(name, gpu, &gi, &part), "1g.5gb+me");
    gi.profile_id = 77;
    assert_string_equal(gpu_device_name(name, gpu, &gi, &part), "profile-77");
    free(gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_gpus_by_uuid),
        cmocka_unit_test(frees_half_built_inventories),
        cmocka_unit_test(names_mig_devices_by_profile_and_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
