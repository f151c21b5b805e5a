/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The page of a slice: one file of fixed layout that carve makes, every process of the slice maps
 * and writes its own charges to, and anyone may read. Here are the layout and what keeps it true:
 * making, checking, slots, charges. Knows libc alone: it is linked into other people's programs.
 *
 * A page is never trusted: whoever opens one checks it (page_map, page_read). What it holds:
 *
 *   head    what was promised: GPUs, limits, owner; sealed by a checksum, written once
 *   common  what all share: state of the claim, the bell of who measures
 *   slot[]  one per process: who it is, and for each GPU what it has; written by that process, but
 *           for `overhead_bytes` and `measured`, which who measures writes
 *
 * The memory in use is the sum over the slots, never a number of its own. So a process killed at
 * any instruction leaves nothing to repair: its slot is emptied by whoever next finds it dead, and
 * it is dead only when the kernel has closed its files, the driver's among them.
 */
#ifndef PAGE_PAGE_H
#define PAGE_PAGE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PAGE_MAJOR = 1, /* another one: not for us */
    PAGE_MINOR = 0, /* a newer one only adds behind what is known */
    PAGE_DEVICES = 16,
    PAGE_SLOTS = 256,
    PAGE_NAME_SIZE = 64,
    PAGE_UUID_SIZE = 16,
    PAGE_COMMAND_SIZE = 16, /* as the kernel's comm */
};

/* The promise for one GPU or MIG device. Bytes. */
struct page_limit {
    uint8_t uuid[PAGE_UUID_SIZE]; /* as cuDeviceGetUuid_v2 gives it */
    uint64_t limit_bytes;
    uint64_t total_bytes;   /* of the device, what CUDA calls its total memory */
    uint64_t context_bytes; /* stated cost of one context, for who cannot measure */
};

/* Written once, before the page has its name. */
struct page_head {
    uint64_t magic;
    uint16_t major, minor;
    uint32_t slots_offset, slot_size, n_slots;
    uint64_t size; /* of the file */
    uint32_t uid;  /* of the owner */
    uint32_t n_devices;
    uint64_t id;      /* random: the slice's own */
    uint64_t made_ns; /* CLOCK_BOOTTIME */
    uint32_t flags;   /* enum page_flag */
    uint32_t reserved;
    char name[PAGE_NAME_SIZE]; /* as --name says; "" without */
    struct page_limit limits[PAGE_DEVICES];
    uint64_t seal; /* FNV-1a, 64 bits, of all above */
};

enum page_flag {
    PAGE_ALLOW_UNATTACHED = 1, /* the owner said that programs may run without a limit */
};

/* What became of the wish for memory (src/page/claim.h). */
enum page_claim {
    PAGE_ASKING = 1,
    PAGE_GRANTED,
    PAGE_ENDED,   /* nobody comes in any more */
    PAGE_WAITING, /* wants memory, and counts for nothing */
};

struct page_common {
    _Atomic uint32_t claim;
    _Atomic uint32_t bell;        /* futex: rung when a slot asks to be measured */
    _Atomic uint32_t slots_high;  /* slots from here on were never used */
    _Atomic uint32_t unattached;  /* programs started that could not be attached */
    _Atomic uint32_t turned_away; /* processes that found no free slot */
    uint32_t reserved[11];
};

/* One GPU of one process; a cache line. */
struct page_use {
    _Atomic uint64_t tracked_bytes; /* allocations, managed_bytes included */
    _Atomic uint64_t asking_bytes;  /* being reserved now */
    _Atomic uint64_t managed_bytes;
    _Atomic int64_t overhead_bytes; /* driver's figure - (tracked - managed): contexts, code */
    _Atomic uint32_t contexts;
    /* Futex pair: the process raises `measure_asked`, who measures answers by setting `measured` to
       the `measure_asked` that it saw before it looked. */
    _Atomic uint32_t measure_asked;
    _Atomic uint32_t measured;
    _Atomic uint32_t refused;       /* allocations refused for the limit */
    _Atomic uint64_t refused_bytes; /* size of the last of them */
    /*
     * Low half: driver calls under way that take or give memory; high half: how many have ended.
     * `tracked_bytes` and what the driver shows belong together only if the low half was 0, and the
     * whole word the same, before and after both were read.
     */
    _Atomic uint64_t changing;
};

/* How calls come to us: a bit each. */
enum page_route {
    PAGE_ROUTE_LINKED = 1,       /* through the program's own symbols */
    PAGE_ROUTE_DLSYM = 2,        /* looked up with dlsym or dlvsym */
    PAGE_ROUTE_PROC_ADDRESS = 4, /* cuGetProcAddress */
    PAGE_ROUTE_NVML = 8,
    PAGE_ROUTE_DLMOPEN = 16, /* the program opened a library in another namespace: past us */
};

enum page_kind {
    PAGE_PROCESS = 1, /* runs libcarve.so */
    PAGE_RUN,         /* `carve run` itself: keeps the claim, measures */
};

struct page_slot {
    _Atomic uint64_t owner;         /* 0: free; else page_self() of the process */
    _Atomic uint64_t pid_namespace; /* page_self_namespace(): of pids and of time */
    _Atomic uint32_t pid;           /* as in that namespace */
    _Atomic uint32_t kind;          /* 0: not in yet */
    _Atomic uint32_t routes;
    _Atomic uint32_t library; /* version of libcarve.so: major << 16 | minor << 8 | patch */
    char command[PAGE_COMMAND_SIZE];
    _Atomic uint64_t attach_ns; /* what attaching took */
    _Atomic uint64_t launches;
    _Atomic uint64_t allocations, frees;
    _Atomic uint64_t uncounted; /* calls that we could not judge and let through */
    uint64_t reserved[5];
    struct page_use use[PAGE_DEVICES];
};

struct page {
    _Alignas(64) struct page_head head;
    _Alignas(64) struct page_common common;
    _Alignas(64) struct page_slot slots[PAGE_SLOTS];
};

static_assert(sizeof(struct page_limit) == 40, "file layout");
static_assert(offsetof(struct page_head, name) == 64, "file layout");
static_assert(sizeof(struct page_head) == 64 + 64 + 16 * 40 + 8, "file layout");
static_assert(sizeof(struct page_common) == 64, "file layout");
static_assert(sizeof(struct page_use) == 64, "file layout");
static_assert(offsetof(struct page_slot, use) == 128, "file layout");
static_assert(sizeof(struct page_slot) == 128 + 16 * 64, "file layout");
static_assert(offsetof(struct page, common) == 832, "file layout");
static_assert(offsetof(struct page, slots) == 896, "file layout");

#endif
