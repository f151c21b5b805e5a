/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of libcarve.so and what they may ask of each other. A guest in somebody's process:
 * never exits, prints, takes signals, starts threads, or waits without a bound; anything that it
 * does not understand it lets through and counts (PAGE uncounted), but an allocation that it
 * cannot charge is refused as out of memory.
 *
 *   resolve.c  dlsym, dlvsym, cuGetProcAddress: gives our wrapper where the driver would be found
 *   hooks.h    one line per wrapped function: the only list
 *   attach.c   the slice: page, slot, fork, which CUdevice is which limit
 *   ledger.c   what this process has: address or handle -> what was charged for it
 *   memory_*.c, context.c, launch.c   the wrappers, by what is limited
 *   measure.c  overhead: asks `carve run` (or carved) to look at the driver
 *   nvml.c     the slice as NVML shows it
 *   exec.c     the slice goes on over exec
 */
#ifndef SHIM_SHIM_H
#define SHIM_SHIM_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "page/page.h"
#include "shim/cuda_types.h"

/* ---- attach.c */

enum shim_state {
    SHIM_OFF,      /* no slice is named (CARVE_PAGE is not set): everything passes */
    SHIM_ATTACHED, /* page and slot are ours */
    SHIM_BROKEN,   /* a slice is named but cannot be had: no device memory for this process */
};

/*
 * The slice of this process. The first call attaches; so does the first in a forked child. Cheap
 * after that: one load and a compare.
 */
struct shim {
    enum shim_state state;
    struct page *page;
    struct page_slot *slot;
};
const struct shim *shim_get(void);

/* Where shim_get's answer lies, once there is one; emptied by fork. For shim_slot alone. */
extern const struct shim *_Atomic shim_now;

/* The slot, if we are attached already, in a few instructions; NULL: ask shim_get. */
static inline struct page_slot *shim_slot(void)
{
    const struct shim *s = atomic_load_explicit(&shim_now, memory_order_acquire);

    return s ? __atomic_load_n(&s->slot, __ATOMIC_ACQUIRE) : NULL;
}

/* The device's index in the page; -1: the slice has nothing on it (its limit is then 0). */
int shim_device(CUdevice device);

/* The device of the current context, likewise; -1 with *out_rc the driver's error, or CUDA_SUCCESS.
 */
int shim_current_device(CUresult *out_rc);

/* Set while we call the driver: what it calls of itself is not the program's. */
extern _Thread_local unsigned shim_depth __attribute__((tls_model("initial-exec")));

/*
 * Around work of ours that reads files or waits: the program's errno stays as it is, and the thread
 * cannot be cancelled in the middle, with a lock held or a charge half made.
 */
struct shim_aside {
    int error, cancel;
};

static inline struct shim_aside shim_aside_begin(void)
{
    struct shim_aside a = {.error = errno};

    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &a.cancel);
    return a;
}

static inline void shim_aside_end(const struct shim_aside *a)
{
    (void)pthread_setcancelstate(a->cancel, NULL);
    errno = a->error;
}

/* ---- resolve.c */

/*
 * What a call of hook `id` (enum shim_hook in hooks.h) goes on to: the driver's own function, or
 * that of a library preloaded behind us. While shim_depth is not 0 always the driver's. Never NULL:
 * where this driver has none, one that answers "not supported".
 */
void *shim_real(unsigned id);

/* The same, by hook, as far as it is known; NULL: ask shim_real. Not for what runs within a call of
 * ours. */
extern void *_Atomic shim_known[];

/* The same for names that are not wrapped; opens libcuda.so.1 if nobody has. */
void *shim_driver_symbol(const char *name);
void *shim_nvml_symbol(const char *name); /* of libnvidia-ml.so.1 */

/* ---- charge.c: the page, seen from a wrapper. device: index in the page */

/*
 * Room for `bytes` more is charged and the driver may be called; charge_end must follow. False:
 * refuse with CUDA_ERROR_OUT_OF_MEMORY, nothing follows. Calls of other threads are waited for,
 * pools trimmed and the overhead measured before it says no.
 */
bool charge_begin(int device, uint64_t bytes);

/* The same without trying hard, and without counting the refusal. */
bool charge_begin_if_easy(int device, uint64_t bytes);

/* The same, trying hard, without counting the refusal: for who then asks for less, or refuses. */
bool charge_begin_or_not(int device, uint64_t bytes);

/* The driver took more than there was room for, and that is charged. False: it does not fit; wait:
 * also when other threads, which may have charged too much, have ended their calls. */
bool charge_fits(int device, bool wait);

void charge_refused(int device, uint64_t bytes);

/* The driver will be called for something that charges nothing new; charge_end must follow. */
void charge_begin_free(int device);

/* Between begin and end: so much more or less is charged already. */
void charge_change(int device, int64_t change);

/* The driver has answered: what is charged changes by so much (less: it failed, or was freed). */
void charge_end(int device, int64_t change);

/* Beside charge_begin and charge_end: of what is charged, so much more or less is managed memory.
 */
void charge_managed(int device, int64_t change);

/* A call that we could not judge was let through. */
void charge_uncounted(void);

enum charge_count { CHARGE_ALLOCATION, CHARGE_FREE };
void charge_counted(enum charge_count what);

/* ---- measure.c */

/* Contexts came or went (delta): their cost is looked at, or else taken as the page states it. */
void measure_context(int device, int delta);
void measure_estimate(int device, uint64_t bytes); /* so much more, until the next answer */
void measure_soon(int device);                     /* does not wait */
/* Waits up to 50 ms for the answer, or until a process of the slice is found dead; not again, once
 * that was in vain, before an answer came. True: there may be more room now. Attached only. */
bool measure_or_reap(int device);

/* ---- launch.c */

void launch_counted(void);

/* ---- memory_pool.c */

/* Has the driver give back what its pools on the device keep for later; true: that was something.
 */
bool memory_pool_trim(int device);

#endif
