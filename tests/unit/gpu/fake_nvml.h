/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The levers of the small NVML stand-in that the door's own tests load: any call can be made to
 * fail with any code. It plays a few boards by rote; the emulator is the faithful one.
 */
#ifndef TESTS_FAKE_NVML_H
#define TESTS_FAKE_NVML_H

#include <stdbool.h>

#include "gpu/nvml.h"

enum { FAKE_GPUS = 4, FAKE_INSTANCES = 8, FAKE_PROCESSES = 700 };

/* Handles point at these. */
struct nvml_compute_instance {
    struct nvml_gpu_instance *parent;
    unsigned id, slices;
    bool there;
};

struct nvml_gpu_instance {
    struct nvml_device *parent;
    unsigned id, profile_id, slices;
    struct nvml_placement placement;
    bool there;
    struct nvml_compute_instance compute[2];
};

struct nvml_device {
    unsigned index;
    const char *name, *uuid;
    unsigned device_id;
    bool has_mig;
    unsigned mig, mig_pending;
    int activation;    /* what switching MIG answers; not 0: it stays pending */
    bool refuses_mode; /* and does not even become pending */
    struct nvml_compute_instance *mig_device; /* set in handles of MIG devices */
    struct nvml_gpu_instance instances[FAKE_INSTANCES];
    struct nvml_fabric fabric;
    unsigned n_processes;
    struct nvml_process processes[FAKE_PROCESSES];
};

struct fake_nvml {
    int open; /* nvmlInit less nvmlShutdown */
    unsigned n_gpus;
    struct nvml_device gpus[FAKE_GPUS];
    int remote_type;         /* of NVLinks */
    int p2p_status;          /* of NVLink between the two A100 */
    const char *fail_call;   /* this call fails, or NULL */
    int fail_gpu;            /* on this GPU, -1: any */
    int fail_code;           /* with this code */
    unsigned fail_after;     /* so many calls succeed before the one that fails; 0: off */
    unsigned calls;          /* made so far */
    unsigned geometry_calls; /* of them, for profiles */
};

/* Puts everything back: gpu 0 and 1 "NVIDIA A100-SXM4-40GB", 2 "Tesla T4", 3 "DGX Display". */
typedef void fake_nvml_start(void);

#endif
