/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this process has of device memory: address or handle -> what was charged for it. In memory
 * of its own (mmap), never the program's heap. A forked child starts with an empty one: it inherits
 * no device memory. Entries are copied in and out; no lock is held when a function here returns.
 */
#ifndef SHIM_LEDGER_H
#define SHIM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

/* What a key names; keys of different kinds never meet. */
enum ledger_kind {
    LEDGER_LINEAR = 1, /* address of cuMemAlloc and its like */
    LEDGER_BLOCK,      /* 2 MiB block that small allocations are cut from; refs: how many are */
    LEDGER_ARRAY,      /* CUarray or CUmipmappedArray */
    LEDGER_OBJECT,     /* physical memory; number of our own; refs: of its handles, maps */
    LEDGER_HANDLE,     /* CUmemGenericAllocationHandle; other: the object; refs */
    LEDGER_MAP,        /* address of cuMemMap; other: the object; size: of the mapping */
    LEDGER_KEPT,       /* number of an object that something which we do not see may keep, too */
    LEDGER_POOL,       /* CUmemoryPool; maps: pieces that calls under way rely on; refs;
                          other: how often its charge was set */
    LEDGER_GRAPH_POOL, /* CUdevice: the memory of its graphs */
    LEDGER_EXEC,       /* CUgraphExec that allocates; size: how much */
    LEDGER_CONTEXT,    /* CUcontext */
    LEDGER_LIMIT,      /* CUcontext and CUlimit; other: what the limit was at first */
};

struct ledger_entry {
    uint64_t key;
    uint64_t context; /* goes with it; 0: outlives contexts */
    uint64_t bytes;   /* charged for it */
    uint64_t other, size;
    uint32_t refs, maps;
    int16_t device; /* index in the page; -1: nobody is charged */
    uint8_t kind;   /* enum ledger_kind */
    bool managed;   /* also in managed_bytes */
    bool small;     /* nothing of its own: its block is charged */
    bool primary;   /* of a context */
};

/*
 * Puts the entry down. What had the key before goes to *out_old (kind 0: nothing had). False: no
 * memory, nothing is changed.
 */
bool ledger_put(const struct ledger_entry *e, struct ledger_entry *out_old);

/* Removes the entry and gives it; false: there is none. */
bool ledger_take(enum ledger_kind kind, uint64_t key, struct ledger_entry *out);

bool ledger_find(enum ledger_kind kind, uint64_t key, struct ledger_entry *out);

/*
 * Adds to the counts of e's key. There is none yet: e, with these counts, is put down. Both come to
 * 0, below which none falls: it is removed. *out: as it is after. False: no memory, or there is
 * none and the counts fall.
 */
bool ledger_count(const struct ledger_entry *e, int refs, int maps, struct ledger_entry *out);

/* Sets what is charged for the entry of a pool that was seen. False: it is gone, its charge was set
 * since, if only to the same, or its maps have grown. */
bool ledger_charge(const struct ledger_entry *seen, uint64_t bytes);

/* Removes the next entry of this context and gives it; *at starts at 0. False: none is left. */
bool ledger_take_context(uint64_t context, uint64_t *at, struct ledger_entry *out);

/*
 * Walks the entries of a kind: *at starts at 0. False: no more. What is put down or removed
 * meanwhile may be missed or seen twice.
 */
bool ledger_next(enum ledger_kind kind, uint64_t *at, struct ledger_entry *out);

/* Entries of all kinds. */
uint64_t ledger_entries(void);

#endif
