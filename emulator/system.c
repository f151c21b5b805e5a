/* SPDX-License-Identifier: Apache-2.0 */
/* The library as a whole: init, shutdown, versions, error texts, and the units that are not there.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "session.h"

API(nvmlInit_v2, void)
{
    return session_open();
}

API(nvmlInit, void)
{
    return session_open();
}

API(nvmlInitWithFlags, unsigned flags)
{
    (void)flags; /* "no GPUs is fine", "no persistence": nothing to do differently */
    return session_open();
}

API(nvmlShutdown, void)
{
    return session_close();
}

static const struct {
    int code;
    const char *text;
} errors[] = {
    {0, "Success"},
    {1, "Uninitialized"},
    {2, "Invalid Argument"},
    {3, "Not Supported"},
    {4, "Insufficient Permissions"},
    {5, "Already Initialized"},
    {6, "Not Found"},
    {7, "Insufficient Size"},
    {8, "Insufficient External Power"},
    {9, "Driver Not Loaded"},
    {10, "Timeout"},
    {11, "Interrupt Request Issue"},
    {12, "NVML Shared Library Not Found"},
    {13, "Function Not Found"},
    {14, "Corrupted infoROM"},
    {15, "GPU is lost"},
    {16, "GPU requires reset"},
    {17, "GPU access blocked by the operating system"},
    {18, "Driver/library version mismatch"},
    {19, "In use by another client"},
    {20, "Insufficient Memory"},
    {21, "No data"},
    {22, "ECC not supported for vGPU"},
    {23, "Insufficient Resources"},
    {24, "Frequency not supported"},
    {25, "Argument version mismatch"},
    {26, "Deprecated"},
    {27, "Not Ready"},
    {28, "GPU not found"},
    {29, "Invalid state"},
    {30, "Reset type not supported"},
};

__attribute__((visibility("default"))) const char *nvmlErrorString(nvmlReturn_t code);
const char *nvmlErrorString(nvmlReturn_t code)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].code == code)
            return errors[i].text;
    }
    return "Unknown Error";
}

API(nvmlSystemGetDriverVersion, char *version, unsigned size)
{
    int rc = session_enter(__func__);

    return rc == NVML_SUCCESS ? session_text(version, size, session_node()->driver) : rc;
}

/* As captured: the CUDA major version in front of the driver's. */
API(nvmlSystemGetNVMLVersion, char *version, unsigned size)
{
    char text[80];
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    (void)snprintf(text, sizeof text, "%u.%s", session_node()->cuda / 1000, session_node()->driver);
    return session_text(version, size, text);
}

API(nvmlSystemGetCudaDriverVersion, int *version)
{
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!version)
        return NVML_ERROR_INVALID_ARGUMENT;
    *version = (int)session_node()->cuda;
    return NVML_SUCCESS;
}

API(nvmlSystemGetCudaDriverVersion_v2, int *version)
{
    return nvmlSystemGetCudaDriverVersion(version);
}

API(nvmlSystemGetDriverBranch, struct nvml_text80 *out, unsigned size)
{
    int rc = session_enter(__func__);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!out || size == 0)
        return NVML_ERROR_INVALID_ARGUMENT;
    if (!session_version(out->version, sizeof *out))
        return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    (void)TEXT_COPY(out->text, session_node()->branch);
    return NVML_SUCCESS;
}

/* A count of things that the machine has none of. */
static int none(const char *call, unsigned *count)
{
    int rc = session_enter(call);

    if (rc != NVML_SUCCESS)
        return rc;
    if (!count)
        return NVML_ERROR_INVALID_ARGUMENT;
    *count = 0;
    return NVML_SUCCESS;
}

API(nvmlSystemGetHicVersion, unsigned *count, void *entries)
{
    (void)entries;
    return none(__func__, count);
}

API(nvmlUnitGetCount, unsigned *count)
{
    return none(__func__, count);
}

API(nvmlGetExcludedDeviceCount, unsigned *count)
{
    return none(__func__, count);
}

API(nvmlSystemGetNvlinkBwMode, unsigned *mode)
{
    return none(__func__, mode);
}

/* Confidential computing: what the first board can do; it is off. */
static int confidential(const char *call)
{
    int rc = session_enter(call);

    if (rc != NVML_SUCCESS)
        return rc;
    return session_node()->gpus[0].facts[FACT_CONF_COMPUTE] < 0 ? NVML_ERROR_NOT_SUPPORTED
                                                                : NVML_SUCCESS;
}

API(nvmlSystemGetConfComputeCapabilities, uint32_t out[2])
{
    int rc = confidential(__func__);

    if (rc == NVML_SUCCESS && out) {
        out[0] = 0; /* processor */
        out[1] = (uint32_t)session_node()->gpus[0].facts[FACT_CONF_COMPUTE];
    }
    return rc;
}

API(nvmlSystemGetConfComputeState, uint32_t out[3])
{
    int rc = confidential(__func__);

    if (rc == NVML_SUCCESS && out)
        memset(out, 0, 3 * sizeof out[0]);
    return rc;
}

API(nvmlSystemGetConfComputeGpusReadyState, unsigned *out)
{
    int rc = confidential(__func__);

    if (rc == NVML_SUCCESS && out)
        *out = 0;
    return rc;
}

API(nvmlSystemGetConfComputeKeyRotationThresholdInfo, struct nvml_long *out)
{
    int rc = confidential(__func__);

    if (rc == NVML_SUCCESS && out)
        out->value = 60; /* as captured */
    return rc;
}
