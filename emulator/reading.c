/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain numbers of one GPU: facts of its board, constants as the H200 capture has them, and
 * readings that are fixed stand-ins. A negative value is the error that the getter answers.
 */
#include <string.h>

#include "session.h"

#define FACT(identifier) (t->gpu->facts[FACT_##identifier])

/* What a getter answers where the board has NVIDIA's ECC memory, or rows to remap, at all. */
#define WHERE(identifier, value) (FACT(identifier) < 0 ? FACT(identifier) : (value))

/* Utilization is not known per board in MIG mode: there are instances to ask. */
#define OUTSIDE_MIG(value) (t->state->mig_current ? FACT_NONE : (value))

/* One number of `type` out. */
#define NUMBER(name, type, expression)                                                             \
    API(name, nvmlDevice_t device, type *out)                                                      \
    {                                                                                              \
        struct target target, *t = &target;                                                        \
        int64_t value;                                                                             \
        int rc = session_gpu(__func__, device, t);                                                 \
        if (rc != NVML_SUCCESS)                                                                    \
            return rc;                                                                             \
        value = (expression);                                                                      \
        if (!out || value < 0)                                                                     \
            return !out ? NVML_ERROR_INVALID_ARGUMENT : (int)-value;                               \
        *out = (type)value;                                                                        \
        return NVML_SUCCESS;                                                                       \
    }

/* Two numbers out. */
#define PAIR(name, type, first_expression, second_expression)                                      \
    API(name, nvmlDevice_t device, type *first, type *second)                                      \
    {                                                                                              \
        struct target target, *t = &target;                                                        \
        int64_t a, b;                                                                              \
        int rc = session_gpu(__func__, device, t);                                                 \
        if (rc != NVML_SUCCESS)                                                                    \
            return rc;                                                                             \
        a = (first_expression);                                                                    \
        b = (second_expression);                                                                   \
        if (!first || !second)                                                                     \
            return NVML_ERROR_INVALID_ARGUMENT;                                                    \
        if (a < 0 || b < 0)                                                                        \
            return (int)-(a < 0 ? a : b);                                                          \
        *first = (type)a;                                                                          \
        *second = (type)b;                                                                         \
        return NVML_SUCCESS;                                                                       \
    }

/* A struct of a version word and one number. */
#define VERSIONED(name, type, expression)                                                          \
    API(name, nvmlDevice_t device, struct type *out)                                               \
    {                                                                                              \
        struct target target, *t = &target;                                                        \
        int64_t value;                                                                             \
        int rc = session_gpu(__func__, device, t);                                                 \
        if (rc != NVML_SUCCESS)                                                                    \
            return rc;                                                                             \
        value = (expression);                                                                      \
        if (!out)                                                                                  \
            return NVML_ERROR_INVALID_ARGUMENT;                                                    \
        if (!session_version(out->version, sizeof *out))                                           \
            return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;                                           \
        if (value < 0)                                                                             \
            return (int)-value;                                                                    \
        out->value = (__typeof__(out->value))value;                                                \
        return NVML_SUCCESS;                                                                       \
    }

/* PCIe generation to Mb/s of a lane, as captured for generation 5. */
static int64_t pcie_mbps(int64_t generation)
{
    return generation < 3 || generation > 6 ? FACT_NONE : (int64_t)1000 << generation;
}

/* identity and place */
NUMBER(nvmlDeviceGetIndex, unsigned, t->gpu->index)
NUMBER(nvmlDeviceGetMinorNumber, unsigned, t->gpu->index)
NUMBER(nvmlDeviceGetModuleId, unsigned, FACT(MODULE))
NUMBER(nvmlDeviceGetBoardId, unsigned,
       (int64_t)t->gpu->domain << 16 | t->gpu->bus << 8 | t->gpu->device)
NUMBER(nvmlDeviceGetMultiGpuBoard, unsigned, 0)
NUMBER(nvmlDeviceGetBrand, unsigned, FACT(BRAND))
NUMBER(nvmlDeviceGetArchitecture, unsigned, FACT(ARCHITECTURE))
PAIR(nvmlDeviceGetCudaComputeCapability, int, FACT(COMPUTE_MAJOR), FACT(COMPUTE_MINOR))
NUMBER(nvmlDeviceGetNumGpuCores, unsigned, FACT(CORES))
NUMBER(nvmlDeviceGetMemoryBusWidth, unsigned, FACT(MEMORY_BUS_BITS))
NUMBER(nvmlDeviceGetInforomConfigurationChecksum, unsigned, FACT(INFOROM_STATUS))
NUMBER(nvmlDeviceGetNumaNodeId, unsigned, FACT_NONE)
NUMBER(nvmlDeviceGetVirtualizationMode, unsigned, FACT(VIRTUALIZATION))
VERSIONED(nvmlDeviceGetPdi, nvml_long, FACT(PDI))
VERSIONED(nvmlDeviceGetAddressingMode, nvml_word, 0)
PAIR(nvmlDeviceGetGspFirmwareMode, unsigned, FACT(GSP), FACT(GSP))

/* the bus */
NUMBER(nvmlDeviceGetBusType, unsigned, 2)
NUMBER(nvmlDeviceGetIrqNum, unsigned, FACT(IRQ))
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, unsigned, FACT(PCIE_GEN))
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, unsigned, FACT(PCIE_GEN))
NUMBER(nvmlDeviceGetGpuMaxPcieLinkGeneration, unsigned, FACT(PCIE_GEN))
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, unsigned, FACT(PCIE_WIDTH))
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, unsigned, FACT(PCIE_WIDTH))
NUMBER(nvmlDeviceGetPcieLinkMaxSpeed, unsigned, FACT(PCIE_GEN))
NUMBER(nvmlDeviceGetPcieSpeed, unsigned, pcie_mbps(FACT(PCIE_GEN)))
NUMBER(nvmlDeviceGetPcieReplayCounter, unsigned, 0)
NUMBER(nvmlDeviceGetC2cModeInfoV, unsigned, FACT(C2C))

/* power, heat, fans */
NUMBER(nvmlDeviceGetPowerUsage, unsigned, FACT(POWER_DRAW_MW))
NUMBER(nvmlDeviceGetPowerManagementMode, unsigned, WHERE(POWER_LIMIT_MW, 1))
NUMBER(nvmlDeviceGetPowerManagementLimit, unsigned, FACT(POWER_LIMIT_MW))
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, unsigned, FACT(POWER_LIMIT_MW))
NUMBER(nvmlDeviceGetEnforcedPowerLimit, unsigned, FACT(POWER_LIMIT_MW))
PAIR(nvmlDeviceGetPowerManagementLimitConstraints, unsigned, FACT(POWER_MIN_MW),
     FACT(POWER_LIMIT_MW))
NUMBER(nvmlDeviceGetPowerSource, unsigned, 0)
NUMBER(nvmlDeviceGetTotalEnergyConsumption, uint64_t, FACT(ENERGY_MJ))
VERSIONED(nvmlDeviceGetMarginTemperature, nvml_word, FACT(MARGIN_C))
NUMBER(nvmlDeviceGetNumFans, unsigned, FACT(FANS))
NUMBER(nvmlDeviceGetFanSpeed, unsigned, FACT(FANS) > 0 ? FACT(FAN_PERCENT) : FACT_NONE)

/* clocks and states */
NUMBER(nvmlDeviceGetPerformanceState, unsigned, FACT(PSTATE))
NUMBER(nvmlDeviceGetPowerState, unsigned, FACT(PSTATE))
NUMBER(nvmlDeviceGetAdaptiveClockInfoStatus, unsigned, 1)
NUMBER(nvmlDeviceGetGpcClkVfOffset, int, 0)
NUMBER(nvmlDeviceGetMemClkVfOffset, int, 0)
PAIR(nvmlDeviceGetGpcClkMinMaxVfOffset, int, 0, 0)
PAIR(nvmlDeviceGetMemClkMinMaxVfOffset, int, 0, 0)
NUMBER(nvmlDeviceGetCurrentClocksEventReasons, uint64_t, FACT(CLOCK_REASONS))
NUMBER(nvmlDeviceGetCurrentClocksThrottleReasons, uint64_t, FACT(CLOCK_REASONS))
NUMBER(nvmlDeviceGetSupportedClocksEventReasons, uint64_t, 511)
NUMBER(nvmlDeviceGetSupportedClocksThrottleReasons, uint64_t, 511)

/* modes */
NUMBER(nvmlDeviceGetPersistenceMode, unsigned, FACT(PERSISTENCE))
NUMBER(nvmlDeviceGetComputeMode, unsigned, 0)
NUMBER(nvmlDeviceGetDisplayActive, unsigned, 0)
NUMBER(nvmlDeviceGetDisplayMode, unsigned, 1)
NUMBER(nvmlDeviceGetAccountingMode, unsigned, 0)
NUMBER(nvmlDeviceGetAccountingBufferSize, unsigned, 4000)
NUMBER(nvmlDeviceGetSupportedEventTypes, uint64_t, FACT(EVENT_TYPES))
PAIR(nvmlDeviceGetEccMode, unsigned, FACT(ECC), FACT(ECC))
NUMBER(nvmlDeviceGetDefaultEccMode, unsigned, WHERE(ECC, 1))

/* health */
NUMBER(nvmlDeviceGetRetiredPagesPendingStatus, unsigned, FACT(PAGES_PENDING))
VERSIONED(nvmlDeviceGetUnrepairableMemoryFlag_v1, nvml_word, WHERE(ROWS_MAX, 0))

/* how busy: percent, and the sampling period in microseconds */
PAIR(nvmlDeviceGetEncoderUtilization, unsigned, OUTSIDE_MIG(FACT(ENCODER_UTILIZATION)), 100000)
PAIR(nvmlDeviceGetDecoderUtilization, unsigned, OUTSIDE_MIG(0), 100000)
PAIR(nvmlDeviceGetJpgUtilization, unsigned, OUTSIDE_MIG(FACT(JPEG_UTILIZATION)), 100000)
PAIR(nvmlDeviceGetOfaUtilization, unsigned, OUTSIDE_MIG(FACT(OFA_UTILIZATION)), 100000)

API(nvmlDeviceGetUtilizationRates, nvmlDevice_t device, struct nvml_utilization *out)
{
    struct target target, *t = &target;
    int64_t percent;
    int rc = session_gpu(__func__, device, t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    percent = OUTSIDE_MIG(FACT(UTILIZATION));
    if (percent < 0)
        return (int)-percent;
    *out = (struct nvml_utilization){.gpu = (uint32_t)percent, .memory = 0};
    return NVML_SUCCESS;
}

API(nvmlDeviceGetDynamicPstatesInfo, nvmlDevice_t device, struct nvml_pstates *out)
{
    struct nvml_utilization now;
    int rc = out ? nvmlDeviceGetUtilizationRates(device, &now) : NVML_ERROR_INVALID_ARGUMENT;

    if (rc != NVML_SUCCESS)
        return rc;
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < 4; i++) /* graphics, memory, video, bus */
        out->domain[i].present = 1;
    out->domain[0].percentage = now.gpu;
    return NVML_SUCCESS;
}

/* Sessions, process ids, samples of engines that nothing uses: an empty list. */
#define NOTHING(name)                                                                              \
    API(name, nvmlDevice_t device, unsigned *count, void *out)                                     \
    {                                                                                              \
        struct target target, *t = &target;                                                        \
        int rc = session_gpu(__func__, device, t);                                                 \
        (void)out;                                                                                 \
        if (rc == NVML_SUCCESS && !count)                                                          \
            return NVML_ERROR_INVALID_ARGUMENT;                                                    \
        if (rc == NVML_SUCCESS)                                                                    \
            *count = 0;                                                                            \
        return rc;                                                                                 \
    }

NOTHING(nvmlDeviceGetEncoderSessions)
NOTHING(nvmlDeviceGetFBCSessions)
NOTHING(nvmlDeviceGetAccountingPids)

API(nvmlDeviceGetEncoderStats, nvmlDevice_t device, unsigned *sessions, unsigned *fps,
    unsigned *latency)
{
    struct target target, *t = &target;
    int rc = session_gpu(__func__, device, t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!sessions || !fps || !latency)
        return NVML_ERROR_INVALID_ARGUMENT;
    *sessions = *fps = *latency = 0;
    return NVML_SUCCESS;
}

/* A struct of `words` zeros: nothing is going on, nothing is broken. */
static int zeros(const char *call, nvmlDevice_t device, uint32_t *out, size_t words,
                 enum fact needs)
{
    struct target target, *t = &target;
    int rc = session_gpu(call, device, t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (t->gpu->facts[needs] < 0)
        return (int)-t->gpu->facts[needs];
    memset(out, 0, words * sizeof *out);
    return NVML_SUCCESS;
}

API(nvmlDeviceGetFBCStats, nvmlDevice_t device, uint32_t out[3])
{
    return zeros(__func__, device, out, 3, FACT_BRAND);
}

/* The supported bit, a count, and an array of licensable features: 2,304 and more bytes of it. */
API(nvmlDeviceGetGridLicensableFeatures_v4, nvmlDevice_t device, uint32_t out[2])
{
    return zeros(__func__, device, out, 2, FACT_BRAND);
}

API(nvmlDeviceGetGridLicensableFeatures, nvmlDevice_t device, uint32_t out[2])
{
    return zeros(__func__, device, out, 2, FACT_BRAND);
}

API(nvmlDeviceGetRepairStatus, nvmlDevice_t device, struct nvml_words *out)
{
    if (out && !session_version(out->version, sizeof *out))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    return zeros(__func__, device, out ? &out->first : NULL, 2, FACT_ROWS_MAX);
}

API(nvmlDeviceGetRemappedRows, nvmlDevice_t device, unsigned *correctable, unsigned *uncorrectable,
    unsigned *pending, unsigned *failed)
{
    struct target target, *t = &target;
    int rc = session_gpu(__func__, device, t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!correctable || !uncorrectable || !pending || !failed)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (FACT(ROWS_MAX) < 0)
        return (int)-FACT(ROWS_MAX);
    *correctable = *uncorrectable = *pending = *failed = 0;
    return NVML_SUCCESS;
}

API(nvmlDeviceGetRowRemapperHistogram, nvmlDevice_t device, struct nvml_rows *out)
{
    struct target target, *t = &target;
    int rc = session_gpu(__func__, device, t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (FACT(ROWS_MAX) < 0)
        return (int)-FACT(ROWS_MAX);
    *out = (struct nvml_rows){.max = (uint32_t)FACT(ROWS_MAX)};
    return NVML_SUCCESS;
}

/* Confidential computing is off: all memory is unprotected. */
API(nvmlDeviceGetConfComputeMemSizeInfo, nvmlDevice_t device, uint64_t out[2])
{
    struct target target, *t = &target;
    int rc = session_gpu(__func__, device, t);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (FACT(CONF_COMPUTE) < 0)
        return NVML_ERROR_NOT_SUPPORTED;
    out[0] = 0;
    out[1] = ((uint64_t)node_memory_bytes(t->gpu) - (uint64_t)FACT(RESERVED_KIB) * 1024) / 1024;
    return NVML_SUCCESS;
}

API(nvmlDeviceGetConfComputeProtectedMemoryUsage, nvmlDevice_t device, struct nvml_memory *out)
{
    return zeros(__func__, device, (uint32_t *)out, sizeof *out / 4, FACT_BRAND);
}

/* Errors corrected and not: none; only boards with ECC count. */
API(nvmlDeviceGetTotalEccErrors, nvmlDevice_t device, unsigned type, unsigned counter,
    uint64_t *out)
{
    if (type > 1 || counter > 1)
        return NVML_ERROR_INVALID_ARGUMENT;
    return zeros(__func__, device, (uint32_t *)out, 2, FACT_ECC);
}

API(nvmlDeviceGetMemoryErrorCounter, nvmlDevice_t device, unsigned type, unsigned counter,
    unsigned location, uint64_t *out)
{
    if (type > 1 || counter > 1 || location > 7)
        return NVML_ERROR_INVALID_ARGUMENT;
    return zeros(__func__, device, (uint32_t *)out, 2, FACT_ECC);
}

API(nvmlDeviceGetDetailedEccErrors, nvmlDevice_t device, unsigned type, unsigned counter,
    struct nvml_ecc_counts *out)
{
    if (type > 1 || counter > 1)
        return NVML_ERROR_INVALID_ARGUMENT;
    return zeros(__func__, device, (uint32_t *)out, sizeof *out / 4, FACT_ECC);
}

API(nvmlDeviceGetPcieThroughput, nvmlDevice_t device, unsigned counter, unsigned *kib_s)
{
    if (counter > 1)
        return NVML_ERROR_INVALID_ARGUMENT;
    return zeros(__func__, device, kib_s, 1, FACT_PCIE_GEN);
}
