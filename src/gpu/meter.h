/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be computed on and how full it is: GPUs and MIG devices, their memory, the driver's
 * figure of each process. Reads far less than driver.h's inventory, for who must be quick. One
 * thread at a time.
 */
#ifndef GPU_METER_H
#define GPU_METER_H

#include "gpu/gpu.h"

struct err;

enum { METER_MAX = 128, METER_UUID_BYTES = 16 };

/* A whole GPU, or a MIG device on one. */
struct meter_device {
    unsigned gpu; /* index */
    int mig;      /* number of the MIG device on its GPU; -1: the whole GPU */
    int gi_id, ci_id;
    bool cut; /* a GPU in MIG mode: only its MIG devices can be computed on */
    char uuid[GPU_UUID_SIZE];
    bool has_bytes;                       /* the UUID is of a form that CUDA tells in 16 bytes: */
    uint8_t uuid_bytes[METER_UUID_BYTES]; /* as cuDeviceGetUuid_v2 gives it */
    char name[GPU_NAME_SIZE];
    unsigned compute_major;
    uint64_t total_bytes; /* as CUDA tells: without what the driver keeps for itself */
    uint64_t used_bytes;
};

struct meter;

/* Below driver_root, as driver_open_nvml() says. Reads the devices once. */
int meter_open(struct meter **out, const char *driver_root, struct err *e);
void meter_close(struct meter *m);
OWN_POINTER(struct meter, meter_close);

/* Devices by GPU and number; a GPU that fails is left out. */
size_t meter_count(const struct meter *m);
const struct meter_device *meter_device(const struct meter *m, size_t i);

/* -1: there is none. */
int meter_find(const struct meter *m, const uint8_t uuid[METER_UUID_BYTES]);

/* total_bytes and used_bytes again. */
int meter_read(struct meter *m, size_t i, struct err *e);

/* The processes on the device, with the driver's figure; valid until the next call. */
int meter_processes(struct meter *m, size_t i, const struct gpu_process **out, unsigned *out_n,
                    struct err *e);

#endif
