/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for the kubelet, on the real protocol: it takes registrations, watches device lists,
 * asks for preferred devices, allocates, and answers pod resources. What it leaves out is all that
 * is not about devices.
 */
#ifndef DEMO_KUBELET_H
#define DEMO_KUBELET_H

#include <stddef.h>
#include <uv.h>

#include "base/own.h"

struct err;
struct kubelet;
struct Deviceplugin__ContainerAllocateResponse;

/* Serves FOLDER/kubelet.sock and FOLDER/pod-resources.sock. */
int kubelet_open(struct kubelet **out, uv_loop_t *loop, const char *folder, struct err *e);
void kubelet_close(struct kubelet *k);

/* Devices of a resource that are healthy; 0 for a resource that nobody registered. */
size_t kubelet_healthy(const struct kubelet *k, const char *resource);

/* The resources with healthy devices as "nvidia.com/gpu 32, …", by name; new string or NULL. */
char *kubelet_summary(const struct kubelet *k);

/* The first resource by name that has healthy devices after `previous` (NULL: the first), or NULL.
 */
const char *kubelet_resource(const struct kubelet *k, const char *previous);

/*
 * Gives a container `count` devices of a resource as the kubelet does: preferred ones first, then
 * Allocate. Runs the loop until the answer is there. The answer is freed by kubelet_answer_free.
 */
int kubelet_allocate(struct Deviceplugin__ContainerAllocateResponse **out, struct kubelet *k,
                     const char *pod, const char *resource, size_t count, struct err *e);
void kubelet_answer_free(struct Deviceplugin__ContainerAllocateResponse *answer);

/* The pod has ended: its devices are free. */
void kubelet_release(struct kubelet *k, const char *pod);

#endif
