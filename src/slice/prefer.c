/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which free slices a container should get: see prefer.h. Reads the request, then asks connected.h
 * (whole GPUs) or spread.h (replicas, MIG devices).
 */
#include "slice/prefer.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "gpu/gpu.h"
#include "slice/connected.h"
#include "slice/resource.h"
#include "slice/spread.h"

/* A pair's score as NVIDIA's plugin counts: 10 across the system to 60 on one board, and NVLinks.
 */
static int32_t pair_score(const struct inventory *inv, unsigned a, unsigned b)
{
    const struct gpu_link *link;

    if (!inv->links || a >= inv->n_gpus || b >= inv->n_gpus)
        return 0;
    link = &inv->links[(a < b ? a : b) * (size_t)inv->n_gpus + (a < b ? b : a)];
    return (link->level < 50 ? 60 - link->level : 10) + 100 * link->nvlinks;
}

static void read_scores(struct connected *out, const struct resource *r,
                        const struct inventory *inv)
{
    out->count = (unsigned)r->n_devices;
    for (unsigned a = 0; a < out->count; a++)
        for (unsigned b = 0; b < out->count; b++)
            out->score[a][b] = a == b ? 0 : pair_score(inv, r->devices[a].gpu, r->devices[b].gpu);
}

static void choose_connected(size_t *out, size_t n_done, size_t size,
                             const struct connected *scores, const bool *is_free)
{
    uint64_t required = 0, available = 0, chosen;

    for (size_t i = 0; i < n_done; i++)
        required |= UINT64_C(1) << out[i];
    for (size_t i = 0; i < scores->count; i++)
        available |= (uint64_t)is_free[i] << i;
    chosen = connected_choose(scores, available | required, required, (unsigned)size);
    for (chosen &= ~required; chosen; chosen &= chosen - 1)
        out[n_done++] = (size_t)__builtin_ctzll(chosen);
}

static int mark(bool *is_free, size_t *n_free, const struct resource *r, const char *const *ids,
                size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t slice = resource_slice_find(r, ids[i]);

        if (slice < 0)
            return err_set(e, EINVAL, "'%s': unknown device '%.*s'", r->name, SLICE_ID_SIZE,
                           ids[i]);
        *n_free += !is_free[slice];
        is_free[slice] = true;
    }
    return 0;
}

/* Marks what is free (what is required counts as free) and moves the required to out. */
static int read_request(size_t *out, size_t *n_done, bool *is_free, const struct resource *r,
                        const struct prefer_request *request, struct err *e)
{
    size_t n_free = 0;
    int rc = mark(is_free, &n_free, r, request->available, request->n_available, e);

    if (rc == 0)
        rc = mark(is_free, &n_free, r, request->required, request->n_required, e);
    if (rc < 0)
        return rc;
    if (n_free < request->size)
        return err_set(e, EINVAL, "'%s': %zu wished, %zu available", r->name, request->size,
                       n_free);
    for (size_t i = 0; i < request->n_required; i++) {
        size_t slice = (size_t)resource_slice_find(r, request->required[i]);

        if (is_free[slice])
            out[(*n_done)++] = slice;
        is_free[slice] = false;
    }
    return 0;
}

int prefer_choose(size_t *out, const struct resource *r, const struct inventory *inv,
                  const struct prefer_request *request, struct err *e)
{
    OWN_MEM bool *is_free = calloc(resource_slices(r) + 1, sizeof *is_free);
    struct spread spread = {.r = r, .is_free = is_free, .packed = request->packed};
    struct connected scores;
    size_t n_done = 0;
    int rc;

    if (!is_free)
        return err_memory(e);
    if (request->n_required > request->size)
        return err_set(e, EINVAL, "'%s': %zu wished, but %zu are required", r->name, request->size,
                       request->n_required);
    rc = read_request(out, &n_done, is_free, r, request, e);
    if (rc < 0)
        return rc;
    if (r->mig || r->replicas > 1)
        return spread_choose(out, n_done, request->size, &spread, e);
    if (r->n_devices > GPU_MAX)
        return err_set(e, EINVAL, "'%s' has more than %d GPUs", r->name, GPU_MAX);
    read_scores(&scores, r, inv);
    choose_connected(out, n_done, request->size, &scores, is_free);
    return 0;
}
