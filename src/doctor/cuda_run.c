/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running a kernel: see cuda_run.h. The child sends the whole record whenever a step begins, so
 * that a hang or a crash still tells where; the last record counts. The kernel is PTX of version
 * 4.0 for sm_50, which every driver since CUDA 6.0 compiles for the GPU at hand.
 */
#include "doctor/cuda_run.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "doctor/cuda_api.h"
#include "gpu/library.h"

enum {
    N_SUMS = 1 << 20,
    N_BYTES = N_SUMS * 4,
    BLOCK = 256,
    RECORDS_MAX = 64,
};

/* carve_add(a, b, sums, count): sums[i] = a[i] + b[i], modulo 2^32. */
static const char kernel[] = ".version 4.0\n"
                             ".target sm_50\n"
                             ".address_size 64\n"
                             ".visible .entry carve_add(.param .u64 a, .param .u64 b,\n"
                             "                          .param .u64 sums, .param .u32 count)\n"
                             "{\n"
                             "    .reg .pred %outside;\n"
                             "    .reg .b32 %at, %block, %width, %n, %x, %y;\n"
                             "    .reg .b64 %pa, %pb, %ps, %bytes;\n"
                             "    mov.u32 %at, %tid.x;\n"
                             "    mov.u32 %block, %ctaid.x;\n"
                             "    mov.u32 %width, %ntid.x;\n"
                             "    mad.lo.u32 %at, %block, %width, %at;\n"
                             "    ld.param.u32 %n, [count];\n"
                             "    setp.ge.u32 %outside, %at, %n;\n"
                             "    @%outside bra done;\n"
                             "    ld.param.u64 %pa, [a];\n"
                             "    ld.param.u64 %pb, [b];\n"
                             "    ld.param.u64 %ps, [sums];\n"
                             "    cvta.to.global.u64 %pa, %pa;\n"
                             "    cvta.to.global.u64 %pb, %pb;\n"
                             "    cvta.to.global.u64 %ps, %ps;\n"
                             "    mul.wide.u32 %bytes, %at, 4;\n"
                             "    add.u64 %pa, %pa, %bytes;\n"
                             "    add.u64 %pb, %pb, %bytes;\n"
                             "    add.u64 %ps, %ps, %bytes;\n"
                             "    ld.global.u32 %x, [%pa];\n"
                             "    ld.global.u32 %y, [%pb];\n"
                             "    add.u32 %x, %x, %y;\n"
                             "    st.global.u32 [%ps], %x;\n"
                             "done:\n"
                             "    ret;\n"
                             "}\n";

/* One run, in the child. */
struct run {
    const struct cuda_wish *wish;
    struct node_cuda_facts facts;
    int fd;
    struct cuda_api api;
    int device;
    struct cuda_context *context;
    struct cuda_module *module;
    struct cuda_function *function;
    cuda_address a, b, sums;
    uint32_t *x, *y, *z; /* N_SUMS each, on the host */
};

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void begin(struct run *r, enum cuda_step step)
{
    r->facts.step = step;
    child_tell(r->fd, &r->facts, sizeof r->facts);
}

/* Notes a failure of a call; true if there is none. */
static bool fine(struct run *r, const char *call, int code)
{
    const char *name = NULL, *words = NULL;

    if (code == CUDA_SUCCESS)
        return true;
    r->facts.code = code;
    (void)TEXT_COPY(r->facts.call, call);
    if (code != CUDA_NO_FUNCTION) {
        (void)CUDA_CALL(&r->api, cuGetErrorName, code, &name);
        (void)CUDA_CALL(&r->api, cuGetErrorString, code, &words);
        (void)snprintf(r->facts.words, sizeof r->facts.words, "%s (%d)%s%s",
                       name ? name : "CUDA error", code, words ? ": " : "", words ? words : "");
    }
    return false;
}

#define FINE(run, name, ...) fine((run), #name, CUDA_CALL(&(run)->api, name, __VA_ARGS__))

static void find_functions(struct cuda_api *out, void *library)
{
    static const struct {
        const char *name;
        size_t offset;
    } symbols[] = {
#define SYMBOL(name, parameters) {#name, offsetof(struct cuda_api, name)},
        CUDA_SYMBOLS(SYMBOL)
#undef SYMBOL
    };

    for (size_t i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
        void *address = dlsym(library, symbols[i].name);

        memcpy((char *)out + symbols[i].offset, &address, sizeof address);
    }
}

static bool step_library(struct run *r)
{
    struct err e = {0};
    void *library = NULL;

    begin(r, CUDA_STEP_LIBRARY);
    /* In the environment of this process alone, before CUDA looks at it. */
    if (*r->wish->uuid && setenv("CUDA_VISIBLE_DEVICES", r->wish->uuid, 1) < 0)
        return false;
    if (library_open(&library, "libcuda.so.1", r->wish->driver_root, &e) < 0) {
        r->facts.code = CUDA_NO_FUNCTION;
        (void)TEXT_COPY(r->facts.words, e.msg);
        return false;
    }
    find_functions(&r->api, library);
    return true;
}

static bool step_init(struct run *r)
{
    uint64_t start = now_us();

    begin(r, CUDA_STEP_INIT);
    (void)CUDA_CALL(&r->api, cuDriverGetVersion, &r->facts.driver_version);
    if (!FINE(r, cuInit, 0))
        return false;
    r->facts.init_us = now_us() - start;
    return true;
}

static bool step_device(struct run *r)
{
    struct node_cuda_facts *f = &r->facts;
    struct cuda_uuid uuid = {{0}};
    size_t bytes = 0, at = 0;

    begin(r, CUDA_STEP_DEVICE);
    if (!FINE(r, cuDeviceGetCount, &f->n_devices))
        return false;
    if (f->n_devices < 1)
        return fine(r, "cuDeviceGetCount", CUDA_NO_DEVICE);
    if (!FINE(r, cuDeviceGet, &r->device, 0) ||
        !FINE(r, cuDeviceGetName, f->name, (int)sizeof f->name, r->device) ||
        !FINE(r, cuDeviceTotalMem_v2, &bytes, r->device))
        return false;
    f->memory_bytes = bytes;
    /* Version 2 tells a MIG device's own. */
    if (CUDA_CALL(&r->api, cuDeviceGetUuid_v2, &uuid, r->device) != CUDA_SUCCESS &&
        CUDA_CALL(&r->api, cuDeviceGetUuid, &uuid, r->device) != CUDA_SUCCESS)
        return true;
    for (unsigned i = 0; i < sizeof uuid.bytes; i++)
        at += (size_t)snprintf(f->found_uuid + at, sizeof f->found_uuid - at, "%s%02x",
                               i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid.bytes[i]);
    return true;
}

static bool step_context(struct run *r)
{
    uint64_t start = now_us();

    begin(r, CUDA_STEP_CONTEXT);
    if (!FINE(r, cuDevicePrimaryCtxRetain, &r->context, r->device) ||
        !FINE(r, cuCtxSetCurrent, r->context))
        return false;
    r->facts.context_us = now_us() - start;
    return true;
}

static bool step_module(struct run *r)
{
    uint64_t start = now_us();

    begin(r, CUDA_STEP_MODULE);
    if (!FINE(r, cuModuleLoadData, &r->module, kernel) ||
        !FINE(r, cuModuleGetFunction, &r->function, r->module, "carve_add"))
        return false;
    r->facts.module_us = now_us() - start;
    return true;
}

static bool step_memory(struct run *r)
{
    begin(r, CUDA_STEP_MEMORY);
    r->x = malloc(N_BYTES);
    r->y = malloc(N_BYTES);
    r->z = calloc(1, N_BYTES);
    if (!r->x || !r->y || !r->z) {
        (void)TEXT_COPY(r->facts.words, "this machine has no memory for 12 MiB");
        r->facts.code = CUDA_NO_FUNCTION;
        return false;
    }
    for (uint32_t i = 0; i < N_SUMS; i++) {
        r->x[i] = i * UINT32_C(2654435761);
        r->y[i] = ~i;
    }
    return FINE(r, cuMemAlloc_v2, &r->a, N_BYTES) && FINE(r, cuMemAlloc_v2, &r->b, N_BYTES) &&
           FINE(r, cuMemAlloc_v2, &r->sums, N_BYTES) &&
           FINE(r, cuMemcpyHtoD_v2, r->a, r->x, N_BYTES) &&
           FINE(r, cuMemcpyHtoD_v2, r->b, r->y, N_BYTES) &&
           FINE(r, cuMemcpyHtoD_v2, r->sums, r->z, N_BYTES);
}

static bool step_kernel(struct run *r)
{
    uint32_t count = N_SUMS;
    void *parameters[] = {&r->a, &r->b, &r->sums, &count};
    uint64_t start;

    begin(r, CUDA_STEP_KERNEL);
    start = now_us();
    if (!FINE(r, cuLaunchKernel, r->function, N_SUMS / BLOCK, 1, 1, BLOCK, 1, 1, 0, NULL,
              parameters, NULL) ||
        !FINE(r, cuCtxSynchronize))
        return false;
    r->facts.kernel_us = now_us() - start;
    return true;
}

static bool step_result(struct run *r)
{
    begin(r, CUDA_STEP_RESULT);
    if (!FINE(r, cuMemcpyDtoH_v2, r->z, r->sums, N_BYTES))
        return false;
    r->facts.n_sums = N_SUMS;
    for (uint32_t i = 0; i < N_SUMS; i++)
        r->facts.n_wrong += r->z[i] != r->x[i] + r->y[i];
    return FINE(r, cuMemFree_v2, r->a) && FINE(r, cuMemFree_v2, r->b) &&
           FINE(r, cuMemFree_v2, r->sums);
}

/* The context goes with the process. */
static void work(void *self, int fd)
{
    static bool (*const steps[])(struct run *) = {step_library, step_init,   step_device,
                                                  step_context, step_module, step_memory,
                                                  step_kernel,  step_result};
    struct run *r = self;

    r->fd = fd;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if (!steps[i](r)) {
            begin(r, r->facts.step);
            return;
        }
    }
    begin(r, CUDA_STEP_DONE);
}

int cuda_run(struct node_cuda_facts *io, const struct cuda_wish *wish, struct err *e)
{
    struct run r = {.wish = wish, .facts = *io, .fd = -1};
    OWN(buf_done) struct buf told;
    int code;

    buf_init(&told, RECORDS_MAX * sizeof *io);
    code = child_run(&io->end, &io->signal, &told, work, &r, wish->timeout_ms, e);
    if (code < 0)
        return code;
    if (told.size >= sizeof *io) {
        enum child_end end = io->end;
        int number = io->signal;
        size_t n = told.size / sizeof *io;

        memcpy(io, told.data + (n - 1) * sizeof *io, sizeof *io);
        io->end = end;
        io->signal = number;
    }
    return 0;
}
