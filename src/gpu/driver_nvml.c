/* SPDX-License-Identifier: Apache-2.0 */
/* The door of driver.h over NVML: opens and closes it, and knows which file does what. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "gpu/driver.h"
#include "gpu/nvml_door.h"

static void close_door(void *self)
{
    struct nvml_door *d = self;

    (void)NVML_CALL(&d->api, nvmlShutdown);
    nvml_api_close(&d->api);
    for (unsigned i = 0; i < d->n_boards; i++)
        free(d->boards[i]);
    free(d->links);
    free(d->processes);
    free(d->sysfs_root);
    free(d);
}

static int open_library(struct nvml_door *d, const char *driver_root, struct err *e)
{
    int rc = nvml_api_open(&d->api, driver_root, e);

    if (rc)
        return rc;
    rc = d->api.nvmlInit_v2();
    if (!rc)
        return 0;
    rc = nvml_err(&d->api, e, rc, "start NVML");
    nvml_api_close(&d->api);
    return rc;
}

int driver_open_nvml(struct driver *out, const char *driver_root, const char *sysfs_root,
                     struct err *e)
{
    OWN_MEM char *root = strdup(sysfs_root);
    OWN_MEM struct nvml_door *d = calloc(1, sizeof *d);
    int rc;

    if (!root || !d)
        return err_memory(e);
    rc = open_library(d, driver_root, e);
    if (rc)
        return rc;
    d->sysfs_root = TAKE(root);
    *out = (struct driver){
        .self = TAKE(d),
        .read = nvml_inventory_read,
        .set_mig = nvml_mig_set,
        .create_instance = nvml_mig_create_instance,
        .destroy_instance = nvml_mig_destroy_instance,
        .create_compute = nvml_mig_create_compute,
        .destroy_compute = nvml_mig_destroy_compute,
        .close = close_door,
    };
    return 0;
}

void driver_close(struct driver *d)
{
    if (d->close)
        d->close(d->self);
    *d = (struct driver){0};
}
