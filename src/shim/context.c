/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts come and go: each takes memory that no allocation shows, and takes all that was
 * allocated in it with it. Before one is made, room for what the page says of one is charged; then
 * it is measured. Stacks are worked out: so much more for each thread that the GPU can hold
 * (measured); heaps say their size. What loads code only asks to be measured.
 */
#include "shim/memory_pool.h"

enum {
    LIMIT_STACK = 0, /* then the buffer of printf, and the heap of kernels */
    LIMITS = 3,      /* that take memory */
    ATTRIBUTE_PROCESSORS = 16,
    ATTRIBUTE_THREADS_OF_PROCESSOR = 39,
};

/* A context that is being made. */
struct making {
    CUdevice ordinal;
    int device;
    uint64_t room;
    bool primary;
};

static uint64_t context_bytes(int device)
{
    const struct shim *s = shim_get();

    return s->state == SHIM_ATTACHED && device >= 0 ? s->page->head.limits[device].context_bytes
                                                    : 0;
}

/* -1: the driver must say what is wrong with the device. */
static int primary_active(CUdevice ordinal)
{
    unsigned flags;
    int active = 0;

    if (PLAIN(cuDevicePrimaryCtxGetState)(ordinal, &flags, &active) != CUDA_SUCCESS)
        return -1;
    return active != 0;
}

/* False: there is no room. */
static bool making_begin(struct making *m, CUdevice ordinal, bool primary)
{
    *m = (struct making){.ordinal = ordinal, .device = shim_device(ordinal), .primary = primary};
    if (!primary || primary_active(ordinal) == 0)
        m->room = context_bytes(m->device);
    return charge_begin(m->device, m->room);
}

static CUresult making_end(const struct making *m, CUresult rc, CUcontext context)
{
    struct ledger_entry old = {0}, e = {
                                       .kind = LEDGER_CONTEXT,
                                       .key = (uint64_t)(uintptr_t)context,
                                       .other = (uint64_t)m->ordinal,
                                       .device = (int16_t)m->device,
                                       .refs = 1, /* counted in the page */
                                       .primary = m->primary,
                                   };
    bool fresh = rc == CUDA_SUCCESS && ledger_put(&e, &old) && old.refs == 0;

    if (fresh)
        measure_estimate(m->device, m->room);
    charge_end(m->device, -(int64_t)m->room);
    if (fresh)
        measure_context(m->device, 1);
    return rc;
}

/* Of a context that is no more, between charge_begin_free and charge_end. */
static void gone(const struct ledger_entry *context)
{
    memory_drop(memory_handle(context->key));
    memory_pool_settle();
}

static void gone_end(const struct ledger_entry *context)
{
    charge_end(context->device, 0);
    if (context->refs > 0)
        measure_context(context->device, -1);
}

/* The wrapper of a function that makes a context. */
#define CREATE_CONTEXT(name, out, ordinal, ...)                                                    \
    __extension__({                                                                                \
        struct making making;                                                                      \
        CUresult making_rc = CUDA_ERROR_OUT_OF_MEMORY;                                             \
                                                                                                   \
        if (!(out) || !memory_judged() || primary_active(ordinal) < 0) {                           \
            making_rc = CALL(name, __VA_ARGS__);                                                   \
        } else if (making_begin(&making, ordinal, false)) {                                        \
            making_rc = CALL(name, __VA_ARGS__);                                                   \
            making_rc = making_end(&making, making_rc, making_rc == CUDA_SUCCESS ? *(out) : NULL); \
        }                                                                                          \
        making_rc;                                                                                 \
    })

CUresult cuCtxCreate(CUcontext *out, unsigned flags, CUdevice device)
{
    return CREATE_CONTEXT(cuCtxCreate, out, device, out, flags, device);
}

CUresult cuCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice device)
{
    return CREATE_CONTEXT(cuCtxCreate_v2, out, device, out, flags, device);
}

CUresult cuCtxCreate_v3(CUcontext *out, struct cuda_affinity *affinity, int n, unsigned flags,
                        CUdevice device)
{
    return CREATE_CONTEXT(cuCtxCreate_v3, out, device, out, affinity, n, flags, device);
}

CUresult cuCtxCreate_v4(CUcontext *out, struct cuda_context_wish *wish, unsigned flags,
                        CUdevice device)
{
    return CREATE_CONTEXT(cuCtxCreate_v4, out, device, out, wish, flags, device);
}

CUresult cuGLCtxCreate(CUcontext *out, unsigned flags, CUdevice device)
{
    return CREATE_CONTEXT(cuGLCtxCreate, out, device, out, flags, device);
}

CUresult cuGLCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice device)
{
    return CREATE_CONTEXT(cuGLCtxCreate_v2, out, device, out, flags, device);
}

CUresult cuVDPAUCtxCreate(CUcontext *out, unsigned flags, CUdevice device, uint32_t display,
                          cuda_vdpau_lookup *lookup)
{
    return CREATE_CONTEXT(cuVDPAUCtxCreate, out, device, out, flags, device, display, lookup);
}

CUresult cuVDPAUCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice device, uint32_t display,
                             cuda_vdpau_lookup *lookup)
{
    return CREATE_CONTEXT(cuVDPAUCtxCreate_v2, out, device, out, flags, device, display, lookup);
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device)
{
    struct making m;
    CUresult rc;

    if (!out || !memory_judged() || primary_active(device) < 0)
        return CALL(cuDevicePrimaryCtxRetain, out, device);
    if (!making_begin(&m, device, true))
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = CALL(cuDevicePrimaryCtxRetain, out, device);
    return making_end(&m, rc, rc == CUDA_SUCCESS ? *out : NULL);
}

/* ---- the end of contexts */

static bool find_primary(CUdevice ordinal, struct ledger_entry *out)
{
    for (uint64_t at = 0; ledger_next(LEDGER_CONTEXT, &at, out);) {
        if (out->primary && (CUdevice)out->other == ordinal)
            return true;
    }
    return false;
}

/* A call that may end the primary context, and does unless others still hold it. */
#define END_PRIMARY(name, ordinal)                                                                 \
    __extension__({                                                                                \
        struct ledger_entry ended;                                                                 \
        CUresult ended_rc;                                                                         \
                                                                                                   \
        if (!memory_judged() || !find_primary(ordinal, &ended)) {                                  \
            ended_rc = CALL(name, ordinal);                                                        \
        } else {                                                                                   \
            charge_begin_free(ended.device);                                                       \
            ended_rc = CALL(name, ordinal);                                                        \
            primary_ended(&ended, ended_rc, ordinal);                                              \
        }                                                                                          \
        ended_rc;                                                                                  \
    })

static void primary_ended(struct ledger_entry *e, CUresult rc, CUdevice ordinal)
{
    if (rc == CUDA_SUCCESS && primary_active(ordinal) == 0 &&
        ledger_take(LEDGER_CONTEXT, e->key, e)) {
        gone(e);
        gone_end(e);
    } else {
        charge_end(e->device, 0);
    }
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
    return END_PRIMARY(cuDevicePrimaryCtxRelease, device);
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device)
{
    return END_PRIMARY(cuDevicePrimaryCtxRelease_v2, device);
}

CUresult cuDevicePrimaryCtxReset(CUdevice device)
{
    return END_PRIMARY(cuDevicePrimaryCtxReset, device);
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice device)
{
    return END_PRIMARY(cuDevicePrimaryCtxReset_v2, device);
}

/* Out of the ledger first: the driver may give the handle anew to another thread. */
#define END_CONTEXT(name, context)                                                                 \
    __extension__({                                                                                \
        struct ledger_entry ended;                                                                 \
        CUresult ended_rc;                                                                         \
                                                                                                   \
        if (memory_judged() &&                                                                     \
            memory_free_begin(LEDGER_CONTEXT, (uint64_t)(uintptr_t)(context), &ended)) {           \
            ended_rc = CALL(name, context);                                                        \
            context_ended(&ended, ended_rc);                                                       \
        } else {                                                                                   \
            ended_rc = CALL(name, context);                                                        \
        }                                                                                          \
        ended_rc;                                                                                  \
    })

static void context_ended(const struct ledger_entry *e, CUresult rc)
{
    if (rc == CUDA_SUCCESS) {
        gone(e);
        gone_end(e);
    } else {
        (void)memory_book(e);
        charge_end(e->device, 0);
    }
}

CUresult cuCtxDestroy(CUcontext context)
{
    return END_CONTEXT(cuCtxDestroy, context);
}

CUresult cuCtxDestroy_v2(CUcontext context)
{
    return END_CONTEXT(cuCtxDestroy_v2, context);
}

/* Ends the context with its last user. */
CUresult cuCtxDetach(CUcontext context)
{
    CUresult rc = CALL(cuCtxDetach, context);
    struct ledger_entry e;
    unsigned version;

    if (rc == CUDA_SUCCESS && memory_judged() &&
        PLAIN(cuCtxGetApiVersion)(context, &version) != CUDA_SUCCESS &&
        memory_free_begin(LEDGER_CONTEXT, (uint64_t)(uintptr_t)context, &e)) {
        gone(&e);
        gone_end(&e);
    }
    return rc;
}

/* ---- what contexts take beside */

/* What a stack of so many bytes more takes for all threads of the device. */
static uint64_t stack_bytes(CUdevice ordinal, uint64_t more)
{
    int processors = 0, threads = 0;
    uint64_t bytes;

    (void)PLAIN(cuDeviceGetAttribute)(&processors, ATTRIBUTE_PROCESSORS, ordinal);
    (void)PLAIN(cuDeviceGetAttribute)(&threads, ATTRIBUTE_THREADS_OF_PROCESSOR, ordinal);
    if (processors <= 0 || threads <= 0 ||
        __builtin_mul_overflow((uint64_t)processors * (uint64_t)threads, more, &bytes))
        return 0; /* the driver will say what it thinks of it */
    return memory_whole(bytes);
}

/* What a limit of this value takes beyond what it was at first, which is in the context's cost. */
static uint64_t limit_bytes(CUdevice ordinal, CUlimit limit, uint64_t value, uint64_t first)
{
    if (value <= first)
        return 0;
    return limit == LIMIT_STACK ? stack_bytes(ordinal, value - first) : memory_whole(value - first);
}

/* What is charged for a limit of the current context; false: the driver must say what is wrong. */
static bool find_limit(struct ledger_entry *out, const struct memory_place *place, CUlimit limit)
{
    size_t value = 0;
    uint64_t key = (uint64_t)(uintptr_t)place->context * LIMITS + (uint64_t)limit;

    if (place->nowhere || PLAIN(cuCtxGetLimit)(&value, limit) != CUDA_SUCCESS)
        return false;
    if (!ledger_find(LEDGER_LIMIT, key, out))
        *out = (struct ledger_entry){
            .kind = LEDGER_LIMIT,
            .key = key,
            .context = (uint64_t)(uintptr_t)place->context,
            .device = (int16_t)place->device,
            .other = value,
        };
    return true;
}

/*
 * The driver takes stacks at once (measured), and the heap of kernels and the buffer of their
 * printf when code that uses them is loaded: all are charged from here on, until the limit falls or
 * the context ends.
 */
static CUresult set_limit(struct ledger_entry *e, CUdevice ordinal, CUlimit limit, size_t value)
{
    uint64_t had = e->bytes, wanted = limit_bytes(ordinal, limit, value, e->other);
    uint64_t room = wanted > had ? wanted - had : 0;
    struct ledger_entry old;
    CUresult rc;

    if (!charge_begin(e->device, room))
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = CALL(cuCtxSetLimit, limit, value);
    if (rc == CUDA_SUCCESS && PLAIN(cuCtxGetLimit)(&value, limit) == CUDA_SUCCESS)
        wanted = limit_bytes(ordinal, limit, value, e->other);
    e->bytes = wanted;
    if (rc != CUDA_SUCCESS)
        charge_end(e->device, -(int64_t)room);
    else if (ledger_put(e, &old))
        charge_end(e->device, (int64_t)(wanted - old.bytes - room));
    else
        charge_end(e->device, 0);
    measure_soon(e->device);
    return rc;
}

CUresult cuCtxSetLimit(CUlimit limit, size_t value)
{
    struct memory_place place;
    struct ledger_entry e;

    if (limit < LIMIT_STACK || limit >= LIMITS || !memory_judged())
        return CALL(cuCtxSetLimit, limit, value);
    place = memory_place();
    if (!find_limit(&e, &place, limit))
        return CALL(cuCtxSetLimit, limit, value);
    return set_limit(&e, place.ordinal, limit, value);
}

/* The calling thread's device has more or less code, or streams. */
static CUresult ring(CUresult rc)
{
    CUresult asked = CUDA_SUCCESS;

    if (rc == CUDA_SUCCESS && memory_judged())
        measure_soon(shim_current_device(&asked));
    return rc;
}

CUresult cuModuleLoad(CUmodule *out, const char *path)
{
    return ring(CALL(cuModuleLoad, out, path));
}

CUresult cuModuleLoadData(CUmodule *out, const void *image)
{
    return ring(CALL(cuModuleLoadData, out, image));
}

CUresult cuModuleLoadDataEx(CUmodule *out, const void *image, unsigned n, CUjit_option *options,
                            void **values)
{
    return ring(CALL(cuModuleLoadDataEx, out, image, n, options, values));
}

CUresult cuModuleLoadFatBinary(CUmodule *out, const void *image)
{
    return ring(CALL(cuModuleLoadFatBinary, out, image));
}

CUresult cuModuleUnload(CUmodule module)
{
    return ring(CALL(cuModuleUnload, module));
}

CUresult cuLibraryLoadData(CUlibrary *out, const void *image, CUjit_option *options, void **values,
                           unsigned n, CUlibraryOption *library_options, void **library_values,
                           unsigned n_library)
{
    return ring(CALL(cuLibraryLoadData, out, image, options, values, n, library_options,
                     library_values, n_library));
}

CUresult cuLibraryLoadFromFile(CUlibrary *out, const char *path, CUjit_option *options,
                               void **values, unsigned n, CUlibraryOption *library_options,
                               void **library_values, unsigned n_library)
{
    return ring(CALL(cuLibraryLoadFromFile, out, path, options, values, n, library_options,
                     library_values, n_library));
}

CUresult cuLibraryUnload(CUlibrary library)
{
    return ring(CALL(cuLibraryUnload, library));
}

/* A green context holds the device's primary one, and has made it if there was none. */
static CUresult green_end(const struct making *m, CUresult rc)
{
    CUcontext context;

    if (rc != CUDA_SUCCESS || m->room == 0 ||
        CALL(cuDevicePrimaryCtxRetain, &context, m->ordinal) != CUDA_SUCCESS) {
        charge_end(m->device, -(int64_t)m->room);
        measure_soon(m->device);
        return rc;
    }
    (void)making_end(m, rc, context);
    (void)CALL(cuDevicePrimaryCtxRelease_v2, m->ordinal);
    return rc;
}

CUresult cuGreenCtxCreate(CUgreenCtx *out, CUdevResourceDesc resources, CUdevice device,
                          unsigned flags)
{
    struct making m;
    CUresult rc;

    if (!out || !memory_judged() || primary_active(device) < 0)
        return CALL(cuGreenCtxCreate, out, resources, device, flags);
    if (!making_begin(&m, device, true))
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = CALL(cuGreenCtxCreate, out, resources, device, flags);
    return green_end(&m, rc);
}

CUresult cuGreenCtxDestroy(CUgreenCtx context)
{
    CUresult rc = ring(CALL(cuGreenCtxDestroy, context));
    struct ledger_entry e;

    for (uint64_t at = 0; rc == CUDA_SUCCESS && ledger_next(LEDGER_CONTEXT, &at, &e);) {
        if (e.primary) {
            charge_begin_free(e.device);
            primary_ended(&e, rc, (CUdevice)e.other);
        }
    }
    return rc;
}

CUresult cuStreamCreate(CUstream *out, unsigned flags)
{
    return ring(CALL(cuStreamCreate, out, flags));
}

CUresult cuStreamCreateWithPriority(CUstream *out, unsigned flags, int priority)
{
    return ring(CALL(cuStreamCreateWithPriority, out, flags, priority));
}
