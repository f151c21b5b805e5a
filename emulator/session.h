/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process's use of the emulated driver: node and state between nvmlInit and nvmlShutdown, what
 * a handle means, and the gate that every exported call goes through. NVML has no context argument,
 * hence the one global of this library, in session.c.
 */
#ifndef EMULATOR_SESSION_H
#define EMULATOR_SESSION_H

#include <stdbool.h>

#include "abi.h"
#include "node.h"
#include "state.h"

/* Declares and begins an exported function: API(nvmlX, arguments) { ... } */
#define API(name, ...)                                                                             \
    __attribute__((visibility("default"))) nvmlReturn_t name(__VA_ARGS__);                         \
    nvmlReturn_t name(__VA_ARGS__)

/* What a device handle stands for. */
struct target {
    const struct gpu *gpu;
    struct state_gpu *state;
    bool is_mig;
    unsigned gi, ci; /* of a MIG device */
};

/* Counted, as nvmlInit and nvmlShutdown are. */
int session_open(void);
int session_close(void);

/* The gate: initialized? hung? slowed? Every exported call asks first; `call` is its name. */
int session_enter(const char *call);

const struct node *session_node(void);
struct state *session_state(void);
void session_lock(void);
void session_unlock(void);

/* After the gate. A GPU or MIG device; a GPU alone (a MIG device is NOT_SUPPORTED). */
int session_target(const char *call, nvmlDevice_t device, struct target *out);
int session_gpu(const char *call, nvmlDevice_t device, struct target *out);

/* After the gate, under the lock on success: the caller unlocks. */
int session_gi_lock(const char *call, nvmlGpuInstance_t handle, struct target *out);
int session_ci_lock(const char *call, nvmlComputeInstance_t handle, struct target *out);

nvmlDevice_t session_gpu_handle(unsigned gpu);
/* Under the lock: the handle is good for this very device, not for its successor. */
nvmlDevice_t session_mig_handle(unsigned gpu, unsigned gi, unsigned ci);
nvmlGpuInstance_t session_gi_handle(unsigned gpu, unsigned gi);
nvmlComputeInstance_t session_ci_handle(unsigned gpu, unsigned gi, unsigned ci);

/*
 * An instance came or went (ci NVML_NO_INSTANCE: a GPU instance): the tree of CARVE_EMULATOR_TREE
 * follows. Under the lock.
 */
void session_instance_changed(unsigned gpu, unsigned gi, unsigned ci);

/* A text of at most `size` bytes with its NUL, else INSUFFICIENT_SIZE. */
int session_text(char *out, unsigned size, const char *text);

/*
 * Placements of `size` at the starts of a bit mask into the caller's array, which may be NULL;
 * *count is its room, then what there is.
 */
int session_starts(unsigned starts, unsigned size, struct nvml_placement *out, unsigned *count);

/* Is this the version word of a struct of `size` bytes? Zero is taken too, as the driver does. */
bool session_version(uint32_t word, size_t size);

#endif
