/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kubelet's pod resources API, v1: which container holds which device. Read-only.
 * https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/
 */
#ifndef KUBE_PODRESOURCES_H
#define KUBE_PODRESOURCES_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct err;

#define PODRESOURCES_SOCKET "/var/lib/kubelet/pod-resources/kubelet.sock"
#define PODRESOURCES_LIST "/v1.PodResourcesLister/List"

enum { PODRESOURCES_MAX_ANSWER = 16 << 20 };

/* One device that a container holds; the strings are borrowed for the time of the visit. */
struct podresources_holder {
    const char *namespace;
    const char *pod;
    const char *container;
    const char *resource;
    const char *device_id;
};

typedef void podresources_visit(void *self, const struct podresources_holder *holder);

/*
 * Visits every device of a ListPodResourcesResponse. Needs no memory: a name longer than
 * Kubernetes allows (and a device id of 256 bytes or more) is -EBADMSG, as is what is no protobuf;
 * holders before it have been visited then. Returns how many pods the list names, those without
 * devices too: none is the answer of a kubelet that has just started and does not know them yet.
 */
int podresources_read(const uint8_t *bytes, size_t size, podresources_visit *visit, void *self,
                      struct err *e);

/* The list is complete (r is the number of pods), or could not be had: negative errno with words.
 */
typedef void podresources_done(void *self, int r, const struct err *e);

/* Asks the kubelet at `socket_path`. Visits come from the loop, then `done` exactly once. */
int podresources_list(uv_loop_t *loop, const char *socket_path, unsigned timeout_ms,
                      podresources_visit *visit, podresources_done *done, void *self,
                      struct err *e);

#endif
