/* SPDX-License-Identifier: Apache-2.0 */
/* Which slice a kernel is run in. */
#include <string.h>

#include "base/text.h"
#include "doctor/cuda_run.h"
#include "doctor/cuda_slice.h"
#include "gpu/gpu.h"
#include "node/node_state.h"
#include "test.h"

/* GPU 0 whole and in use, GPU 1 whole, GPU 2 cut in two, with a process on the first. */
struct scene {
    struct gpu gpus[3];
    struct gpu_process processes[2];
    struct inventory inventory;
};

static void make(struct scene *s)
{
    static const char *const uuids[] = {"GPU-00000000-a", "GPU-11111111-b", "GPU-22222222-c"};
    struct gpu *cut = &s->gpus[2];

    *s = (struct scene){.inventory = {.n_gpus = 3, .gpus = s->gpus}};
    for (unsigned i = 0; i < 3; i++) {
        s->gpus[i] = (struct gpu){.index = i, .mem_total_bytes = 1000, .mem_reserved_bytes = 100};
        (void)TEXT_COPY(s->gpus[i].uuid, uuids[i]);
    }
    s->processes[0] = (struct gpu_process){.pid = 1, .gi_id = -1, .ci_id = -1};
    s->processes[1] = (struct gpu_process){.pid = 2, .gi_id = 7, .ci_id = 0};
    s->gpus[0].n_processes = 1;
    s->gpus[0].processes = &s->processes[0];
    cut->mig = GPU_MIG_ON;
    cut->n_processes = 1;
    cut->processes = &s->processes[1];
    cut->geometry.n_profiles = 1;
    cut->geometry.profiles[0] =
        (struct gpu_profile){.name = "1g.5gb+me", .id = 20, .slices = 1, .mem_mib = 3};
    cut->n_instances = 2;
    for (unsigned i = 0; i < 2; i++) {
        cut->instances[i] = (struct gpu_instance){.id = 7 + i, .profile_id = 20, .n_computes = 1};
        cut->instances[i].computes[0] = (struct gpu_compute){.slices = 1, .device_index = i};
        (void)TEXT_COPY(cut->instances[i].computes[0].uuid, i ? "MIG-bbbbbbbb" : "MIG-aaaaaaaa");
    }
}

static const struct row {
    const char *slice, *resource;
    const char *uuid; /* NULL: refused, in these words */
    const char *words;
} rows[] = {
    {NULL, NULL, "GPU-11111111-b", NULL},
    {"0", NULL, "GPU-00000000-a", NULL},
    {"GPU-00000000-a::12", NULL, "GPU-00000000-a", NULL},
    {"GPU-1111", NULL, "GPU-11111111-b", NULL},
    {"2:0", NULL, "MIG-aaaaaaaa", NULL},
    {"MIG-bbbb", NULL, "MIG-bbbbbbbb", NULL},
    {NULL, "nvidia.com/mig-1g.5gb.me", "MIG-bbbbbbbb", NULL},
    {NULL, "nvidia.com/gpu", "GPU-11111111-b", NULL},
    {NULL, "nvidia.com/gpu.shared", "GPU-11111111-b", NULL},
    {"GPU-", NULL, NULL, "there is no slice 'GPU-'"},
    {"2", NULL, NULL, "there is no slice '2'"},
    {"", NULL, NULL, "there is no slice ''"},
    {"::3", NULL, NULL, "there is no slice '::3'"},
    {NULL, "nvidia.com/mig-2g.10gb", NULL, "no slice is behind"},
};

static void chooses(void **state)
{
    struct scene s;

    (void)state;
    make(&s);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct node_cuda_facts out = {.n_devices = 0};

        cuda_slice_choose(&out, &s.inventory, NULL, rows[i].slice, rows[i].resource);
        if (rows[i].uuid)
            assert_string_equal(out.uuid, rows[i].uuid);
        assert_int_equal(*out.refused == '\0', rows[i].uuid != NULL);
        if (rows[i].words)
            assert_non_null(strstr(out.refused, rows[i].words));
    }
}

static void knows_the_memory(void **state)
{
    struct node_cuda_facts out = {.n_devices = 0};
    struct scene s;

    (void)state;
    make(&s);
    cuda_slice_choose(&out, &s.inventory, NULL, "1", NULL);
    assert_int_equal(out.slice_bytes, 900);
    cuda_slice_choose(&out, &s.inventory, NULL, "2:1", NULL);
    assert_int_equal(out.slice_bytes, 3 << 20);
    assert_string_equal(out.slice, "1g.5gb+me on GPU 2 (MIG-bbbbbbbb)");
}

static void takes_no_sick_gpu(void **state)
{
    struct node_cuda_facts out = {.n_devices = 0};
    struct scene s;

    (void)state;
    make(&s);
    (void)TEXT_COPY(s.gpus[1].fault, "GPU is lost");
    cuda_slice_choose(&out, &s.inventory, NULL, NULL, "nvidia.com/gpu");
    assert_string_equal(out.uuid, "GPU-00000000-a");
    cuda_slice_choose(&out, &s.inventory, NULL, "1", NULL);
    assert_non_null(strstr(out.refused, "no slice is healthy"));
}

static void heeds_what_carved_says_of_a_resource(void **state)
{
    const struct node_resource resources[] = {
        {.name = "example.com/small", .mig = true, .profile = "1g.5gb+me"},
        {.name = "nvidia.com/mig-odd", .profile = ""},
    };
    const struct node_state carved = {.n_resources = 2, .resources = resources};
    struct node_cuda_facts out = {.n_devices = 0};
    struct scene s;

    (void)state;
    make(&s);
    cuda_slice_choose(&out, &s.inventory, &carved, NULL, "example.com/small");
    assert_string_equal(out.uuid, "MIG-bbbbbbbb");
    cuda_slice_choose(&out, &s.inventory, &carved, NULL, "nvidia.com/mig-odd");
    assert_string_equal(out.uuid, "GPU-11111111-b");
}

static void says_that_nothing_is_cut(void **state)
{
    struct node_cuda_facts out = {.n_devices = 0};
    struct scene s;

    (void)state;
    make(&s);
    s.gpus[2].n_instances = 0;
    s.inventory.n_gpus = 1;
    s.inventory.gpus = &s.gpus[2];
    cuda_slice_choose(&out, &s.inventory, NULL, NULL, NULL);
    assert_string_equal(out.refused, "all GPUs are in MIG mode and have no instance");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chooses),
        cmocka_unit_test(knows_the_memory),
        cmocka_unit_test(takes_no_sick_gpu),
        cmocka_unit_test(heeds_what_carved_says_of_a_resource),
        cmocka_unit_test(says_that_nothing_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
