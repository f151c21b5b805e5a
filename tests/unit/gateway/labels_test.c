/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which labels a node has. The cases are the published checks of GPU feature discovery; what is
 * expected was compared with the labels that v0.20.0 of it writes on the same emulated nodes.
 */
#include "test.h"

#include "config/findings.h"
#include "gateway/labels.h"
#include "node/node_state.h"
#include "slice/fixture.h"

/* A node, what is configured on it, and the labels of both. */
struct scene {
    struct inventory *inv;
    struct config *config;
    struct resource_list *list;
    struct node_resource *resources;
    struct node_state state;
    struct labels labels;
};

static struct config *parse(const char *text)
{
    OWN(findings_done) struct findings f;
    struct config *config = NULL;
    struct err e = {0};

    findings_init(&f, "test");
    if (config_parse(&config, "test", text, strlen(text), NULL, 0, false, &f, &e) < 0)
        fail_msg("%s", e.msg);
    return config;
}

static void make(struct scene *s)
{
    struct err e = {0};

    labels_done(&s->labels);
    resource_list_free(s->list);
    s->list = fixture_list(s->inv, s->config);
    free(s->resources);
    s->resources = calloc(s->list->count + 1, sizeof *s->resources);
    assert_non_null(s->resources);
    for (size_t i = 0; i < s->list->count; i++)
        s->resources[i] = node_state_resource(&s->list->resources[i], true);
    s->state = (struct node_state){
        .inventory = s->inv,
        .resources = s->resources,
        .n_resources = s->list->count,
        .mig_strategy = s->config->mig_strategy,
        .machine = "p4d.24xlarge",
        .resolved = true,
    };
    assert_true(labels_ready(&s->state));
    assert_int_equal(labels_make(&s->labels, &s->state, 0, &e), 0);
}

/* MIG strategy of a file that has nothing else. */
static const char *const none = "version: v1\n";
static const char *const single = "version: v1\nflags: {migStrategy: single}\n";
static const char *const mixed = "version: v1\nflags: {migStrategy: mixed}\n";

static struct scene open_scene(struct inventory *inv, const char *config)
{
    struct scene s = {.inv = inv, .config = parse(config)};

    inv->cuda_version = 13000;
    for (unsigned i = 0; i < inv->n_gpus; i++) {
        inv->gpus[i].compute_major = 8;
        inv->gpus[i].pci_class = 0x030200;
    }
    make(&s);
    return s;
}

static void close_scene(struct scene *s)
{
    labels_done(&s->labels);
    free(s->resources);
    resource_list_free(s->list);
    config_free(s->config);
    inventory_free(s->inv);
}

static void check(const struct scene *s, const char *key, const char *value)
{
    char full[LABELS_KEY_SIZE];
    const char *found;

    (void)snprintf(full, sizeof full, "%s%s", strchr(key, '/') ? "" : "nvidia.com/", key);
    found = labels_find(&s->labels, full);
    if ((found == NULL) != (value == NULL) || (found && strcmp(found, value) != 0))
        fail_msg("%s is '%s' and not '%s'", full, found ? found : "(none)",
                 value ? value : "(none)");
}

/* "key=value" lines; "key" alone: there is no such label. */
static void check_all(const struct scene *s, const char *const *lines)
{
    for (; *lines; lines++) {
        char key[LABELS_KEY_SIZE];
        const char *sign = strchr(*lines, '=');

        (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(*lines, "="), *lines);
        check(s, key, sign ? sign + 1 : NULL);
    }
}

#define CHECK(scene, ...) check_all(scene, (const char *const[]){__VA_ARGS__, NULL})

static void check_keys(const struct scene *s, const char *start, size_t count)
{
    size_t found = 0;

    for (size_t i = 0; i < s->labels.count; i++)
        found += strncmp(s->labels.items[i].key, start, strlen(start)) == 0;
    assert_int_equal(found, count);
}

static struct inventory *all_1g(unsigned n_gpus)
{
    struct inventory *inv = fixture_node(n_gpus, GPU_MIG_ON);

    for (unsigned gpu = 0; gpu < n_gpus; gpu++)
        fixture_all_1g(inv, gpu);
    return inv;
}

static void gfd_mig_strategy_none(void **state)
{
    OWN(close_scene) struct scene s = open_scene(all_1g(8), none);

    (void)state;
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.count=8", "gpu.memory=40960",
          "gpu.replicas=0", "gpu.sharing-strategy=none", "mig.capable=true", "mig.strategy",
          "gpu.family=ampere", "gpu.multiprocessors");
    check_keys(&s, "nvidia.com/mig-", 0);
    check_keys(&s, "carve.dev/slices.", 0);
}

static void gfd_mig_strategy_single_one_type(void **state)
{
    OWN(close_scene) struct scene s = open_scene(all_1g(8), single);

    (void)state;
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "gpu.count=56", "gpu.memory=4864",
          "gpu.replicas=1", "gpu.sharing-strategy=none", "mig.strategy=single",
          "gpu.multiprocessors=14", "gpu.slices.gi=1", "gpu.slices.ci=1", "gpu.engines.copy=0",
          "gpu.engines.decoder=0", "gpu.engines.encoder=0", "gpu.engines.jpeg=0",
          "gpu.engines.ofa=0", "gpu.family=ampere", "gpu.compute.major=8",
          "carve.dev/slices.gpu=56");
}

static void check_invalid(const struct scene *s)
{
    CHECK(s, "gpu.product=NVIDIA-A100-SXM4-40GB-MIG-INVALID", "gpu.count=0", "gpu.memory=0",
          "gpu.replicas=0", "gpu.sharing-strategy=", "mig.strategy=single", "gpu.multiprocessors",
          "gpu.slices.gi", "gpu.family=ampere");
}

static void gfd_mig_strategy_single_two_types_is_invalid(void **state)
{
    struct inventory *inv = fixture_node(2, GPU_MIG_ON);

    (void)state;
    fixture_all_1g(inv, 0);
    fixture_instance(inv, 1, "3g.20gb", 0, "3");
    OWN(close_scene) struct scene s = open_scene(inv, single);
    check_invalid(&s);
}

static void gfd_mig_strategy_single_beside_a_whole_gpu_is_invalid(void **state)
{
    struct inventory *inv = all_1g(8);

    (void)state;
    inv->gpus[7].mig = inv->gpus[7].mig_pending = GPU_MIG_OFF;
    inv->gpus[7].n_instances = 0;
    OWN(close_scene) struct scene s = open_scene(inv, single);
    check_invalid(&s);
}

static void gfd_mig_strategy_single_empty_gpu_is_invalid(void **state)
{
    struct inventory *inv = all_1g(8);

    (void)state;
    inv->gpus[3].n_instances = 0;
    OWN(close_scene) struct scene s = open_scene(inv, single);
    check_invalid(&s);
}

static void gfd_mig_strategy_single_all_empty_is_invalid(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(8, GPU_MIG_ON), single);

    (void)state;
    check_invalid(&s);
}

static void gfd_mig_strategy_single_without_mig_is_whole_gpus(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(8, GPU_MIG_OFF), single);

    (void)state;
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.count=8", "gpu.replicas=1",
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
    OWN(close_scene) struct scene s = open_scene(inv, mixed);
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.count=8", "gpu.replicas=1",
          "mig.strategy=mixed", "mig-1g.5gb.count=2",
          "mig-1g.5gb.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "mig-1g.5gb.memory=4864",
          "mig-1g.5gb.replicas=1", "mig-1g.5gb.sharing-strategy=none",
          "mig-1g.5gb.multiprocessors=14", "mig-1g.5gb.slices.gi=1", "mig-1g.5gb.slices.ci=1",
          "mig-1g.5gb.engines.copy=1", "mig-3g.20gb.count=1", "mig-3g.20gb.slices.gi=3",
          "mig-1g.5gb.me.count=1", "mig-1g.5gb.me.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb.me",
          "carve.dev/slices.gpu=7", "carve.dev/slices.mig-1g.5gb=2",
          "carve.dev/slices.mig-1g.5gb.me=1");
    check_keys(&s, "nvidia.com/mig-", (size_t)3 * 13);
}

static void gfd_mig_strategy_mixed_passes_over_an_empty_gpu(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(2, GPU_MIG_ON), mixed);

    (void)state;
    CHECK(&s, "gpu.count=2", "gpu.replicas=0", "mig.strategy=mixed");
    check_keys(&s, "nvidia.com/mig-", 0);
}

static void mig_device_smaller_than_its_instance_has_its_own_multiprocessors(void **state)
{
    struct inventory *inv = fixture_node(1, GPU_MIG_ON);

    (void)state;
    fixture_instance(inv, 0, "3g.20gb", 0, "12");
    inv->gpus[0].instances[0].computes[0].sm_count = 14;
    OWN(close_scene) struct scene s = open_scene(inv, mixed);
    CHECK(&s, "mig-1c.3g.20gb.multiprocessors=14", "mig-1c.3g.20gb.slices.gi=3",
          "mig-1c.3g.20gb.slices.ci=1", "mig-1c.3g.20gb.memory=20096",
          "mig-2c.3g.20gb.multiprocessors");
}

static void numbers_that_nobody_told_have_no_label(void **state)
{
    struct inventory *inv = all_1g(1);

    (void)state;
    inv->gpus[0].geometry.profiles[0].unknown = GPU_NUMBER_MEM | GPU_NUMBER_OFA | GPU_NUMBER_SM;
    OWN(close_scene) struct scene s = open_scene(inv, mixed);
    CHECK(&s, "mig-1g.5gb.memory", "mig-1g.5gb.engines.ofa", "mig-1g.5gb.multiprocessors",
          "mig-1g.5gb.engines.jpeg=0");
}

#define SHARE(options, resources)                                                                  \
    "version: v1\nsharing: {timeSlicing: {" options "resources: [" resources "]}}\n"

static void gfd_shared_suffix_and_replicas_n(void **state)
{
    OWN(close_scene)
    struct scene s =
        open_scene(fixture_node(8, GPU_MIG_OFF), SHARE("", "{name: nvidia.com/gpu, replicas: 70}"));

    (void)state;
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB-SHARED", "gpu.replicas=70", "gpu.count=8",
          "gpu.sharing-strategy=time-slicing", "mps.capable=false", "carve.dev/slices.gpu=560");
}

static void gfd_no_shared_suffix_when_renamed(void **state)
{
    OWN(close_scene)
    struct scene s =
        open_scene(fixture_node(8, GPU_MIG_OFF),
                   SHARE("renameByDefault: true, ", "{name: nvidia.com/gpu, replicas: 4}"));

    (void)state;
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.replicas=4",
          "gpu.sharing-strategy=time-slicing", "carve.dev/slices.gpu.shared=32",
          "carve.dev/slices.gpu");
}

static void gfd_replicas_one_where_nothing_is_shared(void **state)
{
    OWN(close_scene)
    struct scene s = open_scene(fixture_node(8, GPU_MIG_OFF),
                                SHARE("", "{name: nvidia.com/mig-1g.5gb, replicas: 4}"));

    (void)state;
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.replicas=1", "gpu.sharing-strategy=none");
}

static void gfd_replicas_zero_of_the_gpus_under_mig(void **state)
{
    OWN(close_scene)
    struct scene s =
        open_scene(all_1g(2), "version: v1\nflags: {migStrategy: mixed}\nsharing: {timeSlicing: "
                              "{resources: [{name: nvidia.com/gpu, replicas: 3}, "
                              "{name: nvidia.com/mig-1g.5gb, replicas: 2}]}}\n");

    (void)state;
    CHECK(&s, "gpu.replicas=0", "gpu.product=NVIDIA-A100-SXM4-40GB", "mig-1g.5gb.replicas=2",
          "mig-1g.5gb.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED",
          "mig-1g.5gb.sharing-strategy=time-slicing", "carve.dev/slices.mig-1g.5gb=28");
}

/* The name that means unshared GPUs is what gpu.* tells of. */
static void a_part_shared_under_another_name_leaves_the_gpus_unshared(void **state)
{
    OWN(close_scene)
    struct scene s =
        open_scene(fixture_node(8, GPU_MIG_OFF),
                   "version: v1\ncarve: {honor: [rename, devices]}\nsharing: {timeSlicing: "
                   "{resources: [{name: nvidia.com/gpu, rename: eighth, devices: 4, "
                   "replicas: 10}]}}\n");

    (void)state;
    CHECK(&s, "gpu.replicas=1", "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.sharing-strategy=none",
          "carve.dev/slices.gpu=4", "carve.dev/slices.eighth=40");
}

static void gfd_timestamp_switch(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(1, GPU_MIG_OFF), none);
    struct err e = {0};

    (void)state;
    CHECK(&s, "gfd.timestamp");
    labels_done(&s.labels);
    assert_int_equal(labels_make(&s.labels, &s.state, 1795305600, &e), 0);
    CHECK(&s, "gfd.timestamp=1795305600");
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
    OWN(close_scene) struct scene s = open_scene(fixture_node(1, GPU_MIG_OFF), none);
    struct err e = {0};

    (void)state;
    CHECK(&s, "gpu.machine=p4d.24xlarge");
    labels_done(&s.labels);
    s.state.machine = "";
    assert_int_equal(labels_make(&s.labels, &s.state, 0, &e), 0);
    CHECK(&s, "gpu.machine=unknown");
}

static void mig_capable_is_what_the_boards_can(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(2, GPU_MIG_NONE), none);

    (void)state;
    CHECK(&s, "mig.capable=false");
    s.inv->gpus[1].mig = GPU_MIG_OFF;
    make(&s);
    CHECK(&s, "mig.capable=true");
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
    OWN(close_scene) struct scene s = open_scene(fixture_node(1, GPU_MIG_OFF), none);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        s.inv->gpus[0].compute_major = rows[i].major;
        s.inv->gpus[0].compute_minor = rows[i].minor;
        make(&s);
        check(&s, "gpu.family", rows[i].family);
    }
    CHECK(&s, "gpu.compute.major", "gpu.compute.minor");
}

static void driver_version_has_two_or_three_parts(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(1, GPU_MIG_OFF), none);

    (void)state;
    CHECK(&s, "cuda.driver-version.full=570.86.15", "cuda.driver-version.major=570",
          "cuda.driver-version.minor=86", "cuda.driver-version.revision=15",
          "cuda.driver.major=570", "cuda.driver.minor=86", "cuda.driver.rev=15",
          "cuda.runtime-version.full=13.0", "cuda.runtime-version.major=13",
          "cuda.runtime-version.minor=0", "cuda.runtime.major=13", "cuda.runtime.minor=0");
    (void)TEXT_COPY(s.inv->driver_version, "470.57");
    s.inv->cuda_version = 11040;
    make(&s);
    CHECK(&s, "cuda.driver-version.full=470.57", "cuda.driver-version.minor=57",
          "cuda.driver-version.revision=", "cuda.driver.rev=", "cuda.runtime-version.full=11.4");
    for (size_t i = 0; i < 3; i++) {
        (void)TEXT_COPY(s.inv->driver_version, ((const char *[]){"", "470", "1.2.3.4"})[i]);
        s.inv->cuda_version = 0;
        make(&s);
        check_keys(&s, "nvidia.com/cuda.", 0);
    }
}

static void mode_needs_one_class(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(2, GPU_MIG_OFF), none);
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
        make(&s);
        check(&s, "gpu.mode", rows[i].mode);
    }
}

static void clique_is_told_if_all_agree(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(3, GPU_MIG_OFF), none);

    (void)state;
    CHECK(&s, "gpu.clique");
    (void)TEXT_COPY(s.inv->gpus[1].clique, "11112222-3333-4444-5555-666677778888.7");
    (void)TEXT_COPY(s.inv->gpus[2].clique, "11112222-3333-4444-5555-666677778888.7");
    make(&s);
    CHECK(&s, "gpu.clique=11112222-3333-4444-5555-666677778888.7");
    (void)TEXT_COPY(s.inv->gpus[2].clique, "11112222-3333-4444-5555-666677778888.8");
    make(&s);
    CHECK(&s, "gpu.clique");
}

static void vgpu_tells_the_hosts_driver(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(1, GPU_MIG_OFF), none);

    (void)state;
    CHECK(&s, "vgpu.present=false", "vgpu.host-driver-version", "vgpu.host-driver-branch");
    (void)TEXT_COPY(s.inv->gpus[0].vgpu_version, "460.16");
    (void)TEXT_COPY(s.inv->gpus[0].vgpu_branch, "r460_00");
    make(&s);
    CHECK(&s, "vgpu.present=true", "vgpu.host-driver-version=460.16",
          "vgpu.host-driver-branch=r460_00");
}

static void several_models_the_last_counts_and_all_are_told(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(3, GPU_MIG_OFF), none);

    (void)state;
    (void)TEXT_COPY(s.inv->gpus[2].name, "NVIDIA A30");
    s.inv->gpus[2].mem_total_bytes = UINT64_C(24576) << 20;
    make(&s);
    CHECK(&s, "gpu.product=NVIDIA-A30", "gpu.count=1", "gpu.memory=24576",
          "carve.dev/product.NVIDIA-A30=1", "carve.dev/product.NVIDIA-A100-SXM4-40GB=2");
    s.inv->gpus[2].mig = GPU_MIG_ON;
    make(&s);
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.count=2", "gpu.replicas=1");
}

/* All that a fault can leave known, and what a restart of carved may lose with it. */
static void a_fault_changes_no_label(void **state)
{
    static const char *const configs[] = {"version: v1\n",
                                          "version: v1\nflags: {migStrategy: single}\n",
                                          "version: v1\nflags: {migStrategy: mixed}\n"};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        OWN(close_scene) struct scene s = open_scene(all_1g(8), configs[i]);
        struct labels before = s.labels;

        s.labels = (struct labels){0};
        (void)TEXT_COPY(s.inv->gpus[3].fault, "GPU is lost");
        make(&s);
        assert_true(labels_equal(&before, &s.labels));
        labels_done(&before);
    }
}

static void a_gpu_that_cannot_say_what_it_is_counts(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(8, GPU_MIG_OFF), none);
    struct gpu *gpu = &s.inv->gpus[7];

    (void)state;
    *gpu = (struct gpu){.index = 7, .numa_node = -1, .fault = "identify GPU: GPU is lost"};
    make(&s);
    CHECK(&s, "gpu.count=8", "gpu.product=NVIDIA-A100-SXM4-40GB", "gpu.mode=compute",
          "carve.dev/product.NVIDIA-A100-SXM4-40GB=7", "carve.dev/slices.gpu=7");
}

static void a_gpu_without_its_mig_state_spoils_no_single_strategy(void **state)
{
    OWN(close_scene) struct scene s = open_scene(all_1g(8), single);
    struct gpu *gpu = &s.inv->gpus[7];

    (void)state;
    gpu->mig = GPU_MIG_NONE;
    gpu->n_instances = 0;
    (void)TEXT_COPY(gpu->fault, "read MIG: unknown error");
    make(&s);
    CHECK(&s, "gpu.product=NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", "gpu.count=49");
}

static void a_node_without_gpus_says_only_that(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(0, GPU_MIG_OFF), none);

    (void)state;
    CHECK(&s, "vgpu.present=false", "gpu.present");
    assert_int_equal(s.labels.count, 1);
}

static void what_is_not_known_is_not_told(void **state)
{
    OWN(close_scene) struct scene s = open_scene(fixture_node(1, GPU_MIG_OFF), none);

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
    OWN(close_scene)
    struct scene s = open_scene(all_1g(1), SHARE("", "{name: nvidia.com/gpu, replicas: 2}"));

    (void)state;
    (void)TEXT_COPY(s.inv->gpus[0].name,
                    "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition and more of it");
    make(&s);
    CHECK(&s, "gpu.product", "gpu.count=1");
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
        cmocka_unit_test(numbers_that_nobody_told_have_no_label),
        cmocka_unit_test(gfd_shared_suffix_and_replicas_n),
        cmocka_unit_test(gfd_no_shared_suffix_when_renamed),
        cmocka_unit_test(gfd_replicas_one_where_nothing_is_shared),
        cmocka_unit_test(gfd_replicas_zero_of_the_gpus_under_mig),
        cmocka_unit_test(a_part_shared_under_another_name_leaves_the_gpus_unshared),
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
        cmocka_unit_test(a_gpu_without_its_mig_state_spoils_no_single_strategy),
        cmocka_unit_test(a_node_without_gpus_says_only_that),
        cmocka_unit_test(what_is_not_known_is_not_told),
        cmocka_unit_test(values_keep_to_kubernetes_grammar),
        cmocka_unit_test(what_kubernetes_refuses_is_left_out_and_told),
        cmocka_unit_test(labels_are_in_order_and_once_each),
        cmocka_unit_test(leftovers_are_ours_or_gfds_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
