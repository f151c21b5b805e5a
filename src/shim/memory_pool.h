/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that the driver keeps for this process and hands out piece by piece: pools, graphs. */
#ifndef SHIM_MEMORY_POOL_H
#define SHIM_MEMORY_POOL_H

#include "shim/memory.h"

/*
 * The charge of a pool, in short: what the driver says that the pool holds. Who allocates from it
 * charges room for its growth first. Near the limit that is only what the pool lacks, and the rest
 * must come out of what the pool has left, which the driver may give back at any synchronization.
 * So such a call relies on it: it counts its size, in pieces, into the `maps` of the pool's entry
 * before it looks at the charge, and until the driver has answered whoever sets the charge sets it
 * to no less than what the pool needs for all these pieces. So also where another call takes what
 * was left: the room which that one had charged for itself then stays charged.
 */

enum { MEMORY_PIECE = 512 }; /* what pools hand out in */

/* Pools grow by whole chunks. */
uint64_t memory_pool_chunks(uint64_t bytes);

/* What the pool holds at most once `more` than now is handed out. */
uint64_t memory_pool_needs(CUmemoryPool pool, uint64_t more);

/*
 * Reads what the pool (LEDGER_POOL, or LEDGER_GRAPH_POOL) holds now and sets its charge to that;
 * returns how much more that is. Between charge_begin and charge_end.
 */
int64_t memory_pool_change(enum ledger_kind kind, uint64_t key);

/* Has the driver give back all of it that is not handed out. */
void memory_pool_trim_to(CUmemoryPool pool);
void memory_graph_trim(CUdevice ordinal);

/* A graph of this device will allocate. */
void memory_graph_allocates(int device, CUdevice ordinal);

/* All pools anew: at points where the driver gives back what it kept. Costs nothing without pools.
 */
void memory_pool_settle(void);

/* From now on memory_pool_settle looks. */
void memory_pool_in_use(void);

/* In a capture nothing is allocated yet, and little may be called. */
bool memory_pool_capturing(CUstream stream);

/* The calling thread may call what its captures would not survive, until it is given back. */
int memory_pool_relax(void);
void memory_pool_restore(int mode);

#endif
