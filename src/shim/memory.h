/* SPDX-License-Identifier: Apache-2.0 */
/* What the wrappers of all kinds of device memory share. */
#ifndef SHIM_MEMORY_H
#define SHIM_MEMORY_H

#include "shim/hooks.h"
#include "shim/ledger.h"
#include "shim/plain.h"

enum {
    MEMORY_UNIT = 2 << 20,      /* what the driver takes memory in (measured) */
    MEMORY_SMALL_MAX = 1 << 20, /* up to this, allocations share units (measured) */
};

/* The driver's own function; what it calls of itself meanwhile is not the program's. */
#define CALL(name, ...)                                                                            \
    __extension__({                                                                                \
        __typeof__(&(name)) call_real = REAL(name);                                                \
        CUresult call_rc;                                                                          \
                                                                                                   \
        shim_depth++;                                                                              \
        call_rc = call_real(__VA_ARGS__);                                                          \
        shim_depth--;                                                                              \
        call_rc;                                                                                   \
    })

/* Is this a call of the program, in a slice? Otherwise it is the driver's alone. */
bool memory_judged(void);

/* Where memory goes that the calling thread asks for. */
struct memory_place {
    CUcontext context;
    CUdevice ordinal; /* the driver's number of the device */
    int device;       /* index in the page; -1: the slice has nothing there */
    bool nowhere;     /* no context is current: the driver will say so */
};
struct memory_place memory_place(void);

/* The driver has no such device, or is not up: it must say so itself. */
bool memory_unknown_device(CUdevice ordinal);

/* The handle that an entry's key is. */
void *memory_handle(uint64_t key);

/* Whole units. */
uint64_t memory_whole(uint64_t bytes);

/* Puts an entry down whose charge is made already; false: no memory. */
bool memory_book(const struct ledger_entry *e);

/* Of an entry that was taken out and is free now: what to charge less. */
uint64_t memory_freed(const struct ledger_entry *e);

/* The context is no more, and all that was allocated in it. */
void memory_drop(CUcontext context);

/* The program destroys or frees what the ledger knows by this key. */
#define MEMORY_FREE(kind, key, name, handle)                                                       \
    __extension__({                                                                                \
        struct ledger_entry free_entry;                                                            \
        CUresult free_rc;                                                                          \
                                                                                                   \
        if (memory_judged() && memory_free_begin(kind, key, &free_entry)) {                        \
            free_rc = CALL(name, handle);                                                          \
            memory_free_end(&free_entry, free_rc);                                                 \
        } else {                                                                                   \
            free_rc = CALL(name, handle);                                                          \
        }                                                                                          \
        free_rc;                                                                                   \
    })
bool memory_free_begin(enum ledger_kind kind, uint64_t key, struct ledger_entry *out);
void memory_free_end(const struct ledger_entry *e, CUresult rc);

#endif
