/* SPDX-License-Identifier: Apache-2.0 */
/* The calls on nodes: added, asked for their parameters, given others; those of instances too. */
#include <string.h>

#include "cuda/cuda.h"
#include "cuda/graph.h"
#include "cuda/params.h"

/* Adds a node with checked parameters, which are its own then, or given back. */
static int add(struct graph_node **out, void *graph, struct graph_node *const *after,
               size_t n_after, struct node_params *params)
{
    int rc = graph_add(graph, after, n_after, params, out);

    if (rc != CUDA_SUCCESS)
        params_done(params);
    return rc;
}

static int enter_add(struct graph_node **out, void *graph)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    return out && handle_is(graph, HANDLE_GRAPH) ? rc : cuda_leave(CUDA_ERROR_INVALID_VALUE);
}

/* A call that adds one kind of node: `more` are its own parameters, `make` reads them into p. */
#define ADD_CALL(name, make, ...)                                                                  \
    CUDA_API(name, struct graph_node **out, void *graph, struct graph_node *const *after,          \
             size_t n_after, __VA_ARGS__)                                                          \
    {                                                                                              \
        struct node_params p = {0};                                                                \
        int rc = enter_add(out, graph);                                                            \
        if (rc != CUDA_SUCCESS)                                                                    \
            return rc;                                                                             \
        rc = make;                                                                                 \
        return cuda_leave(rc == CUDA_SUCCESS ? add(out, graph, after, n_after, &p) : rc);          \
    }

static int ignore_context(int rc, const void *context)
{
    (void)context;
    return rc;
}

ADD_CALL(cuGraphAddKernelNode_v2, params_kernel(&p, from, false), const struct kernel_params *from)
ADD_CALL(cuGraphAddKernelNode, params_kernel(&p, from, true), const struct kernel_params *from)
ADD_CALL(cuGraphAddMemcpyNode, ignore_context(params_copy_node(&p, from), context),
         const struct copy *from, void *context)
ADD_CALL(cuGraphAddMemsetNode, ignore_context(params_fill(&p, from), context),
         const struct fill *from, void *context)
ADD_CALL(cuGraphAddHostNode, params_host(&p, from), const struct host_params *from)
ADD_CALL(cuGraphAddEventRecordNode, params_event(&p, NODE_RECORD, event), void *event)
ADD_CALL(cuGraphAddEventWaitNode, params_event(&p, NODE_WAIT, event), void *event)
ADD_CALL(cuGraphAddBatchMemOpNode, params_batch(&p, from), const struct batch_params *from)
ADD_CALL(cuGraphAddChildGraphNode, params_child(&p, from), void *from)

CUDA_API(cuGraphAddEmptyNode, struct graph_node **out, void *graph, struct graph_node *const *after,
         size_t n_after)
{
    struct node_params p = {.kind = NODE_EMPTY};
    int rc = enter_add(out, graph);

    return rc == CUDA_SUCCESS ? cuda_leave(add(out, graph, after, n_after, &p)) : rc;
}

/* The address is told in the parameters. */
static int add_alloc(struct graph_node **out, void *graph, struct graph_node *const *after,
                     size_t n_after, struct alloc_params *from)
{
    struct node_params p = {.kind = NODE_ALLOC};
    int rc = from ? graph_alloc_reserve(from) : CUDA_ERROR_INVALID_VALUE;

    if (rc != CUDA_SUCCESS)
        return rc;
    p.u.alloc = *from;
    return add(out, graph, after, n_after, &p);
}

CUDA_API(cuGraphAddMemAllocNode, struct graph_node **out, void *graph,
         struct graph_node *const *after, size_t n_after, struct alloc_params *from)
{
    int rc = enter_add(out, graph);

    return rc == CUDA_SUCCESS ? cuda_leave(add_alloc(out, graph, after, n_after, from)) : rc;
}

static int params_free(struct node_params *out, const struct graph *g, uint64_t at)
{
    if (!graph_memory_known(g, at))
        return CUDA_ERROR_INVALID_VALUE;
    *out = (struct node_params){.kind = NODE_FREE, .u.free_at = at};
    return CUDA_SUCCESS;
}

ADD_CALL(cuGraphAddMemFreeNode, params_free(&p, graph, at), uint64_t at)

/* CUgraphNodeParams: one of all kinds. */
struct any_params {
    int kind, reserved[3];
    union {
        uint64_t words[29];
        struct kernel_params kernel;
        struct {
            int flags, reserved;
            void *context;
            struct copy copy;
        } copy;
        struct fill fill;
        struct host_params host;
        void *graph, *event;
        struct alloc_params alloc;
        uint64_t free_at;
        struct batch_params batch;
    } u;
    uint64_t reserved2;
};
_Static_assert(sizeof(struct any_params) == 256, "the driver's layout");

/* Of all kinds but allocations. */
static int params_any(struct node_params *out, struct graph *g, const struct any_params *from)
{
    switch (from->kind) {
    case NODE_KERNEL:
        return params_kernel(out, &from->u.kernel, false);
    case NODE_COPY:
        return params_copy_node(out, &from->u.copy.copy);
    case NODE_FILL:
        return params_fill(out, &from->u.fill);
    case NODE_HOST:
        return params_host(out, &from->u.host);
    case NODE_GRAPH:
        return params_child(out, from->u.graph);
    case NODE_EMPTY:
        *out = (struct node_params){.kind = NODE_EMPTY};
        return CUDA_SUCCESS;
    case NODE_WAIT:
    case NODE_RECORD:
        return params_event(out, (enum node_kind)from->kind, from->u.event);
    case NODE_FREE:
        return params_free(out, g, from->u.free_at);
    case NODE_BATCH:
        return params_batch(out, &from->u.batch);
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

CUDA_API(cuGraphAddNode, struct graph_node **out, void *graph, struct graph_node *const *after,
         size_t n_after, struct any_params *from)
{
    struct node_params p = {0};
    int rc = enter_add(out, graph);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!from)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (from->kind == NODE_ALLOC)
        return cuda_leave(add_alloc(out, graph, after, n_after, &from->u.alloc));
    rc = params_any(&p, graph, from);
    return cuda_leave(rc == CUDA_SUCCESS ? add(out, graph, after, n_after, &p) : rc);
}

CUDA_API(cuGraphAddNode_v2, struct graph_node **out, void *graph, struct graph_node *const *after,
         const void *edges, size_t n_after, struct any_params *from)
{
    (void)edges;
    return cuGraphAddNode(out, graph, after, n_after, from);
}

/* A node of that kind, of a graph or (exec) an instance's. */
static int enter_kind(void *exec, void *node, enum node_kind kind, struct graph_node **out)
{
    struct graph_node *n;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    n = exec ? exec_node(exec, node) : NULL;
    if (!exec && handle_is(node, HANDLE_NODE))
        n = node;
    if (!n || n->params.kind != kind)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = n;
    return CUDA_SUCCESS;
}

static int replace(struct graph_node *n, const struct node_params *params)
{
    params_done(&n->params);
    n->params = *params;
    return CUDA_SUCCESS;
}

/* An instance is named first where `exec` is not NULL. */
#define SET_BODY(exec, node, kind, make)                                                           \
    {                                                                                              \
        struct node_params p = {0};                                                                \
        struct graph_node *n;                                                                      \
        int rc = enter_kind(exec, node, kind, &n);                                                 \
        if (rc != CUDA_SUCCESS)                                                                    \
            return rc;                                                                             \
        rc = make;                                                                                 \
        return cuda_leave(rc == CUDA_SUCCESS ? replace(n, &p) : rc);                               \
    }
#define NO_EXEC NULL
#define EXEC(exec) ((exec) ? (exec) : (void *)1) /* none is a bad one */

CUDA_API(cuGraphKernelNodeSetParams_v2, void *node, const struct kernel_params *from)
SET_BODY(NO_EXEC, node, NODE_KERNEL, params_kernel(&p, from, false))
CUDA_API(cuGraphKernelNodeSetParams, void *node, const struct kernel_params *from)
SET_BODY(NO_EXEC, node, NODE_KERNEL, params_kernel(&p, from, true))
CUDA_API(cuGraphMemcpyNodeSetParams, void *node, const struct copy *from)
SET_BODY(NO_EXEC, node, NODE_COPY, params_copy_node(&p, from))
CUDA_API(cuGraphMemsetNodeSetParams, void *node, const struct fill *from)
SET_BODY(NO_EXEC, node, NODE_FILL, params_fill(&p, from))
CUDA_API(cuGraphHostNodeSetParams, void *node, const struct host_params *from)
SET_BODY(NO_EXEC, node, NODE_HOST, params_host(&p, from))
CUDA_API(cuGraphEventRecordNodeSetEvent, void *node, void *event)
SET_BODY(NO_EXEC, node, NODE_RECORD, params_event(&p, NODE_RECORD, event))
CUDA_API(cuGraphEventWaitNodeSetEvent, void *node, void *event)
SET_BODY(NO_EXEC, node, NODE_WAIT, params_event(&p, NODE_WAIT, event))
CUDA_API(cuGraphBatchMemOpNodeSetParams, void *node, const struct batch_params *from)
SET_BODY(NO_EXEC, node, NODE_BATCH, params_batch(&p, from))

CUDA_API(cuGraphExecKernelNodeSetParams_v2, void *exec, void *node,
         const struct kernel_params *from)
SET_BODY(EXEC(exec), node, NODE_KERNEL, params_kernel(&p, from, false))
CUDA_API(cuGraphExecKernelNodeSetParams, void *exec, void *node, const struct kernel_params *from)
SET_BODY(EXEC(exec), node, NODE_KERNEL, params_kernel(&p, from, true))
CUDA_API(cuGraphExecMemcpyNodeSetParams, void *exec, void *node, const struct copy *from,
         void *context)
SET_BODY(EXEC(exec), node, NODE_COPY, ignore_context(params_copy_node(&p, from), context))
CUDA_API(cuGraphExecMemsetNodeSetParams, void *exec, void *node, const struct fill *from,
         void *context)
SET_BODY(EXEC(exec), node, NODE_FILL, ignore_context(params_fill(&p, from), context))
CUDA_API(cuGraphExecHostNodeSetParams, void *exec, void *node, const struct host_params *from)
SET_BODY(EXEC(exec), node, NODE_HOST, params_host(&p, from))
CUDA_API(cuGraphExecEventRecordNodeSetEvent, void *exec, void *node, void *event)
SET_BODY(EXEC(exec), node, NODE_RECORD, params_event(&p, NODE_RECORD, event))
CUDA_API(cuGraphExecEventWaitNodeSetEvent, void *exec, void *node, void *event)
SET_BODY(EXEC(exec), node, NODE_WAIT, params_event(&p, NODE_WAIT, event))
CUDA_API(cuGraphExecBatchMemOpNodeSetParams, void *exec, void *node,
         const struct batch_params *from)
SET_BODY(EXEC(exec), node, NODE_BATCH, params_batch(&p, from))
CUDA_API(cuGraphExecChildGraphNodeSetParams, void *exec, void *node, void *from)
SET_BODY(EXEC(exec), node, NODE_GRAPH, params_child(&p, from))

static int set_any(void *exec, void *node, const struct any_params *from)
    SET_BODY(exec, node, from ? (enum node_kind)from->kind : NODE_EMPTY,
             params_any(&p, n->graph, from))

        CUDA_API(cuGraphNodeSetParams, void *node, const struct any_params *from)
{
    return from ? set_any(NULL, node, from) : CUDA_ERROR_INVALID_VALUE;
}

CUDA_API(cuGraphExecNodeSetParams, void *exec, void *node, const struct any_params *from)
{
    return from && exec ? set_any(exec, node, from) : CUDA_ERROR_INVALID_VALUE;
}

#define GET_BODY(kind, out, get)                                                                   \
    {                                                                                              \
        struct graph_node *n;                                                                      \
        int rc = enter_kind(NULL, node, kind, &n);                                                 \
        if (rc != CUDA_SUCCESS)                                                                    \
            return rc;                                                                             \
        if (!(out))                                                                                \
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);                                           \
        get;                                                                                       \
        return cuda_leave(CUDA_SUCCESS);                                                           \
    }

CUDA_API(cuGraphKernelNodeGetParams_v2, void *node, struct kernel_params *out)
GET_BODY(NODE_KERNEL, out, params_kernel_get(out, &n->params, false))
CUDA_API(cuGraphKernelNodeGetParams, void *node, struct kernel_params *out)
GET_BODY(NODE_KERNEL, out, params_kernel_get(out, &n->params, true))
CUDA_API(cuGraphMemcpyNodeGetParams, void *node, struct copy *out)
GET_BODY(NODE_COPY, out, *out = n->params.u.copy)
CUDA_API(cuGraphMemsetNodeGetParams, void *node, struct fill *out)
GET_BODY(NODE_FILL, out, *out = n->params.u.fill)
CUDA_API(cuGraphHostNodeGetParams, void *node, struct host_params *out)
GET_BODY(NODE_HOST, out, *out = n->params.u.host)
CUDA_API(cuGraphEventRecordNodeGetEvent, void *node, struct event **out)
GET_BODY(NODE_RECORD, out, *out = n->params.u.event)
CUDA_API(cuGraphEventWaitNodeGetEvent, void *node, struct event **out)
GET_BODY(NODE_WAIT, out, *out = n->params.u.event)
CUDA_API(cuGraphChildGraphNodeGetGraph, void *node, struct graph **out)
GET_BODY(NODE_GRAPH, out, *out = n->params.u.child)
CUDA_API(cuGraphMemAllocNodeGetParams, void *node, struct alloc_params *out)
GET_BODY(NODE_ALLOC, out, *out = n->params.u.alloc)
CUDA_API(cuGraphMemFreeNodeGetParams, void *node, uint64_t *out)
GET_BODY(NODE_FREE, out, *out = n->params.u.free_at)
CUDA_API(cuGraphBatchMemOpNodeGetParams, void *node, struct batch_params *out)
GET_BODY(NODE_BATCH, out, *out = n->params.u.batch)

enum { ATTRIBUTE_PRIORITY = 8 };

/* Of a kernel's attributes its priority alone is kept. */
CUDA_API(cuGraphKernelNodeGetAttribute, void *node, int attribute, int *value)
GET_BODY(NODE_KERNEL, value,
         *value = attribute == ATTRIBUTE_PRIORITY ? n->params.u.kernel.priority : 0)
CUDA_API(cuGraphKernelNodeSetAttribute, void *node, int attribute, const int *value)
GET_BODY(NODE_KERNEL, value,
         n->params.u.kernel.priority = attribute == ATTRIBUTE_PRIORITY
                                           ? *value
                                           : n->params.u.kernel.priority)

CUDA_API(cuGraphKernelNodeCopyAttributes, void *to, void *from)
{
    struct graph_node *a, *b;
    int rc = enter_kind(NULL, to, NODE_KERNEL, &a);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(from, HANDLE_NODE) || ((struct graph_node *)from)->params.kind != NODE_KERNEL)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    b = from;
    a->params.u.kernel.priority = b->params.u.kernel.priority;
    return cuda_leave(CUDA_SUCCESS);
}
