/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hardware of this node is and can do, now: plain values, read through the door in
 * driver.h. Knows nothing of Kubernetes or of who holds what.
 */
#ifndef GPU_GPU_H
#define GPU_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

enum {
    GPU_UUID_SIZE = 96,
    GPU_NAME_SIZE = 96,
    GPU_PROFILE_NAME_SIZE = 32,
    GPU_VGPU_SIZE = 12,
    GPU_CLIQUE_SIZE = 48,
    GPU_MAX = 64,            /* GPUs of a node */
    GPU_MAX_PROFILES = 24,   /* GPU instance profiles of a board */
    GPU_MAX_INSTANCES = 16,  /* GPU instances of a GPU */
    GPU_MAX_COMPUTE = 8,     /* compute instances of a GPU instance */
    GPU_MAX_PROCESSES = 512, /* kept per GPU; more are counted only */
};

/* Where on the GPU's memory axis something sits: [start, start + size). */
struct gpu_span {
    uint8_t start;
    uint8_t size;
};

/* Numbers of a profile that the built-in table may lack; bits of gpu_profile.unknown. */
enum gpu_number {
    GPU_NUMBER_SM = 1,
    GPU_NUMBER_COPY = 2,
    GPU_NUMBER_DECODE = 4,
    GPU_NUMBER_ENCODE = 8,
    GPU_NUMBER_JPEG = 16,
    GPU_NUMBER_OFA = 32,
    GPU_NUMBER_MEM = 64,
};

/*
 * A GPU instance profile of a board. `id` is what create calls want and `nvidia-smi mig -lgip`
 * prints; `index` is NVML's enumeration, another number space.
 */
struct gpu_profile {
    char name[GPU_PROFILE_NAME_SIZE]; /* "1g.5gb", "1g.5gb+me" */
    unsigned id;
    unsigned index;
    unsigned slices;        /* compute slices */
    unsigned max_instances; /* of this profile on an empty GPU */
    unsigned sm_count;
    unsigned copy_engines, decoders, encoders, jpeg_engines, ofa_engines;
    uint64_t mem_mib;
    uint8_t unknown; /* enum gpu_number bits: nobody told, the number reads 0 */
    bool p2p;
    uint8_t span_size;    /* of each placement */
    uint16_t span_starts; /* bit n: may start at n */
};

/*
 * The MIG geometry of a board. Empty (n_profiles 0) where the board has no MIG. A profile whose
 * id or placements nobody told cannot be made, so it is not in here.
 */
struct gpu_geometry {
    unsigned axis; /* length of the memory axis: 8, 4 (A30), 12 (RTX PRO 6000) */
    unsigned n_profiles;
    struct gpu_profile profiles[GPU_MAX_PROFILES]; /* by slices, then span, then name */
    bool from_table;                               /* NVML did not tell; the built-in table did */
};

/* A compute instance with the MIG device that stands on it. */
struct gpu_compute {
    unsigned id;
    unsigned slices;          /* compute slices */
    char uuid[GPU_UUID_SIZE]; /* of the MIG device, "MIG-…" */
    unsigned device_index;    /* of the MIG device on its GPU */
    unsigned sm_count;        /* 0: the driver does not tell */
};

struct gpu_instance {
    unsigned id;
    unsigned profile_id;
    struct gpu_span span;
    unsigned n_computes;
    struct gpu_compute computes[GPU_MAX_COMPUTE];
};

/* A process with a context on the GPU. gi_id and ci_id are -1 outside MIG. */
struct gpu_process {
    uint32_t pid;
    int gi_id, ci_id;
    uint64_t mem_bytes; /* 0: the driver does not know */
};

enum gpu_mig {
    GPU_MIG_NONE, /* the board cannot */
    GPU_MIG_OFF,
    GPU_MIG_ON,
};

/* What the driver asks for so that a GPU is well again. */
enum gpu_recovery {
    GPU_RECOVERY_UNKNOWN, /* the driver does not say */
    GPU_RECOVERY_NONE,    /* nothing: it is well */
    GPU_RECOVERY_WAIT,    /* that some work ends */
    GPU_RECOVERY_RESET,
    GPU_RECOVERY_REBOOT,
};

/* Owns nothing but its processes. */
struct gpu {
    unsigned index; /* NVML's */
    unsigned minor; /* of /dev/nvidia<minor> */
    char uuid[GPU_UUID_SIZE];
    char name[GPU_NAME_SIZE];
    char bus_id[16];        /* as in sysfs: "0000:10:1c.0" */
    uint32_t device_id;     /* PCI device << 16 | vendor: 0x20B010DE */
    uint32_t subsystem_id;  /* likewise */
    uint32_t pci_class;     /* 0x030200: 3D controller; 0: unknown */
    int numa_node;          /* -1: unknown */
    unsigned compute_major; /* compute capability */
    unsigned compute_minor;
    uint64_t mem_total_bytes;
    uint64_t mem_used_bytes;     /* with the driver's own, where it does not tell that apart */
    uint64_t mem_reserved_bytes; /* by the driver for itself; 0: it does not tell */
    enum gpu_mig mig, mig_pending;
    struct gpu_geometry geometry;
    unsigned n_instances;
    struct gpu_instance instances[GPU_MAX_INSTANCES];
    unsigned n_processes; /* at most GPU_MAX_PROCESSES */
    unsigned n_processes_left_out;
    struct gpu_process *processes;
    char vgpu_version[GPU_VGPU_SIZE]; /* of the host's driver: "460.16"; "": no vGPU */
    char vgpu_branch[GPU_VGPU_SIZE];  /* "r460_00" */
    char clique[GPU_CLIQUE_SIZE];     /* "<cluster uuid>.<clique id>" on an NVLink fabric, or "" */
    enum gpu_recovery recovery;       /* not part of carve.v1.Node's messages: faults are */
    char fault[160];                  /* "" or why this GPU cannot be used: "GPU is lost" */
};

/* How two GPUs reach each other; NVML's nvmlGpuTopologyLevel_t values. */
struct gpu_link {
    uint8_t level; /* 0 same board, 10 one switch, 20 switches, 30 host bridge, 40 CPU, 50 system */
    uint8_t nvlinks; /* direct, or the smaller count of both where they meet at switches */
};

/* Everything known of the node's hardware at one moment. Owns its arrays. */
struct inventory {
    char driver_version[80];
    char nvml_version[80];
    unsigned cuda_version; /* 13000 is 13.0 */
    unsigned n_gpus;
    struct gpu *gpus;       /* by index */
    struct gpu_link *links; /* [a * n_gpus + b] */
};

void inventory_free(struct inventory *inv);
OWN_POINTER(struct inventory, inventory_free);

/* The GPU with this UUID, or NULL. */
struct gpu *inventory_find(const struct inventory *inv, const char *uuid);

/* The profile by name ("1g.5gb+me", or with '.' for '+' as in resource names) or id, or NULL. */
const struct gpu_profile *geometry_find(const struct gpu_geometry *g, const char *name);
const struct gpu_profile *geometry_find_id(const struct gpu_geometry *g, unsigned id);

/*
 * The name of a MIG device: the GPU instance's profile, with "<n>c." in front where the compute
 * instance is smaller than it. Returns buffer.
 */
const char *gpu_device_name(char buffer[GPU_PROFILE_NAME_SIZE], const struct gpu *gpu,
                            const struct gpu_instance *gi, const struct gpu_compute *ci);

#endif
