/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the emulated libcuda.so.1 share. A call enters (checks, per-process lock),
 * works, leaves. Codes and behavior are those of driver 580.159.04 on an H100; where from:
 * ../README.md.
 *
 *   init.c       cuInit, the session, fork            find.c       which devices there are
 *   device.c, attribute.c   what devices say
 *   context.c    contexts, limits                     error.c      names of codes
 *   handle.c     handles, checked                     range.c      addresses, checked
 *   machine.c    memory charged on the shared state   chunk.c      host memory behind device memory
 *   memory.c     alloc, free                          host.c       host memory, managed memory
 *   array.c      arrays, mipmaps                      virtual.c    reserve, create, map
 *   pool.c       stream-ordered pools                 share.c      IPC
 *   pointer.c    what a pointer is                    copy*.c, fill.c   cuMemcpy*, cuMemset*
 *
 *   work.h       the door to streams, graphs, launches
 *
 *   entry.c      cuGetProcAddress           turn.c     the GPU's time, shared by processes
 *   op.c         queues of streams          stream*.c, per_thread.c, event.c, value.c, async.c
 *   capture.c    streams that capture       graph*.c   graphs, nodes, instances, their memory
 *   image.c      what is in PTX             module.c, library.c, link.c, function.c, occupancy.c
 *   launch.c     kernels                    user_object.c   what graphs keep for programs
 *
 * Every exported name of data/captures/cuda-580.159.04.csv that no file implements is a weak
 * function that answers CUDA_ERROR_NOT_SUPPORTED; CUDA_API() defines the strong one over it.
 */
#ifndef EMULATOR_CUDA_CUDA_H
#define EMULATOR_CUDA_CUDA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cuda/codes.h"
#include "cuda/work.h"
#include "node.h"
#include "state.h"

#define CUDA_API(name, ...)                                                                        \
    __attribute__((visibility("default"))) int name(__VA_ARGS__);                                  \
    int name(__VA_ARGS__)

enum {
    CUDA_DEVICES = NODE_MAX_GPUS,
    CUDA_STACK = 64,            /* contexts on a thread's stack */
    CUDA_SMALL_BYTES = 1 << 20, /* up to here, parts of blocks */
    CUDA_BLOCK_BYTES = 2 << 20,
    CUDA_POOL_BYTES = 32 << 20, /* what a pool takes at a time */
};

struct pool;
struct block;

/* One visible device: a GPU, or a MIG device on it. */
struct device {
    const struct gpu *gpu; /* ->index is the one in the shared state */
    int ordinal;           /* the CUdevice */
    bool is_mig;
    uint32_t gi, ci; /* UINT32_MAX outside MIG */
    char name[96];
    uint8_t uuid[16];
    uint64_t mem_bytes; /* all that programs can have */
    struct context *primary;
    unsigned primary_retains, primary_flags;
    struct pool *default_pool, *current_pool; /* made at first use */
    uint64_t graph_bytes, graph_high_bytes;   /* used, of graphs' allocations: work.h's side */
    bool managed_used;
    unsigned sms; /* of a MIG device; 0: as the board has */
};

/* A CUcontext is the address of one. */
struct context {
    struct device *device;
    uint64_t id, bytes; /* what it has cost, stacks included; all but allocations */
    uint64_t device_bytes;
    uint64_t limits[12]; /* by CUlimit */
    unsigned flags, attached, version;
    int cache_config, shared_config;
    bool is_primary;
    bool alive;     /* a primary context that nobody retains is not */
    bool ending;    /* its work is waited for, before it goes */
    uint32_t peers; /* bit n: access to device n is on */
    struct block *blocks;
    void *work; /* work.h's side: what it keeps for the context */
};

/* The process's use of the driver. Whoever reads or changes anything holds the lock. */
struct cuda {
    _Atomic bool ready;  /* cuInit has succeeded */
    _Atomic bool forked; /* a child of such a process: CUDA is not for it */
    _Atomic bool ended;  /* the process is on its way out */
    pthread_mutex_t lock;
    struct node *node;
    struct state_map map;
    struct device devices[CUDA_DEVICES];
    int n_devices;
    uint64_t next_id;                   /* of contexts, streams, buffers */
    struct ended_object *ended_objects; /* whose functions whoever leaves next calls */
};
extern struct cuda cuda;

/* The end of a user object, which nothing refers to any more: user_object.c. */
struct ended_object {
    struct ended_object *next;
    void (*function)(void *);
    void *data;
};
void user_objects_end(struct ended_object *list); /* calls them, without the lock */

/*
 * init.c: the gate of every call. CUDA_SUCCESS: the lock is held, cuda_leave() gives it back and
 * returns its argument. Anything else is the answer, and the lock is not held.
 */
int cuda_enter(void);
int cuda_enter_device(int ordinal, struct device **out); /* else INVALID_DEVICE */
int cuda_enter_context(struct context **out);            /* the current one, else INVALID_CONTEXT */
static inline int cuda_leave(int rc) /* here, so that compilers see what it returns */
{
    struct ended_object *list = cuda.ended_objects;

    cuda.ended_objects = NULL;
    (void)pthread_mutex_unlock(&cuda.lock);
    if (list)
        user_objects_end(list);
    return rc;
}

/* handle.c: every handle is the address of what it stands for, and known by kind. Under the lock.
 */
enum handle_kind {
    HANDLE_NONE,
    HANDLE_CONTEXT,
    HANDLE_STREAM,
    HANDLE_EVENT,
    HANDLE_MODULE,
    HANDLE_FUNCTION,
    HANDLE_LIBRARY,
    HANDLE_KERNEL,
    HANDLE_LINK,
    HANDLE_GRAPH,
    HANDLE_NODE,
    HANDLE_EXEC,
    HANDLE_USER_OBJECT,
    HANDLE_ARRAY,
    HANDLE_MIPMAP,
    HANDLE_POOL,
    HANDLE_PHYSICAL, /* cuMemCreate */
    HANDLE_TEXTURE,
    HANDLE_SURFACE,
    HANDLE_OTHER,
};
void *handle_new(enum handle_kind kind, size_t size); /* zeroed; NULL: no memory */
bool handle_is(const void *handle, enum handle_kind kind);
void handle_free(void *handle); /* the object too */
/* The next one of the kind; *at starts as 0; NULL beyond the last. Ends with any new or free. */
void *handle_next(enum handle_kind kind, size_t *at);

/* context.c */
struct context *context_current(void);                    /* NULL: none */
struct context *context_check(void *handle, int *out_rc); /* NULL handle: the current one */
int context_set_current(struct context *c);               /* of this thread; NULL: none */
void context_limits(struct context *c);                   /* as a new context has them */

/* machine.c: memory of the emulated GPU, on the shared state. */
enum machine_of {
    MACHINE_PROCESS, /* NVML's process figure and the device's */
    MACHINE_DEVICE,  /* the device's alone */
};
/* OUT_OF_MEMORY: the GPU (or GPU instance) is full. */
int machine_take(const struct device *d, enum machine_of of, uint64_t bytes);
void machine_give(const struct device *d, enum machine_of of, uint64_t bytes);
void machine_contexts(const struct device *d, bool any); /* NVML lists a process with contexts */
void machine_leave(void);                                /* the process ends */
uint64_t machine_free_bytes(const struct device *d);
/* This process's row on the device's GPU, made if need be; NULL: the table is full. State lock! */
struct state_process *machine_row(const struct device *d);

/* Memory of a context: taken, rounded up to 2 MiB. For streams' and modules' cost too. */
int memory_take(struct context *c, uint64_t bytes);
void memory_give(struct context *c, uint64_t bytes);

/* range.c: what is at an address. Sorted, no overlaps but of parts inside a reservation. */
enum range_kind {
    RANGE_DEVICE, /* cuMemAlloc, pitch */
    RANGE_MANAGED,
    RANGE_HOST,       /* cuMemHostAlloc, cuMemAllocHost */
    RANGE_REGISTERED, /* cuMemHostRegister */
    RANGE_POOL,
    RANGE_IPC,    /* another process's */
    RANGE_MAPPED, /* cuMemMap */
    RANGE_MODULE, /* a module's global */
    RANGE_GRAPH,  /* an allocation node's: graph_memory.c */
};
enum { RANGE_READABLE = 1, RANGE_WRITABLE = 2 }; /* flags of RANGE_MAPPED */
struct range {
    uint64_t start, size; /* as asked for */
    enum range_kind kind;
    struct context *context;
    struct device *device;
    uint64_t id;      /* CU_POINTER_ATTRIBUTE_BUFFER_ID */
    uint64_t charged; /* bytes of the GPU that go with it */
    unsigned flags;
    bool sync_memops, read_mostly;
    int preferred, prefetched; /* of managed memory: device, -1 host, -2 never told */
    void *of;                  /* the block, pool, chunk or physical allocation that it lies in */
};
struct range *range_add(struct range range);         /* a copy; NULL: no memory */
struct range *range_find(uint64_t address);          /* that holds it */
struct range *range_at(uint64_t start);              /* that begins there */
struct range *range_next(const struct range *after); /* by address; NULL: the first */
struct range *range_after(uint64_t start);           /* the first that begins beyond it */
void range_drop(struct range *r);

struct chunk;
/* Charged memory of the GPU, whole 2 MiB, at an address of its own; and back. */
int memory_new(struct context *c, uint64_t bytes, struct chunk *out, uint64_t *out_at);
void memory_end(struct context *c, struct chunk *chunk, uint64_t at);
/* What stands behind a RANGE_DEVICE: where in it the range lies, and where it begins. */
const struct chunk *memory_chunk(const struct range *r, uint64_t *out_offset, uint64_t *out_base);

/* memory.c, pool.c: what graphs and cuMem*Async use. Under the lock. */
int memory_alloc(struct context *c, uint64_t bytes, uint64_t *out);
int memory_free(struct range *r);
void memory_free_context(struct context *c); /* all that goes with it */
uint64_t memory_round(uint64_t bytes);       /* up to 2 MiB */
struct pool *pool_of(struct device *d);      /* the current one */
int pool_alloc(struct pool *p, uint64_t bytes, uint64_t *out);
int pool_free(uint64_t address);
struct pool *pool_check(void *handle); /* NULL: not one */
/* A synchronization: pools give back what is above their release threshold. */
void pool_settle(void);

#endif
