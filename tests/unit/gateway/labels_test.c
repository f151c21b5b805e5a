/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which labels a node has: what each tells of the hardware, what a fault leaves of them, and the
 * grammar of values; compared with the labels that v0.20.0 of GPU feature discovery writes on the
 * same emulated nodes.
 */
#include "test.h"

#include "gateway/labels.h"
#include "node/node_state.h"
#include "scene.h"
#include "slice/fixture.h"

static void numbers_that_nobody_told_have_no_label(void **state)
{
    struct inventory *inv = scene_all_1g(1);

    (void)state;
    inv->gpus[0].geometry.profiles[0].unknown = GPU_NUMBER_MEM | GPU_NUMBER_OFA | GPU_NUMBER_SM;
    OWN(scene_close) struct scene s = scene_open(inv, scene_mixed);
    SCENE_HAS(&s, "mig-1g.5gb.memory", "mig-1g.5gb.engines.ofa", "mig-1g.5gb.multiprocessors",
              "mig-1g.5gb.engines.jpeg=0");
}

static void gfd_timestamp_switch(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(1, GPU_MIG_OFF), scene_none);
    struct err e = {0};

    (void)state;
    SCENE_HAS(&s, "gfd.timestamp");
    labels_done(&s.labels);
    assert_int_equal(labels_make(&s.labels, &s.state, 1795305600, &e), 0);
    SCENE_HAS(&s, "gfd.timestamp=1795305600");
}

static void gfd_label_sanitising(void **state)
{
    static const char *const names[][2] = {
        {"NVIDIA A100-SXM4-40GB", "NVIDIA-A100-SXM4-40GB"},
        {"Standard PC (i440FX + PIIX, 1996)", "Standard-PC-i440FX-PIIX-1996"},
        {"  a  b\tc ", "a-bc"},
        {"Quadro RTX\xc2\xae 6000/8000", "Quadro-RTX-60008000"},
        {"p4d.24xlarge", "p4d.24xlarge"},
        {"()", ""},
        {"", ""},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        labels_clean(out, sizeof out, names[i][0]);
        assert_string_equal(out, names[i][1]);
    }
    labels_clean(out, 6, "a bcdefg");
    assert_true(strlen(out) < 6);
}

static void machine_is_told_or_unknown(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(1, GPU_MIG_OFF), scene_none);
    struct err e = {0};

    (void)state;
    SCENE_HAS(&s, "gpu.machine=p4d.24xlarge");
    labels_done(&s.labels);
    s.state.machine = "";
    assert_int_equal(labels_make(&s.labels, &s.state, 0, &e), 0);
    SCENE_HAS(&s, "gpu.machine=unknown");
}

static void mig_capable_is_what_the_boards_can(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(2, GPU_MIG_NONE), scene_none);

    (void)state;
    SCENE_HAS(&s, "mig.capable=false");
    s.inv->gpus[1].mig = GPU_MIG_OFF;
    scene_make(&s);
    SCENE_HAS(&s, "mig.capable=true");
}

static void families_follow_compute_capability(void **state)
{
    static const struct {
        unsigned major, minor;
        const char *family;
    } rows[] = {
        {1, 3, "tesla"},      {2, 0, "fermi"},      {3, 7, "kepler"},     {4, 0, "undefined"},
        {5, 2, "maxwell"},    {6, 1, "pascal"},     {7, 0, "volta"},      {7, 4, "volta"},
        {7, 5, "turing"},     {8, 0, "ampere"},     {8, 8, "ampere"},     {8, 9, "ada-lovelace"},
        {9, 0, "hopper"},     {10, 0, "blackwell"}, {10, 3, "blackwell"}, {11, 0, "undefined"},
        {12, 0, "blackwell"}, {13, 0, "rubin"},     {14, 0, "undefined"}, {0, 0, NULL},
    };
    OWN(scene_close) struct scene s = scene_open(fixture_node(1, GPU_MIG_OFF), scene_none);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s.inv->gpus[0].compute_major = rows[i].major;
        s.inv->gpus[0].compute_minor = rows[i].minor;
        scene_make(&s);
        scene_check(&s, "gpu.family", rows[i].family);
    }
    SCENE_HAS(&s, "gpu.compute.major", "gpu.compute.minor");
}

static void driver_version_has_two_or_three_parts(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(1, GPU_MIG_OFF), scene_none);

    (void)state;
    SCENE_HAS(&s, "cuda.driver-version.full=570.86.15", "cuda.driver-version.major=570",
              "cuda.driver-version.minor=86", "cuda.driver-version.revision=15",
              "cuda.driver.major=570", "cuda.driver.minor=86", "cuda.driver.rev=15",
              "cuda.runtime-version.full=13.0", "cuda.runtime-version.major=13",
              "cuda.runtime-version.minor=0", "cuda.runtime.major=13", "cuda.runtime.minor=0");
    (void)TEXT_COPY(s.inv->driver_version, "470.57");
    s.inv->cuda_version = 11040;
    scene_make(&s);
    SCENE_HAS(
        &s, "cuda.driver-version.full=470.57", "cuda.driver-version.minor=57",
        "cuda.driver-version.revision=", "cuda.driver.rev=", "cuda.runtime-version.full=11.4");
    for (size_t i = 0; i < 3; i++) {
        (void)TEXT_COPY(s.inv->driver_version, ((const char *[]){"", "470", "1.2.3.4"})[i]);
        s.inv->cuda_version = 0;
        scene_make(&s);
        scene_check_keys(&s, "nvidia.com/cuda.", 0);
    }
}

static void mode_needs_one_class(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(2, GPU_MIG_OFF), scene_none);
    static const struct {
        uint32_t first, second;
        const char *mode;
    } rows[] = {{0x030200, 0x030200, "compute"},
                {0x030000, 0x030000, "graphics"},
                {0x030000, 0x030200, "unknown"},
                {0x030200, 0, "unknown"},
                {0, 0, "unknown"},
                {0x120000, 0x120000, "unknown"}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s.inv->gpus[0].pci_class = rows[i].first;
        s.inv->gpus[1].pci_class = rows[i].second;
        scene_make(&s);
        scene_check(&s, "gpu.mode", rows[i].mode);
    }
}

static void clique_is_told_if_all_agree(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(3, GPU_MIG_OFF), scene_none);

    (void)state;
    SCENE_HAS(&s, "gpu.clique");
    (void)TEXT_COPY(s.inv->gpus[1].clique, "11112222-3333-4444-5555-666677778888.7");
    (void)TEXT_COPY(s.inv->gpus[2].clique, "11112222-3333-4444-5555-666677778888.7");
    scene_make(&s);
    SCENE_HAS(&s, "gpu.clique=11112222-3333-4444-5555-666677778888.7");
    (void)TEXT_COPY(s.inv->gpus[2].clique, "11112222-3333-4444-5555-666677778888.8");
    scene_make(&s);
    SCENE_HAS(&s, "gpu.clique");
}

static void vgpu_tells_the_hosts_driver(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(1, GPU_MIG_OFF), scene_none);

    (void)state;
    SCENE_HAS(&s, "vgpu.present=false", "vgpu.host-driver-version", "vgpu.host-driver-branch");
    (void)TEXT_COPY(s.inv->gpus[0].vgpu_version, "460.16");
    (void)TEXT_COPY(s.inv->gpus[0].vgpu_branch, "r460_00");
    scene_make(&s);
    SCENE_HAS(&s, "vgpu.present=true", "vgpu.host-driver-version=460.16",
              "vgpu.host-driver-branch=r460_00");
}

static void several_models_the_last_counts_and_all_are_told(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(3, GPU_MIG_OFF), scene_none);

    (void)state;
    (void)TEXT_COPY(s.inv->gpus[2].name, "NVIDIA A30");
    s.inv->gpus[2].mem_total_bytes = UINT64_C(24576) << 20;
    scene_make(&s);
    SCENE_HAS(&s, "gpu.product=NVIDIA-A30", "gpu.count=1", "gpu.memory=24576",
              "carve.dev/product.NVIDIA-A30=1", "carve.dev/product.NVIDIA-A100-SXM4-40GB=2");
    s.inv->gpus[2].mig = GPU_MIG_ON;
    scene_make(&s);
    SCENE_HAS(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.count=2", "gpu.replicas=1");
}

/* All that a fault can leave known, and what a restart of carved may lose with it. */
static void a_fault_changes_no_label(void **state)
{
    static const char *const configs[] = {"version: v1\n",
                                          "version: v1\nflags: {migStrategy: single}\n",
                                          "version: v1\nflags: {migStrategy: mixed}\n"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        OWN(scene_close) struct scene s = scene_open(scene_all_1g(8), configs[i]);
        struct labels before = s.labels;

        s.labels = (struct labels){0};
        (void)TEXT_COPY(s.inv->gpus[3].fault, "GPU is lost");
        scene_make(&s);
        assert_true(labels_equal(&before, &s.labels));
        labels_done(&before);
    }
}

static void a_gpu_that_cannot_say_what_it_is_counts(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(8, GPU_MIG_OFF), scene_none);
    struct gpu *gpu = &s.inv->gpus[7];

    (void)state;
    *gpu = (struct gpu){.index = 7, .numa_node = -1, .fault = "identify GPU: GPU is lost"};
    scene_make(&s);
    SCENE_HAS(&s, "gpu.count=8", "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.mode=compute",
              "carve.dev/product.NVIDIA-A100-SXM4-40GB=7", "carve.dev/slices.gpu=7");
}

static void a_node_without_gpus_says_only_that(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(0, GPU_MIG_OFF), scene_none);

    (void)state;
    SCENE_HAS(&s, "vgpu.present=false", "gpu.present");
    assert_int_equal(s.labels.count, 1);
}

static void what_is_not_known_is_not_told(void **state)
{
    OWN(scene_close) struct scene s = scene_open(fixture_node(1, GPU_MIG_OFF), scene_none);

    (void)state;
    s.state.resolved = false;
    assert_false(labels_ready(&s.state));
    s.state.resolved = true;
    s.state.inventory = NULL;
    assert_false(labels_ready(&s.state));
    assert_false(labels_ready(NULL));
}

static void values_keep_to_kubernetes_grammar(void **state)
{
    char text[65];

    (void)state;
    memset(text, 'a', sizeof text);
    text[64] = '\0';
    assert_false(labels_value_fits(text));
    text[63] = '\0';
    assert_true(labels_value_fits(text));
    for (size_t i = 0; i < 6; i++)
        assert_false(
            labels_value_fits(((const char *[]){"-a", "a-", "a b", ".", "a/b", "\xc3\xa4"})[i]));
    assert_true(labels_value_fits("") && labels_value_fits("a_-.9"));
    assert_true(labels_key_fits("nvidia.com/mig-1g.5gb.me.count"));
    for (size_t i = 0; i < 4; i++)
        assert_false(labels_key_fits(((const char *[]){"nvidia.com/", "/a", "plain", "a/b+c"})[i]));
}

static void what_kubernetes_refuses_is_left_out_and_told(void **state)
{
    OWN(scene_close)
    struct scene s =
        scene_open(scene_all_1g(1), SCENE_SHARED("", "{name: nvidia.com/gpu, replicas: 2}"));

    (void)state;
    (void)TEXT_COPY(s.inv->gpus[0].name,
                    "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition and more of it");
    scene_make(&s);
    SCENE_HAS(&s, "gpu.product", "gpu.count=1");
    assert_int_equal(s.labels.n_left_out, 2);
    assert_non_null(strstr(s.labels.left_out, "Blackwell"));
}

static void labels_are_in_order_and_once_each(void **state)
{
    struct labels l = {0};

    (void)state;
    labels_put(&l, "x/b", "%s", "1");
    labels_put(&l, "x/a", "%s", "2");
    labels_put(&l, "x/b", "%s", "3");
    for (int i = 0; i < LABELS_MAX; i++) {
        char key[32];

        (void)snprintf(key, sizeof key, "y/%d", i);
        labels_put(&l, key, "%d", i);
    }
    assert_true(labels_list_end(&l));
    assert_int_equal(l.count, LABELS_MAX);
    assert_int_equal(l.n_left_out, 2);
    assert_string_equal(l.items[0].key, "x/a");
    assert_string_equal(labels_find(&l, "x/b"), "3");
    assert_null(labels_find(&l, "x/c"));
    labels_done(&l);
}

static void leftovers_are_ours_or_gfds_alone(void **state)
{
    static const char *const known[] = {"nvidia.com/gpu.product",   "nvidia.com/mig-1g.5gb.count",
                                        "nvidia.com/gfd.timestamp", "nvidia.com/gpu.engines.copy",
                                        "carve.dev/slices.gpu",     "carve.dev/product.NVIDIA-A30"};
    static const char *const others[] = {"nvidia.com/gpu.present",
                                         "nvidia.com/gpu.deploy.mig-manager",
                                         "nvidia.com/mig.config",
                                         "nvidia.com/mig.config.state",
                                         "nvidia.com/device-plugin.config",
                                         "carve.dev/mig.drain",
                                         "nvidia.com/gpu.products",
                                         "nvidia.com/gpu",
                                         "kubernetes.io/arch",
                                         "feature.node.kubernetes.io/pci-10de.present"};

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_true(labels_known(known[i]));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(labels_known(others[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_that_nobody_told_have_no_label),
        cmocka_unit_test(gfd_timestamp_switch),
        cmocka_unit_test(gfd_label_sanitising),
        cmocka_unit_test(machine_is_told_or_unknown),
        cmocka_unit_test(mig_capable_is_what_the_boards_can),
        cmocka_unit_test(families_follow_compute_capability),
        cmocka_unit_test(driver_version_has_two_or_three_parts),
        cmocka_unit_test(mode_needs_one_class),
        cmocka_unit_test(clique_is_told_if_all_agree),
        cmocka_unit_test(vgpu_tells_the_hosts_driver),
        cmocka_unit_test(several_models_the_last_counts_and_all_are_told),
        cmocka_unit_test(a_fault_changes_no_label),
        cmocka_unit_test(a_gpu_that_cannot_say_what_it_is_counts),
        cmocka_unit_test(a_node_without_gpus_says_only_that),
        cmocka_unit_test(what_is_not_known_is_not_told),
        cmocka_unit_test(values_keep_to_kubernetes_grammar),
        cmocka_unit_test(what_kubernetes_refuses_is_left_out_and_told),
        cmocka_unit_test(labels_are_in_order_and_once_each),
        cmocka_unit_test(leftovers_are_ours_or_gfds_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
