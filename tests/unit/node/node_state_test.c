/* SPDX-License-Identifier: Apache-2.0 */
/* The node's state to bytes and back: nothing gets lost, and damage is harmless. */
#include "test.h"

#include <errno.h>

#include "base/buf.h"
#include "node.pb-c.h"
#include "node/node_state.h"
#include "slice/fixture.h"

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static void random_text(char *field, size_t size, uint32_t *seed)
{
    size_t length = next(seed) % size;

    for (size_t i = 0; i < length; i++)
        field[i] = (char)(' ' + next(seed) % 90);
    memset(field + length, 0, size - length);
}

#define RANDOM_TEXT(field) random_text((field), sizeof(field), seed)

static void random_geometry(struct gpu_geometry *g, uint32_t *seed)
{
    g->axis = next(seed) % 13;
    g->from_table = next(seed) % 2;
    g->n_profiles = next(seed) % (GPU_MAX_PROFILES + 1);
    for (unsigned i = 0; i < g->n_profiles; i++) {
        struct gpu_profile *p = &g->profiles[i];
        unsigned *numbers[] = {&p->id,           &p->index,        &p->slices,   &p->max_instances,
                               &p->sm_count,     &p->copy_engines, &p->decoders, &p->encoders,
                               &p->jpeg_engines, &p->ofa_engines};

        RANDOM_TEXT(p->name);
        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++)
            *numbers[k] = next(seed);
        p->mem_mib = next(seed);
        p->unknown = (uint8_t)next(seed);
        p->p2p = next(seed) % 2;
        p->span_size = (uint8_t)(next(seed) % 17);
        p->span_starts = (uint16_t)next(seed);
    }
}

static void random_instances(struct gpu *gpu, uint32_t *seed)
{
    gpu->n_instances = next(seed) % (GPU_MAX_INSTANCES + 1);
    for (unsigned i = 0; i < gpu->n_instances; i++) {
        struct gpu_instance *gi = &gpu->instances[i];

        gi->id = next(seed);
        gi->profile_id = next(seed);
        gi->span.start = (uint8_t)(next(seed) % 17);
        gi->span.size = (uint8_t)(next(seed) % 17);
        gi->n_computes = next(seed) % (GPU_MAX_COMPUTE + 1);
        for (unsigned k = 0; k < gi->n_computes; k++) {
            gi->computes[k].id = next(seed);
            gi->computes[k].slices = next(seed);
            gi->computes[k].device_index = next(seed);
            gi->computes[k].sm_count = next(seed);
            RANDOM_TEXT(gi->computes[k].uuid);
        }
    }
}

static void random_gpu(struct gpu *gpu, uint32_t *seed)
{
    gpu->index = next(seed);
    gpu->minor = next(seed);
    RANDOM_TEXT(gpu->uuid);
    RANDOM_TEXT(gpu->name);
    RANDOM_TEXT(gpu->bus_id);
    RANDOM_TEXT(gpu->fault);
    RANDOM_TEXT(gpu->vgpu_version);
    RANDOM_TEXT(gpu->vgpu_branch);
    RANDOM_TEXT(gpu->clique);
    gpu->pci_class = next(seed);
    gpu->device_id = next(seed);
    gpu->subsystem_id = next(seed);
    gpu->numa_node = (int)(next(seed) % 9) - 1;
    gpu->compute_major = next(seed);
    gpu->compute_minor = next(seed);
    gpu->mem_total_bytes = (uint64_t)next(seed) << 20;
    gpu->mem_used_bytes = (uint64_t)next(seed) << 10;
    gpu->mem_reserved_bytes = next(seed);
    gpu->mig = (enum gpu_mig)(next(seed) % 3);
    gpu->mig_pending = (enum gpu_mig)(next(seed) % 3);
    random_geometry(&gpu->geometry, seed);
    random_instances(gpu, seed);
    gpu->n_processes = next(seed) % 8 ? next(seed) % 4 : GPU_MAX_PROCESSES;
    gpu->n_processes_left_out = next(seed) % 3;
    gpu->processes = calloc(gpu->n_processes + 1, sizeof *gpu->processes);
    assert_non_null(gpu->processes);
    for (unsigned i = 0; i < gpu->n_processes; i++) {
        gpu->processes[i].pid = next(seed);
        gpu->processes[i].gi_id = (int)(next(seed) % 9) - 1;
        gpu->processes[i].ci_id = (int)(next(seed) % 9) - 1;
        gpu->processes[i].mem_bytes = (uint64_t)next(seed) << 16;
    }
}

static struct inventory *random_inventory(uint32_t *seed)
{
    struct inventory *inv = calloc(1, sizeof *inv);

    assert_non_null(inv);
    inv->n_gpus = next(seed) % 10;
    inv->gpus = calloc(inv->n_gpus + 1, sizeof *inv->gpus);
    assert_non_null(inv->gpus);
    RANDOM_TEXT(inv->driver_version);
    RANDOM_TEXT(inv->nvml_version);
    inv->cuda_version = next(seed);
    for (unsigned i = 0; i < inv->n_gpus; i++)
        random_gpu(&inv->gpus[i], seed);
    if (next(seed) % 4 == 0)
        return inv;
    inv->links = calloc((size_t)inv->n_gpus * inv->n_gpus + 1, sizeof *inv->links);
    assert_non_null(inv->links);
    for (unsigned i = 0; i < inv->n_gpus * inv->n_gpus; i++)
        inv->links[i] = (struct gpu_link){(uint8_t)next(seed), (uint8_t)next(seed)};
    return inv;
}

/* Both were zeroed and filled field by field, so their padding is alike. */
static void check_gpu(const struct gpu *a, const struct gpu *b)
{
    OWN_MEM struct gpu *left = malloc(sizeof *left), *right = malloc(sizeof *right);

    assert_true(left && right);
    assert_int_equal(a->n_processes, b->n_processes);
    for (unsigned i = 0; i < a->n_processes; i++)
        assert_memory_equal(&a->processes[i], &b->processes[i], sizeof a->processes[i]);
    memcpy(left, a, sizeof *left);
    memcpy(right, b, sizeof *right);
    left->processes = right->processes = NULL;
    assert_memory_equal(left, right, sizeof *left);
}

static void check_inventory(const struct inventory *a, const struct inventory *b)
{
    assert_string_equal(a->driver_version, b->driver_version);
    assert_string_equal(a->nvml_version, b->nvml_version);
    assert_int_equal(a->cuda_version, b->cuda_version);
    assert_int_equal(a->n_gpus, b->n_gpus);
    for (unsigned i = 0; i < a->n_gpus; i++)
        check_gpu(&a->gpus[i], &b->gpus[i]);
    if (a->links && a->n_gpus > 0)
        assert_memory_equal(a->links, b->links, sizeof a->links[0] * a->n_gpus * a->n_gpus);
    else
        assert_null(b->links);
}

static void check_texts(const char *const *a, const char *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_string_equal(a[i], b[i]);
}

static void check_state(const struct node_state *a, const struct node_state *b)
{
    assert_int_equal(a->generation, b->generation);
    assert_int_equal(a->n_resources, b->n_resources);
    for (size_t i = 0; i < a->n_resources; i++) {
        assert_string_equal(a->resources[i].name, b->resources[i].name);
        assert_int_equal(a->resources[i].slices, b->resources[i].slices);
        assert_int_equal(a->resources[i].healthy, b->resources[i].healthy);
        assert_int_equal(a->resources[i].replicas, b->resources[i].replicas);
        assert_int_equal(a->resources[i].mig, b->resources[i].mig);
        assert_int_equal(a->resources[i].registered, b->resources[i].registered);
        assert_int_equal(a->resources[i].devices, b->resources[i].devices);
        assert_string_equal(a->resources[i].kind, b->resources[i].kind);
        assert_string_equal(a->resources[i].profile, b->resources[i].profile);
    }
    assert_string_equal(a->config_file, b->config_file);
    assert_string_equal(a->config_error, b->config_error);
    assert_int_equal(a->n_findings, b->n_findings);
    check_texts(a->findings, b->findings, a->n_findings);
    assert_int_equal(a->last_good, b->last_good);
    assert_int_equal(a->n_notes, b->n_notes);
    check_texts(a->notes, b->notes, a->n_notes);
    assert_string_equal(a->driver_error, b->driver_error);
    assert_string_equal(a->version, b->version);
    assert_string_equal(a->machine, b->machine);
    assert_int_equal(a->mig_strategy, b->mig_strategy);
    assert_int_equal(a->resolved, b->resolved);
    assert_int_equal(!a->inventory, !b->inventory);
    if (a->inventory)
        check_inventory(a->inventory, b->inventory);
}

/* Packs, unpacks, compares, packs again: the same bytes. */
static void check_round_trip(const struct node_state *state)
{
    OWN(node_state_freep) struct node_state *again = NULL;
    OWN(buf_done) struct buf bytes, other;
    struct err e = {0};

    buf_init(&bytes, NODE_STATE_MAX_BYTES);
    buf_init(&other, NODE_STATE_MAX_BYTES);
    assert_int_equal(node_state_pack(&bytes, state, &e), 0);
    if (node_state_unpack(&again, bytes.data, bytes.size, &e) < 0)
        fail_msg("%s", e.msg);
    check_state(state, again);
    assert_int_equal(node_state_pack(&other, again, &e), 0);
    assert_int_equal(other.size, bytes.size);
    assert_memory_equal(other.data, bytes.data, bytes.size);
    buf_done(&other);
}

static void every_state_comes_back_as_it_was(void **state)
{
    static const char *const texts[] = {"a.yaml:3:4: warning: 'x'", "", "GPUs 0-7: MIG is on"};
    static const struct node_resource resources[] = {
        {.name = "nvidia.com/gpu",
         .slices = 8,
         .healthy = 7,
         .replicas = 1,
         .devices = 8,
         .kind = "nvidia.com/gpu",
         .profile = ""},
        {.name = "nvidia.com/mig-1g.5gb.shared",
         .devices = 56,
         .kind = "nvidia.com/mig-1g.5gb",
         .profile = "1g.5gb",
         .slices = 560,
         .healthy = 560,
         .replicas = 10,
         .mig = true,
         .registered = true},
    };
    uint32_t seed = 5;

    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct node_state s = {
            .generation = (uint64_t)next(&seed) << 30,
            .inventory = next(&seed) % 6 ? random_inventory(&seed) : NULL,
            .n_resources = next(&seed) % 3,
            .resources = resources,
            .config_file = texts[next(&seed) % 3],
            .config_error = texts[next(&seed) % 3],
            .n_findings = next(&seed) % 4,
            .findings = texts,
            .last_good = next(&seed) % 2,
            .n_notes = next(&seed) % 4,
            .notes = texts,
            .driver_error = texts[next(&seed) % 3],
            .version = texts[next(&seed) % 3],
            .machine = texts[next(&seed) % 3],
            .mig_strategy = next(&seed) % 3,
            .resolved = next(&seed) % 2,
        };

        check_round_trip(&s);
        inventory_free(s.inventory);
    }
}

static void texts_that_are_missing_come_back_empty(void **state)
{
    OWN(node_state_freep) struct node_state *again = NULL;
    OWN(buf_done) struct buf bytes;
    struct node_state s = {.generation = 1};
    struct err e = {0};

    (void)state;
    buf_init(&bytes, 1024);
    assert_int_equal(node_state_pack(&bytes, &s, &e), 0);
    assert_int_equal(node_state_unpack(&again, bytes.data, bytes.size, &e), 0);
    assert_string_equal(again->config_file, "");
    assert_string_equal(again->config_error, "");
    assert_string_equal(again->driver_error, "");
    assert_string_equal(again->version, "");
    assert_null(again->inventory);
    /* No bytes at all are a state too: nothing set. */
    node_state_free(again);
    again = NULL;
    assert_int_equal(node_state_unpack(&again, "", 0, &e), 0);
    assert_string_equal(again->config_file, "");
}

static void a_resource_in_short_counts_slices(void **state)
{
    struct config_share share = {.name = (char *)"nvidia.com/gpu", .replicas = 10};
    struct config config = {.n_shares = 1, .shares = &share};
    struct inventory *inv = fixture_node(8, GPU_MIG_OFF);
    struct resource_list *list;
    struct node_resource r;

    (void)state;
    (void)TEXT_COPY(inv->gpus[2].fault, "GPU is lost");
    list = fixture_list(inv, &config);
    r = node_state_resource(&list->resources[0], true);
    assert_string_equal(r.name, "nvidia.com/gpu");
    assert_int_equal(r.slices, 80);
    assert_int_equal(r.healthy, 70);
    assert_int_equal(r.replicas, 10);
    assert_false(r.mig);
    assert_true(r.registered);
    assert_int_equal(r.devices, 8);
    assert_string_equal(r.kind, "nvidia.com/gpu");
    assert_string_equal(r.profile, "");
    resource_list_free(list);
    inventory_free(inv);
}

static void damaged_bytes_are_refused_or_read_but_never_more(void **state)
{
    uint32_t seed = 9;
    struct node_state s = {.inventory = random_inventory(&seed), .version = "0.1.0"};
    OWN(buf_done) struct buf bytes;
    struct err e = {0};

    (void)state;
    while (s.inventory->n_gpus == 0 || s.inventory->n_gpus > 3) {
        inventory_free(s.inventory);
        s.inventory = random_inventory(&seed);
    }
    buf_init(&bytes, NODE_STATE_MAX_BYTES);
    assert_int_equal(node_state_pack(&bytes, &s, &e), 0);
    for (size_t round = 0; round < 3000; round++) {
        OWN(node_state_freep) struct node_state *out = NULL;
        OWN_MEM char *copy = malloc(bytes.size);
        size_t size = round % 2 ? bytes.size : next(&seed) % bytes.size;

        assert_non_null(copy);
        memcpy(copy, bytes.data, size);
        for (unsigned i = 0; size > 0 && i < 1 + round % 4; i++)
            copy[next(&seed) % size] = (char)next(&seed);
        if (node_state_unpack(&out, copy, size, &e) == 0 && out->inventory)
            assert_true(out->inventory->n_gpus <= GPU_MAX);
    }
    inventory_free(s.inventory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_comes_back_as_it_was),
        cmocka_unit_test(texts_that_are_missing_come_back_empty),
        cmocka_unit_test(a_resource_in_short_counts_slices),
        cmocka_unit_test(damaged_bytes_are_refused_or_read_but_never_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
