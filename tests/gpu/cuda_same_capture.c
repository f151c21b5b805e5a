/* SPDX-License-Identifier: Apache-2.0 */
/* cuda_same: what a stream that captures does, in its three modes. */
#include <stdio.h>
#include <string.h>

#include "cuda_same.h"

enum mode {
    GLOBAL,
    THREAD_LOCAL,
    RELAXED,
};

static int64_t count(uint64_t graph)
{
    size_t n = 0;

    return QUIET(cuGraphGetNodes, graph, 0, P(&n)) == 0 ? (int64_t)n : -1;
}

static int64_t edges(uint64_t graph)
{
    size_t n = 0;

    return QUIET(cuGraphGetEdges, graph, 0, 0, P(&n)) == 0 ? (int64_t)n : -1;
}

static void nothing(void *data)
{
    (void)data;
}

void same_capture(void)
{
    uint64_t s = 0, graph = 0, at = 0, nop, event = 0;
    unsigned char host[64] = {0};
    int status = -1;

    (void)same_context();
    nop = same_function("nop");
    (void)QUIET(cuMemAlloc_v2, P(&at), 64);
    (void)QUIET(cuEventCreate, P(&event), 2);
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)CALL(cuStreamEndCapture, "not-begun", s, P(&graph));
    (void)CALL(cuStreamBeginCapture_v2, "good", s, GLOBAL);
    (void)CALL(cuStreamBeginCapture_v2, "twice", s, GLOBAL);
    (void)CALL(cuStreamIsCapturing, "capturing", s, P(&status));
    same_value("is", status);
    (void)CALL(cuLaunchKernel, "captured", nop, 1, 1, 1, 1, 1, 1, 0, s, 0, 0);
    (void)CALL(cuLaunchKernel, "bad-captured", nop, 1, 1, 1, 2048, 1, 1, 0, s, 0, 0);
    (void)CALL(cuMemsetD8Async, "captured", at, 1, 64, s);
    (void)CALL(cuMemcpyDtoHAsync_v2, "captured", P(host), at, 64, s);
    (void)CALL(cuLaunchHostFunc, "captured", s, P(nothing), 0);
    (void)CALL(cuStreamWriteValue32_v2, "captured", s, at, 1, 0);
    (void)CALL(cuEventRecord, "captured", event, s);
    (void)CALL(cuStreamWaitEvent, "own", s, event, 0);
    (void)CALL(cuStreamGetFlags, "captured", s, P(&status));
    (void)CALL(cuStreamEndCapture, "good", s, P(&graph));
    same_value("nodes", count(graph));
    same_value("edges", edges(graph));
    (void)CALL(cuStreamIsCapturing, "ended", s, P(&status));
    same_value("is", status);
    (void)CALL(cuEventQuery, "after-capture", event);
    (void)CALL(cuStreamBeginCapture_v2, "empty", s, GLOBAL);
    (void)CALL(cuStreamEndCapture, "empty", s, P(&graph));
    same_value("nodes", count(graph));
    (void)CALL(cuStreamBeginCapture_v2, "no-out", s, GLOBAL);
    (void)CALL(cuStreamEndCapture, "no-out", s, 0);
    (void)CALL(cuStreamEndCapture, "after-no-out", s, P(&graph));
    (void)CALL(cuStreamBeginCapture_v2, "legacy", 0, GLOBAL);
    (void)CALL(cuStreamBeginCapture_v2, "bad-mode", s, 7);
    (void)CALL(cuStreamBeginCapture, "version-1", s, 0);
    (void)CALL(cuStreamEndCapture, "version-1", s, P(&graph));
}

/* Begins a capture, makes one call, and tells whether the capture has survived it. */
#define BREAKS(name, what, ...)                                                                    \
    do {                                                                                           \
        uint64_t graph_ = 0;                                                                       \
        int status_ = -1;                                                                          \
        (void)QUIET(cuStreamBeginCapture_v2, s, mode);                                             \
        (void)CALL(name, what, __VA_ARGS__);                                                       \
        (void)QUIET(cuStreamIsCapturing, s, P(&status_));                                          \
        same_value("capturing", status_);                                                          \
        (void)CALL(cuStreamEndCapture, what, s, P(&graph_));                                       \
        same_value("is-null", graph_ == 0);                                                        \
    } while (0)

static void in_capture(uint64_t s, uint64_t other, unsigned mode)
{
    uint64_t at = 0, event = 0, done = 0, made = 0, nop = same_function("nop");
    unsigned char host[64];
    size_t bytes = 0, total = 0;
    float ms = 0;

    (void)QUIET(cuMemAlloc_v2, P(&at), 64);
    (void)QUIET(cuEventCreate, P(&event), 0);
    (void)QUIET(cuEventCreate, P(&done), 0);
    (void)QUIET(cuEventRecord, done, other);
    (void)QUIET(cuStreamSynchronize, other);
    BREAKS(cuStreamSynchronize, "itself", s);
    BREAKS(cuStreamQuery, "itself", s);
    BREAKS(cuCtxSynchronize, "in-capture", 0);
    BREAKS(cuStreamSynchronize, "other", other);
    BREAKS(cuStreamQuery, "other", other);
    BREAKS(cuLaunchKernel, "other", nop, 1, 1, 1, 1, 1, 1, 0, other, 0, 0);
    BREAKS(cuLaunchKernel, "legacy", nop, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    BREAKS(cuStreamSynchronize, "legacy", 0);
    BREAKS(cuEventRecord, "other", event, other);
    BREAKS(cuEventQuery, "done", done);
    BREAKS(cuEventSynchronize, "done", done);
    BREAKS(cuEventElapsedTime, "done", P(&ms), done, done);
    BREAKS(cuMemAlloc_v2, "in-capture", P(&made), 1024);
    BREAKS(cuMemFree_v2, "in-capture", made);
    BREAKS(cuMemGetInfo_v2, "in-capture", P(&bytes), P(&total));
    BREAKS(cuMemcpyDtoH_v2, "in-capture", P(host), at, 16);
    BREAKS(cuMemsetD8_v2, "in-capture", at, 1, 16);
    BREAKS(cuMemAllocHost_v2, "in-capture", P(&made), 4096);
    BREAKS(cuMemAllocAsync, "other", P(&made), 4096, other);
    BREAKS(cuStreamCreate, "in-capture", P(&made), 0);
    BREAKS(cuEventCreate, "in-capture", P(&made), 0);
    BREAKS(cuModuleLoadData, "in-capture", P(&made), P(same_ptx));
    BREAKS(cuStreamAddCallback, "itself", s, P(nothing), 0, 0);
    BREAKS(cuStreamDestroy_v2, "other", other);
}

void same_capture_bad(void)
{
    uint64_t s = 0, other = 0;

    (void)same_context();
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)QUIET(cuStreamCreate, P(&other), 1);
    in_capture(s, other, GLOBAL);
}

void same_capture_modes(void)
{
    uint64_t s = 0, other = 0;
    int mode = RELAXED;

    (void)same_context();
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)QUIET(cuStreamCreate, P(&other), 1);
    in_capture(s, other, THREAD_LOCAL);
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)QUIET(cuStreamCreate, P(&other), 1);
    in_capture(s, other, RELAXED);
    (void)CALL(cuThreadExchangeStreamCaptureMode, "relaxed", P(&mode));
    same_value("was", mode);
    mode = THREAD_LOCAL;
    (void)CALL(cuThreadExchangeStreamCaptureMode, "back", P(&mode));
    same_value("was", mode);
    mode = 7;
    (void)CALL(cuThreadExchangeStreamCaptureMode, "bad", P(&mode));
    (void)CALL(cuThreadExchangeStreamCaptureMode, "null", 0);
}

void same_capture_join(void)
{
    uint64_t a = 0, b = 0, c = 0, fork = 0, join = 0, graph = 0, nop;
    int status = -1;

    (void)same_context();
    nop = same_function("nop");
    (void)QUIET(cuStreamCreate, P(&a), 1);
    (void)QUIET(cuStreamCreate, P(&b), 1);
    (void)QUIET(cuStreamCreate, P(&c), 1);
    (void)QUIET(cuEventCreate, P(&fork), 2);
    (void)QUIET(cuEventCreate, P(&join), 2);
    for (int joins = 0; joins < 2; joins++) {
        (void)QUIET(cuStreamBeginCapture_v2, a, RELAXED);
        (void)QUIET(cuLaunchKernel, nop, 1, 1, 1, 1, 1, 1, 0, a, 0, 0);
        (void)CALL(cuEventRecord, "fork", fork, a);
        (void)CALL(cuStreamWaitEvent, "fork", b, fork, 0);
        (void)CALL(cuStreamIsCapturing, "forked", b, P(&status));
        same_value("is", status);
        (void)QUIET(cuLaunchKernel, nop, 1, 1, 1, 1, 1, 1, 0, b, 0, 0);
        (void)QUIET(cuLaunchKernel, nop, 1, 1, 1, 1, 1, 1, 0, a, 0, 0);
        if (joins) {
            (void)QUIET(cuEventRecord, join, b);
            (void)CALL(cuStreamWaitEvent, "join", a, join, 0);
        }
        (void)CALL(cuStreamEndCapture, "forked-stream", b, P(&graph));
        (void)CALL(cuStreamEndCapture, joins ? "joined" : "unjoined", a, P(&graph));
        same_value("nodes", count(graph));
        same_value("edges", edges(graph));
        (void)CALL(cuStreamIsCapturing, "ended", b, P(&status));
        same_value("is", status);
    }
    (void)QUIET(cuStreamBeginCapture_v2, a, RELAXED);
    (void)QUIET(cuEventRecord, fork, a);
    (void)CALL(cuEventQuery, "captured", fork);
    (void)CALL(cuEventSynchronize, "captured", fork);
    (void)CALL(cuStreamIsCapturing, "after", a, P(&status));
    same_value("is", status);
    (void)QUIET(cuStreamEndCapture, a, P(&graph));
    (void)QUIET(cuEventRecord, join, c);
    (void)QUIET(cuStreamBeginCapture_v2, a, RELAXED);
    (void)CALL(cuStreamWaitEvent, "from-outside", a, join, 0);
    (void)CALL(cuStreamEndCapture, "isolation", a, P(&graph));
    (void)QUIET(cuStreamBeginCapture_v2, a, RELAXED);
    (void)QUIET(cuStreamBeginCapture_v2, b, RELAXED);
    (void)QUIET(cuEventRecord, fork, a);
    (void)CALL(cuStreamWaitEvent, "merge", b, fork, 0);
    (void)CALL(cuStreamEndCapture, "merge-a", a, P(&graph));
    (void)CALL(cuStreamEndCapture, "merge-b", b, P(&graph));
}

void same_capture_info(void)
{
    uint64_t s = 0, id = 0, graph = 0, got = 0, nop;
    const uint64_t *from = NULL;
    int status = -1;
    size_t n = 99;

    (void)same_context();
    nop = same_function("nop");
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)CALL(cuStreamGetCaptureInfo, "idle", s, P(&status), P(&id));
    same_value("status", status);
    (void)CALL(cuStreamGetCaptureInfo_v2, "idle", s, P(&status), P(&id), P(&got), P(&from), P(&n));
    (void)CALL(cuStreamGetCaptureInfo_v2, "no-out", s, 0, 0, 0, 0, 0);
    (void)QUIET(cuStreamBeginCapture_v2, s, RELAXED);
    (void)QUIET(cuLaunchKernel, nop, 1, 1, 1, 1, 1, 1, 0, s, 0, 0);
    (void)CALL(cuStreamGetCaptureInfo, "active", s, P(&status), P(&id));
    same_value("status", status);
    same_value("has-id", id != 0);
    (void)CALL(cuStreamGetCaptureInfo_v2, "active", s, P(&status), P(&id), P(&got), P(&from),
               P(&n));
    same_value("dependencies", (int64_t)n);
    same_value("nodes", count(got));
    (void)CALL(cuStreamGetCaptureInfo_v3, "active", s, P(&status), P(&id), P(&got), P(&from), 0,
               P(&n));
    (void)CALL(cuStreamUpdateCaptureDependencies, "set-none", s, 0, 0, 1);
    (void)CALL(cuStreamGetCaptureInfo_v2, "set", s, P(&status), P(&id), P(&got), P(&from), P(&n));
    same_value("dependencies", (int64_t)n);
    (void)CALL(cuStreamEndCapture, "good", s, P(&graph));
    same_value("same", graph == got);
    (void)CALL(cuStreamUpdateCaptureDependencies, "idle", s, 0, 0, 1);
    (void)QUIET(cuGraphCreate, P(&graph), 0);
    (void)CALL(cuStreamBeginCaptureToGraph, "good", s, graph, 0, 0, 0, RELAXED);
    (void)QUIET(cuLaunchKernel, nop, 1, 1, 1, 1, 1, 1, 0, s, 0, 0);
    (void)CALL(cuStreamEndCapture, "to-graph", s, P(&got));
    same_value("same", graph == got);
    same_value("nodes", count(graph));
    (void)CALL(cuStreamBeginCaptureToGraph, "null", s, 0, 0, 0, 0, RELAXED);
}

void same_capture_memory(void)
{
    uint64_t s = 0, graph = 0, exec = 0, at = 0, outside = 0, value = 0;
    int64_t before;

    (void)same_context();
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)QUIET(cuMemAllocAsync, P(&outside), 4096, s);
    (void)QUIET(cuStreamSynchronize, s);
    before = same_free_kib();
    (void)QUIET(cuStreamBeginCapture_v2, s, RELAXED);
    (void)CALL(cuMemAllocAsync, "captured", P(&at), 3 << 20, s);
    (void)CALL(cuMemsetD8Async, "captured", at, 1, 3 << 20, s);
    (void)CALL(cuMemFreeAsync, "captured", at, s);
    (void)CALL(cuStreamEndCapture, "memory", s, P(&graph));
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuGraphInstantiateWithFlags, "memory", P(&exec), graph, 0);
    same_value("took-kib", before - same_free_kib());
    (void)CALL(cuGraphLaunch, "memory", exec, s);
    (void)CALL(cuStreamSynchronize, "memory", s);
    same_value("took-kib", before - same_free_kib());
    for (unsigned i = 0; i < 4; i++) {
        char what[24];

        (void)snprintf(what, sizeof what, "attribute-%u", i);
        (void)CALL(cuDeviceGetGraphMemAttribute, what, 0, i, P(&value));
        same_value("kib", (int64_t)(value >> 10));
    }
    (void)CALL(cuGraphExecDestroy, "memory", exec);
    (void)CALL(cuDeviceGraphMemTrim, "good", 0);
    same_value("left-kib", before - same_free_kib());
    (void)QUIET(cuStreamBeginCapture_v2, s, RELAXED);
    (void)CALL(cuMemFreeAsync, "allocated-outside", outside, s);
    (void)CALL(cuStreamEndCapture, "free", s, P(&graph));
}
