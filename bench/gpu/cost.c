/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a slice adds to a call. Each call is made in turns through the address that dlsym gives (in
 * a slice: the wrapper) and through the one in libcuda's own symbol table, batch by batch in one
 * process, so that what else goes on meets both alike; the median of the differences is what is
 * added. Prints one JSON object: nanoseconds of one call. Knows nothing of carve.
 *
 *   cost [ROUNDS]
 */
#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

enum { BATCH = 100, LAUNCHES = 20000, MOST_ROUNDS = 1000000 };

#define FUNCTIONS(F)                                                                               \
    F(cuInit, unsigned)                                                                            \
    F(cuDevicePrimaryCtxRetain, void **, int)                                                      \
    F(cuCtxSetCurrent, void *)                                                                     \
    F(cuCtxSynchronize, void)                                                                      \
    F(cuStreamCreate, void **, unsigned)                                                           \
    F(cuModuleLoadData, void **, const void *)                                                     \
    F(cuModuleGetFunction, void **, void *, const char *)                                          \
    F(cuLaunchKernel, void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,          \
      unsigned, void *, void **, void **)                                                          \
    F(cuMemGetInfo_v2, size_t *, size_t *)                                                         \
    F(cuMemAlloc_v2, uint64_t *, size_t)                                                           \
    F(cuMemFree_v2, uint64_t)                                                                      \
    F(cuMemAllocAsync, uint64_t *, size_t, void *)                                                 \
    F(cuMemFreeAsync, uint64_t, void *)

#define POINTER(name, ...) int (*name)(__VA_ARGS__);
struct driver {
    FUNCTIONS(POINTER)
};
static struct driver given, own;
static void *stream, *function;

static const char nothing[] = ".version 7.0\n.target sm_70\n.address_size 64\n"
                              ".visible .entry nothing()\n{\n    ret;\n}\n";

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void check(int rc, const char *what)
{
    if (rc) {
        (void)fprintf(stderr, "cost: %s: error %d\n", what, rc);
        exit(2);
    }
}

/* The symbol as the library's own table has it, whatever the loader would be told. */
static void *symbol_of(const struct link_map *library, const char *name)
{
    const ElfW(Sym) *symbols = NULL;
    const char *names = NULL;
    const uint32_t *hash = NULL;

    for (const ElfW(Dyn) *d = library->l_ld; d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SYMTAB)
            symbols = (const ElfW(Sym) *)d->d_un.d_ptr;
        if (d->d_tag == DT_STRTAB)
            names = (const char *)d->d_un.d_ptr;
        if (d->d_tag == DT_HASH)
            hash = (const uint32_t *)d->d_un.d_ptr;
    }
    check(symbols && names && hash ? 0 : -1, "libcuda's symbol table");
    for (uint32_t i = 0; i < hash[1]; i++) {
        if (symbols[i].st_value && strcmp(names + symbols[i].st_name, name) == 0)
            return (void *)(library->l_addr + symbols[i].st_value);
    }
    check(-1, name);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void once_linear(const struct driver *d, size_t bytes)
{
    uint64_t address;

    check(d->cuMemAlloc_v2(&address, bytes), "cuMemAlloc");
    check(d->cuMemFree_v2(address), "cuMemFree");
}

static void once_async(const struct driver *d, size_t bytes)
{
    uint64_t address;

    check(d->cuMemAllocAsync(&address, bytes, stream), "cuMemAllocAsync");
    check(d->cuMemFreeAsync(address, stream), "cuMemFreeAsync");
}

static void once_report(const struct driver *d, size_t bytes)
{
    size_t free_bytes;

    check(d->cuMemGetInfo_v2(&free_bytes, &bytes), "cuMemGetInfo");
}

static void once_launch(const struct driver *d, size_t bytes)
{
    (void)bytes;
    check(d->cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, stream, NULL, NULL), "cuLaunchKernel");
}

/* Nanoseconds of one of a batch of calls. */
static double batch_ns(const struct driver *d, void (*once)(const struct driver *, size_t),
                       size_t bytes, unsigned batch)
{
    uint64_t begin = now_ns();

    for (unsigned i = 0; i < batch; i++)
        once(d, bytes);
    begin = now_ns() - begin;
    check(own.cuCtxSynchronize(), "cuCtxSynchronize");
    return (double)begin / batch;
}

static double median(double *values, unsigned n)
{
    qsort(values, n, sizeof *values, by_value);
    return values[n / 2];
}

static void measure(const char *name, void (*once)(const struct driver *, size_t), size_t bytes,
                    unsigned rounds, unsigned batch)
{
    double *a = calloc((size_t)rounds * 3, sizeof *a), *b = a + rounds, *more = b + rounds;

    check(a ? 0 : -1, "memory");
    for (unsigned r = 0; r < rounds; r++) {
        if (r % 2)
            b[r] = batch_ns(&own, once, bytes, batch);
        a[r] = batch_ns(&given, once, bytes, batch);
        if (r % 2 == 0)
            b[r] = batch_ns(&own, once, bytes, batch);
        more[r] = a[r] - b[r];
    }
    (void)printf(", \"%s\": {\"given\": %.1f, \"own\": %.1f, \"added\": %.1f}", name,
                 median(a, rounds), median(b, rounds), median(more, rounds));
    free(a);
}

/* Launches until the GPU has done them all. */
static double throughput(const struct driver *d)
{
    uint64_t begin = now_ns();

    for (unsigned i = 0; i < LAUNCHES; i++)
        once_launch(d, 0);
    check(d->cuCtxSynchronize(), "cuCtxSynchronize");
    return LAUNCHES * 1e9 / (double)(now_ns() - begin);
}

static void measure_throughput(void)
{
    enum { TIMES = 15 };
    double ratio[TIMES];

    for (unsigned i = 0; i < TIMES; i++) {
        double first = throughput(i % 2 ? &own : &given),
               second = throughput(i % 2 ? &given : &own);

        ratio[i] = i % 2 ? second / first : first / second;
    }
    (void)printf(", \"launch_throughput_ratio\": %.4f", median(ratio, TIMES));
}

int main(int argc, char **argv)
{
    uint64_t rounds = 200;
    uint64_t begin = now_ns(), opened, initialized;
    void *library = dlopen("libcuda.so.1", RTLD_NOW), *context, *module;

    if (argc > 1 && !text_uint(&rounds, argv[1], MOST_ROUNDS))
        rounds = 0;
    if (!library || rounds == 0) {
        (void)fprintf(stderr, "cost: %s\n", library ? "no rounds" : dlerror());
        return 2;
    }
#define LOOK_UP(name, ...)                                                                         \
    *(void **)&given.name = dlsym(library, #name);                                                 \
    *(void **)&own.name = symbol_of(library, #name);
    FUNCTIONS(LOOK_UP)
    opened = now_ns();
    check(given.cuInit(0), "cuInit");
    initialized = now_ns();
    check(given.cuDevicePrimaryCtxRetain(&context, 0), "context");
    (void)printf("{\"open_ms\": %.3f, \"init_ms\": %.3f, \"context_ms\": %.3f, \"wrapped\": %d",
                 (double)(opened - begin) / 1e6, (double)(initialized - opened) / 1e6,
                 (double)(now_ns() - initialized) / 1e6, given.cuMemAlloc_v2 != own.cuMemAlloc_v2);
    check(given.cuCtxSetCurrent(context), "cuCtxSetCurrent");
    check(given.cuStreamCreate(&stream, 1), "cuStreamCreate");
    check(given.cuModuleLoadData(&module, nothing), "cuModuleLoadData");
    check(given.cuModuleGetFunction(&function, module, "nothing"), "cuModuleGetFunction");
    (void)throughput(&own); /* warm */
    measure("launch", once_launch, 0, rounds * 4, BATCH);
    measure_throughput();
    measure("alloc_free_64KiB", once_linear, 64 << 10, rounds, BATCH / 10);
    measure("alloc_free_16MiB", once_linear, 16 << 20, rounds, BATCH / 10);
    measure("async_alloc_free_16MiB", once_async, 16 << 20, rounds, BATCH);
    measure("report", once_report, 0, rounds, BATCH / 10);
    (void)puts("}");
    return 0;
}
