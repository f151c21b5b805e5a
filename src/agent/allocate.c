/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocate and GetPreferredAllocation: see allocate.h. The kubelet calls with the start of a pod
 * waiting behind it, so nothing is read or logged here.
 */
#include "agent/allocate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/agent.h"
#include "agent/apply.h"
#include "agent/cdi.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "gpu/gpu.h"
#include "kube/deviceplugin.h"
#include "slice/prefer.h"
#include "slice/resource.h"

enum {
    CDI_NAME_SIZE = sizeof CDI_KIND + 1 + GPU_UUID_SIZE,
    ENV_MAX_BYTES = 1 << 20,
};

/* What one container gets, with room for all that the answer borrows. */
struct gift {
    const struct resource *resource;
    size_t n_devices;
    size_t *devices; /* positions in the resource's */
    struct buf uuids;
    struct deviceplugin_pair env;
    char (*names)[CDI_NAME_SIZE];
    const char **cdi_devices;
};

static void gift_done(struct gift *g)
{
    free(g->devices);
    buf_done(&g->uuids);
    free(g->names);
    free(g->cdi_devices);
}

/* NVIDIA_VISIBLE_DEVICES, which NVIDIA's container runtime acts on. */
static int add_env(struct gift *g, struct deviceplugin_answer *answer, struct err *e)
{
    for (size_t i = 0; i < g->n_devices; i++) {
        if (i > 0)
            buf_char(&g->uuids, ',');
        buf_text(&g->uuids, g->resource->devices[g->devices[i]].uuid);
    }
    g->env = (struct deviceplugin_pair){"NVIDIA_VISIBLE_DEVICES", g->uuids.data};
    answer->envs = &g->env;
    answer->n_envs = 1;
    return buf_check(&g->uuids, e);
}

static int add_cdi(struct gift *g, struct deviceplugin_answer *answer, struct err *e)
{
    g->names = calloc(g->n_devices, sizeof *g->names);
    g->cdi_devices = calloc(g->n_devices, sizeof *g->cdi_devices);
    if (!g->names || !g->cdi_devices)
        return err_memory(e);
    for (size_t i = 0; i < g->n_devices; i++) {
        (void)snprintf(g->names[i], CDI_NAME_SIZE, CDI_KIND "=%s",
                       g->resource->devices[g->devices[i]].uuid);
        g->cdi_devices[i] = g->names[i];
    }
    answer->cdi_devices = g->cdi_devices;
    answer->n_cdi_devices = g->n_devices;
    return 0;
}

static int check_layout(const struct agent *a, const struct gift *g, struct err *e)
{
    for (size_t i = 0; i < g->n_devices; i++) {
        const struct resource_device *device = &g->resource->devices[g->devices[i]];

        if (apply_touches(a->apply, device->uuid))
            return err_set(e, EBUSY,
                           "the MIG layout of GPU %u is being changed, which may take %s "
                           "away; try again in a moment",
                           a->inventory->gpus[device->gpu].index, device->uuid);
    }
    return 0;
}

/* Appends what one container gets for its wish. */
static int answer_wish(struct buf *out, const struct agent *a, const struct resource *r,
                       const struct deviceplugin_wish *wish, struct err *e)
{
    struct deviceplugin_answer answer = {0};
    OWN(gift_done) struct gift g = {.resource = r};
    int result;

    if (wish->n_ids == 0)
        return err_set(e, EINVAL, "a request for no devices of %s", r->name);
    buf_init(&g.uuids, ENV_MAX_BYTES);
    g.devices = calloc(wish->n_ids, sizeof *g.devices);
    if (!g.devices)
        return err_memory(e);
    result = resource_resolve(g.devices, &g.n_devices, r, wish->ids, wish->n_ids, e);
    if (result == 0)
        result = check_layout(a, &g, e);
    if (result == 0 && a->config->injection & CONFIG_INJECT_ENVVAR)
        result = add_env(&g, &answer, e);
    if (result == 0 && a->config->injection & CONFIG_INJECT_CDI_CRI)
        result = add_cdi(&g, &answer, e);
    if (result == 0)
        deviceplugin_put_answer(out, &answer);
    return result;
}

/* A request that cannot be read is the caller's mistake. */
static int not_readable(struct err *e)
{
    e->code = EINVAL;
    return -EINVAL;
}

int allocate_answer(struct buf *out, const struct agent *a, const struct resource *r,
                    const uint8_t *request, size_t size, struct err *e)
{
    OWN(deviceplugin_request_freep) struct deviceplugin_request *asked = NULL;
    int result = deviceplugin_read_allocate(&asked, request, size, e);

    if (result < 0)
        return not_readable(e);
    for (size_t i = 0; result == 0 && i < asked->n_wishes; i++)
        result = answer_wish(out, a, r, &asked->wishes[i], e);
    return result < 0 ? result : buf_check(out, e);
}

/* Appends what one container should get. */
static int prefer_wish(struct buf *out, const struct agent *a, const struct resource *r,
                       const struct deviceplugin_wish *wish, struct err *e)
{
    struct prefer_request request = {
        .n_available = wish->n_ids,
        .available = wish->ids,
        .n_required = wish->n_must_ids,
        .required = wish->must_ids,
        .size = wish->size,
        .packed = a->config->spread == CONFIG_PACKED,
    };
    OWN_MEM size_t *slices = NULL;
    OWN_MEM char(*names)[SLICE_ID_SIZE] = NULL;
    OWN_MEM const char **ids = NULL;
    int result;

    if (request.size > request.n_available)
        return err_set(e, EINVAL, "%zu devices of %s wanted and %zu available", request.size,
                       r->name, request.n_available);
    slices = calloc(request.size + 1, sizeof *slices);
    names = calloc(request.size + 1, sizeof *names);
    ids = calloc(request.size + 1, sizeof *ids);
    if (!slices || !names || !ids)
        return err_memory(e);
    result = prefer_choose(slices, r, a->inventory, &request, e);
    if (result < 0)
        return result;
    for (size_t i = 0; i < request.size; i++)
        ids[i] = resource_slice_id(names[i], r, slices[i]);
    deviceplugin_put_preferred(out, ids, request.size);
    return 0;
}

int allocate_prefer(struct buf *out, const struct agent *a, const struct resource *r,
                    const uint8_t *request, size_t size, struct err *e)
{
    OWN(deviceplugin_request_freep) struct deviceplugin_request *asked = NULL;
    int result = deviceplugin_read_preferred(&asked, request, size, e);

    if (result < 0)
        return not_readable(e);
    for (size_t i = 0; result == 0 && i < asked->n_wishes; i++)
        result = prefer_wish(out, a, r, &asked->wishes[i], e);
    return result < 0 ? result : buf_check(out, e);
}
