/* SPDX-License-Identifier: Apache-2.0 */
/* The GPUs of a watch, by a sum of their UUIDs: see watched_gpus.h. */
#include "agent/watched_gpus.h"

static uint64_t sum_of(const char *uuid)
{
    uint64_t sum = 0xcbf29ce484222325U;

    for (; *uuid; uuid++)
        sum = (sum ^ (unsigned char)*uuid) * 0x100000001b3U;
    return sum;
}

static bool has(const struct watched_gpus *w, uint64_t sum)
{
    unsigned i = 0;

    while (i < w->count && w->sums[i] != sum)
        i++;
    return i < w->count;
}

bool watched_gpus_note(struct watched_gpus *w, const struct inventory *inv)
{
    struct watched_gpus now = {0};
    bool missed = false;

    for (unsigned g = 0; g < inv->n_gpus && now.count < GPU_MAX; g++) {
        uint64_t sum = sum_of(inv->gpus[g].uuid);

        if (inv->gpus[g].fault[0])
            continue;
        missed |= !has(w, sum);
        now.sums[now.count++] = sum;
    }
    *w = now;
    return missed;
}
