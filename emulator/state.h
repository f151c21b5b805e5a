/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes on the emulated machine: MIG modes and instances, processes, events, faults. One
 * struct of fixed-width words, in a file that several processes map, or in the process's own
 * memory. Writers hold an open-file-description lock, which the kernel drops with its holder; a
 * slot's `used` word is written last when it fills and first when it empties, so a writer killed
 * half-way leaves no half instance.
 */
#ifndef EMULATOR_STATE_H
#define EMULATOR_STATE_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/own.h"
#include "node.h"

struct err;

enum {
    STATE_VERSION = 4,
    STATE_INSTANCES = 15,  /* GPU instance ids 0..14, as in the kernel module's table */
    STATE_COMPUTES = 8,    /* compute instance ids of a GPU instance */
    STATE_PROCESSES = 512, /* of one GPU */
    STATE_WORK = 68,       /* words of a process for time-slicing */
    STATE_EVENTS = 256,    /* older ones are overwritten */
    STATE_DELAYS = 8,
    STATE_RECOVERY_UNTOLD = 255,
};

/* When a change of the MIG mode takes force. */
enum state_hold {
    STATE_HOLD_BOARD,  /* as the board does it: A100 by its own reset, Hopper and later at once */
    STATE_HOLD_RESET,  /* at the next GPU reset */
    STATE_HOLD_REBOOT, /* at the next reboot */
};

struct state_ci {
    uint8_t used, profile, start, size;
    uint32_t serial; /* of the creation: part of the MIG device's UUID */
};

/* Slot i is GPU instance id i. */
struct state_gi {
    uint8_t used, profile /* id */, start, size;
    uint32_t reserved;
    struct state_ci ci[STATE_COMPUTES];
};

/*
 * Who uses the GPU. A row with a start time is a process that must be alive: process.c empties it
 * when it is not. Without one it stays until somebody takes it away.
 */
struct state_process {
    uint32_t used, pid;
    uint32_t gi, ci;    /* UINT32_MAX outside MIG */
    uint64_t mem_bytes; /* as NVML tells of the process */
    char name[64];
    uint64_t device_bytes; /* of the GPU beyond mem_bytes */
    uint64_t start, space; /* clock ticks since boot, inode of the pid namespace; 0: stated */
    uint64_t image;        /* where its stack begins, which an exec changes; 0: unknown */
    uint64_t seen_gone_ns; /* when somebody first saw it dead; 0: nobody has */
    uint32_t hidden;       /* no context: NVML does not list it */
    uint32_t
        work_reserved; /* this one and work[]: time-slicing (cuda/), which says their meaning */
    uint64_t work[STATE_WORK];
};

/* Time slices of a GPU: who runs, and until when. The meaning is time-slicing's (cuda/). */
struct state_work {
    uint64_t words[16];
};

/* What calls do on the whole machine. */
enum state_calls {
    STATE_CALLS_ANSWER,
    STATE_CALLS_HANG,
    STATE_CALLS_UNLOADED, /* the driver is not loaded */
};

/* Calls since the state began, for tests that count them. */
struct state_counters {
    uint32_t mode_set, gi_created, gi_destroyed, ci_created, ci_destroyed, resets, reserved[2];
};

struct state_gpu {
    _Atomic uint32_t lost, mig_current; /* also read without the lock */
    uint32_t mig_pending, mig_hold, reset_refused, serial;
    _Atomic uint32_t
        recovery;  /* what the driver asks for; STATE_RECOVERY_UNTOLD: it does not say */
    uint32_t rows; /* of processes: beyond these none was ever used */
    struct state_counters counters;
    struct state_gi gi[STATE_INSTANCES];
    struct state_work work;
    struct state_process processes[STATE_PROCESSES];
};

struct state_event {
    uint64_t type, data;
    uint32_t gpu, gi, ci, reserved;
};

struct state_delay {
    uint32_t wait_ms, reserved;
    char call[56];
};

struct state {
    uint64_t magic; /* written last when the file is made */
    uint32_t version, size;
    uint64_t node_hash;
    char node_name[64];
    uint32_t changed;          /* futex: counts events */
    uint32_t calls;            /* futex: enum state_calls */
    _Atomic uint32_t n_delays; /* also read without the lock */
    uint32_t n_gpus;
    uint32_t teardown_ms; /* so long a dead process's memory stays taken */
    uint32_t reserved;
    uint64_t next_event; /* number of the next one; event n is in slot n % STATE_EVENTS */
    struct state_delay delays[STATE_DELAYS];
    struct state_event events[STATE_EVENTS];
    struct state_gpu gpus[NODE_MAX_GPUS];
};

static_assert(sizeof(struct state_ci) == 8 && sizeof(struct state_gi) == 72, "shared layout");
static_assert(sizeof(struct state_process) == 680, "shared layout");
static_assert(sizeof(struct state_gpu) == 349432, "shared layout");
static_assert(offsetof(struct state, delays) == 120, "shared layout");
static_assert(offsetof(struct state, gpus) == 120 + 8 * 64 + 256 * 32, "shared layout");
static_assert(sizeof(struct state) == 5599736, "shared layout");

/* A mapped state. Owns mapping and descriptor. */
struct state_map {
    struct state *at;
    int fd;                /* -1: the process's own memory */
    pid_t pid;             /* that opened fd: a lock would be shared over fork */
    uint64_t device, file; /* what fd was opened as: programs close what is not theirs */
    char path[4096];       /* absolute */
    pthread_mutex_t threads;
};

/* path NULL or empty: the process's own memory. A file of another node is refused. */
int state_open(struct state_map *m, const char *path, const struct node *n, struct err *e);
void state_close(struct state_map *m);

/* Whoever reads what is not atomic, or more than one word of it, or writes, holds the lock. */
void state_lock(struct state_map *m);
void state_unlock(struct state_map *m);

/*
 * Back to a machine just installed: no instances, processes, faults; calls that hang go on. UUIDs
 * of MIG devices are not given again. Under the lock.
 */
void state_clear(struct state *s);

/* Under the lock. */
void state_event(struct state *s, unsigned gpu, uint64_t type, uint64_t data, uint32_t gi,
                 uint32_t ci);

/* From now on every call does this. */
void state_calls(struct state *s, enum state_calls calls);

/* Wakes all that wait on a futex word of the state. */
void state_wake(uint32_t *word);

/* Waits while *word is `seen`; false if wait_ms went by (negative: no limit) or a signal came. */
bool state_wait(uint32_t *word, uint32_t seen, int64_t wait_ms);

#endif
