/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and configurations made by hand for the tests of slice/ and node/. */
#ifndef TESTS_UNIT_SLICE_FIXTURE_H
#define TESTS_UNIT_SLICE_FIXTURE_H

#include "test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "config/config.h"
#include "gpu/gpu.h"
#include "slice/resource.h"

/* Numbers are those of the A100 40GB. */
static const struct gpu_profile fixture_profiles[] = {
    {.name = "1g.5gb",
     .id = 19,
     .index = 0,
     .slices = 1,
     .max_instances = 7,
     .sm_count = 14,
     .mem_mib = 4864,
     .span_size = 1,
     .span_starts = 0x7f},
    {.name = "1g.5gb+me",
     .id = 20,
     .index = 7,
     .slices = 1,
     .max_instances = 1,
     .sm_count = 14,
     .mem_mib = 4864,
     .span_size = 1,
     .span_starts = 0x7f},
    {.name = "2g.10gb",
     .id = 14,
     .index = 1,
     .slices = 2,
     .max_instances = 3,
     .sm_count = 28,
     .mem_mib = 9984,
     .span_size = 2,
     .span_starts = 0x15},
    {.name = "3g.20gb",
     .id = 9,
     .index = 2,
     .slices = 3,
     .max_instances = 2,
     .sm_count = 42,
     .mem_mib = 20096,
     .span_size = 4,
     .span_starts = 0x11},
    {.name = "7g.40gb",
     .id = 0,
     .index = 4,
     .slices = 7,
     .max_instances = 1,
     .sm_count = 98,
     .mem_mib = 40192,
     .span_size = 8,
     .span_starts = 1},
};

/* A100 40GB boards, GPU n on NUMA node n / 4, all linked by 12 NVLinks. Freed by inventory_free. */
static inline struct inventory *fixture_node(unsigned n_gpus, enum gpu_mig mig)
{
    struct inventory *inv = calloc(1, sizeof *inv);

    assert_non_null(inv);
    inv->n_gpus = n_gpus;
    inv->gpus = calloc(n_gpus + 1, sizeof *inv->gpus);
    inv->links = calloc((size_t)n_gpus * n_gpus + 1, sizeof *inv->links);
    assert_true(inv->gpus && inv->links);
    (void)TEXT_COPY(inv->driver_version, "570.86.15");
    for (unsigned i = 0; i < n_gpus; i++) {
        struct gpu *gpu = &inv->gpus[i];

        gpu->index = gpu->minor = i;
        /* Not in the order of the indexes. */
        (void)snprintf(gpu->uuid, sizeof gpu->uuid, "GPU-%08x-0000-4000-8000-%012x",
                       i * 0x9e3779b9U, i);
        (void)TEXT_COPY(gpu->name, "NVIDIA A100-SXM4-40GB");
        (void)snprintf(gpu->bus_id, sizeof gpu->bus_id, "0000:%02x:1c.0", 16 + i);
        gpu->device_id = 0x20B010DE;
        gpu->numa_node = (int)i / 4;
        gpu->mem_total_bytes = UINT64_C(40960) << 20;
        gpu->mig = gpu->mig_pending = mig;
        gpu->geometry.axis = 8;
        gpu->geometry.n_profiles = sizeof fixture_profiles / sizeof fixture_profiles[0];
        memcpy(gpu->geometry.profiles, fixture_profiles, sizeof fixture_profiles);
    }
    for (unsigned i = 0; i < n_gpus * n_gpus; i++)
        inv->links[i] = (struct gpu_link){.level = 50, .nvlinks = 12};
    return inv;
}

/*
 * Puts a GPU instance of this profile at `start` into the GPU, with one compute instance for each
 * digit of `computes` ("3": one with 3 slices; "11": two with one slice; "": none).
 */
static inline void fixture_instance(struct inventory *inv, unsigned gpu, const char *profile,
                                    uint8_t start, const char *computes)
{
    struct gpu *g = &inv->gpus[gpu];
    struct gpu_instance *gi = &g->instances[g->n_instances++];
    const struct gpu_profile *p = geometry_find(&g->geometry, profile);
    unsigned device_index = 0;

    assert_non_null(p);
    for (unsigned i = 0; i + 1 < g->n_instances; i++)
        device_index += g->instances[i].n_computes;
    gi->id = 7U + start;
    gi->profile_id = p->id;
    gi->span = (struct gpu_span){.start = start, .size = p->span_size};
    for (; computes[gi->n_computes]; gi->n_computes++) {
        struct gpu_compute *ci = &gi->computes[gi->n_computes];

        ci->id = gi->n_computes;
        ci->slices = (unsigned)(computes[gi->n_computes] - '0');
        ci->device_index = device_index + gi->n_computes;
        (void)snprintf(ci->uuid, sizeof ci->uuid, "MIG-%08x-%04x-5000-8000-%012x",
                       (gpu * 64 + start * 8U + ci->id) * 0x9e3779b9U, gpu, start * 8U + ci->id);
    }
}

/* Seven 1g.5gb on a GPU. */
static inline void fixture_all_1g(struct inventory *inv, unsigned gpu)
{
    for (uint8_t start = 0; start < 7; start++)
        fixture_instance(inv, gpu, "1g.5gb", start, "1");
}

/* The list, which must come about; freed by resource_list_free. */
static inline struct resource_list *fixture_list(const struct inventory *inv,
                                                 const struct config *config)
{
    struct resource_list *list = NULL;
    struct err e = {0};

    if (resource_list_make(&list, inv, config, &e) < 0)
        fail_msg("%s", e.msg);
    return list;
}

/* "nvidia.com/gpu=8 nvidia.com/mig-1g.5gb=56": names and counts of slices. Returns buffer. */
static inline const char *fixture_summary(char buffer[512], const struct resource_list *list)
{
    size_t used = 0;

    buffer[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        used += (size_t)snprintf(buffer + used, 512 - used, "%s%s=%zu", i > 0 ? " " : "",
                                 list->resources[i].name, resource_slices(&list->resources[i]));
        assert_true(used < 512);
    }
    return buffer;
}

static inline bool fixture_has_words(const char *text, const char *words)
{
    char wanted[256];

    assert_true(TEXT_COPY(wanted, words));
    for (char *rest = wanted, *word; (word = strsep(&rest, "|"));)
        if (!strstr(text, word))
            return false;
    return true;
}

/* Whether a note has all of these words, given with '|' between them. */
static inline bool fixture_has_note(const struct resource_list *list, const char *words)
{
    for (size_t i = 0; i < list->n_notes; i++)
        if (fixture_has_words(list->notes[i], words))
            return true;
    for (size_t i = 0; i < list->n_notes; i++)
        print_error("note: %s\n", list->notes[i]);
    return false;
}

#endif
