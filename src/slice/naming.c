/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices may be promised and under which name: see naming.h. The rules are those of NVIDIA's
 * plugin v0.20 where it offers something that works, and a note where it stops or offers what
 * fails.
 */
#include "slice/naming.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "config/config.h"
#include "slice/notes.h"

static const char whole_gpu_name[] = "nvidia.com/gpu";

void candidates_init(struct candidates *c)
{
    *c = (struct candidates){0};
}

void candidates_done(struct candidates *c)
{
    free(c->items);
    *c = (struct candidates){0};
}

const char *naming_words(char buffer[NAMING_WORDS_SIZE], const struct candidate *c)
{
    if (candidate_is_mig(c))
        (void)snprintf(buffer, NAMING_WORDS_SIZE, "MIG devices %s", c->shape);
    else
        (void)snprintf(buffer, NAMING_WORDS_SIZE, "the whole GPU");
    return buffer;
}

static size_t count_devices(const struct inventory *inv)
{
    size_t count = 0;

    for (unsigned g = 0; g < inv->n_gpus; g++) {
        count++;
        for (unsigned i = 0; i < inv->gpus[g].n_instances; i++)
            count += inv->gpus[g].instances[i].n_computes;
    }
    return count;
}

/* True if the id that the kubelet is to get can be made of this UUID. */
static bool check_uuid(const struct candidate *c, const struct gpu *gpu, struct notes *notes)
{
    char words[NAMING_WORDS_SIZE];
    const char *uuid = c->device.uuid;

    if (!uuid[0])
        notes_add(notes, (int)c->device.gpu, "%s not offered: no UUID%s%s", naming_words(words, c),
                  gpu->fault[0] ? ", " : "", gpu->fault);
    else if (strlen(uuid) >= SLICE_ID_SIZE)
        notes_add(notes, (int)c->device.gpu,
                  "%s not offered: UUID '%s' is too long for the kubelet", naming_words(words, c),
                  uuid);
    else
        return true;
    return false;
}

static void add_device(struct candidates *out, const struct candidate *c, const struct gpu *gpu,
                       struct notes *notes)
{
    struct candidate *added;

    if (!check_uuid(c, gpu, notes))
        return;
    added = &out->items[out->count++];
    *added = *c;
    added->replicas = 1;
    added->share = -1;
    added->device.numa_node = gpu->numa_node;
    added->device.healthy = !gpu->fault[0];
}

static void add_whole(struct candidates *out, const struct gpu *gpu, unsigned position,
                      struct notes *notes)
{
    struct candidate c = {.device = {.gpu = position, .gi_id = -1, .ci_id = -1}};

    (void)TEXT_COPY(c.device.uuid, gpu->uuid);
    add_device(out, &c, gpu, notes);
}

static void add_instance(struct candidates *out, const struct gpu *gpu, unsigned position,
                         const struct gpu_instance *gi, struct notes *notes)
{
    const struct gpu_profile *profile = geometry_find_id(&gpu->geometry, gi->profile_id);

    if (gi->n_computes == 0)
        notes_add(notes, (int)position,
                  "GPU instance %s at %u not offered: it has no compute instance",
                  profile ? profile->name : "of an unknown profile", gi->span.start);
    for (unsigned i = 0; i < gi->n_computes; i++) {
        const struct gpu_compute *ci = &gi->computes[i];
        struct candidate c = {
            .device_index = ci->device_index,
            .start = gi->span.start,
            .full = profile && ci->slices == profile->slices,
            .device = {.gpu = position, .gi_id = (int)gi->id, .ci_id = (int)ci->id},
        };

        (void)gpu_device_name(c.shape, gpu, gi, ci);
        (void)TEXT_COPY(c.device.uuid, ci->uuid);
        add_device(out, &c, gpu, notes);
    }
}

static void add_mig(struct candidates *out, const struct gpu *gpu, unsigned position,
                    struct notes *notes)
{
    if (gpu->n_instances == 0)
        notes_add(notes, (int)position, "%s, so nothing of it is offered",
                  gpu->fault[0] ? gpu->fault : "MIG is on but there are no MIG devices");
    for (unsigned i = 0; i < gpu->n_instances; i++)
        add_instance(out, gpu, position, &gpu->instances[i], notes);
}

static int by_place(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;

    if (a->device.gpu != b->device.gpu)
        return a->device.gpu < b->device.gpu ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    if (a->device.gi_id != b->device.gi_id)
        return a->device.gi_id < b->device.gi_id ? -1 : 1;
    return (a->device.ci_id > b->device.ci_id) - (a->device.ci_id < b->device.ci_id);
}

static void add_all(struct candidates *out, const struct inventory *inv, enum config_mig strategy,
                    struct notes *notes)
{
    for (unsigned g = 0; g < inv->n_gpus; g++) {
        const struct gpu *gpu = &inv->gpus[g];

        if (gpu->mig != GPU_MIG_ON)
            add_whole(out, gpu, g, notes);
        else if (strategy != CONFIG_MIG_NONE)
            add_mig(out, gpu, g, notes);
        else
            notes_add(notes, (int)g,
                      "MIG is on, so it is no whole GPU and not offered (the original offers it "
                      "and its pods fail); set migStrategy to single or mixed, or turn MIG off");
    }
    qsort(out->items, out->count, sizeof *out->items, by_place);
}

/* How many have the shape of candidate `of`; 0 if an earlier one has it, which was counted. */
static size_t count_shape(const struct candidates *list, size_t of)
{
    const char *shape = list->items[of].shape;
    size_t count = 0;

    for (size_t i = 0; i < of; i++)
        if (strcmp(list->items[i].shape, shape) == 0)
            return 0;
    for (size_t i = of; i < list->count; i++)
        count += strcmp(list->items[i].shape, shape) == 0;
    return count;
}

/* The shape that strategy `single` promises once a GPU has MIG on; "" if there are no devices. */
static void most_common_shape(char out[GPU_PROFILE_NAME_SIZE], const struct candidates *list)
{
    size_t best = 0;

    out[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        size_t count = candidate_is_mig(&list->items[i]) ? count_shape(list, i) : 0;

        if (count <= best)
            continue;
        best = count;
        (void)text_copy(out, GPU_PROFILE_NAME_SIZE, list->items[i].shape);
    }
}

static void keep_single(struct candidates *list, const struct inventory *inv, struct notes *notes)
{
    char shape[GPU_PROFILE_NAME_SIZE];
    size_t kept = 0;
    bool on = false;

    for (unsigned g = 0; g < inv->n_gpus; g++)
        on = on || inv->gpus[g].mig == GPU_MIG_ON;
    if (!on)
        return;
    most_common_shape(shape, list);
    for (size_t i = 0; i < list->count; i++) {
        const struct candidate *c = &list->items[i];

        if (!candidate_is_mig(c))
            notes_add(
                notes, (int)c->device.gpu,
                "the whole GPU not offered: MIG strategy single offers MIG devices alone once "
                "a GPU of the node has MIG on; set migStrategy to mixed for both");
        else if (strcmp(c->shape, shape) != 0)
            notes_add(notes, (int)c->device.gpu,
                      "MIG devices %s not offered: MIG strategy single offers one profile, here "
                      "%s, which most devices have; set migStrategy to mixed for all",
                      c->shape, shape);
        else
            list->items[kept++] = *c;
    }
    list->count = kept;
}

static const char *find_pattern(const struct config_pattern *patterns, size_t count,
                                const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (config_glob(patterns[i].pattern, text))
            return patterns[i].name;
    return NULL;
}

/* By patterns of the configuration. False: none fits. */
static bool name_by_patterns(char name[2 * RESOURCE_NAME_SIZE], const struct candidate *c,
                             const struct inventory *inv, const struct config *config,
                             struct notes *notes)
{
    bool mig = candidate_is_mig(c);
    const char *shape = mig ? c->shape : inv->gpus[c->device.gpu].name;
    const char *found = mig ? find_pattern(config->mig_patterns, config->n_mig_patterns, shape)
                            : find_pattern(config->gpu_patterns, config->n_gpu_patterns, shape);

    if (!found) {
        notes_add(notes, (int)c->device.gpu, "'%s' not offered: no pattern in resources.%s fits it",
                  shape, mig ? "mig" : "gpus");
        return false;
    }
    (void)text_copy(name, 2 * (size_t)RESOURCE_NAME_SIZE, found);
    return true;
}

const char *naming_kind(char buffer[RESOURCE_NAME_SIZE], const struct candidate *c,
                        const struct config *config)
{
    if (!candidate_is_mig(c) || config->mig_strategy == CONFIG_MIG_SINGLE) {
        (void)text_copy(buffer, RESOURCE_NAME_SIZE, whole_gpu_name);
        return buffer;
    }
    (void)snprintf(buffer, RESOURCE_NAME_SIZE, "nvidia.com/mig-%s", c->shape);
    for (char *p = buffer; *p; p++)
        if (*p == '+')
            *p = '.';
    return buffer;
}

/* By the original's default table. False: it has no name for it. */
static bool name_by_default(char name[2 * RESOURCE_NAME_SIZE], const struct candidate *c,
                            const struct config *config, struct notes *notes)
{
    if (candidate_is_mig(c) && config->mig_strategy != CONFIG_MIG_SINGLE && !c->full) {
        notes_add(notes, (int)c->device.gpu,
                  "MIG devices %s not offered: only compute instances as large as their GPU "
                  "instance have a resource name, unless resources.mig gives one",
                  c->shape);
        return false;
    }
    (void)naming_kind(name, c, config);
    return true;
}

static bool name_candidate(struct candidate *c, const struct inventory *inv,
                           const struct config *config, struct notes *notes)
{
    size_t n_patterns = candidate_is_mig(c) ? config->n_mig_patterns : config->n_gpu_patterns;
    char name[2 * RESOURCE_NAME_SIZE];
    bool named = config->honor_resources && n_patterns > 0
                     ? name_by_patterns(name, c, inv, config, notes)
                     : name_by_default(name, c, config, notes);

    if (named && !TEXT_COPY(c->name, name)) {
        notes_add(notes, (int)c->device.gpu,
                  "resource '%s' not offered: the name is longer than 63 characters", name);
        return false;
    }
    return named;
}

int naming_candidates(struct candidates *out, const struct inventory *inv,
                      const struct config *config, struct notes *notes, struct err *e)
{
    size_t kept = 0;

    if (inv->n_gpus > GPU_MAX)
        return err_set(e, EINVAL, "%u GPUs, more than %d", inv->n_gpus, GPU_MAX);
    out->items = calloc(count_devices(inv) + 1, sizeof *out->items);
    if (!out->items)
        return err_memory(e);
    add_all(out, inv, config->mig_strategy, notes);
    if (config->mig_strategy == CONFIG_MIG_SINGLE)
        keep_single(out, inv, notes);
    for (size_t i = 0; i < out->count; i++) {
        struct candidate c = out->items[i];

        if (name_candidate(&c, inv, config, notes))
            out->items[kept++] = c;
    }
    out->count = kept;
    return 0;
}
