/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small kernel on one GPU or MIG device: adds two vectors and looks at every sum. In a child
 * process with a deadline, which sees that device alone.
 */
#ifndef DOCTOR_CUDA_RUN_H
#define DOCTOR_CUDA_RUN_H

#include <stdint.h>

#include "doctor/child.h"

struct err;

/* How far it came. */
enum cuda_step {
    CUDA_STEP_LIBRARY, /* opening libcuda.so.1 */
    CUDA_STEP_INIT,
    CUDA_STEP_DEVICE,
    CUDA_STEP_CONTEXT,
    CUDA_STEP_MODULE, /* compiling the kernel */
    CUDA_STEP_MEMORY,
    CUDA_STEP_KERNEL,
    CUDA_STEP_RESULT,
    CUDA_STEP_DONE,
};

/* The device to be used. */
struct cuda_wish {
    const char *driver_root;
    const char *uuid; /* "GPU-…" or "MIG-…"; "": the first that CUDA shows */
    unsigned timeout_ms;
};

/* What came of it. A plain value that crosses a process boundary. */
struct node_cuda_facts {
    /* chosen before */
    char uuid[96];        /* of the wish */
    char slice[160];      /* in words: "1g.5gb of GPU 0" */
    uint64_t slice_bytes; /* memory that the slice has; 0: unknown */
    unsigned n_processes; /* that use it */
    char refused[256];    /* why nothing was run at all; "" */

    /* by the child */
    enum cuda_step step; /* that is under way, or that failed */
    int code;            /* CUDA's, of a failure; 0: none */
    char call[48];       /* that failed */
    char words[504];     /* of the failure */
    int driver_version;  /* 13000 is 13.0 */
    int n_devices;
    char name[96];
    char found_uuid[48]; /* as CUDA tells it, without the start: "xxxxxxxx-xxxx-…" */
    uint64_t memory_bytes;
    uint64_t init_us, context_us, module_us, kernel_us;
    uint32_t n_sums, n_wrong;

    /* by the parent */
    enum child_end end;
    int signal;
};

/* Fills the child's and the parent's part of *io. Negative errno: there was no child. */
int cuda_run(struct node_cuda_facts *io, const struct cuda_wish *wish, struct err *e);

/* What a step is about, "compile the kernel". */
const char *cuda_step_name(enum cuda_step step);

/* What a code of CUDA means and what to do about it; false if there is nothing special to say. */
struct cuda_help {
    int code;
    const char *words, *cure;
};
const struct cuda_help *cuda_help(int code);

#endif
