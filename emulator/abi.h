/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of NVML's binary interface that the emulator serves: codes, handles and structs as the
 * driver's library lays them out. Layouts were checked against nvidia-ml-py and the Debian package
 * of nvml-wrapper-sys. Written apart from the declarations in src/gpu on purpose: two independent
 * readings of one ABI check each other in the tests.
 */
#ifndef EMULATOR_ABI_H
#define EMULATOR_ABI_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

typedef int nvmlReturn_t;

enum nvml_code {
    NVML_SUCCESS = 0,
    NVML_ERROR_UNINITIALIZED = 1,
    NVML_ERROR_INVALID_ARGUMENT = 2,
    NVML_ERROR_NOT_SUPPORTED = 3,
    NVML_ERROR_NOT_FOUND = 6,
    NVML_ERROR_INSUFFICIENT_SIZE = 7,
    NVML_ERROR_DRIVER_NOT_LOADED = 9,
    NVML_ERROR_TIMEOUT = 10,
    NVML_ERROR_GPU_IS_LOST = 15,
    NVML_ERROR_RESET_REQUIRED = 16,
    NVML_ERROR_IN_USE = 19,
    NVML_ERROR_MEMORY = 20,
    NVML_ERROR_INSUFFICIENT_RESOURCES = 23,
    NVML_ERROR_ARGUMENT_VERSION_MISMATCH = 25,
    NVML_ERROR_NOT_READY = 27,
    NVML_ERROR_UNKNOWN = 999,
};

/* A versioned struct opens with this word. */
#define NVML_VERSION(type, number) ((uint32_t)sizeof(type) | ((uint32_t)(number) << 24))
#define NVML_NO_INSTANCE UINT32_MAX
#define NVML_NO_VALUE UINT64_MAX /* "not available", of a process's memory */

typedef void *nvmlDevice_t;
typedef void *nvmlGpuInstance_t;
typedef void *nvmlComputeInstance_t;
typedef void *nvmlEventSet_t;

enum nvml_event {
    NVML_EVENT_XID = 0x8,
};

struct nvml_pci {
    char bus_id_legacy[16];
    uint32_t domain, bus, device, pci_device_id, pci_subsystem_id;
    char bus_id[32];
};

struct nvml_pci_v2 {
    char bus_id[16];
    uint32_t domain, bus, device, pci_device_id, pci_subsystem_id, reserved[4];
};

struct nvml_pci_ext {
    uint32_t version, domain, bus, device, pci_device_id, pci_subsystem_id, base_class, sub_class;
    char bus_id[32];
};

struct nvml_memory {
    uint64_t total, free, used;
};

struct nvml_memory_v2 {
    uint32_t version;
    uint64_t total, reserved, free, used;
};

struct nvml_bar1 {
    uint64_t total, free, used;
};

struct nvml_utilization {
    uint32_t gpu, memory;
};

struct nvml_process_v1 {
    uint32_t pid;
    uint64_t mem_bytes;
};

struct nvml_process {
    uint32_t pid;
    uint64_t mem_bytes;
    uint32_t gi, ci;
};

struct nvml_process_detail {
    uint32_t pid;
    uint64_t mem_bytes;
    uint32_t gi, ci;
    uint64_t protected_bytes;
};

struct nvml_process_detail_list {
    uint32_t version, mode, count;
    struct nvml_process_detail *items;
};

struct nvml_event_v1 {
    nvmlDevice_t device;
    uint64_t type, data;
};

struct nvml_event_v2 {
    nvmlDevice_t device;
    uint64_t type, data;
    uint32_t gi, ci;
};

struct nvml_placement {
    uint32_t start, size;
};

struct nvml_gi_profile {
    uint32_t id, p2p, slices, instances, sm, ce, dec, enc, jpg, ofa;
    uint64_t mem_mib;
};

struct nvml_gi_profile_v2 {
    uint32_t version, id, p2p, slices, instances, sm, ce, dec, enc, jpg, ofa;
    uint64_t mem_mib;
    char name[96];
};

struct nvml_gi_profile_v3 {
    uint32_t version, id, slices, instances, sm, ce, dec, enc, jpg, ofa;
    uint64_t mem_mib;
    char name[96];
    uint32_t capabilities;
};

struct nvml_gi_info {
    nvmlDevice_t device;
    uint32_t id, profile;
    struct nvml_placement placement;
};

struct nvml_ci_profile {
    uint32_t id, slices, instances, sm, ce, dec, enc, jpg, ofa;
};

struct nvml_ci_profile_v2 {
    uint32_t version;
    struct nvml_ci_profile base;
    char name[96];
};

struct nvml_ci_profile_v3 {
    uint32_t version;
    struct nvml_ci_profile base;
    char name[96];
    uint32_t capabilities;
};

struct nvml_ci_info {
    nvmlDevice_t device;
    nvmlGpuInstance_t gi;
    uint32_t id, profile;
    struct nvml_placement placement;
};

struct nvml_attributes {
    uint32_t sm, ce, dec, enc, jpg, ofa, gi_slices, ci_slices;
    uint64_t mem_mib;
};

union nvml_value {
    double d;
    uint32_t u32;
    uint64_t u64;
    int64_t i64;
};

struct nvml_field {
    uint32_t field, scope;
    int64_t timestamp_us, latency_us;
    uint32_t type, rc;
    union nvml_value value;
};

struct nvml_pstate_domain {
    uint32_t present, percentage, inc_threshold, dec_threshold;
};

struct nvml_pstates {
    uint32_t flags;
    struct nvml_pstate_domain domain[8];
};

struct nvml_rows {
    uint32_t max, high, partial, low, none;
};

struct nvml_fabric {
    uint8_t cluster[16];
    uint32_t status, clique, state;
};

struct nvml_fabric_v {
    uint32_t version;
    struct nvml_fabric base;
    uint32_t health_mask;
    uint8_t health_summary; /* version 3 only */
};

struct nvml_ecc_counts {
    uint64_t l1, l2, device, registers;
};

/* structs of a version word and one or two words after it */
struct nvml_word {
    uint32_t version, value;
};

struct nvml_words {
    uint32_t version, first, second;
};

struct nvml_long {
    uint32_t version;
    uint64_t value;
};

struct nvml_text80 {
    uint32_t version;
    char text[80];
};

struct nvml_text2048 {
    uint32_t version;
    char text[2048];
};

struct nvml_uuid_query {
    uint32_t version, type;
    union {
        char text[41];
        uint8_t bytes[16];
    } value;
};

static_assert(sizeof(struct nvml_pci) == 68, "nvmlPciInfo_t");
static_assert(sizeof(struct nvml_pci_v2) == 52, "nvmlPciInfo_v2_t");
static_assert(sizeof(struct nvml_pci_ext) == 64, "nvmlPciInfoExt_v1_t");
static_assert(sizeof(struct nvml_memory_v2) == 40, "nvmlMemory_v2_t");
static_assert(sizeof(struct nvml_process_v1) == 16, "nvmlProcessInfo_v1_t");
static_assert(sizeof(struct nvml_process) == 24, "nvmlProcessInfo_t");
static_assert(sizeof(struct nvml_process_detail_list) == 24, "nvmlProcessDetailList_v1_t");
static_assert(sizeof(struct nvml_process_detail) == 32, "nvmlProcessDetail_v1_t");
static_assert(sizeof(struct nvml_event_v2) == 32, "nvmlEventData_t");
static_assert(sizeof(struct nvml_gi_profile) == 48, "nvmlGpuInstanceProfileInfo_t");
static_assert(sizeof(struct nvml_gi_profile_v2) == 152, "nvmlGpuInstanceProfileInfo_v2_t");
static_assert(offsetof(struct nvml_gi_profile_v2, name) == 56, "nvmlGpuInstanceProfileInfo_v2_t");
static_assert(sizeof(struct nvml_gi_profile_v3) == 152, "nvmlGpuInstanceProfileInfo_v3_t");
static_assert(sizeof(struct nvml_gi_info) == 24, "nvmlGpuInstanceInfo_t");
static_assert(sizeof(struct nvml_ci_profile) == 36, "nvmlComputeInstanceProfileInfo_t");
static_assert(sizeof(struct nvml_ci_profile_v2) == 136, "nvmlComputeInstanceProfileInfo_v2_t");
static_assert(sizeof(struct nvml_ci_profile_v3) == 140, "nvmlComputeInstanceProfileInfo_v3_t");
static_assert(sizeof(struct nvml_ci_info) == 32, "nvmlComputeInstanceInfo_t");
static_assert(sizeof(struct nvml_attributes) == 40, "nvmlDeviceAttributes_t");
static_assert(sizeof(struct nvml_field) == 40, "nvmlFieldValue_t");
static_assert(sizeof(struct nvml_pstates) == 132, "nvmlGpuDynamicPstatesInfo_t");
static_assert(sizeof(struct nvml_fabric) == 28, "nvmlGpuFabricInfo_t");
static_assert(sizeof(struct nvml_fabric_v) == 40, "nvmlGpuFabricInfo_v3_t");
static_assert(sizeof(struct nvml_text80) == 84, "nvmlSystemDriverBranchInfo_v1_t");
static_assert(sizeof(struct nvml_text2048) == 2052, "nvmlDevicePerfModes_v1_t");
static_assert(sizeof(struct nvml_uuid_query) == 52, "nvmlUUID_t");

#endif
