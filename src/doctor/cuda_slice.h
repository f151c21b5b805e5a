/* SPDX-License-Identifier: Apache-2.0 */
/* Which slice of the node a kernel is to be run in. Pure. */
#ifndef DOCTOR_CUDA_SLICE_H
#define DOCTOR_CUDA_SLICE_H

struct inventory;
struct node_cuda_facts;
struct node_state;

/*
 * Fills uuid, slice and slice_bytes of *out, or refused. `slice` is a slice's id, the start of a
 * UUID, a GPU's index or "GPU:DEVICE"; `resource` a resource's name; both NULL: the first healthy
 * slice with the fewest processes. `state` (NULL: carved does not run) says what is behind a
 * resource.
 */
void cuda_slice_choose(struct node_cuda_facts *out, const struct inventory *inv,
                       const struct node_state *state, const char *slice, const char *resource);

#endif
