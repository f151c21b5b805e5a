/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels that describe a node's GPUs and MIG devices by product: nvidia.com/gpu.* and
 * nvidia.com/mig-<profile>.*, by MIG strategy. A step of labels_make().
 */
#ifndef GATEWAY_LABELS_GPU_H
#define GATEWAY_LABELS_GPU_H

struct labels;
struct node_state;

void labels_gpu_put(struct labels *out, const struct node_state *state);

#endif
