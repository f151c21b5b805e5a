/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of one process that get into each other's way:
 *
 *   concurrent cancelled-first    a thread's first call of the driver, cancelled
 *   concurrent cancelled-full     a thread that is refused memory, cancelled
 *   concurrent pool THREADS TURNS all take a little of an empty pool at once
 *   concurrent refused TIMES      is refused memory again and again
 *
 * Prints what came of it as "name number ...". Nothing of carve's is linked.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/text.h"
#include "shim/cuda_types.h"

enum { THREADS = 16, OK = 0, OUT_OF_MEMORY = 2, MIB = 1 << 20 };
static const size_t TOO_MUCH = 100ull * MIB;

#define CALLS(C)                                                                                   \
    C(cuInit, unsigned)                                                                            \
    C(cuDevicePrimaryCtxRetain, void *, int)                                                       \
    C(cuDeviceGetDefaultMemPool, CUmemoryPool *, int)                                              \
    C(cuCtxSetCurrent, void *)                                                                     \
    C(cuMemAlloc_v2, uint64_t *, size_t)                                                           \
    C(cuMemAllocAsync, uint64_t *, size_t, void *)                                                 \
    C(cuMemFreeAsync, uint64_t, void *)                                                            \
    C(cuMemPoolTrimTo, CUmemoryPool, size_t)                                                       \
    C(cuStreamSynchronize, void *)

#define CALL_POINTER(name, ...) int (*name)(__VA_ARGS__);
static struct {
    CALLS(CALL_POINTER)
} cuda;

static void *context;

static bool find_driver(void)
{
    void *driver = dlopen("libcuda.so.1", RTLD_NOW);

    if (!driver)
        return false;
#define CALL_FOUND(name, ...)                                                                      \
    *(void **)&cuda.name = dlsym(driver, #name);                                                   \
    if (!cuda.name)                                                                                \
        return false;
    CALLS(CALL_FOUND)
    return true;
}

static bool have_context(void)
{
    return cuda.cuInit(0) == OK && cuda.cuDevicePrimaryCtxRetain(&context, 0) == OK &&
           cuda.cuCtxSetCurrent(context) == OK;
}

/* ---- cancelled: asked to end before the call, a thread may end within it; not behind it, as the
   address sanitizer does not follow it there */

static sem_t ready, asked;
static atomic_int answer = -1;

static void wait_for(sem_t *s)
{
    while (sem_wait(s) != 0)
        ;
}

static void *call_once(void *needs_context)
{
    uint64_t at;
    int state;

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    if (needs_context && cuda.cuCtxSetCurrent(context) != OK)
        return NULL;
    (void)sem_post(&ready);
    wait_for(&asked);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    answer = cuda.cuMemAlloc_v2(&at, TOO_MUCH);
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    return NULL;
}

static int cancelled(bool first)
{
    void *end = NULL;
    pthread_t thread;

    if (!first && !have_context())
        return 1;
    (void)sem_init(&ready, 0, 0);
    (void)sem_init(&asked, 0, 0);
    if (pthread_create(&thread, NULL, call_once, first ? NULL : context) != 0)
        return 1;
    wait_for(&ready);
    (void)pthread_cancel(thread);
    (void)sem_post(&asked);
    (void)pthread_join(thread, &end);
    (void)printf("cancelled %d answered %d\n", end == PTHREAD_CANCELED, answer);
    (void)fflush(stdout);
    if (first && !have_context())
        return 1;
    (void)getchar(); /* stays, for who looks at the page */
    return 0;
}

/* ---- one pool */

static pthread_barrier_t barrier;
static atomic_uint refused, faults;
static uint64_t turns;

static int checked(int rc)
{
    if (rc == OUT_OF_MEMORY)
        refused++;
    else if (rc != OK)
        faults++;
    return rc;
}

static void *take_of_pool(void *trims)
{
    CUmemoryPool pool;
    uint64_t at;

    if (cuda.cuCtxSetCurrent(context) != OK || cuda.cuDeviceGetDefaultMemPool(&pool, 0) != OK)
        faults++;
    for (uint64_t i = 0; i < turns; i++) {
        int rc;

        (void)pthread_barrier_wait(&barrier);
        rc = checked(cuda.cuMemAllocAsync(&at, MIB, NULL));
        (void)pthread_barrier_wait(&barrier);
        if (rc == OK)
            (void)checked(cuda.cuMemFreeAsync(at, NULL));
        (void)pthread_barrier_wait(&barrier);
        if (trims) {
            (void)checked(cuda.cuStreamSynchronize(NULL));
            (void)checked(cuda.cuMemPoolTrimTo(pool, 0));
        }
    }
    return NULL;
}

static int pool(unsigned n)
{
    pthread_t threads[THREADS];

    if (!have_context() || pthread_barrier_init(&barrier, NULL, n) != 0)
        return 1;
    for (unsigned i = 0; i < n; i++) {
        if (pthread_create(&threads[i], NULL, take_of_pool, i == 0 ? context : NULL) != 0)
            return 1;
    }
    for (unsigned i = 0; i < n; i++)
        (void)pthread_join(threads[i], NULL);
    (void)printf("refused %u faults %u\n", refused, faults);
    return 0;
}

/* ---- refused: how often did the thread sleep meanwhile? */

static int refuse(uint64_t times)
{
    struct rusage before, after;
    uint64_t at;

    if (!have_context())
        return 1;
    (void)getrusage(RUSAGE_THREAD, &before);
    for (uint64_t i = 0; i < times; i++)
        (void)checked(cuda.cuMemAlloc_v2(&at, TOO_MUCH));
    (void)getrusage(RUSAGE_THREAD, &after);
    (void)printf("refused %u slept %ld\n", refused, after.ru_nvcsw - before.ru_nvcsw);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    uint64_t n = 0;

    if (!find_driver())
        return 2;
    if (strcmp(what, "cancelled-first") == 0)
        return cancelled(true);
    if (strcmp(what, "cancelled-full") == 0)
        return cancelled(false);
    if (argc == 4 && strcmp(what, "pool") == 0 && text_uint(&n, argv[2], THREADS) &&
        text_uint(&turns, argv[3], UINT64_MAX))
        return pool((unsigned)n);
    if (argc == 3 && strcmp(what, "refused") == 0 && text_uint(&n, argv[2], UINT64_MAX))
        return refuse(n);
    return 2;
}
