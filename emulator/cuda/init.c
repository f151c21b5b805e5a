/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cuInit, and the gate that every other call goes through. A child of a process that has called
 * cuInit is locked out for good, as by the driver; at the end of a process its memory goes.
 */
#include <stdio.h>
#include <time.h>

#include "base/err.h"
#include "cuda/cuda.h"
#include "cuda/find.h"
#include "cuda/work.h"

/* CUDA has no argument that could carry it. */
struct cuda cuda = {.lock = PTHREAD_MUTEX_INITIALIZER, .map = {.fd = -1}};

enum { INIT_BYTES = 3328 << 10 }; /* of the device, before any context */

static void after_fork(void)
{
    cuda.forked = true;
}

static int start(struct err *e)
{
    if (!cuda.node && node_open(&cuda.node, secure_getenv("CARVE_EMULATOR_NODE"), e) < 0)
        return CUDA_ERROR_SYSTEM_NOT_READY;
    if (state_open(&cuda.map, secure_getenv("CARVE_EMULATOR_STATE"), cuda.node, e) < 0)
        return CUDA_ERROR_SYSTEM_NOT_READY;
    state_lock(&cuda.map);
    find_devices(cuda.map.at);
    state_unlock(&cuda.map);
    if (cuda.n_devices == 0) {
        state_close(&cuda.map);
        return CUDA_ERROR_NO_DEVICE;
    }
    if (pthread_atfork(NULL, NULL, after_fork) != 0) {
        state_close(&cuda.map);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    for (int i = 0; i < cuda.n_devices; i++)
        (void)machine_take(&cuda.devices[i], MACHINE_DEVICE, INIT_BYTES);
    cuda.ready = true;
    return CUDA_SUCCESS;
}

CUDA_API(cuInit, unsigned flags)
{
    struct err e = {0};
    int rc = CUDA_SUCCESS;

    if (cuda.forked)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (cuda.ready)
        return CUDA_SUCCESS;
    (void)pthread_mutex_lock(&cuda.lock);
    if (!cuda.ready)
        rc = start(&e);
    (void)pthread_mutex_unlock(&cuda.lock);
    if (rc == CUDA_ERROR_SYSTEM_NOT_READY)
        (void)fprintf(stderr, "carve emulator: %s\n", e.msg);
    return rc;
}

CUDA_API(cuDriverGetVersion, int *version)
{
    struct err e = {0};
    int rc = CUDA_SUCCESS;

    if (!version)
        return CUDA_ERROR_INVALID_VALUE;
    if (cuda.ready) { /* without the lock, which a fork's other threads may have left taken */
        *version = (int)cuda.node->cuda;
        return CUDA_SUCCESS;
    }
    (void)pthread_mutex_lock(&cuda.lock);
    if (!cuda.node && node_open(&cuda.node, secure_getenv("CARVE_EMULATOR_NODE"), &e) < 0)
        rc = CUDA_ERROR_SYSTEM_NOT_READY;
    else
        *version = (int)cuda.node->cuda;
    (void)pthread_mutex_unlock(&cuda.lock);
    return rc;
}

int cuda_enter(void)
{
    if (cuda.ended)
        return CUDA_ERROR_DEINITIALIZED;
    if (!cuda.ready || cuda.forked)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (work_in_callback())
        return CUDA_ERROR_NOT_PERMITTED;
    (void)pthread_mutex_lock(&cuda.lock);
    return CUDA_SUCCESS;
}

int cuda_enter_device(int ordinal, struct device **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (ordinal < 0 || ordinal >= cuda.n_devices)
        return cuda_leave(CUDA_ERROR_INVALID_DEVICE);
    *out = &cuda.devices[ordinal];
    return CUDA_SUCCESS;
}

int cuda_enter_context(struct context **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    *out = context_check(NULL, &rc);
    return *out ? CUDA_SUCCESS : cuda_leave(rc);
}

enum { END_TRIES = 1000 }; /* a millisecond each */

static bool lock_soon(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    for (unsigned i = 0; i < END_TRIES; i++) {
        if (pthread_mutex_trylock(&cuda.lock) == 0)
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

/* What other threads do now fails; one that holds the lock for long is not waited for. */
__attribute__((destructor)) static void end(void)
{
    if (!cuda.ready || cuda.forked || !lock_soon())
        return;
    cuda.ended = true;
    machine_leave();
    (void)pthread_mutex_unlock(&cuda.lock);
}
