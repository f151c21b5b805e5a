/* SPDX-License-Identifier: Apache-2.0 */
/* The door of driver_events.h over NVML's event sets, with its own hold of the library. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "gpu/driver_events.h"
#include "gpu/nvml_api.h"

enum { WANTED_EVENTS = NVML_EVENT_XID | NVML_EVENT_GPU_UNAVAILABLE | NVML_EVENT_RECOVERY_ACTION };

/* A GPU of the set. Its UUID is asked for before it fails. */
struct member {
    struct nvml_device *device;
    char uuid[GPU_UUID_SIZE];
};

/* Owns library and set. */
struct watch {
    struct nvml_api api;
    struct nvml_event_set *set;
    unsigned n_members;
    struct member members[GPU_MAX];
};

static void close_watch(void *self)
{
    struct watch *w = self;

    if (w->set)
        (void)NVML_CALL(&w->api, nvmlEventSetFree, w->set);
    (void)NVML_CALL(&w->api, nvmlShutdown);
    nvml_api_close(&w->api);
    free(w);
}

/* 0, or an NVML code: this GPU tells of nothing. */
static int add_member(struct watch *w, unsigned index)
{
    struct member *m = &w->members[w->n_members];
    unsigned long long known = 0;
    int rc = NVML_CALL(&w->api, nvmlDeviceGetHandleByIndex_v2, index, &m->device);

    if (!rc)
        rc = NVML_CALL(&w->api, nvmlDeviceGetUUID, m->device, m->uuid, sizeof m->uuid);
    if (!rc)
        rc = NVML_CALL(&w->api, nvmlDeviceGetSupportedEventTypes, m->device, &known);
    if (!rc && !(known & NVML_EVENT_XID))
        rc = NVML_NOT_SUPPORTED;
    if (!rc)
        rc = NVML_CALL(&w->api, nvmlDeviceRegisterEvents, m->device, known & WANTED_EVENTS, w->set);
    if (!rc)
        w->n_members++;
    return rc;
}

static int fill(struct watch *w, struct err *e)
{
    unsigned count = 0;
    int first = 0;
    int rc = NVML_CALL(&w->api, nvmlEventSetCreate, &w->set);

    if (!rc)
        rc = NVML_CALL(&w->api, nvmlDeviceGetCount_v2, &count);
    if (rc)
        return nvml_err(&w->api, e, rc, "watch for events");
    for (unsigned index = 0; index < count && w->n_members < GPU_MAX; index++) {
        rc = add_member(w, index);
        first = first ? first : rc;
    }
    if (w->n_members > 0 || count == 0)
        return 0;
    return nvml_err(&w->api, e, first, "watch for events");
}

static const char *uuid_of(const struct watch *w, const struct nvml_device *device)
{
    for (unsigned i = 0; i < w->n_members; i++)
        if (w->members[i].device == device)
            return w->members[i].uuid;
    return NULL;
}

static int id_or_none(unsigned id)
{
    return id == NVML_NO_ID ? -1 : (int)id;
}

static int wait_event(void *self, struct driver_event *out, unsigned timeout_ms, struct err *e)
{
    struct watch *w = self;
    struct nvml_event told = {.gpuInstanceId = NVML_NO_ID, .computeInstanceId = NVML_NO_ID};
    struct driver_event event = {0};
    const char *uuid;
    int rc;

    if (w->api.nvmlEventSetWait_v2)
        rc = w->api.nvmlEventSetWait_v2(w->set, &told, timeout_ms);
    else
        rc = NVML_CALL(&w->api, nvmlEventSetWait, w->set, &told, timeout_ms);
    if (rc == NVML_TIMEOUT)
        return 0;
    if (rc)
        return nvml_err(&w->api, e, rc, "wait for events");
    uuid = uuid_of(w, told.device);
    if (!uuid)
        return 0;
    (void)TEXT_COPY(event.gpu_uuid, uuid);
    event.kind = told.eventType == NVML_EVENT_XID ? DRIVER_EVENT_XID : DRIVER_EVENT_STATE;
    event.gi_id = id_or_none(told.gpuInstanceId);
    event.ci_id = id_or_none(told.computeInstanceId);
    event.xid = event.kind == DRIVER_EVENT_XID ? told.eventData : 0;
    *out = event;
    return 1;
}

int driver_events_open_nvml(struct driver_events *out, const char *driver_root, struct err *e)
{
    struct watch *w = calloc(1, sizeof *w);
    int rc;

    if (!w)
        return err_memory(e);
    rc = nvml_api_open(&w->api, driver_root, e);
    if (rc) {
        free(w);
        return rc;
    }
    rc = w->api.nvmlInit_v2();
    if (rc) {
        rc = nvml_err(&w->api, e, rc, "start NVML");
        nvml_api_close(&w->api);
        free(w);
        return rc;
    }
    rc = fill(w, e);
    if (rc) {
        close_watch(w);
        return rc;
    }
    *out = (struct driver_events){
        .self = w,
        .n_gpus = w->n_members,
        .wait = wait_event,
        .close = close_watch,
    };
    return 0;
}

void driver_events_close(struct driver_events *d)
{
    if (d->close)
        d->close(d->self);
    *d = (struct driver_events){0};
}
