/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs: nodes and what they come after, made by calls or by capture; instances of them, which are
 * launched as a row of tasks in their stream. Under the session's lock.
 */
#ifndef EMULATOR_CUDA_GRAPH_H
#define EMULATOR_CUDA_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cuda/launch.h"
#include "cuda/op.h"

struct event;
struct graph;
struct stream;

enum node_kind { /* CUgraphNodeType */
                 NODE_KERNEL = 0,
                 NODE_COPY = 1,
                 NODE_FILL = 2,
                 NODE_HOST = 3,
                 NODE_GRAPH = 4,
                 NODE_EMPTY = 5,
                 NODE_WAIT = 6,
                 NODE_RECORD = 7,
                 NODE_ALLOC = 10,
                 NODE_FREE = 11,
                 NODE_BATCH = 12,
};

struct host_params { /* CUDA_HOST_NODE_PARAMS, word for word */
    void (*function)(void *);
    void *data;
};

/* CUDA_MEM_ALLOC_NODE_PARAMS, word for word. */
struct alloc_params {
    struct {
        int type, handles, location_type, location;
        void *security;
        size_t max_bytes;
        uint16_t usage;
        uint8_t reserved[54];
    } props;
    const void *access;
    size_t n_access, bytes;
    uint64_t at;
};
_Static_assert(sizeof(struct alloc_params) == 120, "the driver's layout");

/* CUDA_BATCH_MEM_OP_NODE_PARAMS, word for word. */
struct batch_params {
    void *context;
    unsigned count;
    struct value *values; /* a node's own copy */
    unsigned flags;
};

struct node_params {
    enum node_kind kind;
    union {
        struct launch kernel; /* owns its arguments */
        struct copy copy;
        struct fill fill;
        struct host_params host;
        struct graph *child; /* owned */
        struct event *event;
        struct alloc_params alloc;
        uint64_t free_at;
        struct batch_params batch;
    } u;
};

struct graph_node {
    struct graph *graph;
    struct graph_node *origin; /* whose copy it is in a clone; never followed */
    uint64_t id;
    struct node_params params;
    struct graph_node **after; /* what it comes after; owned */
    unsigned n_after, room_after;
    unsigned mark; /* for walks */
    bool is_off;   /* of an instance's */
};

struct graph {
    struct graph_node **nodes; /* owned, in the order of their making */
    unsigned n_nodes, room_nodes;
    struct graph *clone_of; /* never followed */
    bool is_child, is_exec; /* inside a node; inside an instance */
    struct retained *objects;
};

struct exec {
    struct graph *graph; /* a copy, its nodes in the order of their running */
    uint64_t flags;
};

/* graph.c */
struct graph *graph_new(void);
void graph_free(struct graph *g);
struct graph *graph_copy(const struct graph *g); /* NULL: no memory */
/* Takes the parameters' own parts. */
int graph_add(struct graph *g, struct graph_node *const *after, size_t n_after,
              const struct node_params *params, struct graph_node **out);
struct graph_node *graph_find(struct graph *g, const void *origin);
/* Nodes come after those that they depend on. */
bool graph_sort(struct graph *g); /* false: they cannot, or no memory */
bool graph_reaches(const struct graph_node *from, struct graph_node *to);
int node_after(struct graph_node *n, struct graph_node *after); /* also if it already is */

/* graph_params.c: copies own their parts. */
int params_copy(struct node_params *out, const struct node_params *from);
void params_done(struct node_params *p);

/* graph_exec.c */
int graph_launch(struct exec *x, struct stream *s);
/* The instance's node of a node of its graph; NULL: none. */
struct graph_node *exec_node(void *exec, const void *node);

/*
 * graph_memory.c: memory of allocation nodes. It has an address from the making of the node on, and
 * memory of the GPU from the first launch, which stays until a trim.
 */
int graph_alloc_reserve(struct alloc_params *p); /* writes the address; one reference */
void graph_alloc_ref(uint64_t at);
void graph_alloc_drop(uint64_t at);
unsigned graph_alloc_refs(uint64_t at);
int graph_alloc_run(uint64_t at, bool again); /* again: may be in use from the last launch */
bool graph_memory_known(const struct graph *g, uint64_t at); /* allocated there, not freed there */

/* capture.c: runs the task in the stream or, if it captures, makes a node of it. */
int graph_submit(struct stream *s, const struct task *task);
/* The parameters' parts are the node's from now on; on failure they are freed. */
int graph_capture(struct stream *s, struct node_params *params);
int graph_capture_event(struct stream *s, struct event *e, bool records);

/* event.c, module.c: what goes with a context. */
void event_context_free(struct context *c);
void module_context_free(struct context *c);

#endif
