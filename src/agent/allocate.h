/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container gets for its slices: the kubelet's Allocate and GetPreferredAllocation, from
 * request bytes to answer bytes. No I/O.
 */
#ifndef AGENT_ALLOCATE_H
#define AGENT_ALLOCATE_H

#include <stddef.h>
#include <stdint.h>

struct agent;
struct buf;
struct err;
struct resource;

/*
 * Appends an AllocateResponse for the AllocateRequest to out. -EINVAL: not a request, or refused
 * by the configuration; -ENOENT: unknown id; -EIO: unhealthy device; -EBUSY: the device's layout is
 * being changed.
 */
int allocate_answer(struct buf *out, const struct agent *a, const struct resource *r,
                    const uint8_t *request, size_t size, struct err *e);

/* Likewise for GetPreferredAllocation. */
int allocate_prefer(struct buf *out, const struct agent *a, const struct resource *r,
                    const uint8_t *request, size_t size, struct err *e);

#endif
