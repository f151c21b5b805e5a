/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of graphs: the driver keeps a pool for all graphs of a device, and what that holds is
 * charged. A graph takes its memory when it is first uploaded or launched; it may share what
 * another has left. Graphs that do not allocate, and programs without one that does, pay nothing
 * for this.
 */
#include "shim/memory_pool.h"

#include <sys/mman.h>

enum { NODE_CHILD = 4, DEPTH_MAX = 64, NODES_MAX = 1 << 24 };

/* Set with the first allocating node; never unset. */
static bool graph_allocates;

/* Raised by every trim: what had been launched before must find its memory anew. */
static uint32_t graph_trims;

void memory_graph_allocates(int device, CUdevice ordinal)
{
    struct ledger_entry e = {
        .kind = LEDGER_GRAPH_POOL,
        .key = (uint64_t)ordinal,
        .device = (int16_t)device,
    };
    struct ledger_entry known;

    if (!ledger_find(LEDGER_GRAPH_POOL, e.key, &known) && !ledger_count(&e, 1, 0, &known))
        charge_uncounted();
    memory_pool_in_use();
    __atomic_store_n(&graph_allocates, true, __ATOMIC_RELAXED);
}

static CUresult trim(CUdevice ordinal)
{
    struct ledger_entry e;
    CUresult rc;

    if (!ledger_find(LEDGER_GRAPH_POOL, (uint64_t)ordinal, &e))
        return CALL(cuDeviceGraphMemTrim, ordinal);
    charge_begin_free(e.device);
    rc = CALL(cuDeviceGraphMemTrim, ordinal);
    (void)memory_pool_change(LEDGER_GRAPH_POOL, e.key);
    charge_end(e.device, 0);
    (void)__atomic_add_fetch(&graph_trims, 1, __ATOMIC_RELAXED);
    return rc;
}

void memory_graph_trim(CUdevice ordinal)
{
    (void)trim(ordinal);
}

CUresult cuDeviceGraphMemTrim(CUdevice device)
{
    return trim(device);
}

/* ---- nodes */

/* A node of this size is refused at once if it can never fit. */
static bool node_fits(const struct cuda_node_alloc *wish)
{
    int device;

    if (wish->pool.location.type != CUDA_LOCATION_DEVICE)
        return true;
    device = shim_device(wish->pool.location.id);
    if (device < 0 && memory_unknown_device(wish->pool.location.id))
        return true;
    if (!charge_begin(device, memory_whole(wish->size)))
        return false;
    charge_end(device, -(int64_t)memory_whole(wish->size));
    memory_graph_allocates(device, wish->pool.location.id);
    return true;
}

CUresult cuGraphAddMemAllocNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *before,
                                size_t n, struct cuda_node_alloc *wish)
{
    if (wish && memory_judged() && !node_fits(wish))
        return CUDA_ERROR_OUT_OF_MEMORY;
    return CALL(cuGraphAddMemAllocNode, out, graph, before, n, wish);
}

static bool any_node_fits(const struct cuda_node *wish)
{
    return !wish || wish->type != CUDA_NODE_MEM_ALLOC || !memory_judged() ||
           node_fits(&wish->alloc);
}

CUresult cuGraphAddNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *before, size_t n,
                        struct cuda_node *wish)
{
    if (!any_node_fits(wish))
        return CUDA_ERROR_OUT_OF_MEMORY;
    return CALL(cuGraphAddNode, out, graph, before, n, wish);
}

CUresult cuGraphAddNode_v2(CUgraphNode *out, CUgraph graph, const CUgraphNode *before,
                           const void *edges, size_t n, struct cuda_node *wish)
{
    if (!any_node_fits(wish))
        return CUDA_ERROR_OUT_OF_MEMORY;
    return CALL(cuGraphAddNode_v2, out, graph, before, edges, n, wish);
}

/* ---- what a graph needs */

/* By limit of the page; one more for devices that the slice has nothing on. */
struct need {
    uint64_t bytes[PAGE_DEVICES + 1];
    CUdevice ordinals[PAGE_DEVICES + 1];
};

static void need_of_graph(struct need *out, CUgraph graph, unsigned depth);

static void need_of_alloc(struct need *out, const struct cuda_node_alloc *alloc)
{
    int device = shim_device(alloc->pool.location.id);
    unsigned at = device < 0 ? PAGE_DEVICES : (unsigned)device;

    out->bytes[at] += memory_whole(alloc->size);
    out->ordinals[at] = alloc->pool.location.id;
}

static void need_of_node(struct need *out, CUgraphNode node, unsigned depth)
{
    struct cuda_node_alloc alloc = {0};
    CUgraph child;
    int type;

    if (PLAIN(cuGraphNodeGetType)(node, &type) != CUDA_SUCCESS)
        return;
    if (type == NODE_CHILD && PLAIN(cuGraphChildGraphNodeGetGraph)(node, &child) == CUDA_SUCCESS)
        need_of_graph(out, child, depth + 1);
    else if (type == CUDA_NODE_MEM_ALLOC &&
             PLAIN(cuGraphMemAllocNodeGetParams)(node, &alloc) == CUDA_SUCCESS &&
             alloc.pool.location.type == CUDA_LOCATION_DEVICE)
        need_of_alloc(out, &alloc);
}

static void need_of_graph(struct need *out, CUgraph graph, unsigned depth)
{
    CUgraphNode *nodes;
    size_t n = 0;

    if (PLAIN(cuGraphGetNodes)(graph, NULL, &n) != CUDA_SUCCESS || n == 0)
        return;
    nodes = depth > DEPTH_MAX || n > NODES_MAX
                ? MAP_FAILED
                : mmap(NULL, n * sizeof(CUgraphNode), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (nodes == MAP_FAILED) {
        charge_uncounted();
        return;
    }
    if (PLAIN(cuGraphGetNodes)(graph, nodes, &n) == CUDA_SUCCESS) {
        for (size_t i = 0; i < n; i++)
            need_of_node(out, nodes[i], depth);
    }
    (void)munmap(nodes, n * sizeof(CUgraphNode));
}

/* ---- instances */

/*
 * Calls of the driver that may take the memory of an instance: room for what it still needs is
 * charged before, what it took after. An instance has an entry for each device.
 */
struct taking {
    unsigned n;
    struct part {
        struct ledger_entry exec;
        uint64_t room;
    } parts[PAGE_DEVICES + 1];
};

static void add_part(struct taking *t, const struct ledger_entry *exec)
{
    bool has = exec->maps == __atomic_load_n(&graph_trims, __ATOMIC_RELAXED) + 1;

    t->parts[t->n++] = (struct part){.exec = *exec, .room = has ? 0 : exec->size};
}

/* Devices that an instance may have memory on. */
static unsigned devices(void)
{
    const struct shim *s = shim_get();
    uint32_t n = s->state == SHIM_ATTACHED ? s->page->head.n_devices : 0;

    return n < PAGE_DEVICES ? n : PAGE_DEVICES;
}

static uint64_t exec_key(CUgraphExec exec, unsigned at)
{
    return (uint64_t)(uintptr_t)exec * (PAGE_DEVICES + 1) + at;
}

/* Of the parts from `first` on: charged is what the driver took. */
static void parts_end(const struct taking *t, unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        const struct part *p = &t->parts[i];

        (void)memory_pool_change(LEDGER_GRAPH_POOL, p->exec.other);
        charge_end(p->exec.device, -(int64_t)p->room);
    }
}

/* False: it does not fit. */
static bool taking_begin(struct taking *t)
{
    for (unsigned i = 0; i < t->n; i++) {
        if (!charge_begin(t->parts[i].exec.device, t->parts[i].room)) {
            parts_end(t, 0, i);
            return false;
        }
    }
    return true;
}

static void taking_end(const struct taking *t)
{
    parts_end(t, 0, t->n);
}

/* False: the graph does not fit. */
static bool instantiate_begin(struct taking *t, CUgraph graph)
{
    struct need need = {0};

    t->n = 0;
    if (!__atomic_load_n(&graph_allocates, __ATOMIC_RELAXED) || !memory_judged())
        return true;
    need_of_graph(&need, graph, 0);
    for (unsigned i = 0; i <= PAGE_DEVICES; i++) {
        struct ledger_entry exec = {
            .kind = LEDGER_EXEC,
            .key = i, /* of the instance that is not there yet */
            .size = need.bytes[i],
            .device = (int16_t)(i < PAGE_DEVICES ? (int)i : -1),
            .other = (uint64_t)need.ordinals[i],
        };

        if (need.bytes[i] == 0)
            continue;
        memory_graph_allocates(exec.device, need.ordinals[i]); /* a clone, or a captured one */
        add_part(t, &exec);
    }
    return taking_begin(t);
}

static void instantiate_end(struct taking *t, CUresult rc, const CUgraphExec *exec)
{
    struct ledger_entry old;

    taking_end(t);
    for (unsigned i = 0; rc == CUDA_SUCCESS && i < t->n; i++) {
        t->parts[i].exec.key = exec_key(*exec, (unsigned)t->parts[i].exec.key);
        if (!ledger_put(&t->parts[i].exec, &old))
            charge_uncounted();
    }
}

#define INSTANTIATE(name, out, graph, ...)                                                         \
    __extension__({                                                                                \
        struct taking taking;                                                                      \
        CUresult taking_rc = CUDA_ERROR_OUT_OF_MEMORY;                                             \
                                                                                                   \
        if (instantiate_begin(&taking, graph)) {                                                   \
            taking_rc = CALL(name, out, graph, __VA_ARGS__);                                       \
            instantiate_end(&taking, taking_rc, out);                                              \
        }                                                                                          \
        taking_rc;                                                                                 \
    })

CUresult cuGraphInstantiate(CUgraphExec *out, CUgraph graph, CUgraphNode *out_node, char *log,
                            size_t size)
{
    return INSTANTIATE(cuGraphInstantiate, out, graph, out_node, log, size);
}

CUresult cuGraphInstantiate_v2(CUgraphExec *out, CUgraph graph, CUgraphNode *out_node, char *log,
                               size_t size)
{
    return INSTANTIATE(cuGraphInstantiate_v2, out, graph, out_node, log, size);
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph graph, unsigned long long flags)
{
    return INSTANTIATE(cuGraphInstantiateWithFlags, out, graph, flags);
}

CUresult cuGraphInstantiateWithParams(CUgraphExec *out, CUgraph graph,
                                      struct cuda_graph_instantiate *wish)
{
    return INSTANTIATE(cuGraphInstantiateWithParams, out, graph, wish);
}

CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *out, CUgraph graph,
                                           struct cuda_graph_instantiate *wish)
{
    return INSTANTIATE(cuGraphInstantiateWithParams_ptsz, out, graph, wish);
}

CUresult cuGraphExecDestroy(CUgraphExec graph)
{
    struct ledger_entry e;

    if (__atomic_load_n(&graph_allocates, __ATOMIC_RELAXED)) {
        for (unsigned i = 0; i < devices(); i++)
            (void)ledger_take(LEDGER_EXEC, exec_key(graph, i), &e);
    }
    return CALL(cuGraphExecDestroy, graph);
}

/* ---- launches of what allocates */

/* Remembers that the instance has its memory, until the next trim. */
static void has_memory(struct ledger_entry *exec)
{
    struct ledger_entry old;

    exec->maps = __atomic_load_n(&graph_trims, __ATOMIC_RELAXED) + 1;
    (void)ledger_put(exec, &old);
}

/* False: its memory does not fit. */
static bool submit_begin(struct taking *t, CUgraphExec graph, CUstream stream)
{
    struct ledger_entry exec;

    t->n = 0;
    if (!__atomic_load_n(&graph_allocates, __ATOMIC_RELAXED) || !memory_judged())
        return true;
    for (unsigned i = 0; i < devices(); i++) {
        if (ledger_find(LEDGER_EXEC, exec_key(graph, i), &exec))
            add_part(t, &exec);
    }
    if (t->n > 0 && memory_pool_capturing(stream))
        t->n = 0;
    return taking_begin(t);
}

static void submit_end(struct taking *t, CUresult rc)
{
    taking_end(t);
    for (unsigned i = 0; rc == CUDA_SUCCESS && i < t->n; i++) {
        if (t->parts[i].room > 0)
            has_memory(&t->parts[i].exec);
    }
}

#define SUBMIT(name, graph, stream, order)                                                         \
    __extension__({                                                                                \
        struct taking taking;                                                                      \
        CUresult taking_rc = CUDA_ERROR_OUT_OF_MEMORY;                                             \
                                                                                                   \
        if (submit_begin(&taking, graph, order)) {                                                 \
            taking_rc = CALL(name, graph, stream);                                                 \
            submit_end(&taking, taking_rc);                                                        \
        }                                                                                          \
        taking_rc;                                                                                 \
    })

static CUstream per_thread(CUstream stream)
{
    return stream ? stream : CUDA_STREAM_PER_THREAD;
}

CUresult cuGraphUpload(CUgraphExec graph, CUstream stream)
{
    return SUBMIT(cuGraphUpload, graph, stream, stream);
}

CUresult cuGraphUpload_ptsz(CUgraphExec graph, CUstream stream)
{
    return SUBMIT(cuGraphUpload_ptsz, graph, stream, per_thread(stream));
}

CUresult cuGraphLaunch(CUgraphExec graph, CUstream stream)
{
    launch_counted();
    return SUBMIT(cuGraphLaunch, graph, stream, stream);
}

CUresult cuGraphLaunch_ptsz(CUgraphExec graph, CUstream stream)
{
    launch_counted();
    return SUBMIT(cuGraphLaunch_ptsz, graph, stream, per_thread(stream));
}
