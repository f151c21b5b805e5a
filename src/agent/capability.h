/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capability nodes of MIG instances, /dev/nvidia-caps/nvidia-cap<minor>: whoever may open the two
 * of a MIG device may use it. The numbers are the kernel module's and read from its /proc files.
 */
#ifndef AGENT_CAPABILITY_H
#define AGENT_CAPABILITY_H

struct err;

/* A capability of a GPU instance, or with ci >= 0 of a compute instance in it. */
struct capability {
    unsigned gpu_minor;
    unsigned gi;
    int ci; /* -1: the GPU instance itself */
};

struct capability_node {
    unsigned minor;
    unsigned mode; /* 0444 */
};

/*
 * <proc_root>/driver/nvidia/capabilities has the instances that exist; where it is not to be seen,
 * <proc_root>/driver/nvidia-caps/mig-minors has the table of all that could. -ENOENT: neither
 * knows.
 */
int capability_find(struct capability_node *out, const struct capability *c, const char *proc_root,
                    struct err *e);

/* The major number of all of them, from <proc_root>/devices; -ENOENT if the module has none. */
int capability_major(unsigned *out, const char *proc_root, struct err *e);

#endif
