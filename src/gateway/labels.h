/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What labels a node has: those of NVIDIA's GPU feature discovery v0.20, names and value forms its
 * own, and totals of ours. Pure: of the node's state alone. docs/labels.md has the table.
 */
#ifndef GATEWAY_LABELS_H
#define GATEWAY_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/labels_list.h"

struct err;
struct node_state;

/*
 * Whether the state tells enough: hardware and resources are known. If not, what the node is
 * labelled with stays, for not to know is not to have none.
 */
bool labels_ready(const struct node_state *state);

/*
 * The labels of a state that is ready into *out, which is empty. timestamp_s: of
 * nvidia.com/gfd.timestamp; 0: none. -ENOMEM alone, with *out empty.
 */
int labels_make(struct labels *out, const struct node_state *state, uint64_t timestamp_s,
                struct err *e);

/*
 * Whether a key is one that GPU feature discovery or this program might have written: found on a
 * node where it does not belong, it is a leftover. Not so nvidia.com/gpu.present, which people and
 * the GPU operator set too.
 */
bool labels_known(const char *key);

#endif
