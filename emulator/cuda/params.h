/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of nodes as callers give them: each checked and made a node's. */
#ifndef EMULATOR_CUDA_PARAMS_H
#define EMULATOR_CUDA_PARAMS_H

#include <stdbool.h>
#include <stddef.h>

#include "cuda/graph.h"

/* CUDA_KERNEL_NODE_PARAMS, word for word; version 1 ends before the kernel. */
struct kernel_params {
    void *function;
    unsigned grid[3], block[3], shared_bytes;
    void **params, **extra;
    void *kernel, *context;
};
enum { KERNEL_PARAMS_V1 = offsetof(struct kernel_params, kernel) };

int params_kernel(struct node_params *out, const struct kernel_params *from, bool is_v1);
void params_kernel_get(struct kernel_params *out, const struct node_params *p, bool is_v1);
int params_copy_node(struct node_params *out, const struct copy *from);
int params_fill(struct node_params *out, const struct fill *from);
int params_host(struct node_params *out, const struct host_params *from);
int params_event(struct node_params *out, enum node_kind kind, void *event);
int params_batch(struct node_params *out, const struct batch_params *from);
int params_child(struct node_params *out, const struct graph *from);

/* value.c: INVALID_VALUE unless all are known and lie where they should. */
int values_check(const struct value *v, unsigned n, unsigned flags);
/* Is what is waited for in memory? */
bool value_is_there(const struct value *v);
void value_write(const struct value *v);

#endif
