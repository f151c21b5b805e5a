/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only door to the hardware. Every call may block as long as the driver likes: the agent calls
 * it from its worker thread alone. Errors carry the driver's words and an errno:
 * ENOSYS function missing in this driver, ENOTSUP board cannot, EBUSY in use, ENOSPC insufficient
 * resources, EINVAL refused argument, EPERM no permission, ENODEV lost or unknown GPU, EIO the
 * rest.
 */
#ifndef GPU_DRIVER_H
#define GPU_DRIVER_H

#include <stdbool.h>

#include "gpu/gpu.h"

struct err;

/* What setting the MIG mode came to. */
enum driver_mode {
    DRIVER_MODE_SET,     /* in force */
    DRIVER_MODE_PENDING, /* in force after a GPU reset or a reboot */
};

struct driver {
    void *self;

    /*
     * All that is known now. GPUs that answer with errors are in it, with `fault` set: their
     * identity, geometry, MIG state and memory in all are then those that they last told.
     */
    int (*read)(void *self, struct inventory **out, struct err *e);

    int (*set_mig)(void *self, const char *gpu_uuid, bool on, enum driver_mode *out, struct err *e);
    /* start < 0: where the driver likes. */
    int (*create_instance)(void *self, const char *gpu_uuid, unsigned profile_id, int start,
                           unsigned *out_gi, struct err *e);
    int (*destroy_instance)(void *self, const char *gpu_uuid, unsigned gi, struct err *e);
    /* A compute instance of `slices` slices inside a GPU instance. */
    int (*create_compute)(void *self, const char *gpu_uuid, unsigned gi, unsigned slices,
                          unsigned *out_ci, struct err *e);
    int (*destroy_compute)(void *self, const char *gpu_uuid, unsigned gi, unsigned ci,
                           struct err *e);

    void (*close)(void *self);
};

/*
 * The door over libnvidia-ml.so.1: the one in the usual library folders below driver_root, if
 * that is neither NULL nor "/", else the loader's. sysfs_root is "/sys" but in tests. Holds no
 * lock: one thread at a time.
 */
int driver_open_nvml(struct driver *out, const char *driver_root, const char *sysfs_root,
                     struct err *e);

/* Closes and clears the door; nothing happens to a closed one. */
void driver_close(struct driver *d);

#endif
