/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes device memory by one way (or several) until it is refused, then holds it, and says what it
 * got: the measured program of bench/gpu. Opens libcuda.so.1 by name as frameworks do; knows
 * nothing of carve. It speaks one JSON line at each step and waits for a line on standard input
 * before the next, so that whoever measures decides when.
 *
 *   paths WAY[,WAY…] STEP_MIB MOST_MIB
 *
 * Lines: ready (a context is there), full (refused, or MOST_MIB were had), freed, again (after all
 * was freed it all fits again), end. With MOST_MIB 0 it asks for one piece again and again until it
 * has it: ready, got (with the time, CLOCK_MONOTONIC), end.
 */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

enum { MOST_PIECES = 16384, OUT_OF_MEMORY = 2, NOT_SUPPORTED = 801 };

struct array_descriptor {
    size_t width, height;
    unsigned format, channels;
};

struct array3d_descriptor {
    size_t width, height, depth;
    unsigned format, channels, flags;
};

struct location {
    int type, id;
};

struct vmm_property {
    int type, handle_types;
    struct location location;
    void *security;
    unsigned char flags[8];
};

struct pool_property {
    int type, handle_types;
    struct location location;
    void *security;
    size_t max_size;
    unsigned char reserved[56];
};

/* One piece: an address or a handle, and for VMM the mapped address. */
struct piece {
    uint64_t value, address;
};

/* The driver's functions, looked up once. */
#define FUNCTIONS(F)                                                                               \
    F(cuInit, unsigned)                                                                            \
    F(cuDevicePrimaryCtxRetain, void **, int)                                                      \
    F(cuCtxSetCurrent, void *)                                                                     \
    F(cuCtxSynchronize, void)                                                                      \
    F(cuStreamCreate, void **, unsigned)                                                           \
    F(cuStreamSynchronize, void *)                                                                 \
    F(cuMemGetInfo_v2, size_t *, size_t *)                                                         \
    F(cuDeviceTotalMem_v2, size_t *, int)                                                          \
    F(cuMemAlloc_v2, uint64_t *, size_t)                                                           \
    F(cuMemAllocPitch_v2, uint64_t *, size_t *, size_t, size_t, unsigned)                          \
    F(cuMemAllocManaged, uint64_t *, size_t, unsigned)                                             \
    F(cuMemFree_v2, uint64_t)                                                                      \
    F(cuMemAllocAsync, uint64_t *, size_t, void *)                                                 \
    F(cuMemAllocFromPoolAsync, uint64_t *, size_t, void *, void *)                                 \
    F(cuMemFreeAsync, uint64_t, void *)                                                            \
    F(cuMemPoolCreate, void **, const struct pool_property *)                                      \
    F(cuMemPoolTrimTo, void *, size_t)                                                             \
    F(cuArrayCreate_v2, uint64_t *, const struct array_descriptor *)                               \
    F(cuArray3DCreate_v2, uint64_t *, const struct array3d_descriptor *)                           \
    F(cuArrayDestroy, uint64_t)                                                                    \
    F(cuMipmappedArrayCreate, uint64_t *, const struct array3d_descriptor *, unsigned)             \
    F(cuMipmappedArrayDestroy, uint64_t)                                                           \
    F(cuMemCreate, uint64_t *, size_t, const struct vmm_property *, uint64_t)                      \
    F(cuMemRelease, uint64_t)                                                                      \
    F(cuMemAddressReserve, uint64_t *, size_t, size_t, uint64_t, uint64_t)                         \
    F(cuMemAddressFree, uint64_t, size_t)                                                          \
    F(cuMemMap, uint64_t, size_t, size_t, uint64_t, uint64_t)                                      \
    F(cuMemUnmap, uint64_t, size_t)

#define POINTER(name, ...) int (*name)(__VA_ARGS__);
static struct {
    FUNCTIONS(POINTER)
    void *stream, *pool;
    size_t step;
} cuda;

static int linear_take(struct piece *p)
{
    return cuda.cuMemAlloc_v2(&p->value, cuda.step);
}

static int address_give(const struct piece *p)
{
    return cuda.cuMemFree_v2(p->value);
}

static int small_take(struct piece *p) /* pieces that the driver cuts out of a block */
{
    return cuda.cuMemAlloc_v2(&p->value, 256 << 10);
}

static int pitch_take(struct piece *p)
{
    size_t pitch;

    return cuda.cuMemAllocPitch_v2(&p->value, &pitch, 4096, cuda.step / 4096, 4);
}

static int managed_take(struct piece *p)
{
    return cuda.cuMemAllocManaged(&p->value, cuda.step, 1);
}

static int async_take(struct piece *p)
{
    return cuda.cuMemAllocAsync(&p->value, cuda.step, cuda.stream);
}

static int pool_take(struct piece *p)
{
    return cuda.cuMemAllocFromPoolAsync(&p->value, cuda.step, cuda.pool, cuda.stream);
}

static int async_give(const struct piece *p)
{
    int rc = cuda.cuMemFreeAsync(p->value, cuda.stream);

    return rc ? rc : cuda.cuStreamSynchronize(cuda.stream);
}

static int array_take(struct piece *p) /* float4, 4096 wide */
{
    const struct array_descriptor d = {4096, cuda.step / 65536, 0x20, 4};

    return cuda.cuArrayCreate_v2(&p->value, &d);
}

static int array3d_take(struct piece *p)
{
    const struct array3d_descriptor d = {256, 256, cuda.step >> 20, 0x20, 4, 0};

    return cuda.cuArray3DCreate_v2(&p->value, &d);
}

static int array_give(const struct piece *p)
{
    return cuda.cuArrayDestroy(p->value);
}

static int mipmap_take(struct piece *p)
{
    const struct array3d_descriptor d = {4096, cuda.step / 65536, 0, 0x20, 4, 0};

    return cuda.cuMipmappedArrayCreate(&p->value, &d, 4);
}

static int mipmap_give(const struct piece *p)
{
    return cuda.cuMipmappedArrayDestroy(p->value);
}

static int vmm_take(struct piece *p)
{
    const struct vmm_property property = {.type = 1, .location = {1, 0}};

    return cuda.cuMemCreate(&p->value, cuda.step, &property, 0);
}

static int vmm_give(const struct piece *p)
{
    return cuda.cuMemRelease(p->value);
}

/* Created, mapped and released: the memory lives by its mapping alone. */
static int mapped_take(struct piece *p)
{
    int rc = vmm_take(p);

    if (rc)
        return rc;
    rc = cuda.cuMemAddressReserve(&p->address, cuda.step, 0, 0, 0);
    if (!rc)
        rc = cuda.cuMemMap(p->address, cuda.step, 0, p->value, 0);
    (void)cuda.cuMemRelease(p->value);
    return rc;
}

static int mapped_give(const struct piece *p)
{
    int rc = cuda.cuMemUnmap(p->address, cuda.step);

    return rc ? rc : cuda.cuMemAddressFree(p->address, cuda.step);
}

static const struct way {
    const char *name;
    int (*take)(struct piece *out);
    int (*give)(const struct piece *p);
} ways[] = {
    {"linear", linear_take, address_give}, {"small", small_take, address_give},
    {"pitch", pitch_take, address_give},   {"managed", managed_take, address_give},
    {"async", async_take, async_give},     {"pool", pool_take, async_give},
    {"array", array_take, array_give},     {"array3d", array3d_take, array_give},
    {"mipmap", mipmap_take, mipmap_give},  {"vmm", vmm_take, vmm_give},
    {"mapped", mapped_take, mapped_give},
};

static const struct way *find_way(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        if (strlen(ways[i].name) == size && strncmp(ways[i].name, name, size) == 0)
            return &ways[i];
    }
    (void)fprintf(stderr, "paths: no way '%.*s'\n", (int)size, name);
    exit(2);
}

static void check(int rc, const char *what)
{
    if (rc) {
        (void)fprintf(stderr, "paths: %s: error %d\n", what, rc);
        exit(2);
    }
}

static void say(const char *step, size_t pieces, int rc)
{
    size_t free_bytes = 0, total_bytes = 0, device_bytes = 0;
    int byte;

    check(cuda.cuMemGetInfo_v2(&free_bytes, &total_bytes), "cuMemGetInfo");
    check(cuda.cuDeviceTotalMem_v2(&device_bytes, 0), "cuDeviceTotalMem");
    (void)printf("{\"step\": \"%s\", \"pid\": %d, \"pieces\": %zu, \"rc\": %d, \"free\": %zu, "
                 "\"total\": %zu, \"device_total\": %zu}\n",
                 step, (int)getpid(), pieces, rc, free_bytes, total_bytes, device_bytes);
    (void)fflush(stdout);
    do
        byte = getchar();
    while (byte != '\n' && byte != EOF);
    if (byte == EOF)
        exit(0);
}

/* The ways in turn, until one is refused; *out_rc its error, 0 if `most` bytes were had. */
static size_t fill(struct piece *pieces, const struct way **used, const struct way **list,
                   size_t n_ways, size_t most, int *out_rc)
{
    size_t n = 0;

    *out_rc = 0;
    while (n < MOST_PIECES && (n + 1) * cuda.step <= most) {
        used[n] = list[n % n_ways];
        *out_rc = used[n]->take(&pieces[n]);
        if (*out_rc)
            break;
        n++;
    }
    return n;
}

static void empty(const struct piece *pieces, const struct way **used, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(used[i]->give(&pieces[i]), used[i]->name);
    check(cuda.cuCtxSynchronize(), "cuCtxSynchronize");
}

/* One piece, asked for until it is had: when that was. */
static void insist(const struct way *way)
{
    struct piece piece;
    struct timespec t;
    unsigned refused = 0;

    while (way->take(&piece))
        refused++;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    (void)printf("{\"step\": \"got\", \"refused\": %u, \"at_s\": %lld.%09ld}\n", refused,
                 (long long)t.tv_sec, t.tv_nsec);
    (void)fflush(stdout);
    check(way->give(&piece), way->name);
    say("end", 1, 0);
}

static void *symbol(void *library, const char *name)
{
    void *at = dlsym(library, name);

    check(at ? 0 : -1, name);
    return at;
}

static void open_driver(void)
{
    static const struct pool_property property = {.type = 1, .location = {1, 0}};
    void *library = dlopen("libcuda.so.1", RTLD_NOW), *context;

    if (!library) {
        (void)fprintf(stderr, "paths: %s\n", dlerror());
        exit(2);
    }
#define LOOK_UP(name, ...) *(void **)&cuda.name = symbol(library, #name);
    FUNCTIONS(LOOK_UP)
    check(cuda.cuInit(0), "cuInit");
    check(cuda.cuDevicePrimaryCtxRetain(&context, 0), "context");
    check(cuda.cuCtxSetCurrent(context), "cuCtxSetCurrent");
    check(cuda.cuStreamCreate(&cuda.stream, 1), "cuStreamCreate");
    check(cuda.cuMemPoolCreate(&cuda.pool, &property), "cuMemPoolCreate");
}

int main(int argc, char **argv)
{
    static struct piece pieces[MOST_PIECES];
    static const struct way *used[MOST_PIECES];
    const struct way *list[sizeof ways / sizeof *ways];
    uint64_t step_mib, most_mib;
    size_t n_ways = 0, most, n;
    int rc;

    if (argc != 4 || !*argv[1] || !text_uint(&step_mib, argv[2], UINT32_MAX) ||
        !text_uint(&most_mib, argv[3], UINT32_MAX)) {
        (void)fprintf(stderr, "usage: paths WAY[,WAY...] STEP_MIB MOST_MIB\n");
        return 2;
    }
    for (const char *at = argv[1]; *at && n_ways < sizeof list / sizeof *list;) {
        size_t size = strcspn(at, ",");

        list[n_ways++] = find_way(at, size);
        at += size + (at[size] == ',');
    }
    cuda.step = (size_t)step_mib << 20;
    most = (size_t)most_mib << 20;
    open_driver();
    say("ready", 0, 0);
    if (most == 0) {
        insist(list[0]);
        return 0;
    }
    n = fill(pieces, used, list, n_ways, most, &rc);
    say("full", n, rc);
    empty(pieces, used, n);
    say("freed", n, 0);
    n = fill(pieces, used, list, n_ways, most, &rc);
    say("again", n, rc);
    empty(pieces, used, n);
    say("end", n, 0);
    return 0;
}
