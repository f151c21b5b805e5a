/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time on the emulated GPU, shared by its processes as the driver does it without any help: one
 * process at a time, in slices of 2 ms, round robin among those that have work; taking turns costs
 * 0.12 ms. All times are computed, on the shared state: whoever looks moves the GPU on to now, and
 * a process may be late in looking. The instances of a GPU in MIG mode go on beside each other.
 *
 * A process gives its work as nanoseconds, and all that it has given to one device is done in that
 * order; a place in it is the sum up to there.
 */
#ifndef EMULATOR_CUDA_TURN_H
#define EMULATOR_CUDA_TURN_H

#include <stdbool.h>
#include <stdint.h>

struct device;

/* The clock of all this, monotonic. */
uint64_t turn_now(void);

/* Adds work; the place at its end. 0 ns: the place where all is done that was given so far. */
uint64_t turn_give(const struct device *d, uint64_t work_ns);

/*
 * Has this process got to the place? Then when; else how long it will take if nobody comes or goes,
 * but no more than TURN_LOOK_NS.
 */
bool turn_reached(const struct device *d, uint64_t place, uint64_t *out_at, uint64_t *out_wait);

/*
 * An event waits for the place: whoever moves the GPU on notes when it is reached, however late
 * this process looks. 32 at a time; of more, the time is that of the run that they lie before.
 */
void turn_mark(const struct device *d, uint64_t place);

/* What is not done yet is dropped: the context or process ends. */
void turn_drop(const struct device *d);

enum {
    TURN_SLICE_NS = 2000000,
    TURN_SWITCH_NS = 120000,
    TURN_LOOK_NS = 10000000,
};

#endif
