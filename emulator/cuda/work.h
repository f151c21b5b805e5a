/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door between memory and work. Memory calls come as one of two descriptions, a copy or a fill;
 * streams and graphs keep them, run them in order, and give them back to be run.
 */
#ifndef EMULATOR_CUDA_WORK_H
#define EMULATOR_CUDA_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct context;

enum copy_type { /* CUmemorytype */
                 COPY_HOST = 1,
                 COPY_DEVICE = 2,
                 COPY_ARRAY = 3,
                 COPY_UNIFIED = 4,
};

/* One side of CUDA_MEMCPY3D. */
struct copy_side {
    size_t x_bytes, y, z, lod;
    unsigned type;
    const void *host;
    uint64_t device;
    void *array;
    void *context; /* of CUDA_MEMCPY3D_PEER; reserved in CUDA_MEMCPY3D */
    size_t pitch, height;
};

/* CUDA_MEMCPY3D_v2, word for word. */
struct copy {
    struct copy_side from, to;
    size_t width_bytes, height, depth;
};
_Static_assert(sizeof(struct copy) == 200, "the driver's layout");

/* CUDA_MEMSET_NODE_PARAMS, word for word. */
struct fill {
    uint64_t to;
    size_t pitch;
    unsigned value, element_bytes;
    size_t width, height; /* elements, rows */
};
_Static_assert(sizeof(struct fill) == 40, "the driver's layout");

/* copy.c, fill.c: checks (codes as the driver), without doing it. */
int copy_check(const struct copy *c);
int fill_check(const struct fill *f);
bool copy_reaches(uint64_t address, uint64_t bytes); /* all of it is memory that a device reaches */
/* Does it, at once. Both under the lock; what was freed meanwhile is left alone. */
void copy_run(const struct copy *c);
/* Checks it, and gives it to its stream. */
int copy_submit(struct context *c, void *stream, unsigned how, const struct copy *copy);
void fill_run(const struct fill *f);

/*
 * work.c, implemented by streams: a checked operation comes into its stream. Under the lock of the
 * session. `stream`: NULL, CU_STREAM_LEGACY (1), CU_STREAM_PER_THREAD (2), or a handle: a bad one
 * is INVALID_HANDLE. A capturing stream makes a node of it.
 */
enum work_how {
    WORK_ASYNC = 0,
    WORK_WAIT = 1,       /* the call returns when it is done */
    WORK_PER_THREAD = 2, /* a _ptsz, _ptds name: stream NULL means the thread's own */
};
int work_copy(struct context *c, void *stream, unsigned how, const struct copy *copy);
int work_fill(struct context *c, void *stream, unsigned how, const struct fill *fill);

/* Only the check of a stream, for calls that need no work (prefetches and advice). */
int work_stream(struct context *c, void *stream, unsigned how);

/*
 * cuMemAllocAsync, cuMemAllocFromPoolAsync, cuMemFreeAsync and their _ptsz names are exported by
 * the side of streams (capture makes nodes of them), on pool_alloc() and pool_free() of cuda.h;
 * cuStreamSynchronize, cuCtxSynchronize, cuEventSynchronize call pool_settle(). All cuMemcpy* and
 * cuMemset* are exported by the side of memory.
 */

/* A context came, or goes with all its streams and modules. Under the lock. */
int work_context_new(struct context *c);
void work_context_free(struct context *c);

/*
 * What may wait for all of the GPU is not allowed beside a capture: then the code for it, and the
 * capture is broken. Under the lock.
 */
int work_unsafe(void);

/* This thread is in a stream's host function, where calls are NOT_PERMITTED. */
bool work_in_callback(void);
/* Calls a program's function in such a way. */
void work_call(void (*function)(void *), void *data);

/* Waits until all work of the context is done; cuMemFree does that. Under the lock. */
int work_finish(struct context *c);

/* Memory of a graph's allocation node is freed; false: it is not in use. */
bool graph_memory_release(uint64_t at);

#endif
