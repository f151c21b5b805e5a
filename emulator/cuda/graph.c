/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs as things: nodes, what they come after, copies. The calls are in graph_call.c. */
#include "cuda/graph.h"

#include <stdlib.h>
#include <string.h>

#include "cuda/cuda.h"
#include "cuda/user_object.h"

struct graph *graph_new(void)
{
    return handle_new(HANDLE_GRAPH, sizeof(struct graph));
}

static void free_node(struct graph_node *n)
{
    params_done(&n->params);
    free(n->after);
    handle_free(n);
}

void graph_free(struct graph *g)
{
    if (!g)
        return;
    for (unsigned i = 0; i < g->n_nodes; i++)
        free_node(g->nodes[i]);
    free(g->nodes);
    user_objects_drop(g);
    handle_free(g);
}

/* Room for one more in a list of pointers. */
static bool grow(struct graph_node ***list, unsigned n, unsigned *room)
{
    unsigned wanted = *room ? *room * 2 : 4;
    struct graph_node **more;

    if (n < *room)
        return true;
    more = realloc(*list, wanted * sizeof(struct graph_node *));
    if (!more)
        return false;
    *list = more;
    *room = wanted;
    return true;
}

int node_after(struct graph_node *n, struct graph_node *after)
{
    if (!grow(&n->after, n->n_after, &n->room_after))
        return CUDA_ERROR_OUT_OF_MEMORY;
    n->after[n->n_after++] = after;
    return CUDA_SUCCESS;
}

/* All of the graph, and none twice. */
static bool are_of(const struct graph *g, struct graph_node *const *nodes, size_t n)
{
    if (n && !nodes)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!handle_is(nodes[i], HANDLE_NODE) || nodes[i]->graph != g)
            return false;
        for (size_t j = 0; j < i; j++) {
            if (nodes[j] == nodes[i])
                return false;
        }
    }
    return true;
}

int graph_add(struct graph *g, struct graph_node *const *after, size_t n_after,
              const struct node_params *params, struct graph_node **out)
{
    struct graph_node *n;
    int rc = CUDA_SUCCESS;

    if (!are_of(g, after, n_after))
        return CUDA_ERROR_INVALID_VALUE;
    n = grow(&g->nodes, g->n_nodes, &g->room_nodes) ? handle_new(HANDLE_NODE, sizeof *n) : NULL;
    if (!n)
        return CUDA_ERROR_OUT_OF_MEMORY;
    n->graph = g;
    n->id = ++cuda.next_id;
    for (size_t i = 0; i < n_after && rc == CUDA_SUCCESS; i++)
        rc = node_after(n, after[i]);
    if (rc != CUDA_SUCCESS) {
        free_node(n);
        return rc;
    }
    n->params = *params;
    g->nodes[g->n_nodes++] = n;
    *out = n;
    return CUDA_SUCCESS;
}

struct graph_node *graph_find(struct graph *g, const void *origin)
{
    for (unsigned i = 0; i < g->n_nodes; i++) {
        if (g->nodes[i]->origin == origin)
            return g->nodes[i];
    }
    return NULL;
}

static void clear_marks(const struct graph *g)
{
    for (unsigned i = 0; i < g->n_nodes; i++)
        g->nodes[i]->mark = 0;
}

/* Marks all that come before the node. */
static void mark_before(struct graph *g, struct graph_node *n)
{
    bool more = true;

    clear_marks(g);
    n->mark = 1;
    while (more) {
        more = false;
        for (unsigned i = 0; i < g->n_nodes; i++) {
            struct graph_node *at = g->nodes[i];

            for (unsigned j = 0; at->mark == 1 && j < at->n_after; j++) {
                more |= !at->after[j]->mark;
                at->after[j]->mark = at->after[j]->mark ? at->after[j]->mark : 1;
            }
            at->mark = at->mark ? 2 : 0;
        }
    }
}

bool graph_reaches(const struct graph_node *from, struct graph_node *to)
{
    if (from->graph != to->graph)
        return false;
    mark_before(to->graph, to);
    return from->mark != 0;
}

static bool is_due(const struct graph_node *n)
{
    for (unsigned i = 0; i < n->n_after; i++) {
        if (!n->after[i]->mark)
            return false;
    }
    return true;
}

bool graph_sort(struct graph *g)
{
    struct graph_node **sorted = calloc(g->n_nodes + 1, sizeof(struct graph_node *));
    unsigned n = 0, before = 1;

    if (!sorted)
        return false;
    clear_marks(g);
    for (; n < g->n_nodes && n != before;) {
        before = n;
        for (unsigned i = 0; i < g->n_nodes; i++) {
            if (g->nodes[i]->mark || !is_due(g->nodes[i]))
                continue;
            g->nodes[i]->mark = 1;
            sorted[n++] = g->nodes[i];
        }
    }
    if (n == g->n_nodes) {
        free(g->nodes);
        g->nodes = sorted;
        g->room_nodes = g->n_nodes + 1;
        return true;
    }
    free(sorted);
    return false;
}

struct graph *graph_copy(const struct graph *g)
{
    struct graph *copy = graph_new();
    int rc = copy ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;

    for (unsigned i = 0; rc == CUDA_SUCCESS && i < g->n_nodes; i++) {
        struct node_params params;
        struct graph_node *n;

        rc = params_copy(&params, &g->nodes[i]->params);
        if (rc != CUDA_SUCCESS)
            break;
        rc = graph_add(copy, NULL, 0, &params, &n);
        if (rc != CUDA_SUCCESS)
            params_done(&params);
        else
            n->origin = g->nodes[i];
    }
    for (unsigned i = 0; rc == CUDA_SUCCESS && i < g->n_nodes; i++) {
        for (unsigned j = 0; rc == CUDA_SUCCESS && j < g->nodes[i]->n_after; j++)
            rc = node_after(copy->nodes[i], graph_find(copy, g->nodes[i]->after[j]));
    }
    if (rc == CUDA_SUCCESS)
        rc = user_objects_copy(copy, g);
    if (rc == CUDA_SUCCESS)
        return copy;
    graph_free(copy);
    return NULL;
}
