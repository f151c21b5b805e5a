/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of NVML's binary interface that the slice changes: prototypes of the wrapped functions,
 * and the structs that they fill, as libnvidia-ml.so.1 lays them out.
 */
#ifndef SHIM_NVML_API_H
#define SHIM_NVML_API_H

#include <assert.h>
#include <stdint.h>

typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;

enum nvml_code {
    NVML_SUCCESS = 0,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_FUNCTION_NOT_FOUND = 13,
};

struct nvml_memory {
    uint64_t total, free, used;
};

enum { NVML_UUID_SIZE = 96 };

struct nvml_memory_v2 {
    uint32_t version;
    uint64_t total, reserved, free, used;
};

/* Two layouts of one process; both open with the pid. */
struct nvml_process_v1 {
    uint32_t pid;
    uint64_t used;
};

struct nvml_process_v2 { /* of the functions _v2 and _v3 */
    uint32_t pid;
    uint64_t used;
    uint32_t gpu_instance, compute_instance;
};

struct nvml_process_detail {
    uint32_t pid;
    uint64_t used;
    uint32_t gpu_instance, compute_instance;
    uint64_t protected_used;
};

struct nvml_process_details {
    uint32_t version, mode, n;
    struct nvml_process_detail *list;
};

struct nvml_process_sample {
    uint32_t pid;
    uint64_t time;
    uint32_t sm, memory, encoder, decoder;
};

struct nvml_process_sample_v2 {
    uint64_t time;
    uint32_t pid, sm, memory, encoder, decoder, jpeg, ofa;
};

struct nvml_process_samples {
    uint32_t version, n;
    uint64_t since;
    struct nvml_process_sample_v2 *list;
};

static_assert(sizeof(struct nvml_memory_v2) == 40, "driver's layout");
static_assert(sizeof(struct nvml_process_v1) == 16, "driver's layout");
static_assert(sizeof(struct nvml_process_v2) == 24, "driver's layout");
static_assert(sizeof(struct nvml_process_detail) == 32, "driver's layout");
static_assert(sizeof(struct nvml_process_details) == 24, "driver's layout");
static_assert(sizeof(struct nvml_process_sample) == 32, "driver's layout");
static_assert(sizeof(struct nvml_process_sample_v2) == 40, "driver's layout");
static_assert(sizeof(struct nvml_process_samples) == 24, "driver's layout");

#pragma GCC visibility push(default)

nvmlReturn_t nvmlInit(void);
nvmlReturn_t nvmlInit_v2(void);
nvmlReturn_t nvmlInitWithFlags(unsigned flags);

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, struct nvml_memory *out);
nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, struct nvml_memory_v2 *out);

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t device, unsigned *n,
                                                  struct nvml_process_v1 *out);
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned *n,
                                                     struct nvml_process_v2 *out);
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *n,
                                                     struct nvml_process_v2 *out);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t device, unsigned *n,
                                                   struct nvml_process_v1 *out);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t device, unsigned *n,
                                                      struct nvml_process_v2 *out);
nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned *n,
                                                      struct nvml_process_v2 *out);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses(nvmlDevice_t device, unsigned *n,
                                                     struct nvml_process_v1 *out);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v2(nvmlDevice_t device, unsigned *n,
                                                        struct nvml_process_v2 *out);
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *n,
                                                        struct nvml_process_v2 *out);
nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t device,
                                                   struct nvml_process_details *out);
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, struct nvml_process_sample *out,
                                             unsigned *n, unsigned long long since);
nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t device,
                                                   struct nvml_process_samples *out);

#pragma GCC visibility pop

#endif
