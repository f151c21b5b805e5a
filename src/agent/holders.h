/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds which slice: containers from the kubelet's pod resources, processes from the driver.
 */
#ifndef AGENT_HOLDERS_H
#define AGENT_HOLDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

struct agent;
struct inventory;

/* One container's hold on one slice, or a process outside any container that we know of. */
struct holder {
    char *namespace, *pod, *container; /* NULL for a bare process */
    char *resource, *slice;            /* NULL for a bare process */
    unsigned gpu;                      /* position in the inventory */
    int instance;                      /* position in the GPU's instances, -1: the whole GPU */
    int compute;                       /* position in the instance's computes, -1 */
    uint32_t pid;                      /* of a bare process, else 0 */
    char process[128]; /* its name; of a container's own: "4711 (python), 4712 (python)", cut */
};

/* Owns its holders. */
struct holder_list {
    int n_pods; /* that the kubelet knows, also without slices; -1: it could not be asked */
    size_t count;
    struct holder *holders;
};

void holder_list_free(struct holder_list *list);
OWN_POINTER(struct holder_list, holder_list_free);

/* Where the GPU or MIG device with this UUID is, as in struct holder; false: nowhere. */
bool holders_place(struct holder *out, const struct inventory *inv, const char *device_uuid);

/*
 * Asks the kubelet and matches its answer with the inventory. `list` is given away (NULL
 * without memory). A kubelet that cannot be asked leaves the processes in the list, and `words`
 * says why (else NULL).
 */
typedef void holders_found(void *self, struct holder_list *list, const char *words);
void holders_read(struct agent *a, holders_found *found, void *self);

/* "pod default/train-0, container main" or "process 4711 (python)"; new string, NULL: no memory. */
char *holder_text(const struct holder *h);

#endif
