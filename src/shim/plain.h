/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of the driver that we call and do not wrap: PLAIN(cuCtxGetCurrent)(&context). */
#ifndef SHIM_PLAIN_H
#define SHIM_PLAIN_H

#include "shim/cuda_types.h"

/* Name, and what it takes; all return CUresult. */
/* clang-format off */
#define PLAIN_CALLS(P)                                                                            \
    P(cuCtxGetCurrent, (CUcontext *out))                                                          \
    P(cuCtxGetDevice, (CUdevice *out))                                                            \
    P(cuCtxGetApiVersion, (CUcontext context, unsigned *out))                                     \
    P(cuStreamGetCtx, (CUstream stream, CUcontext *out))                                          \
    P(cuStreamGetDevice, (CUstream stream, CUdevice *out))                                        \
    P(cuCtxGetLimit, (size_t *out, CUlimit limit))                                                \
    P(cuDeviceGetAttribute, (int *out, int attribute, CUdevice device))                           \
    P(cuDevicePrimaryCtxGetState, (CUdevice device, unsigned *out_flags, int *out_active))        \
    P(cuArrayGetMemoryRequirements, (struct cuda_array_needs *out, CUarray array, CUdevice device)) \
    P(cuMipmappedArrayGetMemoryRequirements,                                                      \
      (struct cuda_array_needs *out, CUmipmappedArray array, CUdevice device))                    \
    P(cuMemPoolGetAttribute, (CUmemoryPool pool, CUmemPool_attribute attribute, void *out))       \
    P(cuDeviceGetDefaultMemPool, (CUmemoryPool *out, CUdevice device))                            \
    P(cuDeviceGetMemPool, (CUmemoryPool *out, CUdevice device))                                   \
    P(cuDeviceGetGraphMemAttribute, (CUdevice device, CUgraphMem_attribute attribute, void *out)) \
    P(cuStreamIsCapturing, (CUstream stream, int *out_status))                                    \
    P(cuThreadExchangeStreamCaptureMode, (int *mode))                                             \
    P(cuGraphGetNodes, (CUgraph graph, CUgraphNode *out_nodes, size_t *n))                        \
    P(cuGraphNodeGetType, (CUgraphNode node, int *out_type))                                      \
    P(cuGraphChildGraphNodeGetGraph, (CUgraphNode node, CUgraph *out))                            \
    P(cuGraphMemAllocNodeGetParams, (CUgraphNode node, struct cuda_node_alloc *out))
/* clang-format on */

#define PLAIN_NUMBER(name, takes) PLAIN_##name,
enum plain_call { PLAIN_CALLS(PLAIN_NUMBER) PLAINS };
#undef PLAIN_NUMBER

#define PLAIN_TYPE(name, takes) typedef CUresult plain_##name takes;
PLAIN_CALLS(PLAIN_TYPE)
#undef PLAIN_TYPE

/* Never NULL: where this driver has none, one that says CUDA_ERROR_NOT_FOUND. */
void *plain_call(enum plain_call call);

#define PLAIN(name) ((plain_##name *)plain_call(PLAIN_##name))

#endif
