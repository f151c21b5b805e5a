/* SPDX-License-Identifier: Apache-2.0 */
/* cuda_same: streams, events, host functions, values waited for and written. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "cuda_same.h"

void same_stream(void)
{
    uint64_t context = same_context(), s = 0, got = 0, id = 0, other = 0;
    unsigned flags = 99;
    int number = 99;

    (void)CALL(cuStreamCreate, "good", P(&s), 0);
    (void)CALL(cuStreamGetFlags, "good", s, P(&flags));
    same_value("flags", flags);
    (void)CALL(cuStreamGetPriority, "good", s, P(&number));
    same_value("priority", number);
    (void)CALL(cuStreamGetCtx, "good", s, P(&got));
    same_value("is-it", got == context);
    got = 0;
    (void)CALL(cuStreamGetCtx_v2, "good", s, P(&got), P(&other));
    same_value("is-it", got == context);
    same_value("green", other != 0);
    (void)CALL(cuStreamGetDevice, "good", s, P(&number));
    same_value("device", number);
    (void)CALL(cuStreamGetGreenCtx, "good", s, P(&got));
    same_value("is-null", got == 0);
    (void)CALL(cuStreamGetId, "good", s, P(&id));
    (void)CALL(cuStreamGetId, "null", 0, P(&other));
    same_value("differ", id != other);
    (void)CALL(cuStreamQuery, "good", s);
    (void)CALL(cuStreamSynchronize, "good", s);
    (void)CALL(cuStreamIsCapturing, "good", s, P(&number));
    same_value("capturing", number);
    (void)CALL(cuStreamIsCapturing, "no-out", s, 0);
    (void)CALL(cuStreamGetFlags, "no-out", s, 0);
    (void)CALL(cuStreamGetCtx, "no-out", s, 0);
    (void)CALL(cuStreamGetPriority, "no-out", s, 0);
    (void)CALL(cuStreamDestroy_v2, "good", s);
    (void)CALL(cuStreamDestroy_v2, "null", 0);
    (void)CALL(cuStreamDestroy_v2, "legacy", 1);
    (void)CALL(cuStreamDestroy_v2, "per-thread", 2);
    (void)CALL(cuStreamCreate, "no-out", 0, 0);
    (void)CALL(cuStreamCreate, "non-blocking", P(&s), 1);
    (void)CALL(cuStreamGetFlags, "non-blocking", s, P(&flags));
    same_value("flags", flags);
    (void)CALL(cuStreamCreate, "bad-flags", P(&got), 2);
    for (int priority = -7; priority <= 2; priority++) {
        char what[24];

        (void)snprintf(what, sizeof what, "priority%d", priority);
        if (CALL(cuStreamCreateWithPriority, what, P(&s), 0, (unsigned)priority) != 0)
            continue;
        (void)QUIET(cuStreamGetPriority, s, P(&number));
        same_value("is", number);
    }
    (void)CALL(cuStreamGetFlags, "null", 0, P(&flags));
    same_value("flags", flags);
    (void)CALL(cuStreamGetFlags, "legacy", 1, P(&flags));
    (void)CALL(cuStreamGetFlags, "per-thread", 2, P(&flags));
    same_value("flags", flags);
    (void)CALL(cuStreamGetPriority, "null", 0, P(&number));
    same_value("priority", number);
    (void)CALL(cuStreamQuery, "null", 0);
    (void)CALL(cuStreamQuery, "legacy", 1);
    (void)CALL(cuStreamQuery, "per-thread", 2);
    (void)CALL(cuStreamSynchronize, "per-thread", 2);
}

void same_stream_attributes(void)
{
    uint64_t a = 0, b = 0, value[8] = {0}, event = 0;

    (void)same_context();
    (void)QUIET(cuStreamCreate, P(&a), 0);
    (void)QUIET(cuStreamCreate, P(&b), 1);
    for (unsigned i = 0; i < 16; i++) {
        char what[24];

        memset(value, 0, sizeof value);
        (void)snprintf(what, sizeof what, "attribute-%u", i);
        (void)CALL(cuStreamGetAttribute, what, a, i, P(value));
    }
    memset(value, 0, sizeof value);
    (void)CALL(cuStreamGetAttribute, "policy", a, 3, P(value));
    value[0] = 2; /* CU_SYNC_POLICY_SPIN is 2, kept in the first word */
    (void)CALL(cuStreamSetAttribute, "policy", a, 3, P(value));
    (void)CALL(cuStreamSetAttribute, "no-value", a, 3, 0);
    (void)CALL(cuStreamSetAttribute, "bad", a, 77, P(value));
    (void)CALL(cuStreamCopyAttributes, "good", b, a);
    value[0] = 0;
    (void)CALL(cuStreamGetAttribute, "copied", b, 3, P(value));
    same_value("is", (int32_t)value[0]);
    (void)QUIET(cuEventCreate, P(&event), 0);
    (void)CALL(cuStreamWaitEvent, "unrecorded", a, event, 0);
    (void)CALL(cuEventRecord, "good", event, b);
    (void)CALL(cuStreamWaitEvent, "recorded", a, event, 0);
    (void)CALL(cuStreamWaitEvent, "bad-flags", a, event, 8);
    (void)CALL(cuStreamWaitEvent, "null-event", a, 0, 0);
    (void)CALL(cuCtxRecordEvent, "current", 0, event);
    (void)CALL(cuCtxWaitEvent, "current", 0, event);
    (void)CALL(cuStreamSynchronize, "good", a);
}

void same_event(void)
{
    uint64_t e = 0, other = 0, s = 0;
    float ms = -1;

    (void)same_context();
    for (unsigned flags = 0; flags < 9; flags++) {
        char what[24];

        (void)snprintf(what, sizeof what, "flags-%u", flags);
        (void)CALL(cuEventCreate, what, P(&e), flags);
    }
    (void)CALL(cuEventCreate, "no-out", 0, 0);
    (void)QUIET(cuEventCreate, P(&e), 0);
    (void)CALL(cuEventQuery, "unrecorded", e);
    (void)CALL(cuEventSynchronize, "unrecorded", e);
    (void)CALL(cuEventRecord, "null-stream", e, 0);
    (void)CALL(cuEventSynchronize, "recorded", e);
    (void)CALL(cuEventQuery, "recorded", e);
    (void)QUIET(cuEventCreate, P(&other), 0);
    (void)CALL(cuEventElapsedTime, "one-unrecorded", P(&ms), e, other);
    (void)CALL(cuEventRecordWithFlags, "good", other, 0, 0);
    (void)CALL(cuEventRecordWithFlags, "external", other, 0, 1);
    (void)CALL(cuEventRecordWithFlags, "bad-flags", other, 0, 8);
    (void)CALL(cuEventSynchronize, "good", other);
    (void)CALL(cuEventElapsedTime, "good", P(&ms), e, other);
    same_value("is-positive", ms >= 0);
    (void)CALL(cuEventElapsedTime_v2, "good", P(&ms), e, other);
    (void)CALL(cuEventElapsedTime, "backwards", P(&ms), other, e);
    same_value("is-negative", ms <= 0);
    (void)CALL(cuEventElapsedTime, "no-out", 0, e, other);
    (void)CALL(cuEventElapsedTime, "null", P(&ms), 0, e);
    (void)QUIET(cuEventCreate, P(&other), 2);
    (void)CALL(cuEventRecord, "no-timing", other, 0);
    (void)CALL(cuEventSynchronize, "no-timing", other);
    (void)CALL(cuEventElapsedTime, "no-timing", P(&ms), e, other);
    (void)CALL(cuEventElapsedTime, "no-timing-unrecorded", P(&ms), other, e);
    (void)CALL(cuEventRecord, "null", 0, 0);
    (void)CALL(cuEventQuery, "null", 0);
    (void)CALL(cuEventSynchronize, "null", 0);
    (void)CALL(cuEventDestroy_v2, "null", 0);
    (void)CALL(cuEventDestroy_v2, "good", other);
    (void)QUIET(cuStreamCreate, P(&s), 0);
    (void)CALL(cuEventRecord, "stream", e, s);
    (void)CALL(cuStreamDestroy_v2, "recorded-in", s);
    (void)CALL(cuEventSynchronize, "stream-gone", e);
    (void)CALL(cuEventDestroy_v2, "recorded", e);
}

/* What is timed begins once all of it was given, behind other work: nothing of the host is in it */
void same_event_time(void)
{
    uint64_t spin = 0, from = 0, to = 0;
    uint32_t *word = NULL;
    float ms = 0;

    (void)same_context();
    spin = same_function("spin_2000us");
    (void)QUIET(cuMemHostAlloc, P(&word), 64, 0);
    if (!word)
        return;
    *word = 0;
    (void)QUIET(cuLaunchKernel, spin, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0); /* loads it */
    (void)QUIET(cuStreamWaitValue32_v2, 0, (uint64_t)(uintptr_t)word, 1, 1);
    (void)QUIET(cuLaunchKernel, spin, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)QUIET(cuEventCreate, P(&from), 0);
    (void)QUIET(cuEventCreate, P(&to), 0);
    (void)QUIET(cuEventRecord, from, 0);
    (void)CALL(cuLaunchKernel, "spin", spin, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)CALL(cuLaunchKernel, "spin", spin, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0);
    (void)QUIET(cuEventRecord, to, 0);
    (void)CALL(cuStreamQuery, "busy", 0);
    (void)CALL(cuEventQuery, "busy", to);
    (void)CALL(cuEventElapsedTime, "busy", P(&ms), from, to);
    *(volatile uint32_t *)word = 1;
    (void)CALL(cuEventSynchronize, "busy", to);
    (void)CALL(cuEventElapsedTime, "done", P(&ms), from, to);
    same_value("four-to-eight-ms", ms >= 3.9F && ms < 8);
    (void)CALL(cuStreamQuery, "done", 0);
    (void)QUIET(cuMemFreeHost, (uint64_t)(uintptr_t)word);
}

static void add_one(void *data)
{
    (void)atomic_fetch_add((atomic_int *)data, 1);
}

static void callback(void *stream, int rc, void *data)
{
    (void)stream;
    (void)atomic_fetch_add((atomic_int *)data, rc == 0 ? 10 : 1000);
}

static int in_callback;

static void calls_driver(void *data)
{
    uint64_t at = 0;

    in_callback = QUIET(cuMemAlloc_v2, P(&at), 1024);
    (void)atomic_fetch_add((atomic_int *)data, 100);
}

void same_host_func(void)
{
    atomic_int n = 0;
    uint64_t s = 0;

    (void)same_context();
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)CALL(cuLaunchHostFunc, "good", s, P(add_one), P(&n));
    (void)CALL(cuStreamAddCallback, "good", s, P(callback), P(&n), 0);
    (void)CALL(cuStreamSynchronize, "good", s);
    same_value("sum", n);
    (void)CALL(cuLaunchHostFunc, "null-stream", 0, P(add_one), P(&n));
    (void)CALL(cuLaunchHostFunc, "no-function", s, 0, P(&n));
    (void)CALL(cuStreamAddCallback, "no-function", s, 0, P(&n), 0);
    (void)CALL(cuStreamAddCallback, "bad-flags", s, P(callback), P(&n), 1);
    (void)CALL(cuCtxSynchronize, "good", 0);
    same_value("sum", n);
    (void)CALL(cuLaunchHostFunc, "that-calls", s, P(calls_driver), P(&n));
    (void)CALL(cuStreamSynchronize, "good", s);
    same_value("sum", n);
    same_value("in-callback", in_callback);
}

static void batch(uint64_t s, uint64_t at)
{
    struct same_mem_op ops[2] = {{.op = 2, .address = at, .value = 7},
                                 {.op = 1, .address = at, .value = 7, .flags = 1}};

    (void)CALL(cuStreamBatchMemOp_v2, "good", s, 2, P(ops), 0);
    (void)CALL(cuStreamBatchMemOp_v2, "no-ops", s, 2, 0, 0);
    (void)CALL(cuStreamBatchMemOp_v2, "count-0", s, 0, P(ops), 0);
    (void)CALL(cuStreamBatchMemOp_v2, "bad-flags", s, 2, P(ops), 1);
    (void)CALL(cuStreamBatchMemOp_v2, "many", s, 257, P(ops), 0);
    ops[0].op = 77;
    (void)CALL(cuStreamBatchMemOp_v2, "bad-op", s, 2, P(ops), 0);
}

void same_value_op(void)
{
    uint64_t at = 0, s = 0, word = 0, other = 0;

    (void)same_context();
    (void)QUIET(cuMemAlloc_v2, P(&at), 64);
    (void)QUIET(cuMemsetD8_v2, at, 0, 64);
    (void)QUIET(cuStreamCreate, P(&s), 1);
    (void)QUIET(cuStreamCreate, P(&other), 1);
    (void)CALL(cuStreamWriteValue32_v2, "good", s, at, 5, 0);
    (void)CALL(cuStreamWriteValue64_v2, "good", s, at + 8, (uint64_t)5 << 32, 0);
    (void)CALL(cuStreamWaitValue32_v2, "reached-geq", s, at, 5, 0);
    (void)CALL(cuStreamWaitValue32_v2, "reached-eq", s, at, 5, 1);
    (void)CALL(cuStreamWaitValue32_v2, "reached-and", s, at, 4, 2);
    (void)CALL(cuStreamWaitValue32_v2, "reached-nor", s, at, 0, 3);
    (void)CALL(cuStreamWaitValue64_v2, "reached-geq", s, at + 8, 1, 0);
    (void)CALL(cuStreamSynchronize, "good", s);
    (void)CALL(cuStreamWaitValue32_v2, "not-yet", s, at + 16, 1, 0);
    (void)CALL(cuStreamQuery, "waits", s);
    (void)CALL(cuStreamWriteValue32_v2, "other-stream", other, at + 16, 1, 0);
    (void)CALL(cuStreamSynchronize, "woken", s);
    (void)CALL(cuStreamWriteValue32_v2, "no-barrier", s, at, 6, 1);
    (void)CALL(cuStreamWriteValue32_v2, "bad-flags", s, at, 6, 0x100);
    (void)CALL(cuStreamWriteValue32_v2, "odd", s, at + 1, 6, 0);
    (void)CALL(cuStreamWriteValue64_v2, "odd", s, at + 4, 6, 0);
    (void)CALL(cuStreamWriteValue32_v2, "null", s, 0, 6, 0);
    (void)CALL(cuStreamWriteValue32_v2, "unknown", s, 4096, 6, 0);
    (void)CALL(cuStreamWaitValue32_v2, "bad-flags", s, at, 6, 0x100);
    (void)CALL(cuStreamWaitValue32_v2, "flush", s, at, 5, (uint64_t)1 << 30);
    (void)CALL(cuStreamWriteValue32, "version-1", s, at, 9, 0);
    (void)CALL(cuStreamWaitValue32, "version-1", s, at, 9, 1);
    (void)CALL(cuStreamWriteValue64, "version-1", s, at + 8, 9, 0);
    (void)CALL(cuStreamWaitValue64, "version-1", s, at + 8, 9, 1);
    batch(s, at);
    (void)CALL(cuStreamSynchronize, "good", s);
    (void)QUIET(cuMemcpyDtoH_v2, P(&word), at, 8);
    same_value("word", (int64_t)(word & UINT32_MAX));
}
