/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kubelet's device plugin API, v1beta1: its names, and its messages between bytes and plain
 * values. Strings are opaque here; what a device is, others know.
 * https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
 */
#ifndef KUBE_DEVICEPLUGIN_H
#define KUBE_DEVICEPLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

struct buf;
struct err;

#define DEVICEPLUGIN_VERSION "v1beta1"
#define DEVICEPLUGIN_FOLDER "/var/lib/kubelet/device-plugins"
#define DEVICEPLUGIN_KUBELET "kubelet.sock" /* in the folder */

/* The kubelet's method. It dials us before it answers: serve first, register then. */
#define DEVICEPLUGIN_REGISTER "/v1beta1.Registration/Register"
/* Ours. */
#define DEVICEPLUGIN_OPTIONS "/v1beta1.DevicePlugin/GetDevicePluginOptions"
#define DEVICEPLUGIN_LIST_AND_WATCH "/v1beta1.DevicePlugin/ListAndWatch"
#define DEVICEPLUGIN_PREFERRED "/v1beta1.DevicePlugin/GetPreferredAllocation"
#define DEVICEPLUGIN_ALLOCATE "/v1beta1.DevicePlugin/Allocate"
#define DEVICEPLUGIN_PRE_START "/v1beta1.DevicePlugin/PreStartContainer"

enum {
    DEVICEPLUGIN_MAX_CONTAINERS = 64,
    DEVICEPLUGIN_MAX_IDS = 65536, /* of one request */
};

struct deviceplugin_options {
    bool pre_start_required;
    bool preferred_allocation;
};

/* A whole DevicePluginOptions, and a whole RegisterRequest. `endpoint` is a file name. */
void deviceplugin_put_options(struct buf *out, const struct deviceplugin_options *options);
void deviceplugin_put_register(struct buf *out, const char *endpoint, const char *resource,
                               const struct deviceplugin_options *options);

struct deviceplugin_device {
    const char *id; /* at most 63 bytes for the kubelet */
    bool healthy;
    int numa_node; /* -1: unknown */
};

/* One device of a ListAndWatchResponse: the message is its devices one after the other. */
void deviceplugin_put_device(struct buf *out, const struct deviceplugin_device *device);

/* What one container of an AllocateRequest or PreferredAllocationRequest asks. */
struct deviceplugin_wish {
    const char **ids; /* Allocate: what it gets; preferred: what there is to choose from */
    size_t n_ids;
    const char **must_ids; /* preferred: to be among the answer */
    size_t n_must_ids;
    size_t size; /* preferred: how many to choose */
};

/* One piece of memory: owns everything in it. */
struct deviceplugin_request {
    struct deviceplugin_wish *wishes;
    size_t n_wishes;
};

/* Bytes to values; -EBADMSG if that is no such message, -E2BIG if it asks too much. */
int deviceplugin_read_allocate(struct deviceplugin_request **out, const uint8_t *bytes, size_t size,
                               struct err *e);
int deviceplugin_read_preferred(struct deviceplugin_request **out, const uint8_t *bytes,
                                size_t size, struct err *e);
void deviceplugin_request_free(struct deviceplugin_request *request);
OWN_POINTER(struct deviceplugin_request, deviceplugin_request_free);

struct deviceplugin_pair {
    const char *name;
    const char *value;
};

struct deviceplugin_mount {
    const char *container_path;
    const char *host_path;
    bool read_only;
};

struct deviceplugin_node {
    const char *container_path;
    const char *host_path;
    const char *permissions; /* of "rwm" */
};

/* What one container gets. Borrows everything. */
struct deviceplugin_answer {
    const struct deviceplugin_pair *envs;
    size_t n_envs;
    const struct deviceplugin_mount *mounts;
    size_t n_mounts;
    const struct deviceplugin_node *nodes;
    size_t n_nodes;
    const struct deviceplugin_pair *annotations;
    size_t n_annotations;
    const char *const *cdi_devices; /* "vendor/class=name" */
    size_t n_cdi_devices;
};

/* One container of an AllocateResponse: the message is its containers one after the other. */
void deviceplugin_put_answer(struct buf *out, const struct deviceplugin_answer *answer);

/* One container of a PreferredAllocationResponse, likewise. */
void deviceplugin_put_preferred(struct buf *out, const char *const *ids, size_t n_ids);

#endif
