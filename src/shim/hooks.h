/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrapped: one line per function, the only list. A wrapper has the driver's name and
 * prototype (cuda_api.h, nvml_api.h) and is exported; each line needs one. Inside it, REAL(name) is
 * the driver's own function, with the same type; where this driver has none, one that says so.
 */
#ifndef SHIM_HOOKS_H
#define SHIM_HOOKS_H

#include "shim/cuda_api.h"
#include "shim/nvml_api.h"
#include "shim/shim.h"

/* clang-format off */
#define HOOKS_CUDA(H)                                                                             \
    /* asking the driver */                                                                       \
    H(cuInit)                                                                                     \
    H(cuGetProcAddress)                                                                           \
    H(cuGetProcAddress_v2)                                                                        \
    /* reports */                                                                                 \
    H(cuDeviceTotalMem)                                                                           \
    H(cuDeviceTotalMem_v2)                                                                        \
    H(cuMemGetInfo)                                                                               \
    H(cuMemGetInfo_v2)                                                                            \
    /* linear memory */                                                                           \
    H(cuMemAlloc)                                                                                 \
    H(cuMemAlloc_v2)                                                                              \
    H(cuMemAllocPitch)                                                                            \
    H(cuMemAllocPitch_v2)                                                                         \
    H(cuMemAllocManaged)                                                                          \
    H(cuMemFree)                                                                                  \
    H(cuMemFree_v2)                                                                               \
    /* arrays */                                                                                  \
    H(cuArrayCreate)                                                                              \
    H(cuArrayCreate_v2)                                                                           \
    H(cuArray3DCreate)                                                                            \
    H(cuArray3DCreate_v2)                                                                         \
    H(cuArrayDestroy)                                                                             \
    H(cuMipmappedArrayCreate)                                                                     \
    H(cuMipmappedArrayDestroy)                                                                    \
    /* allocations by handle */                                                                   \
    H(cuMemCreate)                                                                                \
    H(cuMemRelease)                                                                               \
    H(cuMemRetainAllocationHandle)                                                                \
    H(cuMemImportFromShareableHandle)                                                             \
    H(cuMemExportToShareableHandle)                                                               \
    H(cuMemMapArrayAsync)                                                                         \
    H(cuMemMapArrayAsync_ptsz)                                                                    \
    H(cuMulticastBindMem)                                                                         \
    H(cuMulticastBindAddr)                                                                        \
    H(cuMemMap)                                                                                   \
    H(cuMemUnmap)                                                                                 \
    /* pools */                                                                                   \
    H(cuMemAllocAsync)                                                                            \
    H(cuMemAllocAsync_ptsz)                                                                       \
    H(cuMemAllocFromPoolAsync)                                                                    \
    H(cuMemAllocFromPoolAsync_ptsz)                                                               \
    H(cuMemFreeAsync)                                                                             \
    H(cuMemFreeAsync_ptsz)                                                                        \
    H(cuMemPoolCreate)                                                                            \
    H(cuMemPoolDestroy)                                                                           \
    H(cuMemPoolTrimTo)                                                                            \
    H(cuMemPoolImportFromShareableHandle)                                                         \
    /* streams */                                                                                 \
    H(cuStreamCreate)                                                                             \
    H(cuStreamCreateWithPriority)                                                                 \
    H(cuStreamDestroy)                                                                            \
    H(cuStreamDestroy_v2)                                                                         \
    H(cuStreamSynchronize)                                                                        \
    H(cuStreamSynchronize_ptsz)                                                                   \
    H(cuEventSynchronize)                                                                         \
    H(cuCtxSynchronize)                                                                           \
    H(cuCtxSynchronize_v2)                                                                        \
    /* graphs */                                                                                  \
    H(cuGraphAddMemAllocNode)                                                                     \
    H(cuGraphAddNode)                                                                             \
    H(cuGraphAddNode_v2)                                                                          \
    H(cuGraphInstantiate)                                                                         \
    H(cuGraphInstantiate_v2)                                                                      \
    H(cuGraphInstantiateWithFlags)                                                                \
    H(cuGraphInstantiateWithParams)                                                               \
    H(cuGraphInstantiateWithParams_ptsz)                                                          \
    H(cuGraphUpload)                                                                              \
    H(cuGraphUpload_ptsz)                                                                         \
    H(cuGraphLaunch)                                                                              \
    H(cuGraphLaunch_ptsz)                                                                         \
    H(cuGraphExecDestroy)                                                                         \
    H(cuDeviceGraphMemTrim)                                                                       \
    /* contexts */                                                                                \
    H(cuDevicePrimaryCtxRetain)                                                                   \
    H(cuDevicePrimaryCtxRelease)                                                                  \
    H(cuDevicePrimaryCtxRelease_v2)                                                               \
    H(cuDevicePrimaryCtxReset)                                                                    \
    H(cuDevicePrimaryCtxReset_v2)                                                                 \
    H(cuCtxCreate)                                                                                \
    H(cuCtxCreate_v2)                                                                             \
    H(cuCtxCreate_v3)                                                                             \
    H(cuCtxCreate_v4)                                                                             \
    H(cuCtxDetach)                                                                                \
    H(cuCtxDestroy)                                                                               \
    H(cuCtxDestroy_v2)                                                                            \
    H(cuCtxSetLimit)                                                                              \
    H(cuGreenCtxCreate)                                                                           \
    H(cuGreenCtxDestroy)                                                                          \
    H(cuGLCtxCreate)                                                                              \
    H(cuGLCtxCreate_v2)                                                                           \
    H(cuVDPAUCtxCreate)                                                                           \
    H(cuVDPAUCtxCreate_v2)                                                                        \
    /* code */                                                                                    \
    H(cuModuleLoad)                                                                               \
    H(cuModuleLoadData)                                                                           \
    H(cuModuleLoadDataEx)                                                                         \
    H(cuModuleLoadFatBinary)                                                                      \
    H(cuModuleUnload)                                                                             \
    H(cuLibraryLoadData)                                                                          \
    H(cuLibraryLoadFromFile)                                                                      \
    H(cuLibraryUnload)                                                                            \
    /* launches */                                                                                \
    H(cuLaunch)                                                                                   \
    H(cuLaunchGrid)                                                                               \
    H(cuLaunchGridAsync)                                                                          \
    H(cuLaunchKernel)                                                                             \
    H(cuLaunchKernel_ptsz)                                                                        \
    H(cuLaunchKernelEx)                                                                           \
    H(cuLaunchKernelEx_ptsz)                                                                      \
    H(cuLaunchCooperativeKernel)                                                                  \
    H(cuLaunchCooperativeKernel_ptsz)                                                             \
    H(cuLaunchCooperativeKernelMultiDevice)

#define HOOKS_NVML(H)                                                                             \
    H(nvmlInit)                                                                                   \
    H(nvmlInit_v2)                                                                                \
    H(nvmlInitWithFlags)                                                                          \
    H(nvmlDeviceGetMemoryInfo)                                                                    \
    H(nvmlDeviceGetMemoryInfo_v2)                                                                 \
    H(nvmlDeviceGetComputeRunningProcesses)                                                       \
    H(nvmlDeviceGetComputeRunningProcesses_v2)                                                    \
    H(nvmlDeviceGetComputeRunningProcesses_v3)                                                    \
    H(nvmlDeviceGetGraphicsRunningProcesses)                                                      \
    H(nvmlDeviceGetGraphicsRunningProcesses_v2)                                                   \
    H(nvmlDeviceGetGraphicsRunningProcesses_v3)                                                   \
    H(nvmlDeviceGetMPSComputeRunningProcesses)                                                    \
    H(nvmlDeviceGetMPSComputeRunningProcesses_v2)                                                 \
    H(nvmlDeviceGetMPSComputeRunningProcesses_v3)                                                 \
    H(nvmlDeviceGetRunningProcessDetailList)                                                      \
    H(nvmlDeviceGetProcessUtilization)                                                            \
    H(nvmlDeviceGetProcessesUtilizationInfo)
/* clang-format on */

#define HOOK_NUMBER(name) HOOK_##name,
enum shim_hook {
    HOOKS_CUDA(HOOK_NUMBER) HOOKS_NVML(HOOK_NUMBER) HOOKS, /* how many */
};
enum { HOOKS_NVML_FIRST = HOOK_nvmlInit };
#undef HOOK_NUMBER

#define REAL(name) ((__typeof__(&(name)))shim_real(HOOK_##name))

#endif
