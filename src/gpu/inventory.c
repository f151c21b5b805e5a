/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory as a value: freeing it, finding in it, the names of its MIG devices. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/gpu.h"

void inventory_free(struct inventory *inv)
{
    if (!inv)
        return;
    for (unsigned i = 0; inv->gpus && i < inv->n_gpus; i++)
        free(inv->gpus[i].processes);
    free(inv->gpus);
    free(inv->links);
    free(inv);
}

struct gpu *inventory_find(const struct inventory *inv, const char *uuid)
{
    for (unsigned i = 0; i < inv->n_gpus; i++)
        if (uuid[0] && strcmp(inv->gpus[i].uuid, uuid) == 0)
            return &inv->gpus[i];
    return NULL;
}

const char *gpu_device_name(char buffer[GPU_PROFILE_NAME_SIZE], const struct gpu *gpu,
                            const struct gpu_instance *gi, const struct gpu_compute *ci)
{
    const struct gpu_profile *profile = geometry_find_id(&gpu->geometry, gi->profile_id);

    if (!profile)
        (void)snprintf(buffer, GPU_PROFILE_NAME_SIZE, "profile-%u", gi->profile_id);
    else if (ci->slices < profile->slices)
        (void)snprintf(buffer, GPU_PROFILE_NAME_SIZE, "%uc.%s", ci->slices, profile->name);
    else
        (void)snprintf(buffer, GPU_PROFILE_NAME_SIZE, "%s", profile->name);
    return buffer;
}
