/* SPDX-License-Identifier: Apache-2.0 */
/* The calls on graphs as a whole: made, copied, destroyed, what comes after what. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/capture.h"
#include "cuda/cuda.h"
#include "cuda/graph.h"

static int enter_graph(void *handle, struct graph **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_GRAPH))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = handle;
    return CUDA_SUCCESS;
}

static int enter_node(void *handle, struct graph_node **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_NODE))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = handle;
    return CUDA_SUCCESS;
}

CUDA_API(cuGraphCreate, struct graph **out, unsigned flags)
{
    struct graph *g;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || flags != 0)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    g = graph_new();
    if (!g)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *out = g;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuGraphDestroy, void *graph)
{
    struct graph *g;
    int rc = enter_graph(graph, &g);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (g->is_child || capture_has(g))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    graph_free(g);
    return cuda_leave(CUDA_SUCCESS);
}

static bool has_memory(const struct graph *g)
{
    for (unsigned i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->params.kind == NODE_ALLOC || g->nodes[i]->params.kind == NODE_FREE)
            return true;
    }
    return false;
}

CUDA_API(cuGraphClone, struct graph **out, void *graph)
{
    struct graph *g, *copy;
    int rc = enter_graph(graph, &g);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (has_memory(g))
        return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
    copy = graph_copy(g);
    if (!copy)
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    copy->clone_of = g;
    *out = copy;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuGraphNodeFindInClone, struct graph_node **out, void *origin, void *clone)
{
    struct graph *g;
    struct graph_node *found;
    int rc = enter_graph(clone, &g);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !handle_is(origin, HANDLE_NODE) ||
        g->clone_of != ((struct graph_node *)origin)->graph)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    found = graph_find(g, origin);
    if (!found)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = found;
    return cuda_leave(CUDA_SUCCESS);
}

/* As many as there is room for, null beyond the last; without a list their count alone. */
static int list(void **out, size_t *n, void *const *items, size_t n_items)
{
    if (!n)
        return CUDA_ERROR_INVALID_VALUE;
    if (!out) {
        *n = n_items;
        return CUDA_SUCCESS;
    }
    for (size_t i = 0; i < *n; i++)
        out[i] = i < n_items ? items[i] : NULL;
    *n = *n < n_items ? *n : n_items;
    return CUDA_SUCCESS;
}

CUDA_API(cuGraphGetNodes, void *graph, void **out, size_t *n)
{
    struct graph *g;
    int rc = enter_graph(graph, &g);

    if (rc != CUDA_SUCCESS)
        return rc;
    return cuda_leave(list(out, n, (void *const *)g->nodes, g->n_nodes));
}

/* A list of nodes by a rule, for the graph of one of them. */
static int list_where(const struct graph *g, bool (*takes)(const struct graph_node *, const void *),
                      const void *with, void **out, size_t *n)
{
    void **found = calloc(g->n_nodes + 1, sizeof(void *));
    size_t n_found = 0;
    int rc;

    if (!found)
        return CUDA_ERROR_OUT_OF_MEMORY;
    for (unsigned i = 0; i < g->n_nodes; i++) {
        if (takes(g->nodes[i], with))
            found[n_found++] = g->nodes[i];
    }
    rc = list(out, n, found, n_found);
    free(found);
    return rc;
}

static bool is_root(const struct graph_node *n, const void *unused)
{
    (void)unused;
    return n->n_after == 0;
}

static bool is_after(const struct graph_node *n, const void *with)
{
    for (unsigned i = 0; i < n->n_after; i++) {
        if (n->after[i] == with)
            return true;
    }
    return false;
}

CUDA_API(cuGraphGetRootNodes, void *graph, void **out, size_t *n)
{
    struct graph *g;
    int rc = enter_graph(graph, &g);

    return rc == CUDA_SUCCESS ? cuda_leave(list_where(g, is_root, NULL, out, n)) : rc;
}

CUDA_API(cuGraphNodeGetDependencies, void *node, void **out, size_t *n)
{
    struct graph_node *at;
    int rc = enter_node(node, &at);

    return rc == CUDA_SUCCESS ? cuda_leave(list(out, n, (void *const *)at->after, at->n_after))
                              : rc;
}

CUDA_API(cuGraphNodeGetDependencies_v2, void *node, void **out, uint64_t *edges, size_t *n)
{
    if (edges && n)
        memset(edges, 0, *n * sizeof *edges);
    return cuGraphNodeGetDependencies(node, out, n);
}

CUDA_API(cuGraphNodeGetDependentNodes, void *node, void **out, size_t *n)
{
    struct graph_node *at;
    int rc = enter_node(node, &at);

    return rc == CUDA_SUCCESS ? cuda_leave(list_where(at->graph, is_after, at, out, n)) : rc;
}

CUDA_API(cuGraphNodeGetDependentNodes_v2, void *node, void **out, uint64_t *edges, size_t *n)
{
    if (edges && n)
        memset(edges, 0, *n * sizeof *edges);
    return cuGraphNodeGetDependentNodes(node, out, n);
}

static int get_edges(const struct graph *g, void **from, void **to, size_t *n)
{
    size_t total = 0;

    for (unsigned i = 0; i < g->n_nodes; i++) {
        for (unsigned j = 0; j < g->nodes[i]->n_after; j++, total++) {
            if (!from || total >= *n)
                continue;
            from[total] = g->nodes[i]->after[j];
            to[total] = g->nodes[i];
        }
    }
    for (size_t i = total; from && i < *n; i++)
        from[i] = to[i] = NULL;
    *n = from && *n < total ? *n : total;
    return CUDA_SUCCESS;
}

CUDA_API(cuGraphGetEdges, void *graph, void **from, void **to, size_t *n)
{
    struct graph *g;
    int rc = enter_graph(graph, &g);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!n || !from != !to)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    return cuda_leave(get_edges(g, from, to, n));
}

CUDA_API(cuGraphGetEdges_v2, void *graph, void **from, void **to, uint64_t *edges, size_t *n)
{
    if (edges && n)
        memset(edges, 0, *n * sizeof *edges);
    return cuGraphGetEdges(graph, from, to, n);
}

static bool is_pair(const struct graph *g, const struct graph_node *from,
                    const struct graph_node *to)
{
    return handle_is(from, HANDLE_NODE) && handle_is(to, HANDLE_NODE) && from->graph == g &&
           to->graph == g && from != to;
}

CUDA_API(cuGraphAddDependencies, void *graph, struct graph_node *const *from,
         struct graph_node *const *to, size_t n)
{
    struct graph *g;
    int rc = enter_graph(graph, &g);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (n && (!from || !to))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (size_t i = 0; i < n && rc == CUDA_SUCCESS; i++) {
        if (!is_pair(g, from[i], to[i]) || is_after(to[i], from[i]))
            rc = CUDA_ERROR_INVALID_VALUE;
        else
            rc = node_after(to[i], from[i]);
    }
    return cuda_leave(rc);
}

CUDA_API(cuGraphAddDependencies_v2, void *graph, struct graph_node *const *from,
         struct graph_node *const *to, const void *edges, size_t n)
{
    (void)edges;
    return cuGraphAddDependencies(graph, from, to, n);
}

static void drop_after(struct graph_node *n, const struct graph_node *after)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < n->n_after; i++) {
        if (n->after[i] != after)
            n->after[kept++] = n->after[i];
    }
    n->n_after = kept;
}

CUDA_API(cuGraphRemoveDependencies, void *graph, struct graph_node *const *from,
         struct graph_node *const *to, size_t n)
{
    struct graph *g;
    int rc = enter_graph(graph, &g);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (n && (!from || !to))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    for (size_t i = 0; i < n; i++) {
        if (!is_pair(g, from[i], to[i]) || !is_after(to[i], from[i]))
            return cuda_leave(CUDA_ERROR_INVALID_VALUE);
        drop_after(to[i], from[i]);
    }
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuGraphRemoveDependencies_v2, void *graph, struct graph_node *const *from,
         struct graph_node *const *to, const void *edges, size_t n)
{
    (void)edges;
    return cuGraphRemoveDependencies(graph, from, to, n);
}

CUDA_API(cuGraphDestroyNode, void *node)
{
    struct graph_node *n;
    struct graph *g;
    unsigned kept = 0;
    int rc = enter_node(node, &n);

    if (rc != CUDA_SUCCESS)
        return rc;
    g = n->graph;
    if (capture_has(g))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    if (n->params.kind == NODE_ALLOC || n->params.kind == NODE_FREE)
        return cuda_leave(CUDA_ERROR_NOT_SUPPORTED);
    for (unsigned i = 0; i < g->n_nodes; i++) {
        drop_after(g->nodes[i], n);
        if (g->nodes[i] != n)
            g->nodes[kept++] = g->nodes[i];
    }
    g->n_nodes = kept;
    params_done(&n->params);
    free(n->after);
    handle_free(n);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuGraphNodeGetType, void *node, int *out)
{
    struct graph_node *n;
    int rc = enter_node(node, &n);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = (int)n->params.kind;
    return cuda_leave(CUDA_SUCCESS);
}

/* Nodes by number and kind, and what comes after what. */
CUDA_API(cuGraphDebugDotPrint, void *graph, const char *path, unsigned flags)
{
    struct graph *g;
    FILE *f;
    int rc = enter_graph(graph, &g);

    (void)flags;
    if (rc != CUDA_SUCCESS)
        return rc;
    f = path ? fopen(path, "we") : NULL;
    if (!f)
        return cuda_leave(path ? CUDA_ERROR_OPERATING_SYSTEM : CUDA_ERROR_INVALID_VALUE);
    (void)fprintf(f, "digraph {\n");
    for (unsigned i = 0; i < g->n_nodes; i++) {
        const struct graph_node *n = g->nodes[i];

        (void)fprintf(f, "n%llu [label=\"%d\"];\n", (unsigned long long)n->id, (int)n->params.kind);
        for (unsigned j = 0; j < n->n_after; j++)
            (void)fprintf(f, "n%llu -> n%llu;\n", (unsigned long long)n->after[j]->id,
                          (unsigned long long)n->id);
    }
    (void)fprintf(f, "}\n");
    (void)fclose(f);
    return cuda_leave(CUDA_SUCCESS);
}
