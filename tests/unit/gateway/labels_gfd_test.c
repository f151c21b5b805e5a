/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which labels a node has: the published checks of GPU feature discovery on MIG strategies and
 * sharing; what is expected was compared with the labels that v0.20.0 of it writes on the same
 * emulated nodes.
 */
#include "test.h"

#include "gateway/labels.h"
#include "node/node_state.h"
#include "scene.h"
#include "slice/fixture.h"

static void gfd_mig_strategy_none(void **state)
{
    OWN(scene_close) struct scene s = scene_open(scene_all_1g(8), scene_none);

    (void)state;
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.count=8", "gpu.memory=40960",
              "gpu.replicas=0", "gpu.sharing-strategy=none", "mig.capable=true", "mig.strategy",
              "gpu.family=ampere", "gpu.multiprocessors");
    scene_check_keys(&s, "nvidia.com/mig-", 0);
    scene_check_keys(&s, "carve.dev/slices.", 0);
}

static void gfd_mig_strategy_single_one_type(void **state)
{
    OWN(scene_close) struct scene s = scene_open(scene_all_1g(8), scene_single);

    (void)state;
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "gpu.count=56", "gpu.memory=4864",
              "gpu.replicas=1", "gpu.sharing-strategy=none", "mig.strategy=single",
              "gpu.multiprocessors=14", "gpu.slices.gi=1", "gpu.slices.ci=1", "gpu.engines.copy=0",
              "gpu.engines.decoder=0", "gpu.engines.encoder=0", "gpu.engines.jpeg=0",
              "gpu.engines.ofa=0", "gpu.family=ampere", "gpu.compute.major=8",
              "carve.dev/slices.gpu=56");
}

static void check_invalid(const struct scene *s)
{
    SCENE_HAS(s, "gpu.product=NVIDIA-A100-SXM4-40GB-MIG-INVALID", "gpu.count=0", "gpu.memory=0",
              "gpu.replicas=0", "gpu.sharing-strategy=", "mig.strategy=single",
              "gpu.multiprocessors", "gpu.slices.gi", "gpu.family=ampere");
}

static void gfd_mig_strategy_single_two_types_is_invalid(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_ON);

    (void)state;
    fixture_all_1g(inv, 0);
    fixture_instance(inv, 1, "3g.20gb", 0, "3");
    OWN(scene_close) struct scene s = scene_open(inv, scene_single);
    check_invalid(&s);
}

static void gfd_mig_strategy_single_beside_a_whole_gpu_is_invalid(void **state)
{
    struct inventory *inv = scene_all_1g(8);

    (void)state;
    inv->gpus[7].mig = inv->gpus[7].mig_pending = GPU_MIG_OFF;
    inv->gpus[7].n_instances = 0;
    OWN(scene_close) struct scene s = scene_open(inv, scene_single);
    check_invalid(&s);
}

static void gfd_mig_strategy_single_empty_gpu_is_invalid(void **state)
{
    struct inventory *inv = scene_all_1g(8);

    (void)state;
    inv->gpus[3].n_instances = 0;
    OWN(scene_close) struct scene s = scene_open(inv, scene_single);
    check_invalid(&s);
}

static void gfd_mig_strategy_single_all_empty_is_invalid(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(8, GPU_MIG_ON), scene_single);

    (void)state;
    check_invalid(&s);
}

static void gfd_mig_strategy_single_without_mig_is_whole_gpus(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(8, GPU_MIG_OFF), scene_single);

    (void)state;
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.count=8", "gpu.replicas=1",
              "mig.strategy=single", "gpu.memory=40960");
}

static void gfd_mig_strategy_mixed(void **state)
{
    struct inventory *inv = fixture_node(8, GPU_MIG_OFF);

    (void)state;
    inv->gpus[0].mig = GPU_MIG_ON;
    inv->gpus[0].geometry.profiles[0].copy_engines = 1;
    fixture_instance(inv, 0, "3g.20gb", 4, "3");
    fixture_instance(inv, 0, "1g.5gb", 0, "1");
    fixture_instance(inv, 0, "1g.5gb", 1, "1");
    fixture_instance(inv, 0, "1g.5gb+me", 2, "1");
    OWN(scene_close) struct scene s = scene_open(inv, scene_mixed);
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.count=8", "gpu.replicas=1",
              "mig.strategy=mixed", "mig-1g.5gb.count=2",
              "mig-1g.5gb.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "mig-1g.5gb.memory=4864",
              "mig-1g.5gb.replicas=1", "mig-1g.5gb.sharing-strategy=none",
              "mig-1g.5gb.multiprocessors=14", "mig-1g.5gb.slices.gi=1", "mig-1g.5gb.slices.ci=1",
              "mig-1g.5gb.engines.copy=1", "mig-3g.20gb.count=1", "mig-3g.20gb.slices.gi=3",
              "mig-1g.5gb.me.count=1", "mig-1g.5gb.me.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb.me",
              "carve.dev/slices.gpu=7", "carve.dev/slices.mig-1g.5gb=2",
              "carve.dev/slices.mig-1g.5gb.me=1");
    scene_check_keys(&s, "nvidia.com/mig-", (size_t)3 * 13);
}

static void gfd_mig_strategy_mixed_passes_over_an_empty_gpu(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(2, GPU_MIG_ON), scene_mixed);

    (void)state;
    SCENE_HAS(&s, "gpu.count=2", "gpu.replicas=0", "mig.strategy=mixed");
    scene_check_keys(&s, "nvidia.com/mig-", 0);
}

static void mig_device_smaller_than_its_instance_has_its_own_multiprocessors(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_ON);

    (void)state;
    fixture_instance(inv, 0, "3g.20gb", 0, "12");
    inv->gpus[0].instances[0].computes[0].sm_count = 14;
    OWN(scene_close) struct scene s = scene_open(inv, scene_mixed);
    SCENE_HAS(&s, "mig-1c.3g.20gb.multiprocessors=14", "mig-1c.3g.20gb.slices.gi=3",
              "mig-1c.3g.20gb.slices.ci=1", "mig-1c.3g.20gb.memory=20096",
              "mig-2c.3g.20gb.multiprocessors");
}

static void gfd_shared_suffix_and_replicas_n(void **state)
{
    OWN(scene_close)
    struct scene s = scene_open(fixture_node(8, GPU_MIG_OFF),
                                SCENE_SHARED("", "{name: nvidia.com/gpu, replicas: 70}"));

    (void)state;
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB-SHARED", "gpu.replicas=70", "gpu.count=8",
              "gpu.sharing-strategy=time-slicing", "mps.capable=false", "carve.dev/slices.gpu=560");
}

static void gfd_no_shared_suffix_when_renamed(void **state)
{
    OWN(scene_close)
    struct scene s =
        scene_open(fixture_node(8, GPU_MIG_OFF),
                   SCENE_SHARED("renameByDefault: true, ", "{name: nvidia.com/gpu, replicas: 4}"));

    (void)state;
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.replicas=4",
              "gpu.sharing-strategy=time-slicing", "carve.dev/slices.gpu.shared=32",
              "carve.dev/slices.gpu");
}

static void gfd_replicas_one_where_nothing_is_shared(void **state)
{
    OWN(scene_close)
    struct scene s = scene_open(fixture_node(8, GPU_MIG_OFF),
                                SCENE_SHARED("", "{name: nvidia.com/mig-1g.5gb, replicas: 4}"));

    (void)state;
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.replicas=1",
              "gpu.sharing-strategy=none");
}

static void gfd_replicas_zero_of_the_gpus_under_mig(void **state)
{
    OWN(scene_close)
    struct scene s = scene_open(scene_all_1g(2),
                                "version: v1\nflags: {migStrategy: mixed}\nsharing: {timeSlicing: "
                                "{resources: [{name: nvidia.com/gpu, replicas: 3}, "
                                "{name: nvidia.com/mig-1g.5gb, replicas: 2}]}}\n");

    (void)state;
    SCENE_HAS(&s, "gpu.replicas=0", "gpu.product=NVIDIA-A100-SXM4-40GB", "mig-1g.5gb.replicas=2",
              "mig-1g.5gb.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED",
              "mig-1g.5gb.sharing-strategy=time-slicing", "carve.dev/slices.mig-1g.5gb=28");
}

/* The name that means unshared GPUs is what gpu.* tells of. */
static void a_part_shared_under_another_name_leaves_the_gpus_unshared(void **state)
{
    OWN(scene_close)
    struct scene s =
        scene_open(fixture_node(8, GPU_MIG_OFF),
                   "version: v1\ncarve: {honor: [rename, devices]}\nsharing: {timeSlicing: "
                   "{resources: [{name: nvidia.com/gpu, rename: eighth, devices: 4, "
                   "replicas: 10}]}}\n");

    (void)state;
    SCENE_HAS(&s, "gpu.replicas=1", "gpu.product=NVIDIA-A100-SXM4-40GB",
              "gpu.sharing-strategy=none", "carve.dev/slices.gpu=4", "carve.dev/slices.eighth=40");
}

static void a_gpu_without_its_mig_state_spoils_no_single_strategy(void **state)
{
    OWN(scene_close) struct scene s = scene_open(scene_all_1g(8), scene_single);
    struct gpu *gpu = &s.inv->gpus[7];

    (void)state;
    gpu->mig = GPU_MIG_NONE;
    gpu->n_instances = 0;
    (void)TEXT_COPY(gpu->fault, "read MIG: unknown error");
    scene_make(&s);
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "gpu.count=49");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gfd_mig_strategy_none),
        cmocka_unit_test(gfd_mig_strategy_single_one_type),
        cmocka_unit_test(gfd_mig_strategy_single_two_types_is_invalid),
        cmocka_unit_test(gfd_mig_strategy_single_beside_a_whole_gpu_is_invalid),
        cmocka_unit_test(gfd_mig_strategy_single_empty_gpu_is_invalid),
        cmocka_unit_test(gfd_mig_strategy_single_all_empty_is_invalid),
        cmocka_unit_test(gfd_mig_strategy_single_without_mig_is_whole_gpus),
        cmocka_unit_test(gfd_mig_strategy_mixed),
        cmocka_unit_test(gfd_mig_strategy_mixed_passes_over_an_empty_gpu),
        cmocka_unit_test(mig_device_smaller_than_its_instance_has_its_own_multiprocessors),
        cmocka_unit_test(gfd_shared_suffix_and_replicas_n),
        cmocka_unit_test(gfd_no_shared_suffix_when_renamed),
        cmocka_unit_test(gfd_replicas_one_where_nothing_is_shared),
        cmocka_unit_test(gfd_replicas_zero_of_the_gpus_under_mig),
        cmocka_unit_test(a_part_shared_under_another_name_leaves_the_gpus_unshared),
        cmocka_unit_test(a_gpu_without_its_mig_state_spoils_no_single_strategy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
