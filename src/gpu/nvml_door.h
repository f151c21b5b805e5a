/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the NVML door share: the library, and what each GPU last told, so that reading
 * again costs only what can change, and a GPU that falls silent stays what it was. Private to gpu/.
 */
#ifndef GPU_NVML_DOOR_H
#define GPU_NVML_DOOR_H

#include "gpu/gpu.h"
#include "gpu/nvml_api.h"

/*
 * Owns the library, the boards, the links and the room for process lists. A board is what a GPU
 * last told: who it is, its geometry, its memory in all, its fabric and what stands on it; never
 * its processes, used memory or fault.
 */
struct nvml_door {
    struct nvml_api api;
    char *sysfs_root;

    unsigned n_boards;
    struct gpu *boards[GPU_MAX]; /* in the order met */

    unsigned n_linked; /* links are those of these boards, in this order */
    const struct gpu *linked[GPU_MAX];
    struct gpu_link *links;

    unsigned process_room;
    struct nvml_process *processes;
};

/* driver.h's functions, self being the door. */
int nvml_inventory_read(void *self, struct inventory **out, struct err *e);
int nvml_mig_set(void *self, const char *gpu_uuid, bool on, enum driver_mode *out, struct err *e);
int nvml_mig_create_instance(void *self, const char *gpu_uuid, unsigned profile_id, int start,
                             unsigned *out_gi, struct err *e);
int nvml_mig_destroy_instance(void *self, const char *gpu_uuid, unsigned gi, struct err *e);
int nvml_mig_create_compute(void *self, const char *gpu_uuid, unsigned gi, unsigned slices,
                            unsigned *out_ci, struct err *e);
int nvml_mig_destroy_compute(void *self, const char *gpu_uuid, unsigned gi, unsigned ci,
                             struct err *e);

/*
 * The functions below return 0, an NVML code if the device fails, or -ENOMEM where they allocate.
 *
 * The board of a device. What cannot change is read if it is new; its index is then UINT_MAX.
 */
int nvml_board_find(struct nvml_door *d, struct nvml_device *device, struct gpu **out);

/* The board last seen at an index, for a device that cannot say who it is; NULL if none was. */
struct gpu *nvml_board_at(const struct nvml_door *d, unsigned index);

/* Fills *out as far as the driver and the table tell. */
int nvml_geometry_read(const struct nvml_api *api, struct nvml_device *device, uint32_t device_id,
                       struct gpu_geometry *out);

/* GPU instances, compute instances and MIG devices of a GPU in MIG mode, in place of those in gpu.
 */
int nvml_instances_read(const struct nvml_api *api, struct nvml_device *device, struct gpu *gpu);

/* Its place on an NVLink fabric, in place of that in gpu, which stays if the GPU fails to tell. */
void nvml_fabric_read(const struct nvml_api *api, struct nvml_device *device, struct gpu *gpu);

/* The processes on a GPU. */
int nvml_processes_read(struct nvml_door *d, struct nvml_device *device, struct gpu *gpu);

/* inv->links, from the door's memory if the boards are the same; `devices` and `boards` by
 * position, NULL for GPUs that do not answer. */
int nvml_links_read(struct nvml_door *d, struct inventory *inv, struct nvml_device *const *devices,
                    struct gpu *const *boards, struct err *e);

/* True if the code says that a value does not exist here, not that the GPU fails. */
static inline bool nvml_no_value(int code)
{
    return code == NVML_NOT_SUPPORTED || code == NVML_FUNCTION_NOT_FOUND ||
           code == NVML_NO_PERMISSION || code == NVML_INVALID_ARGUMENT || code == NVML_NO_DATA ||
           code == NVML_ARGUMENT_VERSION_MISMATCH || code == NVML_DEPRECATED;
}

#endif
