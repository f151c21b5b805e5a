/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of nodes: checked, copied with what they point to, given back. */
#include <stdlib.h>
#include <string.h>

#include "cuda/cuda.h"
#include "cuda/graph.h"
#include "cuda/module.h"
#include "cuda/params.h"

enum { MOST_BYTES = 1 << 16 };

static size_t bytes_of(const struct image_kernel *k)
{
    unsigned last = k->n_params;

    return last ? (size_t)k->param_at[last - 1] + k->param_bytes[last - 1] : 0;
}

/* The packed arguments of `extra`, or NULL. */
static const uint8_t *packed(void **extra)
{
    for (unsigned i = 0; extra && i < 8 && extra[i]; i += 2) {
        if ((uintptr_t)extra[i] == 1)
            return extra[i + 1];
    }
    return NULL;
}

int launch_keep(struct launch *l, void **params, void **extra)
{
    const struct function *f = function_find(l->handle);
    const uint8_t *from = packed(extra);
    size_t bytes;

    l->params = NULL;
    l->bytes = NULL;
    if (!f || !f->kernel.n_params || (!params && !from))
        return CUDA_SUCCESS;
    bytes = bytes_of(&f->kernel);
    l->params = calloc(f->kernel.n_params, sizeof(void *));
    l->bytes = calloc(1, bytes + 1);
    if (!l->params || !l->bytes) {
        free(l->params);
        free(l->bytes);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    for (unsigned i = 0; i < f->kernel.n_params; i++) {
        l->params[i] = l->bytes + f->kernel.param_at[i];
        memcpy(l->params[i], params ? params[i] : from + f->kernel.param_at[i],
               f->kernel.param_bytes[i]);
    }
    return CUDA_SUCCESS;
}

int params_copy(struct node_params *out, const struct node_params *from)
{
    *out = *from;
    switch (from->kind) {
    case NODE_KERNEL:
        return launch_keep(&out->u.kernel, from->u.kernel.params, NULL);
    case NODE_GRAPH:
        out->u.child = graph_copy(from->u.child);
        if (out->u.child)
            out->u.child->is_child = true;
        return out->u.child ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
    case NODE_BATCH:
        out->u.batch.values = calloc(from->u.batch.count + 1, sizeof(struct value));
        if (!out->u.batch.values)
            return CUDA_ERROR_OUT_OF_MEMORY;
        memcpy(out->u.batch.values, from->u.batch.values,
               from->u.batch.count * sizeof(struct value));
        return CUDA_SUCCESS;
    case NODE_COPY:
    case NODE_FILL:
    case NODE_HOST:
    case NODE_EMPTY:
    case NODE_WAIT:
    case NODE_RECORD:
    case NODE_FREE:
        break;
    case NODE_ALLOC:
        graph_alloc_ref(from->u.alloc.at);
        break;
    }
    return CUDA_SUCCESS;
}

void params_done(struct node_params *p)
{
    if (p->kind == NODE_KERNEL) {
        free(p->u.kernel.params);
        free(p->u.kernel.bytes);
    } else if (p->kind == NODE_GRAPH) {
        graph_free(p->u.child);
    } else if (p->kind == NODE_BATCH) {
        free(p->u.batch.values);
    } else if (p->kind == NODE_ALLOC) {
        graph_alloc_drop(p->u.alloc.at);
    }
}

int params_kernel(struct node_params *out, const struct kernel_params *from, bool is_v1)
{
    struct launch l = {0};
    int rc;

    if (!from)
        return CUDA_ERROR_INVALID_VALUE;
    l.handle = from->function || is_v1 ? from->function : from->kernel;
    memcpy(l.grid, from->grid, sizeof l.grid);
    memcpy(l.block, from->block, sizeof l.block);
    l.shared_bytes = from->shared_bytes;
    rc = launch_check(&l, from->params, from->extra);
    if (rc == CUDA_SUCCESS)
        rc = launch_keep(&l, from->params, from->extra);
    if (rc == CUDA_SUCCESS)
        *out = (struct node_params){.kind = NODE_KERNEL, .u.kernel = l};
    return rc;
}

void params_kernel_get(struct kernel_params *out, const struct node_params *p, bool is_v1)
{
    struct kernel_params got = {.function = p->u.kernel.handle,
                                .shared_bytes = p->u.kernel.shared_bytes,
                                .params = p->u.kernel.params};

    memcpy(got.grid, p->u.kernel.grid, sizeof got.grid);
    memcpy(got.block, p->u.kernel.block, sizeof got.block);
    memcpy(out, &got, is_v1 ? KERNEL_PARAMS_V1 : sizeof got);
}

int params_copy_node(struct node_params *out, const struct copy *from)
{
    int rc = from ? copy_check(from) : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS)
        *out = (struct node_params){.kind = NODE_COPY, .u.copy = *from};
    return rc;
}

int params_fill(struct node_params *out, const struct fill *from)
{
    int rc = CUDA_ERROR_INVALID_VALUE;

    if (from && (from->element_bytes == 1 || from->element_bytes == 2 || from->element_bytes == 4))
        rc = fill_check(from);
    if (rc == CUDA_SUCCESS)
        *out = (struct node_params){.kind = NODE_FILL, .u.fill = *from};
    return rc;
}

int params_host(struct node_params *out, const struct host_params *from)
{
    if (!from || !from->function)
        return CUDA_ERROR_INVALID_VALUE;
    *out = (struct node_params){.kind = NODE_HOST, .u.host = *from};
    return CUDA_SUCCESS;
}

int params_event(struct node_params *out, enum node_kind kind, void *event)
{
    if (!handle_is(event, HANDLE_EVENT))
        return CUDA_ERROR_INVALID_VALUE;
    *out = (struct node_params){.kind = kind, .u.event = event};
    return CUDA_SUCCESS;
}

int params_batch(struct node_params *out, const struct batch_params *from)
{
    struct node_params borrowed = {.kind = NODE_BATCH};
    int rc;

    if (!from)
        return CUDA_ERROR_INVALID_VALUE;
    rc = values_check(from->values, from->count, from->flags);
    if (rc != CUDA_SUCCESS)
        return rc;
    borrowed.u.batch = *from;
    return params_copy(out, &borrowed);
}

int params_child(struct node_params *out, const struct graph *from)
{
    struct graph *copy;

    if (!handle_is(from, HANDLE_GRAPH))
        return CUDA_ERROR_INVALID_VALUE;
    copy = graph_copy(from);
    if (!copy)
        return CUDA_ERROR_OUT_OF_MEMORY;
    copy->is_child = true;
    *out = (struct node_params){.kind = NODE_GRAPH, .u.child = copy};
    return CUDA_SUCCESS;
}
