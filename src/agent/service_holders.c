/* SPDX-License-Identifier: Apache-2.0 */
/* From holders to their message: see service_holders.h. */
#include "agent/service_holders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/holders.h"
#include "base/buf.h"
#include "base/err.h"
#include "gpu/gpu.h"
#include "kube/grpc_server.h"
#include "node/node_holders.h"

/* One call under way. */
struct question {
    struct agent *agent;
    struct grpc_call *call;
};

/* What an item of the message borrows. */
struct item_texts {
    char profile[GPU_PROFILE_NAME_SIZE];
    struct gpu_process process;
};

static const char *device_uuid(const struct gpu *gpu, const struct holder *h)
{
    if (h->instance < 0 || h->compute < 0)
        return gpu->uuid;
    return gpu->instances[h->instance].computes[h->compute].uuid;
}

static void fill(struct node_holder *out, struct item_texts *texts, const struct inventory *inv,
                 const struct holder *h)
{
    const struct gpu *gpu = &inv->gpus[h->gpu];

    *out = (struct node_holder){
        .namespace = h->namespace,
        .pod = h->pod,
        .container = h->container,
        .resource = h->resource,
        .slice = h->slice,
        .gpu = gpu->index,
        .device = device_uuid(gpu, h),
        .process_names = h->process,
    };
    if (h->instance >= 0 && h->compute >= 0) {
        const struct gpu_instance *gi = &gpu->instances[h->instance];

        out->profile = gpu_device_name(texts->profile, gpu, gi, &gi->computes[h->compute]);
    }
    if (h->pid == 0)
        return;
    texts->process.pid = h->pid;
    texts->process.gi_id = h->instance < 0 ? -1 : (int)gpu->instances[h->instance].id;
    texts->process.ci_id =
        h->compute < 0 ? -1 : (int)gpu->instances[h->instance].computes[h->compute].id;
    for (unsigned p = 0; p < gpu->n_processes; p++)
        if (gpu->processes[p].pid == h->pid && gpu->processes[p].gi_id == texts->process.gi_id)
            texts->process.mem_bytes = gpu->processes[p].mem_bytes;
    out->n_processes = 1;
    out->processes = &texts->process;
}

static int pack(struct buf *out, const struct inventory *inv, const struct holder_list *list,
                const char *words, struct err *e)
{
    OWN_MEM struct node_holder *items = calloc(list->count + 1, sizeof *items);
    OWN_MEM struct item_texts *texts = calloc(list->count + 1, sizeof *texts);
    struct node_holders message = {.items = items, .count = list->count, .error = words};

    if (!items || !texts)
        return err_memory(e);
    for (size_t i = 0; i < list->count; i++)
        fill(&items[i], &texts[i], inv, &list->holders[i]);
    return node_holders_pack(out, &message, e);
}

static void on_holders(void *self, struct holder_list *list, const char *words)
{
    OWN(holder_list_freep) struct holder_list *holders = list;
    OWN_MEM struct question *q = self;
    struct err e = {0};
    struct buf b;
    int r;

    buf_init(&b, GRPC_MAX_MESSAGE);
    r = holders ? pack(&b, q->agent->inventory, holders, words, &e) : err_memory(&e);
    if (r < 0)
        grpc_fail(q->call, &e);
    else
        grpc_reply(q->call, b.size > 0 ? b.data : "", b.size);
    buf_done(&b);
}

void service_holders_call(void *agent, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct question *q = calloc(1, sizeof *q);
    struct err e = {0};

    (void)request; /* it has no fields yet */
    (void)size;
    if (!q) {
        (void)err_memory(&e);
        grpc_fail(call, &e);
        return;
    }
    q->agent = agent;
    q->call = call;
    holders_read(agent, on_holders, q);
}
