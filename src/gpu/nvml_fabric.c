/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a GPU is on an NVLink fabric that spans machines (GB200 and the like): which cluster, which
 * clique. GPUs behind NVSwitches of one machine are registered too, but with no cluster.
 */
#include <stdio.h>
#include <string.h>

#include "gpu/driver.h"
#include "gpu/nvml_door.h"

/* What both versions tell; 0 or an NVML code. */
static int ask(const struct nvml_api *api, struct nvml_device *device, struct nvml_fabric *out)
{
    struct nvml_fabric_v2 v2 = {.version = NVML_FABRIC_V2};
    int rc = NVML_CALL(api, nvmlDeviceGetGpuFabricInfoV, device, &v2);

    if (rc && nvml_no_value(rc))
        return NVML_CALL(api, nvmlDeviceGetGpuFabricInfo, device, out);
    memcpy(out->clusterUuid, v2.clusterUuid, sizeof out->clusterUuid);
    out->status = v2.status;
    out->cliqueId = v2.cliqueId;
    out->state = v2.state;
    return rc;
}

static bool is_member(const struct nvml_fabric *f)
{
    static const unsigned char none[sizeof f->clusterUuid];

    return f->state == NVML_FABRIC_COMPLETED && f->status == NVML_SUCCESS &&
           memcmp(f->clusterUuid, none, sizeof none) != 0;
}

void nvml_fabric_read(const struct nvml_api *api, struct nvml_device *device, struct gpu *gpu)
{
    struct nvml_fabric f = {0};
    const unsigned char *u = f.clusterUuid;
    int rc = ask(api, device, &f);

    if (rc && !nvml_no_value(rc))
        return;
    gpu->clique[0] = '\0';
    if (rc == 0 && is_member(&f))
        (void)snprintf(gpu->clique, sizeof gpu->clique,
                       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x.%u",
                       u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11],
                       u[12], u[13], u[14], u[15], f.cliqueId);
}
