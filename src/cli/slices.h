/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slices of this machine, of all users: the pages of the ledger with who lives in them, held
 * against what the driver says. What a page says is its owner's word; what is wrong with one is
 * told.
 */
#ifndef CLI_SLICES_H
#define CLI_SLICES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "page/claim.h"
#include "page/page_slot.h"

struct err;
struct meter;

/* A process that has a slot. */
struct slices_process {
    uint32_t pid;        /* as seen from here; 0: not to be told */
    uint32_t inside_pid; /* as in its own pid namespace */
    bool here;           /* its pid namespace is ours */
    enum page_kind kind;
    char command[PAGE_COMMAND_SIZE + 1];
    uint32_t routes, library;
    bool measured[PAGE_DEVICES]; /* somebody answered its last question */
    uint64_t used_bytes[PAGE_DEVICES];
    uint64_t driver_bytes[PAGE_DEVICES]; /* the driver's figure; 0: it has none */
};

/* A page. Owns its processes. */
struct slices_item {
    char path[PAGE_PATH_SIZE];
    enum page_fault fault; /* not PAGE_SOUND: all but path and uid is empty */
    uint32_t uid;
    bool alive;
    struct page_head head;
    enum page_claim claim;
    uint32_t unattached, turned_away;
    uint64_t used_bytes[PAGE_DEVICES];
    uint64_t driver_bytes[PAGE_DEVICES];
    uint64_t refused[PAGE_DEVICES];       /* allocations */
    uint64_t refused_bytes[PAGE_DEVICES]; /* the size of one of the last */
    size_t n_processes;
    struct slices_process *processes;
};

/* What uses a GPU and is in no slice. */
struct slices_outside {
    size_t device; /* number in the meter */
    uint32_t pid;
    uint64_t bytes;
};

struct slices {
    size_t count;
    struct slices_item *items;
    size_t n_outside;
    struct slices_outside *outside;
};

/* Every page of the folder. A folder that is not there has none. */
int slices_read(struct slices **out, const char *folder, struct err *e);
void slices_free(struct slices *s);
OWN_POINTER(struct slices, slices_free);

/* Asks the driver: driver_bytes, pids in other namespaces, and who is outside. */
int slices_measure(struct slices *s, struct meter *m, struct err *e);

/*
 * The item claims memory of the device, which has `total_bytes` (who claims more is not counted).
 * As claim_decide() counts: whatever a living page says of its claim, but that it waits.
 */
bool slices_claims(const struct slices_item *item, const uint8_t uuid[PAGE_UUID_SIZE],
                   uint64_t total_bytes);

/* What all of them claim. */
uint64_t slices_promised(const struct slices *s, const uint8_t uuid[PAGE_UUID_SIZE],
                         uint64_t total_bytes);

/* Used on the meter's device by what is in no slice. */
uint64_t slices_outside_bytes(const struct slices *s, size_t device);

/* The number of the device in the page; -1: the slice is not on it. */
int slices_on(const struct slices_item *item, const uint8_t uuid[PAGE_UUID_SIZE]);

#endif
