/* SPDX-License-Identifier: Apache-2.0 */
/* cuda_same: graphs. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cuda_same.h"

static const uint64_t MIB = 1 << 20;

enum {
    KIND_KERNEL = 0,
    KIND_EMPTY = 5,
    KIND_ALLOC = 10,
};

static void add_one(void *data)
{
    (void)atomic_fetch_add((atomic_int *)data, 1);
}

static struct same_kernel_node kernel_node(const char *name)
{
    return (struct same_kernel_node){
        .function = (void *)(uintptr_t)same_function(name), .grid = {1, 1, 1}, .block = {32, 1, 1}};
}

static void sizes(uint64_t graph)
{
    size_t nodes = 99, roots = 99, edges = 99;

    (void)QUIET(cuGraphGetNodes, graph, 0, P(&nodes));
    (void)QUIET(cuGraphGetRootNodes, graph, 0, P(&roots));
    (void)QUIET(cuGraphGetEdges, graph, 0, 0, P(&edges));
    same_value("nodes", (int64_t)nodes);
    same_value("roots", (int64_t)roots);
    same_value("edges", (int64_t)edges);
}

void same_graph(void)
{
    uint64_t graph = 0, a = 0, b = 0, c = 0, got[4] = {0};
    size_t n = 4;

    (void)same_context();
    (void)CALL(cuGraphCreate, "good", P(&graph), 0);
    (void)CALL(cuGraphCreate, "no-out", 0, 0);
    (void)CALL(cuGraphCreate, "flags", P(&a), 1);
    (void)CALL(cuGraphAddEmptyNode, "root", P(&a), graph, 0, 0);
    (void)CALL(cuGraphAddEmptyNode, "after", P(&b), graph, P(&a), 1);
    (void)CALL(cuGraphAddEmptyNode, "no-list", P(&c), graph, 0, 1);
    (void)CALL(cuGraphAddEmptyNode, "null", P(&c), 0, 0, 0);
    (void)CALL(cuGraphAddEmptyNode, "no-out", 0, graph, 0, 0);
    (void)CALL(cuGraphAddEmptyNode, "third", P(&c), graph, 0, 0);
    sizes(graph);
    (void)CALL(cuGraphAddDependencies, "good", graph, P(&b), P(&c), 1);
    (void)CALL(cuGraphAddDependencies, "twice", graph, P(&b), P(&c), 1);
    (void)CALL(cuGraphAddDependencies, "itself", graph, P(&b), P(&b), 1);
    (void)CALL(cuGraphAddDependencies, "circle", graph, P(&c), P(&a), 1);
    sizes(graph);
    (void)CALL(cuGraphNodeGetDependencies, "good", c, P(got), P(&n));
    same_value("count", (int64_t)n);
    same_value("is-it", got[0] == b);
    (void)CALL(cuGraphNodeGetDependentNodes, "count", a, 0, P(&n));
    same_value("count", (int64_t)n);
    n = 4;
    got[3] = 1;
    (void)CALL(cuGraphGetNodes, "more-room", graph, P(got), P(&n));
    same_value("count", (int64_t)n);
    same_value("rest-is-null", got[3] == 0);
    n = 1;
    (void)CALL(cuGraphGetNodes, "less-room", graph, P(got), P(&n));
    same_value("count", (int64_t)n);
    (void)CALL(cuGraphGetNodes, "no-count", graph, P(got), 0);
    n = 4;
    (void)CALL(cuGraphGetRootNodes, "good", graph, P(got), P(&n));
    same_value("count", (int64_t)n);
    (void)CALL(cuGraphRemoveDependencies, "good", graph, P(&b), P(&c), 1);
    (void)CALL(cuGraphRemoveDependencies, "gone", graph, P(&b), P(&c), 1);
    (void)CALL(cuGraphDestroyNode, "middle", b);
    sizes(graph);
    (void)CALL(cuGraphDestroyNode, "null", 0);
    (void)CALL(cuGraphDestroy, "good", graph);
    (void)CALL(cuGraphDestroy, "null", 0);
}

void same_graph_nodes(void)
{
    struct same_kernel_node kernel = kernel_node("nop");
    struct same_memset_node fill = {.value = 3, .element_bytes = 4, .width = 16, .height = 1};
    struct same_copy3 copy = {.width = 64, .height = 1, .depth = 1};
    atomic_int ran = 0;
    struct same_host_node host = {add_one, &ran};
    uint64_t context = same_context(), graph = 0, child = 0, node = 0, event = 0, exec = 0, at = 0;
    unsigned char out[64] = {0};
    int kind = -1;

    kernel = kernel_node("nop");
    (void)QUIET(cuMemAlloc_v2, P(&at), 64);
    (void)QUIET(cuEventCreate, P(&event), 0);
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    (void)QUIET(cuGraphCreate, P(&child), 0);
    fill.to = at;
    copy.from.type = 2;
    copy.from.device = at;
    copy.to.type = 1;
    copy.to.host = out;
    (void)CALL(cuGraphAddKernelNode_v2, "good", P(&node), graph, 0, 0, P(&kernel));
    (void)CALL(cuGraphNodeGetType, "kernel", node, P(&kind));
    same_value("is", kind);
    (void)CALL(cuGraphNodeGetType, "no-out", node, 0);
    (void)CALL(cuGraphAddKernelNode, "good", P(&node), graph, P(&node), 1, P(&kernel));
    (void)CALL(cuGraphAddKernelNode_v2, "no-params", P(&node), graph, 0, 0, 0);
    kernel.block[0] = 2048;
    (void)CALL(cuGraphAddKernelNode_v2, "block-2048", P(&exec), graph, 0, 0, P(&kernel));
    kernel.block[0] = 32;
    kernel.function = NULL;
    (void)CALL(cuGraphAddKernelNode_v2, "null-function", P(&exec), graph, 0, 0, P(&kernel));
    (void)CALL(cuGraphAddMemsetNode, "good", P(&node), graph, P(&node), 1, P(&fill), context);
    (void)CALL(cuGraphAddMemcpyNode, "good", P(&node), graph, P(&node), 1, P(&copy), context);
    (void)CALL(cuGraphAddHostNode, "good", P(&node), graph, P(&node), 1, P(&host));
    (void)CALL(cuGraphAddEventRecordNode, "good", P(&node), graph, P(&node), 1, event);
    (void)CALL(cuGraphAddEventWaitNode, "good", P(&node), graph, P(&node), 1, event);
    (void)CALL(cuGraphAddEventRecordNode, "null", P(&exec), graph, 0, 0, 0);
    (void)QUIET(cuGraphAddHostNode, P(&exec), child, 0, 0, P(&host));
    (void)CALL(cuGraphAddChildGraphNode, "good", P(&node), graph, P(&node), 1, child);
    (void)CALL(cuGraphNodeGetType, "child", node, P(&kind));
    same_value("is", kind);
    (void)CALL(cuGraphChildGraphNodeGetGraph, "good", node, P(&exec));
    same_value("is-a-copy", exec != child && exec != 0);
    fill.element_bytes = 3;
    (void)CALL(cuGraphAddMemsetNode, "element-3", P(&exec), graph, 0, 0, P(&fill), context);
    host.function = NULL;
    (void)CALL(cuGraphAddHostNode, "no-function", P(&exec), graph, 0, 0, P(&host));
    sizes(graph);
    (void)CALL(cuGraphInstantiateWithFlags, "good", P(&exec), graph, 0);
    (void)CALL(cuGraphLaunch, "good", exec, 0);
    (void)CALL(cuStreamSynchronize, "good", 0);
    same_value("ran", ran);
    same_value("byte", out[4]);
    (void)CALL(cuGraphLaunch, "again", exec, 0);
    (void)CALL(cuCtxSynchronize, "good", 0);
    same_value("ran", ran);
}

void same_graph_edit(void)
{
    struct same_kernel_node kernel = {0}, got = {0};
    uint64_t graph = 0, other = 0, node = 0, foreign = 0, exec = 0, event = 0, second = 0;
    unsigned enabled = 99;

    (void)same_context();
    kernel = kernel_node("nop");
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    (void)QUIET(cuGraphCreate, P(&other), 0);
    (void)QUIET(cuEventCreate, P(&event), 0);
    (void)QUIET(cuEventCreate, P(&second), 0);
    (void)QUIET(cuGraphAddKernelNode_v2, P(&node), graph, 0, 0, P(&kernel));
    (void)CALL(cuGraphKernelNodeGetParams_v2, "good", node, P(&got));
    same_value("block", got.block[0]);
    same_value("same-function", got.function == kernel.function);
    kernel.block[0] = 64;
    (void)CALL(cuGraphKernelNodeSetParams_v2, "good", node, P(&kernel));
    (void)CALL(cuGraphKernelNodeGetParams_v2, "set", node, P(&got));
    same_value("block", got.block[0]);
    (void)CALL(cuGraphKernelNodeSetParams_v2, "no-params", node, 0);
    (void)QUIET(cuGraphAddEmptyNode, P(&foreign), other, 0, 0);
    (void)CALL(cuGraphAddDependencies, "foreign", graph, P(&node), P(&foreign), 1);
    (void)CALL(cuGraphAddEmptyNode, "foreign", P(&exec), graph, P(&foreign), 1);
    (void)CALL(cuGraphKernelNodeGetParams_v2, "wrong-kind", foreign, P(&got));
    (void)QUIET(cuGraphAddEventRecordNode, P(&foreign), graph, 0, 0, event);
    (void)CALL(cuGraphEventRecordNodeSetEvent, "good", foreign, second);
    (void)CALL(cuGraphEventRecordNodeGetEvent, "good", foreign, P(&exec));
    same_value("is-second", exec == second);
    (void)CALL(cuGraphEventWaitNodeGetEvent, "wrong-kind", foreign, P(&exec));
    (void)QUIET(cuGraphInstantiateWithFlags, P(&exec), graph, 0);
    (void)CALL(cuGraphNodeGetEnabled, "good", exec, node, P(&enabled));
    same_value("is", enabled);
    (void)CALL(cuGraphNodeSetEnabled, "off", exec, node, 0);
    (void)CALL(cuGraphNodeGetEnabled, "off", exec, node, P(&enabled));
    same_value("is", enabled);
    (void)CALL(cuGraphNodeSetEnabled, "event", exec, foreign, 0);
    kernel.block[0] = 128;
    (void)CALL(cuGraphExecKernelNodeSetParams_v2, "good", exec, node, P(&kernel));
    (void)CALL(cuGraphExecEventRecordNodeSetEvent, "good", exec, foreign, event);
    (void)CALL(cuGraphExecKernelNodeSetParams_v2, "wrong-kind", exec, foreign, P(&kernel));
    (void)CALL(cuGraphLaunch, "good", exec, 0);
    (void)CALL(cuGraphDestroyNode, "instantiated", node);
    (void)CALL(cuGraphLaunch, "node-gone", exec, 0);
    (void)CALL(cuGraphDestroy, "instantiated", graph);
    (void)CALL(cuGraphLaunch, "graph-gone", exec, 0);
    (void)CALL(cuCtxSynchronize, "good", 0);
    (void)CALL(cuGraphExecDestroy, "good", exec);
}

void same_graph_instantiate(void)
{
    struct same_instantiate params = {0};
    uint64_t graph = 0, node = 0, exec = 0, flags = 99, s = 0;
    char words[64] = {1};

    (void)same_context();
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    (void)QUIET(cuGraphAddEmptyNode, P(&node), graph, 0, 0);
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)CALL(cuGraphInstantiate, "good", P(&exec), graph, 0, P(words), sizeof words);
    (void)CALL(cuGraphInstantiate_v2, "good", P(&exec), graph, P(&node), P(words), sizeof words);
    (void)CALL(cuGraphInstantiateWithFlags, "good", P(&exec), graph, 0);
    (void)CALL(cuGraphInstantiateWithFlags, "free-on-launch", P(&exec), graph, 1);
    (void)CALL(cuGraphExecGetFlags, "free-on-launch", exec, P(&flags));
    same_value("is", (int64_t)flags);
    (void)CALL(cuGraphInstantiateWithFlags, "priority", P(&exec), graph, 8);
    (void)CALL(cuGraphInstantiateWithFlags, "bad-flags", P(&exec), graph, 0x1000);
    (void)CALL(cuGraphInstantiateWithFlags, "null", P(&exec), 0, 0);
    (void)CALL(cuGraphInstantiateWithFlags, "no-out", 0, graph, 0);
    (void)CALL(cuGraphInstantiateWithParams, "good", P(&exec), graph, P(&params));
    same_value("result", params.result);
    params.flags = 2; /* with upload */
    params.stream = (void *)(uintptr_t)s;
    (void)CALL(cuGraphInstantiateWithParams, "upload", P(&exec), graph, P(&params));
    same_value("result", params.result);
    params.flags = 0x1000;
    (void)CALL(cuGraphInstantiateWithParams, "bad-flags", P(&exec), graph, P(&params));
    (void)CALL(cuGraphInstantiateWithParams, "no-params", P(&exec), graph, 0);
    (void)CALL(cuGraphUpload, "good", exec, s);
    (void)CALL(cuGraphLaunch, "good", exec, s);
    (void)CALL(cuGraphLaunch, "null", 0, s);
    (void)CALL(cuGraphUpload, "null", 0, s);
    (void)CALL(cuStreamSynchronize, "good", s);
    (void)CALL(cuGraphExecDestroy, "good", exec);
    (void)CALL(cuGraphExecDestroy, "null", 0);
    (void)CALL(cuGraphDebugDotPrint, "no-folder", graph, P("/nothing/here.dot"), 0);
    (void)CALL(cuGraphDebugDotPrint, "no-path", graph, 0, 0);
}

void same_graph_update(void)
{
    struct same_kernel_node kernel = {0};
    struct same_update info = {.result = -1};
    uint64_t graph = 0, same = 0, more = 0, other = 0, node = 0, exec = 0;
    int result = -1;

    (void)same_context();
    kernel = kernel_node("nop");
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    (void)QUIET(cuGraphCreate, P(&same), 0);
    (void)QUIET(cuGraphCreate, P(&more), 0);
    (void)QUIET(cuGraphCreate, P(&other), 0);
    (void)QUIET(cuGraphAddKernelNode_v2, P(&node), graph, 0, 0, P(&kernel));
    (void)QUIET(cuGraphAddKernelNode_v2, P(&node), more, 0, 0, P(&kernel));
    (void)QUIET(cuGraphAddKernelNode_v2, P(&node), more, 0, 0, P(&kernel));
    kernel.block[0] = 64;
    (void)QUIET(cuGraphAddKernelNode_v2, P(&node), same, 0, 0, P(&kernel));
    (void)QUIET(cuGraphAddEmptyNode, P(&node), other, 0, 0);
    (void)QUIET(cuGraphInstantiateWithFlags, P(&exec), graph, 0);
    (void)CALL(cuGraphExecUpdate_v2, "good", exec, same, P(&info));
    same_value("result", info.result);
    (void)CALL(cuGraphExecUpdate_v2, "more-nodes", exec, more, P(&info));
    same_value("result", info.result);
    (void)CALL(cuGraphExecUpdate_v2, "other-kind", exec, other, P(&info));
    same_value("result", info.result);
    (void)CALL(cuGraphExecUpdate_v2, "no-info", exec, same, 0);
    (void)CALL(cuGraphExecUpdate_v2, "null", exec, 0, P(&info));
    node = 0;
    (void)CALL(cuGraphExecUpdate, "good", exec, graph, P(&node), P(&result));
    same_value("result", result);
    (void)CALL(cuGraphExecUpdate, "more-nodes", exec, more, P(&node), P(&result));
    same_value("result", result);
    (void)CALL(cuGraphLaunch, "updated", exec, 0);
    (void)CALL(cuCtxSynchronize, "good", 0);
}

static void graph_words(const char *when)
{
    uint64_t value = 0;
    char what[32];

    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(what, sizeof what, "%s-%u", when, i);
        (void)CALL(cuDeviceGetGraphMemAttribute, what, 0, i, P(&value));
        same_value("kib", (int64_t)(value >> 10));
    }
}

static void graph_memory_bad(uint64_t graph, struct same_alloc_node params)
{
    uint64_t node = 0, value = 5;

    (void)CALL(cuGraphAddMemFreeNode, "unknown", P(&node), graph, 0, 0, 4096);
    (void)CALL(cuGraphAddMemFreeNode, "null", P(&node), graph, 0, 0, 0);
    params.bytes = 0;
    (void)CALL(cuGraphAddMemAllocNode, "zero", P(&node), graph, 0, 0, P(&params));
    params.bytes = MIB;
    params.props.location.id = 4096;
    (void)CALL(cuGraphAddMemAllocNode, "beyond", P(&node), graph, 0, 0, P(&params));
    (void)CALL(cuGraphAddMemAllocNode, "no-params", P(&node), graph, 0, 0, 0);
    (void)CALL(cuDeviceGetGraphMemAttribute, "bad", 0, 77, P(&value));
    (void)CALL(cuDeviceGetGraphMemAttribute, "no-out", 0, 0, 0);
    (void)CALL(cuDeviceSetGraphMemAttribute, "high-5", 0, 1, P(&value));
    value = 0;
    (void)CALL(cuDeviceSetGraphMemAttribute, "high-0", 0, 1, P(&value));
    (void)CALL(cuDeviceSetGraphMemAttribute, "current", 0, 0, P(&value));
    (void)CALL(cuDeviceGraphMemTrim, "beyond", 4096);
}

void same_graph_memory(void)
{
    struct same_alloc_node params = {.props = {.type = 1, .location = {1, 0}}, .bytes = 5 * MIB},
                           got = {0};
    uint64_t graph = 0, alloc = 0, release = 0, exec = 0, second = 0, copy = 0;
    int64_t before;

    (void)same_context();
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    graph_words("start");
    before = same_free_kib();
    (void)CALL(cuGraphAddMemAllocNode, "good", P(&alloc), graph, 0, 0, P(&params));
    same_value("has-address", params.at != 0);
    (void)CALL(cuGraphMemAllocNodeGetParams, "good", alloc, P(&got));
    same_value("bytes", (int64_t)got.bytes);
    (void)CALL(cuGraphAddMemFreeNode, "good", P(&release), graph, P(&alloc), 1, params.at);
    (void)CALL(cuGraphAddMemFreeNode, "twice", P(&second), graph, P(&alloc), 1, params.at);
    (void)CALL(cuGraphClone, "memory", P(&copy), graph);
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuGraphInstantiateWithFlags, "good", P(&exec), graph, 0);
    same_value("took-kib", before - same_free_kib());
    graph_words("made");
    (void)CALL(cuGraphInstantiateWithFlags, "twice", P(&second), graph, 0);
    (void)CALL(cuGraphLaunch, "good", exec, 0);
    (void)CALL(cuGraphLaunch, "again", exec, 0);
    (void)CALL(cuStreamSynchronize, "good", 0);
    same_value("took-kib", before - same_free_kib());
    graph_words("run");
    (void)CALL(cuGraphDestroyNode, "alloc", alloc);
    (void)CALL(cuGraphExecDestroy, "good", exec);
    (void)CALL(cuGraphDestroy, "good", graph);
    (void)CALL(cuDeviceGraphMemTrim, "good", 0);
    same_value("left-kib", before - same_free_kib());
    graph_words("trimmed");
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    params.bytes = 3 * MIB;
    (void)CALL(cuGraphAddMemAllocNode, "kept", P(&alloc), graph, 0, 0, P(&params));
    (void)CALL(cuGraphInstantiateWithFlags, "kept", P(&exec), graph, 0);
    (void)CALL(cuGraphLaunch, "kept", exec, 0);
    (void)CALL(cuStreamSynchronize, "kept", 0);
    graph_words("kept");
    (void)CALL(cuGraphLaunch, "kept-again", exec, 0);
    (void)CALL(cuMemFree_v2, "kept", params.at);
    (void)CALL(cuGraphLaunch, "after-free", exec, 0);
    (void)CALL(cuMemFreeAsync, "kept", params.at, 0);
    (void)CALL(cuStreamSynchronize, "freed", 0);
    graph_words("freed");
    graph_memory_bad(graph, params);
}

void same_graph_clone(void)
{
    uint64_t graph = 0, clone = 0, node = 0, found = 0, other = 0, exec = 0;

    (void)same_context();
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    (void)QUIET(cuGraphCreate, P(&other), 0);
    (void)QUIET(cuGraphAddEmptyNode, P(&node), graph, 0, 0);
    (void)CALL(cuGraphClone, "good", P(&clone), graph);
    sizes(clone);
    (void)CALL(cuGraphClone, "no-out", 0, graph);
    (void)CALL(cuGraphClone, "null", P(&found), 0);
    (void)CALL(cuGraphNodeFindInClone, "good", P(&found), node, clone);
    same_value("differs", found != node && found != 0);
    (void)CALL(cuGraphNodeFindInClone, "not-a-clone", P(&found), node, other);
    (void)QUIET(cuGraphAddEmptyNode, P(&node), graph, 0, 0);
    (void)CALL(cuGraphNodeFindInClone, "added-later", P(&found), node, clone);
    sizes(clone);
    (void)CALL(cuGraphDestroy, "original", graph);
    (void)CALL(cuGraphInstantiateWithFlags, "clone", P(&exec), clone, 0);
    (void)CALL(cuGraphLaunch, "clone", exec, 0);
    (void)CALL(cuCtxSynchronize, "good", 0);
}

void same_graph_params(void)
{
    struct same_node_params params = {.type = KIND_KERNEL};
    struct same_memset_node fill = {.value = 1, .element_bytes = 1, .width = 8, .height = 1};
    struct same_host_node host = {add_one, NULL};
    uint64_t context = same_context(), graph = 0, node = 0, at = 0, value[8] = {0};
    size_t n = 0;

    (void)QUIET(cuMemAlloc_v2, P(&at), 64);
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    params.u.kernel = kernel_node("nop");
    (void)CALL(cuGraphAddNode, "kernel", P(&node), graph, 0, 0, P(&params));
    (void)CALL(cuGraphAddNode_v2, "kernel", P(&node), graph, 0, 0, 0, P(&params));
    (void)CALL(cuGraphNodeSetParams, "kernel", node, P(&params));
    (void)CALL(cuGraphKernelNodeGetAttribute, "priority", node, 8, P(value));
    (void)CALL(cuGraphKernelNodeSetAttribute, "priority", node, 8, P(value));
    (void)CALL(cuGraphKernelNodeCopyAttributes, "itself", node, node);
    params = (struct same_node_params){.type = KIND_EMPTY};
    (void)CALL(cuGraphAddNode_v2, "empty", P(&node), graph, P(&node), 0, 1, P(&params));
    (void)CALL(cuGraphNodeGetDependencies_v2, "good", node, 0, 0, P(&n));
    same_value("count", (int64_t)n);
    (void)CALL(cuGraphNodeGetDependentNodes_v2, "good", node, 0, 0, P(&n));
    same_value("count", (int64_t)n);
    (void)CALL(cuGraphGetEdges_v2, "good", graph, 0, 0, 0, P(&n));
    same_value("count", (int64_t)n);
    params = (struct same_node_params){.type = KIND_ALLOC};
    params.u.alloc.props.type = 1;
    params.u.alloc.props.location = (struct same_location){1, 0};
    params.u.alloc.bytes = MIB;
    (void)CALL(cuGraphAddNode_v2, "alloc", P(&node), graph, 0, 0, 0, P(&params));
    same_value("has-address", params.u.alloc.at != 0);
    params = (struct same_node_params){.type = 99};
    (void)CALL(cuGraphAddNode_v2, "bad-type", P(&node), graph, 0, 0, 0, P(&params));
    (void)CALL(cuGraphAddNode_v2, "no-params", P(&node), graph, 0, 0, 0, 0);
    fill.to = at;
    (void)QUIET(cuGraphAddMemsetNode, P(&node), graph, 0, 0, P(&fill), context);
    (void)CALL(cuGraphMemsetNodeGetParams, "good", node, P(&fill));
    same_value("width", (int64_t)fill.width);
    fill.width = 4;
    (void)CALL(cuGraphMemsetNodeSetParams, "good", node, P(&fill));
    fill.element_bytes = 3;
    (void)CALL(cuGraphMemsetNodeSetParams, "element-3", node, P(&fill));
    (void)QUIET(cuGraphAddHostNode, P(&node), graph, 0, 0, P(&host));
    (void)CALL(cuGraphHostNodeGetParams, "good", node, P(&host));
    (void)CALL(cuGraphHostNodeSetParams, "good", node, P(&host));
    (void)CALL(cuGraphHostNodeSetParams, "no-params", node, 0);
    (void)CALL(cuGraphMemsetNodeGetParams, "wrong-kind", node, P(&fill));
}

void same_graph_exec_params(void)
{
    struct same_memset_node fill = {.value = 1, .element_bytes = 1, .width = 8, .height = 1};
    struct same_copy3 copy = {.width = 8, .height = 1, .depth = 1};
    atomic_int ran = 0, other = 0;
    struct same_host_node host = {add_one, &ran};
    struct same_mem_op op = {.op = 2, .value = 7};
    struct {
        void *context;
        unsigned count;
        struct same_mem_op *ops;
        unsigned flags;
    } batch = {NULL, 1, &op, 0};
    uint64_t context = same_context(), graph = 0, set = 0, moved = 0, call = 0, written = 0,
             exec = 0, at = 0;

    (void)QUIET(cuMemAlloc_v2, P(&at), 64);
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    fill.to = at;
    copy.from.type = copy.to.type = 2;
    copy.from.device = at;
    copy.to.device = at + 32;
    op.address = at + 48;
    batch.context = (void *)(uintptr_t)context;
    (void)QUIET(cuGraphAddMemsetNode, P(&set), graph, 0, 0, P(&fill), context);
    (void)QUIET(cuGraphAddMemcpyNode, P(&moved), graph, P(&set), 1, P(&copy), context);
    (void)QUIET(cuGraphAddHostNode, P(&call), graph, P(&moved), 1, P(&host));
    (void)CALL(cuGraphAddBatchMemOpNode, "good", P(&written), graph, 0, 0, P(&batch));
    (void)CALL(cuGraphMemcpyNodeGetParams, "good", moved, P(&copy));
    same_value("width", (int64_t)copy.width);
    (void)CALL(cuGraphMemcpyNodeSetParams, "good", moved, P(&copy));
    (void)CALL(cuGraphInstantiateWithFlags, "good", P(&exec), graph, 0);
    fill.value = 9;
    (void)CALL(cuGraphExecMemsetNodeSetParams, "good", exec, set, P(&fill), context);
    copy.width = 4;
    (void)CALL(cuGraphExecMemcpyNodeSetParams, "good", exec, moved, P(&copy), context);
    host.data = &other;
    (void)CALL(cuGraphExecHostNodeSetParams, "good", exec, call, P(&host));
    (void)CALL(cuGraphLaunch, "good", exec, 0);
    (void)CALL(cuCtxSynchronize, "good", 0);
    same_value("first", ran);
    same_value("second", other);
    (void)CALL(cuGraphExecHostNodeSetParams, "wrong-kind", exec, set, P(&host));
    (void)CALL(cuGraphExecHostNodeSetParams, "no-params", exec, call, 0);
}

void same_user_object(void)
{
    atomic_int ended = 0;
    uint64_t object = 0, graph = 0, clone = 0;

    (void)same_context();
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    (void)CALL(cuUserObjectCreate, "good", P(&object), P(&ended), P(add_one), 1, 1);
    (void)CALL(cuUserObjectCreate, "no-flag", P(&clone), P(&ended), P(add_one), 1, 0);
    (void)CALL(cuUserObjectCreate, "count-0", P(&clone), P(&ended), P(add_one), 0, 1);
    (void)CALL(cuUserObjectCreate, "no-function", P(&clone), P(&ended), 0, 1, 1);
    (void)CALL(cuUserObjectRetain, "good", object, 1);
    (void)CALL(cuUserObjectRetain, "count-0", object, 0);
    (void)CALL(cuGraphRetainUserObject, "good", graph, object, 1, 0);
    (void)CALL(cuGraphRetainUserObject, "bad-flags", graph, object, 1, 8);
    (void)CALL(cuUserObjectRelease, "good", object, 2);
    same_value("ended", ended);
    (void)CALL(cuGraphReleaseUserObject, "good", graph, object, 1);
    same_value("ended", ended);
    (void)CALL(cuUserObjectCreate, "second", P(&object), P(&ended), P(add_one), 1, 1);
    (void)CALL(cuGraphRetainUserObject, "move", graph, object, 1, 1);
    (void)CALL(cuGraphDestroy, "owner", graph);
    same_value("ended", ended);
}
