/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of NVML's binary interface that the door uses, declared by us: handles, structures,
 * codes. Field order and sizes are facts of libnvidia-ml.so.1 (as nvidia-ml-py 13 states them);
 * the asserts at the end hold them on 64-bit Linux. Field names are NVML's.
 */
#ifndef GPU_NVML_H
#define GPU_NVML_H

#include <assert.h>
#include <stddef.h>

/* Opaque handles. A MIG device's handle is a struct nvml_device too. */
struct nvml_device;
struct nvml_gpu_instance;
struct nvml_compute_instance;
struct nvml_event_set;

enum nvml_code {
    NVML_SUCCESS = 0,
    NVML_UNINITIALIZED = 1,
    NVML_INVALID_ARGUMENT = 2,
    NVML_NOT_SUPPORTED = 3,
    NVML_NO_PERMISSION = 4,
    NVML_NOT_FOUND = 6,
    NVML_INSUFFICIENT_SIZE = 7,
    NVML_INSUFFICIENT_POWER = 8,
    NVML_DRIVER_NOT_LOADED = 9,
    NVML_TIMEOUT = 10,
    NVML_IRQ_ISSUE = 11,
    NVML_LIBRARY_NOT_FOUND = 12,
    NVML_FUNCTION_NOT_FOUND = 13,
    NVML_GPU_IS_LOST = 15,
    NVML_RESET_REQUIRED = 16,
    NVML_OPERATING_SYSTEM = 17,
    NVML_LIB_RM_VERSION_MISMATCH = 18,
    NVML_IN_USE = 19,
    NVML_MEMORY = 20,
    NVML_NO_DATA = 21,
    NVML_INSUFFICIENT_RESOURCES = 23,
    NVML_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_DEPRECATED = 26,
    NVML_NOT_READY = 27,
    NVML_GPU_NOT_FOUND = 28,
    NVML_INVALID_STATE = 29,
    NVML_UNKNOWN = 999,
};

enum {
    NVML_GPU_PROFILES = 18,     /* enumeration of GPU instance profiles known today */
    NVML_GPU_PROFILES_MAX = 32, /* how far newer drivers are asked for more */
    NVML_COMPUTE_PROFILES_MAX = 16,
    NVML_COMPUTE_ENGINES_SHARED = 0,
    NVML_NVLINKS_MAX = 36,
    NVML_LINK_TO_GPU = 0,
    NVML_LINK_TO_SWITCH = 2,
    NVML_P2P_NVLINK = 2, /* which capability to ask for */
    NVML_P2P_OK = 0,
    NVML_PLACEMENTS_MAX = 64,
    NVML_FABRIC_COMPLETED = 3, /* the GPU is registered with its fabric */
    NVML_EVENT_XID = 0x8,
    NVML_EVENT_GPU_UNAVAILABLE = 0x4000,
    NVML_EVENT_RECOVERY_ACTION = 0x8000,
    NVML_FIELD_RECOVERY_ACTION = 230, /* NVML_FI_DEV_GET_GPU_RECOVERY_ACTION */
};

/* What a driver asks for so that a GPU is well again. */
enum nvml_recovery {
    NVML_RECOVERY_NONE = 0,
    NVML_RECOVERY_GPU_RESET = 1,
    NVML_RECOVERY_NODE_REBOOT = 2,
    NVML_RECOVERY_DRAIN_P2P = 3,
    NVML_RECOVERY_DRAIN_AND_RESET = 4,
    NVML_RECOVERY_IMEX_DOMAIN = 5,
    NVML_RECOVERY_BUS_RESET = 6,
    NVML_RECOVERY_SYSTEM_REBOOT = 7,
};

#define NVML_NO_ID 0xFFFFFFFFu              /* gpuInstanceId, computeInstanceId outside MIG */
#define NVML_NO_VALUE 0xFFFFFFFFFFFFFFFFull /* usedGpuMemory that is not known */
#define NVML_MEMORY_V2 0x02000028u          /* values of the `version` fields */
#define NVML_GPU_INSTANCE_PROFILE_V2 0x02000098u
#define NVML_FABRIC_V2 0x02000024u

struct nvml_memory {
    unsigned long long total, free, used; /* bytes */
};

struct nvml_memory_v2 {
    unsigned version;
    unsigned long long total, reserved, free, used; /* bytes; used is without reserved */
};

struct nvml_pci {
    char busIdLegacy[16];
    unsigned domain, bus, device;
    unsigned pciDeviceId, pciSubSystemId; /* device << 16 | vendor */
    char busId[32];
};

/* What both versions of the profile's answer share. */
struct nvml_gpu_profile {
    unsigned id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount;
    unsigned copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
    unsigned long long memorySizeMB;
};

struct nvml_gpu_profile_v2 {
    unsigned version;
    unsigned id, isP2pSupported, sliceCount, instanceCount, multiprocessorCount;
    unsigned copyEngineCount, decoderCount, encoderCount, jpegCount, ofaCount;
    unsigned long long memorySizeMB;
    char name[96]; /* "MIG 1g.5gb" */
};

struct nvml_placement {
    unsigned start, size;
};

struct nvml_gpu_instance_info {
    struct nvml_device *device;
    unsigned id, profileId;
    struct nvml_placement placement;
};

struct nvml_compute_profile {
    unsigned id, sliceCount, instanceCount, multiprocessorCount;
    unsigned sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount, sharedJpegCount;
    unsigned sharedOfaCount;
};

struct nvml_compute_instance_info {
    struct nvml_device *device;
    struct nvml_gpu_instance *gpuInstance;
    unsigned id, profileId;
    struct nvml_placement placement;
};

/* Of a MIG device. */
struct nvml_attributes {
    unsigned multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount, sharedEncoderCount;
    unsigned sharedJpegCount, sharedOfaCount, gpuInstanceSliceCount, computeInstanceSliceCount;
    unsigned long long memorySizeMB;
};

/* Versions 2 and 3 of the process lists. */
struct nvml_process {
    unsigned pid;
    unsigned long long usedGpuMemory; /* bytes */
    unsigned gpuInstanceId, computeInstanceId;
};

/* A GPU's place on an NVLink fabric. */
struct nvml_fabric {
    unsigned char clusterUuid[16];
    int status; /* of the registration: an NVML code */
    unsigned cliqueId;
    unsigned char state;
};

struct nvml_fabric_v2 {
    unsigned version;
    unsigned char clusterUuid[16];
    int status;
    unsigned cliqueId;
    unsigned char state;
    unsigned healthMask;
};

/* The first version of waiting leaves the ids alone. */
struct nvml_event {
    struct nvml_device *device;
    unsigned long long eventType, eventData; /* of XID events: the number */
    unsigned gpuInstanceId, computeInstanceId;
};

struct nvml_field {
    unsigned fieldId, scopeId;
    long long timestamp, latencyUsec;
    unsigned valueType;
    int nvmlReturn;
    unsigned long long value; /* a union: whole numbers of 32 bits are in its first half */
};

static_assert(sizeof(void *) == 8, "the layouts below are those of 64-bit Linux");
static_assert(sizeof(struct nvml_memory) == 24, "nvmlMemory_t");
static_assert(sizeof(struct nvml_memory_v2) == (NVML_MEMORY_V2 & 0xFFFFFF), "nvmlMemory_v2_t");
static_assert(sizeof(struct nvml_pci) == 68, "nvmlPciInfo_t");
static_assert(offsetof(struct nvml_pci, pciDeviceId) == 28, "nvmlPciInfo_t");
static_assert(offsetof(struct nvml_pci, busId) == 36, "nvmlPciInfo_t");
static_assert(sizeof(struct nvml_gpu_profile) == 48, "nvmlGpuInstanceProfileInfo_t");
static_assert(sizeof(struct nvml_gpu_profile_v2) == (NVML_GPU_INSTANCE_PROFILE_V2 & 0xFFFFFF),
              "nvmlGpuInstanceProfileInfo_v2_t");
static_assert(offsetof(struct nvml_gpu_profile_v2, memorySizeMB) == 48,
              "nvmlGpuInstanceProfileInfo_v2_t");
static_assert(sizeof(struct nvml_placement) == 8, "nvmlGpuInstancePlacement_t");
static_assert(sizeof(struct nvml_gpu_instance_info) == 24, "nvmlGpuInstanceInfo_t");
static_assert(sizeof(struct nvml_compute_profile) == 36, "nvmlComputeInstanceProfileInfo_t");
static_assert(sizeof(struct nvml_compute_instance_info) == 32, "nvmlComputeInstanceInfo_t");
static_assert(sizeof(struct nvml_attributes) == 40, "nvmlDeviceAttributes_t");
static_assert(sizeof(struct nvml_process) == 24, "nvmlProcessInfo_v2_t");
static_assert(sizeof(struct nvml_fabric) == 28, "nvmlGpuFabricInfo_t");
static_assert(sizeof(struct nvml_fabric_v2) == (NVML_FABRIC_V2 & 0xFFFFFF),
              "nvmlGpuFabricInfo_v2_t");
static_assert(offsetof(struct nvml_fabric_v2, state) == 28, "nvmlGpuFabricInfo_v2_t");
static_assert(offsetof(struct nvml_process, gpuInstanceId) == 16, "nvmlProcessInfo_v2_t");
static_assert(sizeof(struct nvml_event) == 32, "nvmlEventData_t");
static_assert(offsetof(struct nvml_event, gpuInstanceId) == 24, "nvmlEventData_t");
static_assert(sizeof(struct nvml_field) == 40, "nvmlFieldValue_t");
static_assert(offsetof(struct nvml_field, value) == 32, "nvmlFieldValue_t");

#endif
