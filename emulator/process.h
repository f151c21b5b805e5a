/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of a GPU in the state: their memory, and whether they live. A process that was
 * killed cannot take its row away, so whoever looks does it. All under the state's lock.
 */
#ifndef EMULATOR_PROCESS_H
#define EMULATOR_PROCESS_H

#include "state.h"

/* Beyond so many rows none was ever used. */
unsigned process_rows(const struct state_gpu *s);

/* Rows of dead processes go, after the state's teardown time; only those of this pid namespace. */
void process_reap(struct state *s, unsigned gpu);

/* Bytes of all processes; gi UINT32_MAX: of the whole GPU. */
uint64_t process_bytes(const struct state_gpu *s, uint32_t gi);

/* This process's row in an instance (UINT32_MAX: none), made if need be, hidden; NULL: full. */
struct state_process *process_own(struct state *s, unsigned gpu, uint32_t gi, uint32_t ci);

/* A copy of the row, `used` aside; NULL: full. */
struct state_process *process_add(struct state_gpu *s, const struct state_process *row);
void process_drop(struct state_process *p);

#endif
