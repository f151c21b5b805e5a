/* SPDX-License-Identifier: Apache-2.0 */
/* Stand-in kubelet: see kubelet.h. The order of calls is the real kubelet's. */
#include "demo/kubelet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "demo/ask.h"
#include "deviceplugin.pb-c.h"
#include "kube/grpc_client.h"
#include "kube/grpc_server.h"
#include "podresources.pb-c.h"

enum { MAX_RESOURCES = 32, MAX_DEVICES = 65536 };

struct device {
    char id[64];
    bool healthy;
    char pod[64]; /* "": free */
};

struct resource {
    struct kubelet *kubelet;
    char name[64];
    char *socket_path;
    struct grpc_request *watch; /* ListAndWatch; NULL once it has ended */
    size_t n_devices;
    struct device *devices;
};

struct kubelet {
    uv_loop_t *loop;
    char *folder;
    struct grpc_server *registration;
    struct grpc_server *pod_resources;
    size_t n_resources;
    struct resource *resources[MAX_RESOURCES]; /* by name */
};

static const struct device *device_find(const struct resource *r, const char *id)
{
    for (size_t i = 0; i < r->n_devices; i++)
        if (strcmp(r->devices[i].id, id) == 0)
            return &r->devices[i];
    return NULL;
}

/* A new list of a plugin: who has what is kept for the ids that stay. */
static void take_list(void *self, const uint8_t *message, size_t size)
{
    struct resource *r = self;
    Deviceplugin__ListAndWatchResponse *list =
        deviceplugin__list_and_watch_response__unpack(NULL, size, message);
    struct device *devices = list && list->n_devices <= MAX_DEVICES
                                 ? calloc(list->n_devices + 1, sizeof *devices)
                                 : NULL;

    if (devices) {
        for (size_t i = 0; i < list->n_devices; i++) {
            const struct device *old = device_find(r, list->devices[i]->id);

            (void)TEXT_COPY(devices[i].id, list->devices[i]->id);
            devices[i].healthy = strcmp(list->devices[i]->health, "Healthy") == 0;
            if (old)
                (void)TEXT_COPY(devices[i].pod, old->pod);
        }
        free(r->devices);
        r->devices = devices;
        r->n_devices = list->n_devices;
    }
    if (list)
        deviceplugin__list_and_watch_response__free_unpacked(list, NULL);
}

static void watch_ended(void *self, int r, const struct err *e)
{
    struct resource *resource = self;

    (void)r;
    (void)e;
    resource->watch = NULL;
    for (size_t i = 0; i < resource->n_devices; i++)
        resource->devices[i].healthy = false;
}

static struct resource *resource_find(const struct kubelet *k, const char *name)
{
    for (size_t i = 0; i < k->n_resources; i++)
        if (strcmp(k->resources[i]->name, name) == 0)
            return k->resources[i];
    return NULL;
}

static struct resource *resource_add(struct kubelet *k, const char *name)
{
    struct resource *r = resource_find(k, name);
    size_t at = k->n_resources;

    if (r || k->n_resources == MAX_RESOURCES)
        return r;
    r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->kubelet = k;
    if (!TEXT_COPY(r->name, name)) {
        free(r);
        return NULL;
    }
    for (; at > 0 && strcmp(k->resources[at - 1]->name, name) > 0; at--)
        k->resources[at] = k->resources[at - 1];
    k->resources[at] = r;
    k->n_resources++;
    return r;
}

static int watch(struct resource *r, const char *endpoint, struct err *e)
{
    struct grpc_question question = {
        .method = "/v1beta1.DevicePlugin/ListAndWatch",
        .message = "",
        .max_answer = GRPC_MAX_MESSAGE,
        .message_cb = take_list,
        .done_cb = watch_ended,
        .self = r,
    };

    if (r->watch)
        grpc_cancel(TAKE(r->watch));
    free(r->socket_path);
    r->socket_path = file_join(r->kubelet->folder, endpoint);
    if (!r->socket_path)
        return err_memory(e);
    question.socket_path = r->socket_path;
    return grpc_start(&r->watch, r->kubelet->loop, &question, e);
}

static void registered(void *self, struct grpc_call *call, const uint8_t *message, size_t size)
{
    struct kubelet *k = self;
    Deviceplugin__RegisterRequest *request =
        deviceplugin__register_request__unpack(NULL, size, message);
    struct resource *r = NULL;
    struct err e = {0};

    if (!request || strchr(request->endpoint, '/') || strcmp(request->version, "v1beta1") != 0)
        (void)err_set(&e, EINVAL, "not a registration for v1beta1");
    else
        r = resource_add(k, request->resource_name);
    if (r && watch(r, request->endpoint, &e) == 0)
        grpc_reply(call, NULL, 0);
    else
        grpc_fail(call, e.code ? &e
                               : &(struct err){.code = ENOMEM,
                                               .msg = "too many resources, or a name too long"});
    if (request)
        deviceplugin__register_request__free_unpacked(request, NULL);
}

static void count_held(const struct kubelet *k, size_t *out)
{
    for (size_t i = 0; i < k->n_resources; i++)
        for (size_t j = 0; j < k->resources[i]->n_devices; j++)
            *out += k->resources[i]->devices[j].pod[0] != '\0';
}

/*
 * One row for every held device, as a pod with one container each; the reader merges nothing. And
 * the pod that carved runs in on a node: a real kubelet also lists those without devices.
 */
static void list_pods(void *self, struct grpc_call *call, const uint8_t *message, size_t size)
{
    struct row {
        Podresources__PodResources pod, *pods;
        Podresources__ContainerResources container, *containers;
        Podresources__ContainerDevices device, *devices;
        char *id;
    };
    struct kubelet *k = self;
    size_t count = 0, at = 0;
    Podresources__PodResources carve = PODRESOURCES__POD_RESOURCES__INIT;
    OWN(buf_done) struct buf out;

    (void)message;
    (void)size;
    count_held(k, &count);
    OWN_MEM struct row *rows = calloc(count + 1, sizeof *rows);
    OWN_MEM Podresources__PodResources **pods = calloc(count + 1, sizeof(void *));
    Podresources__ListPodResourcesResponse answer = PODRESOURCES__LIST_POD_RESOURCES_RESPONSE__INIT;

    buf_init(&out, GRPC_MAX_MESSAGE);
    carve.name = (char *)"carve";
    carve.namespace_ = (char *)"demo";
    if (pods)
        pods[at++] = &carve;
    for (size_t i = 0; rows && pods && i < k->n_resources; i++) {
        for (size_t j = 0; j < k->resources[i]->n_devices; j++) {
            struct device *device = &k->resources[i]->devices[j];
            struct row *row = &rows[at - 1];

            if (device->pod[0] == '\0')
                continue;
            podresources__pod_resources__init(&row->pod);
            podresources__container_resources__init(&row->container);
            podresources__container_devices__init(&row->device);
            row->id = device->id;
            row->device.resource_name = k->resources[i]->name;
            row->device.device_ids = &row->id;
            row->device.n_device_ids = 1;
            row->devices = &row->device;
            row->container.name = (char *)"main";
            row->container.devices = &row->devices;
            row->container.n_devices = 1;
            row->containers = &row->container;
            row->pod.name = device->pod;
            row->pod.namespace_ = (char *)"demo";
            row->pod.containers = &row->containers;
            row->pod.n_containers = 1;
            pods[at++] = &row->pod;
        }
    }
    answer.pod_resources = pods;
    answer.n_pod_resources = at;
    char *room =
        buf_room(&out, podresources__list_pod_resources_response__get_packed_size(&answer));
    if (room && rows && pods)
        grpc_reply(call, room,
                   podresources__list_pod_resources_response__pack(&answer, (uint8_t *)room));
    else
        grpc_fail(call, &(struct err){.code = ENOMEM, .msg = "out of memory"});
}

int kubelet_open(struct kubelet **out, uv_loop_t *loop, const char *folder, struct err *e)
{
    static const struct grpc_method registration[] = {
        {"/v1beta1.Registration/Register", registered},
    };
    static const struct grpc_method pod_resources[] = {
        {"/v1.PodResourcesLister/List", list_pods},
    };
    struct kubelet *k = calloc(1, sizeof *k);
    OWN_MEM char *socket = file_join(folder, "kubelet.sock");
    OWN_MEM char *pods = file_join(folder, "pod-resources.sock");
    int r;

    if (!k || !socket || !pods || !(k->folder = strdup(folder))) {
        free(k);
        return err_memory(e);
    }
    k->loop = loop;
    r = grpc_server_open(&k->registration, loop, socket, 0600, registration, 1, k, e);
    if (r == 0)
        r = grpc_server_open(&k->pod_resources, loop, pods, 0600, pod_resources, 1, k, e);
    if (r < 0) {
        kubelet_close(k);
        return r;
    }
    *out = k;
    return 0;
}

void kubelet_close(struct kubelet *k)
{
    if (!k)
        return;
    if (k->registration)
        grpc_server_close(k->registration);
    if (k->pod_resources)
        grpc_server_close(k->pod_resources);
    for (size_t i = 0; i < k->n_resources; i++) {
        struct resource *r = k->resources[i];

        if (r->watch)
            grpc_cancel(r->watch);
        free(r->socket_path);
        free(r->devices);
        free(r);
    }
    free(k->folder);
    free(k);
}

size_t kubelet_healthy(const struct kubelet *k, const char *resource)
{
    const struct resource *r = resource_find(k, resource);
    size_t count = 0;

    for (size_t i = 0; r && i < r->n_devices; i++)
        count += r->devices[i].healthy;
    return count;
}

char *kubelet_summary(const struct kubelet *k)
{
    struct buf out;

    buf_init(&out, 4096);
    for (size_t i = 0; i < k->n_resources; i++) {
        size_t count = kubelet_healthy(k, k->resources[i]->name);

        if (count > 0)
            buf_printf(&out, "%s%s %zu", out.size > 0 ? ", " : "", k->resources[i]->name, count);
    }
    return buf_take(&out);
}

const char *kubelet_resource(const struct kubelet *k, const char *previous)
{
    for (size_t i = 0; i < k->n_resources; i++)
        if ((!previous || strcmp(k->resources[i]->name, previous) > 0) &&
            kubelet_healthy(k, k->resources[i]->name) > 0)
            return k->resources[i]->name;
    return NULL;
}

/* Asks which of the free devices the plugin prefers; ids get new strings. */
static int choose(char **ids, const struct resource *r, size_t count, struct err *e)
{
    Deviceplugin__PreferredAllocationRequest request =
        DEVICEPLUGIN__PREFERRED_ALLOCATION_REQUEST__INIT;
    Deviceplugin__ContainerPreferredAllocationRequest wish =
        DEVICEPLUGIN__CONTAINER_PREFERRED_ALLOCATION_REQUEST__INIT;
    Deviceplugin__ContainerPreferredAllocationRequest *wishes = &wish;
    Deviceplugin__PreferredAllocationResponse *answer = NULL;
    OWN_MEM char **available = calloc(r->n_devices + 1, sizeof *available);
    OWN_MEM uint8_t *message = NULL;
    OWN(buf_done) struct buf bytes;
    size_t size;
    int result;

    buf_init(&bytes, GRPC_MAX_MESSAGE);
    if (!available)
        return err_memory(e);
    for (size_t i = 0; i < r->n_devices; i++)
        if (r->devices[i].healthy && r->devices[i].pod[0] == '\0')
            available[wish.n_available_deviceids++] = r->devices[i].id;
    if (wish.n_available_deviceids < count)
        return err_set(e, ENOSPC, "%zu of %s asked, %zu free", count, r->name,
                       wish.n_available_deviceids);
    wish.available_deviceids = available;
    wish.allocation_size = (int32_t)count;
    request.container_requests = &wishes;
    request.n_container_requests = 1;
    size = deviceplugin__preferred_allocation_request__get_packed_size(&request);
    message = malloc(size + 1);
    if (!message)
        return err_memory(e);
    (void)deviceplugin__preferred_allocation_request__pack(&request, message);
    result = ask(&bytes, r->kubelet->loop, r->socket_path,
                 "/v1beta1.DevicePlugin/GetPreferredAllocation", message, size, e);
    if (result < 0)
        return result;
    answer = deviceplugin__preferred_allocation_response__unpack(NULL, bytes.size,
                                                                 (const uint8_t *)bytes.data);
    if (!answer || answer->n_container_responses != 1 ||
        answer->container_responses[0]->n_deviceids != count)
        result = err_set(e, EPROTO, "%s does not say which %zu devices it prefers", r->name, count);
    for (size_t i = 0; result == 0 && i < count; i++) {
        ids[i] = strdup(answer->container_responses[0]->deviceids[i]);
        if (!ids[i])
            result = err_memory(e);
        else if (!device_find(r, ids[i]))
            result = err_set(e, EPROTO, "%s prefers '%s', which it did not list", r->name, ids[i]);
    }
    if (answer)
        deviceplugin__preferred_allocation_response__free_unpacked(answer, NULL);
    return result;
}

static int allocate(Deviceplugin__ContainerAllocateResponse **out, const struct resource *r,
                    char **ids, size_t count, struct err *e)
{
    Deviceplugin__AllocateRequest request = DEVICEPLUGIN__ALLOCATE_REQUEST__INIT;
    Deviceplugin__ContainerAllocateRequest container =
        DEVICEPLUGIN__CONTAINER_ALLOCATE_REQUEST__INIT;
    Deviceplugin__ContainerAllocateRequest *containers = &container;
    Deviceplugin__AllocateResponse *answer;
    OWN_MEM uint8_t *message = NULL;
    OWN(buf_done) struct buf bytes;
    size_t size;
    int result;

    buf_init(&bytes, GRPC_MAX_MESSAGE);
    container.devices_ids = ids;
    container.n_devices_ids = count;
    request.container_requests = &containers;
    request.n_container_requests = 1;
    size = deviceplugin__allocate_request__get_packed_size(&request);
    message = malloc(size + 1);
    if (!message)
        return err_memory(e);
    (void)deviceplugin__allocate_request__pack(&request, message);
    result = ask(&bytes, r->kubelet->loop, r->socket_path, "/v1beta1.DevicePlugin/Allocate",
                 message, size, e);
    if (result < 0)
        return result;
    answer = deviceplugin__allocate_response__unpack(NULL, bytes.size, (const uint8_t *)bytes.data);
    if (!answer || answer->n_container_responses != 1) {
        if (answer)
            deviceplugin__allocate_response__free_unpacked(answer, NULL);
        return err_set(e, EPROTO, "the answer to Allocate is not for one container");
    }
    *out = answer->container_responses[0];
    answer->n_container_responses = 0;
    deviceplugin__allocate_response__free_unpacked(answer, NULL);
    return 0;
}

int kubelet_allocate(Deviceplugin__ContainerAllocateResponse **out, struct kubelet *k,
                     const char *pod, const char *resource, size_t count, struct err *e)
{
    const struct resource *r = resource_find(k, resource);
    OWN_MEM char **ids = calloc(count + 1, sizeof *ids);
    int result;

    if (!r)
        return err_set(e, ENOENT, "nobody registered %s", resource);
    if (!ids)
        return err_memory(e);
    result = choose(ids, r, count, e);
    if (result == 0)
        result = allocate(out, r, ids, count, e);
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct device *device = (struct device *)device_find(r, ids[i]);

        if (device)
            (void)TEXT_COPY(device->pod, pod);
    }
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    return result;
}

void kubelet_answer_free(Deviceplugin__ContainerAllocateResponse *answer)
{
    if (answer)
        deviceplugin__container_allocate_response__free_unpacked(answer, NULL);
}

void kubelet_release(struct kubelet *k, const char *pod)
{
    for (size_t i = 0; i < k->n_resources; i++)
        for (size_t j = 0; j < k->resources[i]->n_devices; j++)
            if (strcmp(k->resources[i]->devices[j].pod, pod) == 0)
                k->resources[i]->devices[j].pod[0] = '\0';
}
