/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory-fuzz SEED STEPS THREADS [pools]: threads that take and free device memory in every way at
 * random; in the order of streams, out of pools, if that is said.
 * Anything but success and out of memory is a fault. Prints "rest" when all threads have ended with
 * what they then hold, and waits for a line; frees everything, prints "empty", waits for another.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "shim/cuda_types.h"

enum { HELD = 24, THREADS = 16, OK = 0, OUT_OF_MEMORY = 2, MIB = 1 << 20, FLOAT = 0x20 };

enum way { NOTHING, LINEAR, PITCH, MANAGED, ARRAY, MIPMAP, PHYSICAL, MAPPED, ASYNC, WAYS };

struct held {
    enum way way;
    uint64_t a, b, bytes;
};

/* The driver's functions, by their own names. */
#define CALLS(C)                                                                                   \
    C(cuInit, unsigned)                                                                            \
    C(cuDevicePrimaryCtxRetain, void *, int)                                                       \
    C(cuCtxSetCurrent, void *)                                                                     \
    C(cuCtxSynchronize, void)                                                                      \
    C(cuMemAlloc_v2, uint64_t *, size_t)                                                           \
    C(cuMemAllocPitch_v2, uint64_t *, size_t *, size_t, size_t, unsigned)                          \
    C(cuMemAllocManaged, uint64_t *, size_t, unsigned)                                             \
    C(cuMemFree_v2, uint64_t)                                                                      \
    C(cuArray3DCreate_v2, uint64_t *, const struct cuda_array_3d *)                                \
    C(cuArrayDestroy, uint64_t)                                                                    \
    C(cuMipmappedArrayCreate, uint64_t *, const struct cuda_array_3d *, unsigned)                  \
    C(cuMipmappedArrayDestroy, uint64_t)                                                           \
    C(cuMemCreate, uint64_t *, size_t, const struct cuda_memory_wish *, uint64_t)                  \
    C(cuMemRelease, uint64_t)                                                                      \
    C(cuMemAddressReserve, uint64_t *, size_t, size_t, uint64_t, uint64_t)                         \
    C(cuMemAddressFree, uint64_t, size_t)                                                          \
    C(cuMemMap, uint64_t, size_t, size_t, uint64_t, uint64_t)                                      \
    C(cuMemUnmap, uint64_t, size_t)                                                                \
    C(cuMemAllocAsync, uint64_t *, size_t, void *)                                                 \
    C(cuMemFreeAsync, uint64_t, void *)                                                            \
    C(cuStreamSynchronize, void *)

#define CALL_POINTER(name, ...) int (*name)(__VA_ARGS__);
static struct {
    CALLS(CALL_POINTER)
} cuda;

static void *context;

struct worker {
    pthread_t thread;
    uint64_t random, steps;
    struct held held[HELD];
    enum way ways; /* up to this one */
    int fault;
    const char *where;
};

static uint64_t next_random(struct worker *w, uint64_t below)
{
    w->random = w->random * 6364136223846793005ull + 1442695040888963407ull;
    return (w->random >> 33) % below;
}

/* A call that may find the memory full, and do nothing else wrong. */
static int checked(struct worker *w, const char *where, int rc)
{
    if (rc != OK && rc != OUT_OF_MEMORY && w->fault == 0) {
        w->fault = rc;
        w->where = where;
    }
    return rc;
}

#define TRY(name, ...) checked(w, #name, cuda.name(__VA_ARGS__))

/* Small ones that share blocks, and whole units. */
static uint64_t some_bytes(struct worker *w)
{
    return next_random(w, 2) ? 1 + next_random(w, MIB) : 1 + next_random(w, 24 * (uint64_t)MIB);
}

static int map_some(struct worker *w, struct held *h)
{
    int rc = TRY(cuMemAddressReserve, &h->b, h->bytes, 0, 0, 0);

    if (rc != OK)
        return rc;
    rc = TRY(cuMemMap, h->b, h->bytes, 0, h->a, 0);
    if (rc != OK)
        (void)TRY(cuMemAddressFree, h->b, h->bytes);
    return rc;
}

static int take_physical(struct worker *w, struct held *h)
{
    struct cuda_memory_wish wish = {.type = 1, .location = {.type = CUDA_LOCATION_DEVICE}};
    int rc;

    h->bytes = (1 + next_random(w, 8)) * 2 * MIB;
    rc = TRY(cuMemCreate, &h->a, h->bytes, &wish, 0);
    if (rc != OK || h->way == PHYSICAL)
        return rc;
    rc = map_some(w, h);
    if (rc != OK || next_random(w, 2)) { /* a mapping keeps it as well as the handle */
        (void)TRY(cuMemRelease, h->a);
        h->a = 0;
    }
    return rc;
}

static int take_array(struct worker *w, struct held *h)
{
    struct cuda_array_3d wish = {.width = 1 + next_random(w, 1500),
                                 .height = 1 + next_random(w, 1500),
                                 .format = FLOAT,
                                 .channels = next_random(w, 2) ? 1 : 4};

    return h->way == ARRAY ? TRY(cuArray3DCreate_v2, &h->a, &wish)
                           : TRY(cuMipmappedArrayCreate, &h->a, &wish, 1);
}

static int take(struct worker *w, struct held *h)
{
    size_t pitch;

    switch (h->way) {
    case LINEAR:
        return TRY(cuMemAlloc_v2, &h->a, some_bytes(w));
    case PITCH:
        return TRY(cuMemAllocPitch_v2, &h->a, &pitch, 1 + next_random(w, 5000),
                   1 + next_random(w, 2000), 4);
    case MANAGED:
        return TRY(cuMemAllocManaged, &h->a, some_bytes(w), 1);
    case ARRAY:
    case MIPMAP:
        return take_array(w, h);
    case PHYSICAL:
    case MAPPED:
        return take_physical(w, h);
    case ASYNC:
        return TRY(cuMemAllocAsync, &h->a, some_bytes(w), NULL);
    case NOTHING:
    case WAYS:
        break;
    }
    return OUT_OF_MEMORY;
}

static void drop(struct worker *w, struct held *h)
{
    switch (h->way) {
    case LINEAR:
    case PITCH:
    case MANAGED:
        (void)TRY(cuMemFree_v2, h->a);
        break;
    case ARRAY:
        (void)TRY(cuArrayDestroy, h->a);
        break;
    case MIPMAP:
        (void)TRY(cuMipmappedArrayDestroy, h->a);
        break;
    case MAPPED:
        (void)TRY(cuMemUnmap, h->b, h->bytes);
        (void)TRY(cuMemAddressFree, h->b, h->bytes);
        if (h->a)
            (void)TRY(cuMemRelease, h->a);
        break;
    case PHYSICAL:
        (void)TRY(cuMemRelease, h->a);
        break;
    case ASYNC:
        (void)TRY(cuMemFreeAsync, h->a, NULL);
        break;
    case NOTHING:
    case WAYS:
        break;
    }
    *h = (struct held){0};
}

static void *work(void *self)
{
    struct worker *w = self;

    (void)TRY(cuCtxSetCurrent, context);
    for (uint64_t i = 0; i < w->steps && !w->fault; i++) {
        struct held *h = &w->held[next_random(w, HELD)];

        if (h->way != NOTHING) {
            drop(w, h);
            if (next_random(w, 8) == 0)
                (void)TRY(cuStreamSynchronize, NULL);
            continue;
        }
        h->way = (enum way)(1 + next_random(w, w->ways));
        if (take(w, h) != OK)
            *h = (struct held){0};
    }
    return NULL;
}

static int open_driver(void)
{
    void *driver = dlopen("libcuda.so.1", RTLD_NOW), *symbol;

    if (!driver)
        return 1;
#define CALL_FIND(name, ...)                                                                       \
    symbol = dlsym(driver, #name);                                                                 \
    if (!symbol)                                                                                   \
        return 1;                                                                                  \
    memcpy(&cuda.name, &symbol, sizeof symbol);
    CALLS(CALL_FIND)
    return cuda.cuInit(0) || cuda.cuDevicePrimaryCtxRetain(&context, 0) ||
           cuda.cuCtxSetCurrent(context);
}

static void say_and_wait(const char *word)
{
    (void)cuda.cuCtxSynchronize();
    (void)printf("%s\n", word);
    (void)fflush(stdout);
    (void)getchar();
}

static int report(const struct worker *workers, uint64_t n)
{
    int faults = 0;

    for (uint64_t i = 0; i < n; i++) {
        if (workers[i].fault == 0)
            continue;
        (void)fprintf(stderr, "%s answered %d\n", workers[i].where, workers[i].fault);
        faults++;
    }
    return faults ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS];
    uint64_t seed, steps, n;

    if (argc < 4 || argc > 5 || !text_uint(&seed, argv[1], UINT64_MAX) ||
        !text_uint(&steps, argv[2], UINT64_MAX) || !text_uint(&n, argv[3], THREADS))
        return 2;
    if (open_driver())
        return 3;
    say_and_wait("ready");
    for (uint64_t i = 0; i < n; i++) {
        workers[i].random = seed * THREADS + i;
        workers[i].steps = steps;
        workers[i].ways = argc == 5 ? ASYNC : MAPPED;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
            return 4;
    }
    for (uint64_t i = 0; i < n; i++)
        (void)pthread_join(workers[i].thread, NULL);
    say_and_wait("rest");
    for (uint64_t i = 0; i < n; i++) {
        for (unsigned j = 0; j < HELD; j++)
            drop(&workers[i], &workers[i].held[j]);
    }
    say_and_wait("empty");
    return report(workers, n);
}
