/* SPDX-License-Identifier: Apache-2.0 */
/* The process's devices: see find.h. */
#include "cuda/find.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cuda/cuda.h"
#include "mig.h"
#include "visible.h"

void find_uuid(uint8_t out[16], const char *text)
{
    unsigned n = 0;

    for (text += 4; *text && n < 32; text++) {
        const char *digits = "0123456789abcdef", *digit = strchr(digits, *text);

        if (!digit)
            continue;
        out[n / 2] = (uint8_t)(n % 2 ? out[n / 2] | (digit - digits) : (digit - digits) << 4);
        n++;
    }
}

static struct device *add(const struct gpu *g, const char *uuid, const char *profile,
                          uint64_t mem_bytes)
{
    struct device *d;

    if (cuda.n_devices == CUDA_DEVICES)
        return NULL;
    d = &cuda.devices[cuda.n_devices];
    *d = (struct device){.gpu = g,
                         .ordinal = cuda.n_devices++,
                         .gi = UINT32_MAX,
                         .ci = UINT32_MAX,
                         .mem_bytes = mem_bytes};
    (void)snprintf(d->name, sizeof d->name, "%s%s%s", g->board->name, *profile ? " MIG " : "",
                   profile);
    find_uuid(d->uuid, uuid);
    return d;
}

/* The first MIG device that `wanted` (a whole UUID; NULL: any) names on the GPU. */
static bool add_mig(const struct gpu *g, const struct state_gpu *s, const char *wanted)
{
    unsigned gi, ci;

    for (unsigned i = 0; mig_device_at(s, i, &gi, &ci); i++) {
        const struct profile *p = node_profile_by_id(g, s->gi[gi].profile);
        char uuid[MIG_UUID_SIZE], name[24];

        mig_device_uuid(uuid, g, s, gi, ci);
        mig_device_name(name, g, s, gi, ci);
        if (p && (!wanted || strcmp(wanted, uuid) == 0)) {
            struct device *d = add(g, uuid, name, (uint64_t)node_profile_mib(g, p) << 20);

            if (d) {
                d->is_mig = true;
                d->gi = gi;
                d->ci = ci;
                d->sms = p->sm;
            }
            return true;
        }
    }
    return false;
}

static void add_whole(const struct gpu *g, const struct state_gpu *s)
{
    int64_t reserved = g->facts[FACT_RESERVED_KIB];

    if (s->mig_current)
        (void)add_mig(g, s, NULL); /* as CUDA does: the first MIG device stands for the GPU */
    else
        (void)add(g, g->uuid, "",
                  (uint64_t)(node_memory_bytes(g) - (reserved > 0 ? reserved : 0) * 1024));
}

/* One word of CUDA_VISIBLE_DEVICES: an index among the visible, or (the start of) a UUID. */
static bool add_word(const char *word, const struct state *s)
{
    unsigned seen = 0;
    uint64_t index;
    bool is_index = text_uint(&index, word, NODE_MAX_GPUS);

    for (unsigned i = 0; i < cuda.node->n_gpus; i++) {
        const struct gpu *g = &cuda.node->gpus[i];

        if (!visible_gpu(g->index))
            continue;
        if (is_index ? seen == index : text_starts(word, "GPU-") && text_starts(g->uuid, word))
            return add_whole(g, &s->gpus[i]), true;
        if (text_starts(word, "MIG-") && add_mig(g, &s->gpus[i], word))
            return true;
        seen++;
    }
    return false;
}

void find_devices(const struct state *s)
{
    const char *list = secure_getenv("CUDA_VISIBLE_DEVICES");
    char word[64];

    if (!list) {
        for (unsigned i = 0; i < cuda.node->n_gpus; i++) {
            if (visible_gpu(i))
                add_whole(&cuda.node->gpus[i], &s->gpus[i]);
        }
        return;
    }
    while (*list) { /* as CUDA does: what stands behind an unknown word is not looked at */
        size_t size = strcspn(list, ",");

        (void)snprintf(word, sizeof word, "%.*s",
                       (int)(size < sizeof word ? size : sizeof word - 1), list);
        if (!add_word(word, s))
            return;
        list += size + (list[size] == ',');
    }
}
