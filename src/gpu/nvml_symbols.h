/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each NVML function that the door calls, once: SYMBOL(NEED, name, parameters). All return int.
 * No include guard: define SYMBOL, include this, and the list expands to pointers, names or a
 * stand-in. A driver without a REQUIRED one is refused; a missing OPTIONAL one answers "function
 * not found".
 */
SYMBOL(REQUIRED, nvmlInit_v2, (void))
SYMBOL(REQUIRED, nvmlShutdown, (void))
SYMBOL(OPTIONAL, nvmlSystemGetDriverVersion, (char *text, unsigned size))
SYMBOL(OPTIONAL, nvmlSystemGetNVMLVersion, (char *text, unsigned size))
SYMBOL(OPTIONAL, nvmlSystemGetCudaDriverVersion_v2, (int *version))

/* Boards */
SYMBOL(REQUIRED, nvmlDeviceGetCount_v2, (unsigned *count))
SYMBOL(REQUIRED, nvmlDeviceGetHandleByIndex_v2, (unsigned index, struct nvml_device **device))
SYMBOL(REQUIRED, nvmlDeviceGetHandleByUUID, (const char *uuid, struct nvml_device **device))
SYMBOL(REQUIRED, nvmlDeviceGetUUID, (struct nvml_device * device, char *text, unsigned size))
SYMBOL(REQUIRED, nvmlDeviceGetName, (struct nvml_device * device, char *text, unsigned size))
SYMBOL(REQUIRED, nvmlDeviceGetMinorNumber, (struct nvml_device * device, unsigned *minor))
SYMBOL(REQUIRED, nvmlDeviceGetPciInfo_v3, (struct nvml_device * device, struct nvml_pci *pci))
SYMBOL(OPTIONAL, nvmlDeviceGetCudaComputeCapability,
       (struct nvml_device * device, int *major, int *minor))
SYMBOL(OPTIONAL, nvmlDeviceGetMemoryInfo, (struct nvml_device * device, struct nvml_memory *memory))
SYMBOL(OPTIONAL, nvmlDeviceGetMemoryInfo_v2,
       (struct nvml_device * device, struct nvml_memory_v2 *memory))

/* Processes; `count` is the room on entry, the number on return */
SYMBOL(OPTIONAL, nvmlDeviceGetComputeRunningProcesses_v3,
       (struct nvml_device * device, unsigned *count, struct nvml_process *processes))
SYMBOL(OPTIONAL, nvmlDeviceGetComputeRunningProcesses_v2,
       (struct nvml_device * device, unsigned *count, struct nvml_process *processes))
SYMBOL(OPTIONAL, nvmlDeviceGetGraphicsRunningProcesses_v3,
       (struct nvml_device * device, unsigned *count, struct nvml_process *processes))
SYMBOL(OPTIONAL, nvmlDeviceGetGraphicsRunningProcesses_v2,
       (struct nvml_device * device, unsigned *count, struct nvml_process *processes))
SYMBOL(OPTIONAL, nvmlDeviceGetMPSComputeRunningProcesses_v3,
       (struct nvml_device * device, unsigned *count, struct nvml_process *processes))
SYMBOL(OPTIONAL, nvmlDeviceGetMPSComputeRunningProcesses_v2,
       (struct nvml_device * device, unsigned *count, struct nvml_process *processes))

/* Between boards */
SYMBOL(OPTIONAL, nvmlDeviceGetTopologyCommonAncestor,
       (struct nvml_device * a, struct nvml_device *b, int *level))
SYMBOL(OPTIONAL, nvmlDeviceGetP2PStatus,
       (struct nvml_device * a, struct nvml_device *b, int capability, int *status))
SYMBOL(OPTIONAL, nvmlDeviceGetNvLinkState,
       (struct nvml_device * device, unsigned link, int *active))
SYMBOL(OPTIONAL, nvmlDeviceGetNvLinkRemotePciInfo_v2,
       (struct nvml_device * device, unsigned link, struct nvml_pci *pci))
SYMBOL(OPTIONAL, nvmlDeviceGetNvLinkRemoteDeviceType,
       (struct nvml_device * device, unsigned link, int *type))
SYMBOL(OPTIONAL, nvmlDeviceGetGpuFabricInfoV,
       (struct nvml_device * device, struct nvml_fabric_v2 *fabric))
SYMBOL(OPTIONAL, nvmlDeviceGetGpuFabricInfo,
       (struct nvml_device * device, struct nvml_fabric *fabric))

/* MIG: what a board can do */
SYMBOL(OPTIONAL, nvmlDeviceGetMigMode,
       (struct nvml_device * device, unsigned *current, unsigned *pending))
SYMBOL(OPTIONAL, nvmlDeviceGetGpuInstanceProfileInfo,
       (struct nvml_device * device, unsigned index, struct nvml_gpu_profile *info))
SYMBOL(OPTIONAL, nvmlDeviceGetGpuInstanceProfileInfoV,
       (struct nvml_device * device, unsigned index, struct nvml_gpu_profile_v2 *info))
SYMBOL(OPTIONAL, nvmlDeviceGetGpuInstancePossiblePlacements_v2,
       (struct nvml_device * device, unsigned profile_id, struct nvml_placement *placements,
        unsigned *count))
SYMBOL(OPTIONAL, nvmlDeviceGetGpuInstancePossiblePlacements,
       (struct nvml_device * device, unsigned profile_id, struct nvml_placement *placements,
        unsigned *count))

/* MIG: what is there */
SYMBOL(OPTIONAL, nvmlDeviceGetGpuInstances,
       (struct nvml_device * device, unsigned profile_id, struct nvml_gpu_instance **instances,
        unsigned *count))
SYMBOL(OPTIONAL, nvmlDeviceGetGpuInstanceById,
       (struct nvml_device * device, unsigned id, struct nvml_gpu_instance **instance))
SYMBOL(OPTIONAL, nvmlGpuInstanceGetInfo,
       (struct nvml_gpu_instance * instance, struct nvml_gpu_instance_info *info))
SYMBOL(OPTIONAL, nvmlGpuInstanceGetComputeInstanceById,
       (struct nvml_gpu_instance * instance, unsigned id, struct nvml_compute_instance **compute))
SYMBOL(OPTIONAL, nvmlComputeInstanceGetInfo_v2,
       (struct nvml_compute_instance * compute, struct nvml_compute_instance_info *info))
SYMBOL(OPTIONAL, nvmlDeviceGetMaxMigDeviceCount, (struct nvml_device * device, unsigned *count))
SYMBOL(OPTIONAL, nvmlDeviceGetMigDeviceHandleByIndex,
       (struct nvml_device * device, unsigned index, struct nvml_device **mig_device))
SYMBOL(OPTIONAL, nvmlDeviceGetGpuInstanceId, (struct nvml_device * mig_device, unsigned *id))
SYMBOL(OPTIONAL, nvmlDeviceGetComputeInstanceId, (struct nvml_device * mig_device, unsigned *id))
SYMBOL(OPTIONAL, nvmlDeviceGetAttributes_v2,
       (struct nvml_device * mig_device, struct nvml_attributes *attributes))

/* MIG: changes */
SYMBOL(OPTIONAL, nvmlDeviceSetMigMode,
       (struct nvml_device * device, unsigned mode, int *activation))
SYMBOL(OPTIONAL, nvmlDeviceCreateGpuInstance,
       (struct nvml_device * device, unsigned profile_id, struct nvml_gpu_instance **instance))
SYMBOL(OPTIONAL, nvmlDeviceCreateGpuInstanceWithPlacement,
       (struct nvml_device * device, unsigned profile_id, const struct nvml_placement *placement,
        struct nvml_gpu_instance **instance))
SYMBOL(OPTIONAL, nvmlGpuInstanceDestroy, (struct nvml_gpu_instance * instance))
SYMBOL(OPTIONAL, nvmlGpuInstanceGetComputeInstanceProfileInfo,
       (struct nvml_gpu_instance * instance, unsigned index, unsigned engines,
        struct nvml_compute_profile *info))
SYMBOL(OPTIONAL, nvmlGpuInstanceCreateComputeInstance,
       (struct nvml_gpu_instance * instance, unsigned profile_id,
        struct nvml_compute_instance **compute))
SYMBOL(OPTIONAL, nvmlComputeInstanceDestroy, (struct nvml_compute_instance * compute))

/* Events and health */
SYMBOL(OPTIONAL, nvmlEventSetCreate, (struct nvml_event_set * *set))
SYMBOL(OPTIONAL, nvmlEventSetFree, (struct nvml_event_set * set))
SYMBOL(OPTIONAL, nvmlEventSetWait_v2,
       (struct nvml_event_set * set, struct nvml_event *event, unsigned timeout_ms))
SYMBOL(OPTIONAL, nvmlEventSetWait,
       (struct nvml_event_set * set, struct nvml_event *event, unsigned timeout_ms))
SYMBOL(OPTIONAL, nvmlDeviceGetSupportedEventTypes,
       (struct nvml_device * device, unsigned long long *types))
SYMBOL(OPTIONAL, nvmlDeviceRegisterEvents,
       (struct nvml_device * device, unsigned long long types, struct nvml_event_set *set))
SYMBOL(OPTIONAL, nvmlDeviceGetFieldValues,
       (struct nvml_device * device, int count, struct nvml_field *fields))
