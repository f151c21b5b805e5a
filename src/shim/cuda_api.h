/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prototypes of the driver's functions that libcarve.so wraps, in every version that a driver of
 * today exports. hooks.h says which of them are wrapped.
 */
#ifndef SHIM_CUDA_API_H
#define SHIM_CUDA_API_H

#include "shim/cuda_types.h"

/* Only handed on. */
struct cuda_pool_pointer;
struct cuda_external;
struct cuda_external_buffer;
struct cuda_external_mipmap;
struct cuda_affinity;
struct cuda_context_wish;
typedef void cuda_vdpau_lookup(void);

#pragma GCC visibility push(default)

/* ---- asking the driver */
CUresult cuInit(unsigned flags);
CUresult cuGetProcAddress(const char *symbol, void **out, int version, uint64_t flags);
CUresult cuGetProcAddress_v2(const char *symbol, void **out, int version, uint64_t flags,
                             int *out_status);

/* ---- reports */
CUresult cuDeviceTotalMem(unsigned *out, CUdevice device);
CUresult cuDeviceTotalMem_v2(size_t *out, CUdevice device);
CUresult cuMemGetInfo(unsigned *out_free, unsigned *out_total);
CUresult cuMemGetInfo_v2(size_t *out_free, size_t *out_total);

/* ---- linear memory */
CUresult cuMemAlloc(CUdeviceptr_v1 *out, unsigned size);
CUresult cuMemAlloc_v2(CUdeviceptr *out, size_t size);
CUresult cuMemAllocPitch(CUdeviceptr_v1 *out, unsigned *out_pitch, unsigned width, unsigned height,
                         unsigned element);
CUresult cuMemAllocPitch_v2(CUdeviceptr *out, size_t *out_pitch, size_t width, size_t height,
                            unsigned element);
CUresult cuMemAllocManaged(CUdeviceptr *out, size_t size, unsigned flags);
CUresult cuMemFree(CUdeviceptr_v1 address);
CUresult cuMemFree_v2(CUdeviceptr address);

/* ---- arrays */
CUresult cuArrayCreate(CUarray *out, const struct cuda_array_v1 *wish);
CUresult cuArrayCreate_v2(CUarray *out, const struct cuda_array *wish);
CUresult cuArray3DCreate(CUarray *out, const struct cuda_array_3d_v1 *wish);
CUresult cuArray3DCreate_v2(CUarray *out, const struct cuda_array_3d *wish);
CUresult cuArrayDestroy(CUarray array);
CUresult cuMipmappedArrayCreate(CUmipmappedArray *out, const struct cuda_array_3d *wish,
                                unsigned levels);
CUresult cuMipmappedArrayDestroy(CUmipmappedArray array);

/* ---- allocations by handle */
CUresult cuMemCreate(CUmemGenericAllocationHandle *out, size_t size,
                     const struct cuda_memory_wish *wish, unsigned long long flags);
CUresult cuMemRelease(CUmemGenericAllocationHandle handle);
CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *out, void *address);
CUresult cuMemExportToShareableHandle(void *out, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType type, unsigned long long flags);
CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *out, void *handle,
                                        CUmemAllocationHandleType type);
CUresult cuMemMap(CUdeviceptr address, size_t size, size_t offset,
                  CUmemGenericAllocationHandle handle, unsigned long long flags);
CUresult cuMemUnmap(CUdeviceptr address, size_t size);
CUresult cuMemMapArrayAsync(struct cuda_array_map *maps, unsigned n, CUstream stream);
CUresult cuMemMapArrayAsync_ptsz(struct cuda_array_map *maps, unsigned n, CUstream stream);
CUresult cuMulticastBindMem(CUmemGenericAllocationHandle multicast, size_t at,
                            CUmemGenericAllocationHandle handle, size_t offset, size_t size,
                            unsigned long long flags);
CUresult cuMulticastBindAddr(CUmemGenericAllocationHandle multicast, size_t at, CUdeviceptr address,
                             size_t size, unsigned long long flags);

/* ---- pools */
CUresult cuMemAllocAsync(CUdeviceptr *out, size_t size, CUstream stream);
CUresult cuMemAllocAsync_ptsz(CUdeviceptr *out, size_t size, CUstream stream);
CUresult cuMemAllocFromPoolAsync(CUdeviceptr *out, size_t size, CUmemoryPool pool, CUstream stream);
CUresult cuMemAllocFromPoolAsync_ptsz(CUdeviceptr *out, size_t size, CUmemoryPool pool,
                                      CUstream stream);
CUresult cuMemFreeAsync(CUdeviceptr address, CUstream stream);
CUresult cuMemFreeAsync_ptsz(CUdeviceptr address, CUstream stream);
CUresult cuMemPoolCreate(CUmemoryPool *out, const struct cuda_pool_wish *wish);
CUresult cuMemPoolDestroy(CUmemoryPool pool);
CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t keep);
CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void *value);
CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attribute, void *out);
CUresult cuMemPoolExportToShareableHandle(void *out, CUmemoryPool pool,
                                          CUmemAllocationHandleType type, unsigned long long flags);
CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool *out, void *handle,
                                            CUmemAllocationHandleType type,
                                            unsigned long long flags);
CUresult cuMemPoolExportPointer(struct cuda_pool_pointer *out, CUdeviceptr address);
CUresult cuMemPoolImportPointer(CUdeviceptr *out, CUmemoryPool pool,
                                struct cuda_pool_pointer *pointer);
CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *out, CUdevice device);
CUresult cuDeviceGetMemPool(CUmemoryPool *out, CUdevice device);
CUresult cuDeviceSetMemPool(CUdevice device, CUmemoryPool pool);
CUresult cuMemGetDefaultMemPool(CUmemoryPool *out, struct cuda_location *location,
                                CUmemAllocationType type);
CUresult cuMemGetMemPool(CUmemoryPool *out, struct cuda_location *location,
                         CUmemAllocationType type);
CUresult cuMemSetMemPool(struct cuda_location *location, CUmemAllocationType type,
                         CUmemoryPool pool);

/* ---- streams */
CUresult cuStreamCreate(CUstream *out, unsigned flags);
CUresult cuStreamCreateWithPriority(CUstream *out, unsigned flags, int priority);
CUresult cuStreamDestroy(CUstream stream);
CUresult cuStreamDestroy_v2(CUstream stream);
CUresult cuStreamSynchronize(CUstream stream);
CUresult cuStreamSynchronize_ptsz(CUstream stream);
CUresult cuEventSynchronize(CUevent event);
CUresult cuCtxSynchronize(void);
CUresult cuCtxSynchronize_v2(CUcontext context);

/* ---- graphs */
CUresult cuGraphAddMemAllocNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *before,
                                size_t n, struct cuda_node_alloc *wish);
CUresult cuGraphAddMemFreeNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *before, size_t n,
                               CUdeviceptr address);
CUresult cuGraphAddNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *before, size_t n,
                        struct cuda_node *wish);
CUresult cuGraphAddNode_v2(CUgraphNode *out, CUgraph graph, const CUgraphNode *before,
                           const void *edges, size_t n, struct cuda_node *wish);
CUresult cuGraphInstantiate(CUgraphExec *out, CUgraph graph, CUgraphNode *out_node, char *log,
                            size_t size);
CUresult cuGraphInstantiate_v2(CUgraphExec *out, CUgraph graph, CUgraphNode *out_node, char *log,
                               size_t size);
CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph graph, unsigned long long flags);
CUresult cuGraphInstantiateWithParams(CUgraphExec *out, CUgraph graph,
                                      struct cuda_graph_instantiate *wish);
CUresult cuGraphInstantiateWithParams_ptsz(CUgraphExec *out, CUgraph graph,
                                           struct cuda_graph_instantiate *wish);
CUresult cuGraphUpload(CUgraphExec graph, CUstream stream);
CUresult cuGraphUpload_ptsz(CUgraphExec graph, CUstream stream);
CUresult cuGraphLaunch(CUgraphExec graph, CUstream stream);
CUresult cuGraphLaunch_ptsz(CUgraphExec graph, CUstream stream);
CUresult cuGraphExecDestroy(CUgraphExec graph);
CUresult cuDeviceGraphMemTrim(CUdevice device);
CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void *out);
CUresult cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attribute, void *value);

/* ---- memory of others */
CUresult cuIpcGetMemHandle(struct cuda_ipc_handle *out, CUdeviceptr address);
CUresult cuIpcOpenMemHandle(CUdeviceptr *out, struct cuda_ipc_handle handle, unsigned flags);
CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *out, struct cuda_ipc_handle handle, unsigned flags);
CUresult cuIpcCloseMemHandle(CUdeviceptr address);
CUresult cuImportExternalMemory(CUexternalMemory *out, const struct cuda_external *wish);
CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr *out, CUexternalMemory memory,
                                         const struct cuda_external_buffer *wish);
CUresult cuExternalMemoryGetMappedMipmappedArray(CUmipmappedArray *out, CUexternalMemory memory,
                                                 const struct cuda_external_mipmap *wish);
CUresult cuDestroyExternalMemory(CUexternalMemory memory);

/* ---- contexts */
CUresult cuDevicePrimaryCtxRetain(CUcontext *out, CUdevice device);
CUresult cuDevicePrimaryCtxRelease(CUdevice device);
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device);
CUresult cuDevicePrimaryCtxReset(CUdevice device);
CUresult cuDevicePrimaryCtxReset_v2(CUdevice device);
CUresult cuCtxCreate(CUcontext *out, unsigned flags, CUdevice device);
CUresult cuCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice device);
CUresult cuCtxCreate_v3(CUcontext *out, struct cuda_affinity *affinity, int n, unsigned flags,
                        CUdevice device);
CUresult cuCtxCreate_v4(CUcontext *out, struct cuda_context_wish *wish, unsigned flags,
                        CUdevice device);
CUresult cuCtxAttach(CUcontext *out, unsigned flags);
CUresult cuCtxDetach(CUcontext context);
CUresult cuCtxDestroy(CUcontext context);
CUresult cuCtxDestroy_v2(CUcontext context);
CUresult cuCtxSetLimit(CUlimit limit, size_t value);
CUresult cuGreenCtxCreate(CUgreenCtx *out, CUdevResourceDesc resources, CUdevice device,
                          unsigned flags);
CUresult cuGreenCtxDestroy(CUgreenCtx context);
CUresult cuGLCtxCreate(CUcontext *out, unsigned flags, CUdevice device);
CUresult cuGLCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice device);
CUresult cuVDPAUCtxCreate(CUcontext *out, unsigned flags, CUdevice device, uint32_t display,
                          cuda_vdpau_lookup *lookup);
CUresult cuVDPAUCtxCreate_v2(CUcontext *out, unsigned flags, CUdevice device, uint32_t display,
                             cuda_vdpau_lookup *lookup);

/* ---- code */
CUresult cuModuleLoad(CUmodule *out, const char *path);
CUresult cuModuleLoadData(CUmodule *out, const void *image);
CUresult cuModuleLoadDataEx(CUmodule *out, const void *image, unsigned n, CUjit_option *options,
                            void **values);
CUresult cuModuleLoadFatBinary(CUmodule *out, const void *image);
CUresult cuModuleUnload(CUmodule module);
CUresult cuLibraryLoadData(CUlibrary *out, const void *image, CUjit_option *options, void **values,
                           unsigned n, CUlibraryOption *library_options, void **library_values,
                           unsigned n_library);
CUresult cuLibraryLoadFromFile(CUlibrary *out, const char *path, CUjit_option *options,
                               void **values, unsigned n, CUlibraryOption *library_options,
                               void **library_values, unsigned n_library);
CUresult cuLibraryUnload(CUlibrary library);

/* ---- launches */
CUresult cuLaunch(CUfunction function);
CUresult cuLaunchGrid(CUfunction function, int width, int height);
CUresult cuLaunchGridAsync(CUfunction function, int width, int height, CUstream stream);
CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                        CUstream stream, void **parameters, void **extra);
CUresult cuLaunchKernel_ptsz(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                             unsigned block_x, unsigned block_y, unsigned block_z,
                             unsigned shared_bytes, CUstream stream, void **parameters,
                             void **extra);
CUresult cuLaunchKernelEx(const struct cuda_launch *launch, CUfunction function, void **parameters,
                          void **extra);
CUresult cuLaunchKernelEx_ptsz(const struct cuda_launch *launch, CUfunction function,
                               void **parameters, void **extra);
CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                   unsigned grid_z, unsigned block_x, unsigned block_y,
                                   unsigned block_z, unsigned shared_bytes, CUstream stream,
                                   void **parameters);
CUresult cuLaunchCooperativeKernel_ptsz(CUfunction function, unsigned grid_x, unsigned grid_y,
                                        unsigned grid_z, unsigned block_x, unsigned block_y,
                                        unsigned block_z, unsigned shared_bytes, CUstream stream,
                                        void **parameters);
CUresult cuLaunchCooperativeKernelMultiDevice(struct cuda_launch_multi *list, unsigned n,
                                              unsigned flags);

#pragma GCC visibility pop

#endif
