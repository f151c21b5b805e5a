/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What NVIDIA's XID numbers mean: whom such a fault touches, where it comes from, what to do, and
 * what ends it. Facts of NVIDIA's public XID catalog, in our words.
 */
#ifndef GPU_XID_H
#define GPU_XID_H

#include <stdbool.h>
#include <stdint.h>

enum {
    XID_OFF_THE_BUS = 79,
    XID_RECOVERY_ACTION = 154, /* no fault: what the driver asks for has changed */
};

/* Whom it touches. Of the first two a MIG device alone, where the driver names one. */
enum xid_touches {
    XID_TOUCHES_APPLICATION, /* the program that did it; the hardware is well */
    XID_TOUCHES_INSTANCE,    /* the MIG device, or the GPU without MIG */
    XID_TOUCHES_GPU,         /* the GPU with all that is on it */
};

/* What ends it. */
enum xid_cure {
    XID_CURE_WAIT,    /* passes by itself */
    XID_CURE_RESET,   /* a GPU reset */
    XID_CURE_REBOOT,  /* a reboot of the node */
    XID_CURE_REPLACE, /* another board or node */
};

/* What to do about the last three. */
#define XID_HELP_RESET                                                                             \
    "drain the GPU and reset it (nvidia-smi --gpu-reset); if it comes again, replace the node"
#define XID_HELP_REBOOT "drain the node and reboot it; if it comes again, replace the node"
#define XID_HELP_REPLACE "replace the node, or have the board examined"

struct xid {
    uint16_t first, last; /* numbers that mean the same */
    enum xid_touches touches;
    enum xid_cure cure;
    const char *name;  /* "GPU has fallen off the bus" */
    const char *cause; /* "the PCIe link or the power of the board failed" */
    const char *help;  /* what to do */
};

/* The meaning of a number; never NULL: an unknown one is taken as serious. */
const struct xid *xid_find(uint64_t number);

/* Faults of applications that NVIDIA's device plugin ignores: 13, 31, 43, 45, 68, 109. */
bool xid_ignored_by_default(uint64_t number);

/* The whole table, for documentation and tests. */
const struct xid *xid_table(unsigned *count);

#endif
