/* SPDX-License-Identifier: Apache-2.0 */
/* The process-wide side of the library: see session.h. */
#include "session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "tree.h"

/* A handle is an address in one of these spaces; nothing is ever stored there. */
static const char gpu_space[NODE_MAX_GPUS];
static const char mig_space[NODE_MAX_GPUS][STATE_INSTANCES][STATE_COMPUTES];
static const char gi_space[NODE_MAX_GPUS][STATE_INSTANCES];
static const char ci_space[NODE_MAX_GPUS][STATE_INSTANCES][STATE_COMPUTES];

static pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;

static struct {
    unsigned opened;
    struct node *node;
    struct state_map map;
    char tree[4096]; /* "": none */
    bool complained;
    uint32_t issued[NODE_MAX_GPUS][STATE_INSTANCES][STATE_COMPUTES]; /* serials of MIG handles */
} session;

/* Said once: a client that retries would fill its log. */
static void complain(const struct err *e)
{
    if (!session.complained)
        (void)fprintf(stderr, "carve emulator: %s\n", e->msg);
    session.complained = true;
}

static int open_first(void)
{
    struct err e = {0};
    OWN(node_freep) struct node *n = NULL;
    const char *tree = secure_getenv("CARVE_EMULATOR_TREE");

    if (node_open(&n, secure_getenv("CARVE_EMULATOR_NODE"), &e) < 0 ||
        state_open(&session.map, secure_getenv("CARVE_EMULATOR_STATE"), n, &e) < 0) {
        complain(&e);
        return NVML_ERROR_UNKNOWN;
    }
    if (!text_copy(session.tree, sizeof session.tree, tree ? tree : ""))
        session.tree[0] = '\0';
    session.node = TAKE(n);
    return NVML_SUCCESS;
}

int session_open(void)
{
    int rc = NVML_SUCCESS;

    (void)pthread_mutex_lock(&opening);
    if (session.opened == 0)
        rc = open_first();
    if (rc == NVML_SUCCESS)
        __atomic_add_fetch(&session.opened, 1, __ATOMIC_RELEASE);
    (void)pthread_mutex_unlock(&opening);
    if (rc != NVML_SUCCESS)
        return rc;
    rc = session_enter("nvmlInit_v2");
    if (rc != NVML_SUCCESS)
        (void)session_close();
    return rc;
}

int session_close(void)
{
    int rc = NVML_SUCCESS;

    (void)pthread_mutex_lock(&opening);
    if (session.opened == 0) {
        rc = NVML_ERROR_UNINITIALIZED;
    } else if (__atomic_sub_fetch(&session.opened, 1, __ATOMIC_ACQ_REL) == 0) {
        state_close(&session.map);
        node_free(session.node);
        session.node = NULL;
    }
    (void)pthread_mutex_unlock(&opening);
    return rc;
}

const struct node *session_node(void)
{
    return session.node;
}

struct state *session_state(void)
{
    return session.map.at;
}

void session_lock(void)
{
    state_lock(&session.map);
}

void session_unlock(void)
{
    state_unlock(&session.map);
}

static void delay(const char *call)
{
    struct state *s = session.map.at;
    uint32_t never = 0;

    for (unsigned i = 0; i < s->n_delays && i < STATE_DELAYS; i++) {
        if (strncmp(s->delays[i].call, call, sizeof s->delays[i].call) == 0)
            (void)state_wait(&never, 0, s->delays[i].wait_ms);
    }
}

int session_enter(const char *call)
{
    if (__atomic_load_n(&session.opened, __ATOMIC_ACQUIRE) == 0)
        return NVML_ERROR_UNINITIALIZED;
    while (__atomic_load_n(&session.map.at->calls, __ATOMIC_ACQUIRE) == STATE_CALLS_HANG)
        (void)state_wait(&session.map.at->calls, STATE_CALLS_HANG, -1);
    if (__atomic_load_n(&session.map.at->calls, __ATOMIC_ACQUIRE) == STATE_CALLS_UNLOADED)
        return NVML_ERROR_DRIVER_NOT_LOADED;
    if (session.map.at->n_delays > 0)
        delay(call);
    return NVML_SUCCESS;
}

/* The offset of a handle in a space, or -1. */
static long offset(const void *handle, const void *space, size_t size)
{
    uintptr_t at = (uintptr_t)handle, start = (uintptr_t)space;

    return at >= start && at < start + size ? (long)(at - start) : -1;
}

#define OFFSET(handle, space) offset((handle), (space), sizeof(space))

static int point(struct target *out, unsigned gpu)
{
    if (gpu >= session.node->n_gpus)
        return NVML_ERROR_INVALID_ARGUMENT;
    *out = (struct target){.gpu = &session.node->gpus[gpu], .state = &session.map.at->gpus[gpu]};
    return out->state->lost ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

static int point_mig(struct target *out, unsigned place)
{
    unsigned gpu = place / (STATE_INSTANCES * STATE_COMPUTES);
    unsigned gi = place / STATE_COMPUTES % STATE_INSTANCES, ci = place % STATE_COMPUTES;
    const struct state_gi *instance;
    int rc = point(out, gpu);

    if (rc != NVML_SUCCESS)
        return rc;
    instance = &out->state->gi[gi];
    out->gi = gi;
    out->ci = ci;
    session_lock();
    out->is_mig = instance->used && instance->ci[ci].used &&
                  instance->ci[ci].serial == session.issued[gpu][gi][ci];
    session_unlock();
    return out->is_mig ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

int session_target(const char *call, nvmlDevice_t device, struct target *out)
{
    int rc = session_enter(call);
    long at;

    if (rc != NVML_SUCCESS)
        return rc;
    at = OFFSET(device, gpu_space);
    if (at >= 0)
        return point(out, (unsigned)at);
    at = OFFSET(device, mig_space);
    return at >= 0 ? point_mig(out, (unsigned)at) : NVML_ERROR_INVALID_ARGUMENT;
}

int session_gpu(const char *call, nvmlDevice_t device, struct target *out)
{
    int rc = session_target(call, device, out);

    return rc == NVML_SUCCESS && out->is_mig ? NVML_ERROR_NOT_SUPPORTED : rc;
}

/* Takes the lock and looks whether the instance is there. */
static int lock_instance(struct target *out, unsigned gpu, unsigned gi, unsigned ci)
{
    int rc = point(out, gpu);

    if (rc != NVML_SUCCESS)
        return rc;
    out->gi = gi;
    out->ci = ci;
    session_lock();
    if (out->state->gi[gi].used && (ci == NVML_NO_INSTANCE || out->state->gi[gi].ci[ci].used))
        return NVML_SUCCESS;
    session_unlock();
    return NVML_ERROR_NOT_FOUND;
}

int session_gi_lock(const char *call, nvmlGpuInstance_t handle, struct target *out)
{
    long at = OFFSET(handle, gi_space);
    int rc = session_enter(call);

    if (rc != NVML_SUCCESS || at < 0)
        return rc != NVML_SUCCESS ? rc : NVML_ERROR_INVALID_ARGUMENT;
    return lock_instance(out, (unsigned)at / STATE_INSTANCES, (unsigned)at % STATE_INSTANCES,
                         NVML_NO_INSTANCE);
}

int session_ci_lock(const char *call, nvmlComputeInstance_t handle, struct target *out)
{
    long at = OFFSET(handle, ci_space);
    int rc = session_enter(call);

    if (rc != NVML_SUCCESS || at < 0)
        return rc != NVML_SUCCESS ? rc : NVML_ERROR_INVALID_ARGUMENT;
    return lock_instance(out, (unsigned)at / (STATE_INSTANCES * STATE_COMPUTES),
                         (unsigned)at / STATE_COMPUTES % STATE_INSTANCES,
                         (unsigned)at % STATE_COMPUTES);
}

/* The ABI's handles are not const. */
static void *handle(const char *at)
{
    union {
        const char *in;
        void *out;
    } address = {.in = at};

    return address.out;
}

nvmlDevice_t session_gpu_handle(unsigned gpu)
{
    return handle(&gpu_space[gpu]);
}

nvmlDevice_t session_mig_handle(unsigned gpu, unsigned gi, unsigned ci)
{
    session.issued[gpu][gi][ci] = session.map.at->gpus[gpu].gi[gi].ci[ci].serial;
    return handle(&mig_space[gpu][gi][ci]);
}

nvmlGpuInstance_t session_gi_handle(unsigned gpu, unsigned gi)
{
    return handle(&gi_space[gpu][gi]);
}

nvmlComputeInstance_t session_ci_handle(unsigned gpu, unsigned gi, unsigned ci)
{
    return handle(&ci_space[gpu][gi][ci]);
}

void session_instance_changed(unsigned gpu, unsigned gi, unsigned ci)
{
    const struct state_gi *instance = &session.map.at->gpus[gpu].gi[gi];

    if (session.tree[0])
        tree_capability(session.tree, gpu, gi, ci,
                        ci == NVML_NO_INSTANCE ? instance->used : instance->ci[ci].used);
}

int session_text(char *out, unsigned size, const char *text)
{
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (strlen(text) >= size)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    memcpy(out, text, strlen(text) + 1);
    return NVML_SUCCESS;
}

bool session_version(uint32_t word, size_t size)
{
    return word == 0 || (word & 0xffffff) == size;
}

int session_starts(unsigned starts, unsigned size, struct nvml_placement *out, unsigned *count)
{
    unsigned room = *count, n = (unsigned)__builtin_popcount(starts), i = 0;

    *count = n;
    if (!out)
        return NVML_SUCCESS;
    if (room < n)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    for (unsigned start = 0; starts >> start; start++) {
        if (starts >> start & 1)
            out[i++] = (struct nvml_placement){.start = start, .size = size};
    }
    return NVML_SUCCESS;
}
