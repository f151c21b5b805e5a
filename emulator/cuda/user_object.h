/* SPDX-License-Identifier: Apache-2.0 */
/* User objects: counted, kept by graphs, with a function for their end. Under the lock. */
#ifndef EMULATOR_CUDA_USER_OBJECT_H
#define EMULATOR_CUDA_USER_OBJECT_H

struct graph;

int user_objects_copy(struct graph *to, const struct graph *from);
void user_objects_drop(struct graph *g);

#endif
