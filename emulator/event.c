/* SPDX-License-Identifier: Apache-2.0 */
/* Event sets: what happened to the registered GPUs since, read from the ring in the state. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session.h"

/* Owned by the client until nvmlEventSetFree. */
struct event_set {
    uint64_t magic;
    uint64_t next; /* the first event not looked at */
    uint64_t types[NODE_MAX_GPUS];
};

static const uint64_t SET_MAGIC = 0x746573746e657665;

static struct event_set *set_of(nvmlEventSet_t handle)
{
    struct event_set *set = handle;

    return set && set->magic == SET_MAGIC ? set : NULL;
}

API(nvmlEventSetCreate, nvmlEventSet_t *out)
{
    struct event_set *set;
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    set = calloc(1, sizeof *set);
    if (!set)
        return NVML_ERROR_MEMORY;
    set->magic = SET_MAGIC;
    set->next = __atomic_load_n(&session_state()->next_event, __ATOMIC_ACQUIRE);
    *out = set;
    return NVML_SUCCESS;
}

API(nvmlEventSetFree, nvmlEventSet_t handle)
{
    struct event_set *set = set_of(handle);
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS && rc != NVML_ERROR_DRIVER_NOT_LOADED)
        return rc;
    if (!set)
        return NVML_ERROR_INVALID_ARGUMENT;
    set->magic = 0;
    free(set); /* it is the library's own memory, whether the driver is there or not */
    return rc;
}

API(nvmlDeviceRegisterEvents, nvmlDevice_t device, uint64_t types, nvmlEventSet_t handle)
{
    struct target t;
    struct event_set *set = set_of(handle);
    int64_t known;
    int rc = session_gpu(__func__, device, &t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!set)
        return NVML_ERROR_INVALID_ARGUMENT;
    known = t.gpu->facts[FACT_EVENT_TYPES];
    if (known < 0 || (types & ~(uint64_t)known))
        return NVML_ERROR_NOT_SUPPORTED;
    session_lock();
    set->types[t.gpu->index] |= types;
    session_unlock();
    return NVML_SUCCESS;
}

/* The next event that the set asked for; false if none is there. Under the lock. */
static bool take(struct event_set *set, struct nvml_event_v2 *out)
{
    const struct state *s = session_state();

    if (s->next_event - set->next > STATE_EVENTS)
        set->next = s->next_event - STATE_EVENTS; /* the ring came round: those are gone */
    while (set->next < s->next_event) {
        const struct state_event *ev = &s->events[set->next++ % STATE_EVENTS];

        if (ev->gpu >= session_node()->n_gpus || !(set->types[ev->gpu] & ev->type))
            continue;
        *out = (struct nvml_event_v2){.device = session_gpu_handle(ev->gpu),
                                      .type = ev->type,
                                      .data = ev->data,
                                      .gi = ev->gi,
                                      .ci = ev->ci};
        return true;
    }
    return false;
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_event(const char *call, nvmlEventSet_t handle, struct nvml_event_v2 *out,
                      unsigned wait_ms)
{
    struct event_set *set = set_of(handle);
    struct state *s;
    int64_t end_ms = now_ms() + wait_ms;
    int rc = session_enter(call);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!set || !out)
        return NVML_ERROR_INVALID_ARGUMENT;
    s = session_state();
    for (;;) {
        uint32_t seen = __atomic_load_n(&s->changed, __ATOMIC_ACQUIRE);
        int64_t left_ms = end_ms - now_ms();
        bool found;

        session_lock();
        found = take(set, out);
        session_unlock();
        if (found)
            return session_enter(call); /* a hang may have begun meanwhile */
        if (left_ms <= 0)
            return NVML_ERROR_TIMEOUT;
        if (!state_wait(&s->changed, seen, left_ms))
            end_ms = 0; /* the driver's wait is over with a signal as well, as with its time */
    }
}

API(nvmlEventSetWait_v2, nvmlEventSet_t handle, struct nvml_event_v2 *out, unsigned wait_ms)
{
    return wait_event(__func__, handle, out, wait_ms);
}

/* The first version knows no instances. */
API(nvmlEventSetWait, nvmlEventSet_t handle, struct nvml_event_v1 *out, unsigned wait_ms)
{
    struct nvml_event_v2 ev;
    int rc = out ? wait_event(__func__, handle, &ev, wait_ms) : NVML_ERROR_INVALID_ARGUMENT;

    if (rc == NVML_SUCCESS)
        *out = (struct nvml_event_v1){.device = ev.device, .type = ev.type, .data = ev.data};
    return rc;
}
