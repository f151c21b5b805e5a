/* SPDX-License-Identifier: Apache-2.0 */
/* Instances of graphs: made, updated, launched. */
#include <stdlib.h>
#include <string.h>

#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/event.h"
#include "cuda/graph.h"
#include "cuda/params.h"
#include "cuda/stream.h"

enum {
    FLAG_FREE_ON_LAUNCH = 1,
    FLAG_UPLOAD = 2,
    FLAGS_KNOWN = 15,
    UPDATE_SUCCESS = 0, /* CUgraphExecUpdateResult */
    UPDATE_TOPOLOGY = 2,
    UPDATE_TYPE = 3,
    UPDATE_PARAMETERS = 5,
    UPDATE_NOT_SUPPORTED = 6, /* what version 1 says of another shape */
};

static struct exec *exec_find(void *handle)
{
    return handle_is(handle, HANDLE_EXEC) ? handle : NULL;
}

/* A graph with allocations can have one instance. */
static bool is_instantiated(const struct graph *g)
{
    for (unsigned i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->params.kind == NODE_ALLOC &&
            graph_alloc_refs(g->nodes[i]->params.u.alloc.at) > 1)
            return true;
    }
    return false;
}

static bool has_fills(const struct graph *g)
{
    for (unsigned i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->params.kind == NODE_FILL)
            return true;
    }
    return false;
}

static int instantiate(struct exec **out, void *graph, uint64_t flags)
{
    struct exec *x;
    int rc;

    if (!out || !handle_is(graph, HANDLE_GRAPH) || (flags & ~(uint64_t)FLAGS_KNOWN))
        return CUDA_ERROR_INVALID_VALUE;
    if (is_instantiated(graph))
        return CUDA_ERROR_NOT_SUPPORTED;
    rc =
        context_current() && has_fills(graph) ? stream_take_fills(context_current()) : CUDA_SUCCESS;
    x = rc == CUDA_SUCCESS ? handle_new(HANDLE_EXEC, sizeof *x) : NULL;
    if (!x)
        return CUDA_ERROR_OUT_OF_MEMORY;
    x->graph = graph_sort(graph) ? graph_copy(graph) : NULL;
    x->flags = flags;
    if (!x->graph) { /* or something comes after itself */
        handle_free(x);
        return CUDA_ERROR_INVALID_VALUE;
    }
    x->graph->is_exec = true;
    *out = x;
    return CUDA_SUCCESS;
}

static int enter_instantiate(struct exec **out, void *graph, uint64_t flags)
{
    int rc = cuda_enter();

    return rc == CUDA_SUCCESS ? cuda_leave(instantiate(out, graph, flags)) : rc;
}

CUDA_API(cuGraphInstantiateWithFlags, struct exec **out, void *graph, uint64_t flags)
{
    return enter_instantiate(out, graph, flags);
}

CUDA_API(cuGraphInstantiate_v2, struct exec **out, void *graph, void **error_node, char *words,
         size_t size)
{
    if (error_node)
        *error_node = NULL;
    if (words && size)
        words[0] = '\0';
    return enter_instantiate(out, graph, 0);
}

CUDA_API(cuGraphInstantiate, struct exec **out, void *graph, void **error_node, char *words,
         size_t size)
{
    return cuGraphInstantiate_v2(out, graph, error_node, words, size);
}

/* CUDA_GRAPH_INSTANTIATE_PARAMS. */
struct instantiate_params {
    uint64_t flags;
    void *stream, *error_node;
    int result;
};

CUDA_API(cuGraphInstantiateWithParams, struct exec **out, void *graph,
         struct instantiate_params *params)
{
    int rc;

    if (!params)
        return CUDA_ERROR_INVALID_VALUE;
    rc = enter_instantiate(out, graph, params->flags);
    params->error_node = NULL;
    params->result = rc == CUDA_SUCCESS ? 0 : 1;
    return rc;
}

CUDA_API(cuGraphExecDestroy, void *exec)
{
    struct exec *x;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    x = exec_find(exec);
    if (!x)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    graph_free(x->graph);
    handle_free(x);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuGraphExecGetFlags, void *exec, uint64_t *flags)
{
    struct exec *x;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    x = exec_find(exec);
    if (!x || !flags)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *flags = x->flags;
    return cuda_leave(CUDA_SUCCESS);
}

static int run_batch(struct stream *s, const struct batch_params *b)
{
    int rc = CUDA_SUCCESS;

    for (unsigned i = 0; i < b->count && rc == CUDA_SUCCESS; i++) {
        struct task task = {.kind = TASK_VALUE, .u.value = b->values[i]};

        rc = op_submit(s, &task);
    }
    return rc;
}

static int run_node(const struct exec *x, const struct graph_node *n, struct stream *s)
{
    const struct node_params *p = &n->params;
    struct task task = {.kind = (enum task_kind)p->kind};

    switch (p->kind) {
    case NODE_KERNEL:
        task.u.kernel_ns = p->u.kernel.ns;
        break;
    case NODE_COPY:
        task.u.copy = p->u.copy;
        break;
    case NODE_FILL:
        task.u.fill = p->u.fill;
        break;
    case NODE_HOST:
        task.u.host.function = p->u.host.function;
        task.u.host.data = p->u.host.data;
        break;
    case NODE_EMPTY:
        return CUDA_SUCCESS;
    case NODE_WAIT:
        return handle_is(p->u.event, HANDLE_EVENT) ? event_wait(s, p->u.event) : CUDA_SUCCESS;
    case NODE_RECORD:
        return handle_is(p->u.event, HANDLE_EVENT) ? event_record(p->u.event, s) : CUDA_SUCCESS;
    case NODE_ALLOC:
        return graph_alloc_run(p->u.alloc.at, x->flags & FLAG_FREE_ON_LAUNCH);
    case NODE_FREE:
        return graph_memory_release(p->u.free_at) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    case NODE_BATCH:
        return run_batch(s, &p->u.batch);
    case NODE_GRAPH:
        break; /* graph_run's */
    }
    return op_submit(s, &task);
}

static int graph_run(const struct exec *x, const struct graph *g, struct stream *s)
{
    int rc = CUDA_SUCCESS;

    for (unsigned i = 0; i < g->n_nodes && rc == CUDA_SUCCESS; i++) {
        const struct graph_node *n = g->nodes[i];

        if (n->is_off)
            continue;
        rc = n->params.kind == NODE_GRAPH ? graph_run(x, n->params.u.child, s) : run_node(x, n, s);
    }
    return rc;
}

int graph_launch(struct exec *x, struct stream *s)
{
    struct node_params child;
    int rc;

    if (!s->capture) {
        rc = capture_implicit(s);
        return rc == CUDA_SUCCESS ? graph_run(x, x->graph, s) : rc;
    }
    rc = params_child(&child, x->graph);
    return rc == CUDA_SUCCESS ? graph_capture(s, &child) : rc;
}

CUDA_API(cuGraphLaunch, void *exec, void *stream)
{
    struct stream *s;
    struct exec *x;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    x = exec_find(exec);
    return cuda_leave(x ? graph_launch(x, s) : CUDA_ERROR_INVALID_VALUE);
}

/* All is where it is to run already. */
CUDA_API(cuGraphUpload, void *exec, void *stream)
{
    struct stream *s;
    int rc = stream_enter(stream, &s);

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(exec_find(exec) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE);
}

/* Nodes pair by their order; kinds and what they come after have to be the same. */
static int compare(const struct graph *own, const struct graph *from, struct graph_node **out)
{
    *out = NULL;
    if (own->n_nodes != from->n_nodes)
        return UPDATE_TOPOLOGY;
    for (unsigned i = 0; i < own->n_nodes; i++) {
        const struct graph_node *a = own->nodes[i], *b = from->nodes[i];

        *out = from->nodes[i];
        if (a->params.kind != b->params.kind)
            return UPDATE_TYPE;
        if (a->n_after != b->n_after)
            return UPDATE_TOPOLOGY;
        if (a->params.kind == NODE_ALLOC || a->params.kind == NODE_FREE)
            return UPDATE_PARAMETERS;
    }
    *out = NULL;
    return UPDATE_SUCCESS;
}

static int update(struct exec *x, struct graph *from, struct graph_node **out_node, int *out_result)
{
    struct graph *copy;

    (void)graph_sort(from);
    *out_result = compare(x->graph, from, out_node);
    if (*out_result != UPDATE_SUCCESS)
        return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    copy = graph_copy(from);
    if (!copy)
        return CUDA_ERROR_OUT_OF_MEMORY;
    for (unsigned i = 0; i < copy->n_nodes; i++) { /* nodes are still known by the first graph's */
        copy->nodes[i]->origin = x->graph->nodes[i]->origin;
        copy->nodes[i]->is_off = x->graph->nodes[i]->is_off;
    }
    graph_free(x->graph);
    copy->is_exec = true;
    x->graph = copy;
    return CUDA_SUCCESS;
}

/* CUgraphExecUpdateResultInfo. */
struct update_info {
    int result;
    struct graph_node *node, *from;
};

CUDA_API(cuGraphExecUpdate_v2, void *exec, void *graph, struct update_info *info)
{
    struct update_info none;
    struct exec *x;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    x = exec_find(exec);
    if (!x || !handle_is(graph, HANDLE_GRAPH))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    info = info ? info : &none;
    *info = (struct update_info){0};
    return cuda_leave(update(x, graph, &info->node, &info->result));
}

CUDA_API(cuGraphExecUpdate, void *exec, void *graph, struct graph_node **out_node, int *out_result)
{
    struct update_info info = {0};
    int rc = cuGraphExecUpdate_v2(exec, graph, &info);

    if (out_node)
        *out_node = info.node;
    if (out_result)
        *out_result = info.result == UPDATE_TOPOLOGY ? UPDATE_NOT_SUPPORTED : info.result;
    return rc;
}

struct graph_node *exec_node(void *exec, const void *node)
{
    struct exec *x = exec_find(exec);

    return x && handle_is(node, HANDLE_NODE) ? graph_find(x->graph, node) : NULL;
}

/* Kernels, copies and fills can be left out. */
static bool can_be_off(const struct graph_node *n)
{
    return n && (n->params.kind == NODE_KERNEL || n->params.kind == NODE_COPY ||
                 n->params.kind == NODE_FILL);
}

CUDA_API(cuGraphNodeSetEnabled, void *exec, void *node, unsigned on)
{
    struct graph_node *n;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    n = exec_node(exec, node);
    if (!can_be_off(n))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    n->is_off = !on;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuGraphNodeGetEnabled, void *exec, void *node, unsigned *on)
{
    struct graph_node *n;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    n = exec_node(exec, node);
    if (!can_be_off(n) || !on)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *on = !n->is_off;
    return cuda_leave(CUDA_SUCCESS);
}
