/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program of the CUDA runtime, of whichever version it is linked with (static) or is given as a
 * file (runtime FILE LIMIT_MIB; built with -DSHARED): what it sees of the memory, and whether it
 * gets more than LIMIT_MIB. Prints one JSON object and waits for a line, so that one can look at
 * the process.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#ifdef SHARED
#include <dlfcn.h>
#endif

enum { USED_ARGUMENTS = 2 };

#define FUNCTIONS(F)                                                                               \
    F(cudaRuntimeGetVersion, int *)                                                                \
    F(cudaMemGetInfo, size_t *, size_t *)                                                          \
    F(cudaMalloc, void **, size_t)                                                                 \
    F(cudaMallocAsync, void **, size_t, void *)                                                    \
    F(cudaFree, void *)                                                                            \
    F(cudaGetLastError, void)                                                                      \
    F(cudaDeviceSynchronize, void)

#define POINTER(name, ...) int (*name)(__VA_ARGS__);
static struct {
    FUNCTIONS(POINTER)
} rt;

#ifdef SHARED
static void look_up(const char *file)
{
    void *library = dlopen(file, RTLD_NOW);

    if (!library) {
        (void)fprintf(stderr, "runtime: %s\n", dlerror());
        exit(2);
    }
#define LOOK_UP(name, ...) *(void **)&rt.name = dlsym(library, #name);
    FUNCTIONS(LOOK_UP)
}
#else
#define DECLARE(name, ...) int name(__VA_ARGS__);
FUNCTIONS(DECLARE)
static void look_up(const char *file)
{
    (void)file;
#define TAKE(name, ...) rt.name = name;
    FUNCTIONS(TAKE)
}
#endif

int main(int argc, char **argv)
{
    uint64_t limit;
    size_t free_bytes = 0, total_bytes = 0;
    int version = 0, report, below, above, async;
    void *p = NULL, *q = NULL;

    if (argc != USED_ARGUMENTS + 1 || !text_uint(&limit, argv[2], UINT32_MAX)) {
        (void)fprintf(stderr, "usage: runtime FILE|- LIMIT_MIB\n");
        return 2;
    }
    look_up(argv[1]);
    limit <<= 20;
    (void)rt.cudaRuntimeGetVersion(&version);
    report = rt.cudaMemGetInfo(&free_bytes, &total_bytes);
    below = rt.cudaMalloc(&p, limit / 4);
    above = rt.cudaMalloc(&q, limit);
    (void)rt.cudaGetLastError();
    async = rt.cudaMallocAsync(&q, limit, NULL);
    (void)rt.cudaGetLastError();
    (void)rt.cudaFree(p);
    (void)rt.cudaDeviceSynchronize();
    (void)printf("{\"version\": %d, \"report\": %d, \"free\": %zu, \"total\": %zu, \"below\": %d, "
                 "\"above\": %d, \"async\": %d}\n",
                 version, report, free_bytes, total_bytes, below, above, async);
    (void)fflush(stdout);
    (void)getchar();
    return below == 0 && above == 2 && async == 2 ? 0 : 1;
}
