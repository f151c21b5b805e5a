/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of `carve run`, in the order in which they come: choose the GPUs, claim their memory
 * (or join a slice, or wait), start the program, measure for it while it runs, leave.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#include "base/err.h"
#include "cli/run_options.h"
#include "cli/slices.h"
#include "gpu/meter.h"
#include "inject/inject.h"

enum {
    /* A bare context on an H100 and an H200, driver 580.159.04, as the driver tells of the process.
     */
    RUN_CONTEXT_MIB = 518,
    RUN_CONTEXT_MAJOR = 9, /* compute capability of the boards on which that was measured */
    RUN_REASON_SIZE = 192,
    RUN_DEVICE_SIZE = 40,
};

/* One run. Owns what it points to. */
struct run {
    struct run_options o;
    struct program program;
    const struct inject *back_end; /* NULL: the program cannot be attached, `unattached` says why */
    struct err unattached;
    char library[PROGRAM_PATH_SIZE];

    struct meter *meter;
    struct slices *slices; /* as last read */
    unsigned n_devices;
    size_t devices[PAGE_DEVICES]; /* numbers in the meter */
    char reason[RUN_REASON_SIZE]; /* of the choice */
    const struct slices_item
        *own; /* in slices: the slice of that name that is there to be joined */

    char path[PAGE_PATH_SIZE]; /* of the page */
    struct page *page;         /* NULL: none yet */
    struct page_slot *slot;
    bool joined;
    bool no_room;   /* that is why nothing was started: who has what is worth a word */
    uint32_t child; /* pid of the program; 0: none yet */
};

/* ---- run_gpus.c */

/* The devices of the slice to be joined, or those that --gpu names, or the one with most room. */
int run_choose(struct run *r, struct err *e);

/* Promised to nobody, and used by nobody outside: what one more slice can have. */
uint64_t run_room_bytes(const struct run *r, size_t device);

/* Whether the memory asked for can be a limit on these devices at all. */
int run_check_memory(const struct run *r, struct err *e);

/* "GPU 0", "MIG device 0:1". Returns buffer. */
const char *run_device_name(char buffer[RUN_DEVICE_SIZE], const struct meter_device *d);

/* ---- run_claim.c */

/* Reads the slices anew, then run_choose. */
int run_look(struct run *r, struct err *e);

/* Room among the promises for what is asked for, as the slices were last read. */
bool run_has_room(const struct run *r);

/* 1: it is ours; 0: there is no room now; negative: it will not be. */
int run_claim(struct run *r, struct err *e);
void run_leave(struct run *r);

/* ---- run_wait.c */

/* Claims, waiting for room if that is wished. */
int run_claim_or_wait(struct run *r, struct err *e);

/* ---- run_notes.c: lines on stderr */

void run_note_holders(const struct run *r);
void run_note_outside(const struct run *r);

/* ---- run_measure.c: the thread that answers "what does the driver say?" */

struct run_measure {
    pthread_t thread;
    struct run *run;
    _Atomic bool stop;
};
int run_measure_start(struct run_measure *m, struct run *r, struct err *e);
void run_measure_stop(struct run_measure *m);

/* ---- run_child.c */

struct run_child {
    pid_t pid;
    sigset_t signals; /* the mask that we were started with */
    bool ignores_children;
    bool has_siblings; /* we had children before, of what ran as us before an exec */
};

/* Signals come to us by waiting from here on. */
void run_child_prepare(struct run_child *c);
int run_child_start(struct run_child *c, const struct run *r, const struct inject_environment *env,
                    struct err *e);

/* Until the program has ended; its wait status. */
int run_child_wait(const struct run_child *c);

/* Is anything left of what the program started? Once it has ended. */
bool run_child_has_left(const struct run_child *c);

/* The exit code for main; does not come back if a signal ended the program. */
int run_child_end(int status);

/* ---- run.c */

/* Does a word of the command name CARVE_PAGE, as who hands the slice on to a container does? */
bool run_hands_on(const struct run *r);

/* What the program gets beyond our own environment. */
int run_environment(const struct run *r, struct inject_environment *env, struct err *e);

/* ---- run_explain.c */

/* Prints what would be done; returns the exit code. */
int run_explain(struct run *r);

#endif
