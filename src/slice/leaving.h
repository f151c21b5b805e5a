/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices that containers hold and the configuration offers no more: they stay, as unhealthy, until
 * they are released. Pure values.
 *
 * Why they stay, and why unhealthy: the kubelet forgets a device that is missing in the list at
 * once, so the node would show fewer devices than its pods have. A device that is listed and
 * unhealthy stays in the node's capacity and with its container, through restarts of the container
 * and of the kubelet, but is never given to another; nothing ends a pod for it. Were they healthy,
 * the kubelet could give one away in the moment between its release and our next list, and that
 * pod would fail.
 *
 * What is held as a whole is not given to another under a second name either: a device with such a
 * slice is unhealthy elsewhere until that one is released, unless both are shares of it.
 */
#ifndef SLICE_LEAVING_H
#define SLICE_LEAVING_H

#include <stdbool.h>
#include <stddef.h>

#include "slice/resource.h"

/* A slice that somebody holds, or may hold. */
struct leaving_slice {
    char resource[RESOURCE_NAME_SIZE];
    char id[SLICE_ID_SIZE];
};

/* Orders by resource, then id, and drops doubles; returns how many are left. */
size_t leaving_sort(struct leaving_slice *slices, size_t count);

/* Whether its device is there and the list does not offer it. */
bool leaving_is(const struct leaving_slice *slice, const struct resource_list *list,
                const struct inventory *inv);

/*
 * Adds to the list these slices, for which leaving_is() is true, in the order of leaving_sort(),
 * as far as the kubelet takes so long a list; and withholds their devices. tell: with notes.
 */
int leaving_apply(struct resource_list *list, const struct inventory *inv,
                  const struct leaving_slice *slices, size_t count, bool tell, struct err *e);

#endif
