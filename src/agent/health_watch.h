/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that waits for the driver's events, through a door of its own (gpu/driver_events.h).
 * One watch is one run of the thread: it opens the driver, tells events on the loop, and has closed
 * the driver again when `ended` is called. Told to stop, it is called out of the driver's wait by
 * SIGUSR1 (a wait that ends with a signal was seen with driver 580; a driver that goes on waiting
 * delays the end by 30 s at most, that of the process by one).
 */
#ifndef AGENT_HEALTH_WATCH_H
#define AGENT_HEALTH_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct driver_event;
struct err;
struct health_watch;

/* Called on the loop. */
struct health_watch_handlers {
    /* The driver is open, and so many GPUs tell of events. */
    void (*began)(void *self, unsigned n_gpus);
    /* The same event so many times. */
    void (*event)(void *self, const struct driver_event *event, uint32_t times);
    /* The driver is closed, the watch is no more. r: 0 it was told to; negative: why it cannot. */
    void (*ended)(void *self, int r, const struct err *e);
    void *self;
};

int health_watch_start(struct health_watch **out, uv_loop_t *loop, const char *driver_root,
                       const struct health_watch_handlers *handlers, struct err *e);

/* Asks it to end, which ended() tells. */
void health_watch_stop(struct health_watch *w);

/*
 * At the end of the process: calls nothing any more and frees itself on the loop. A thread that
 * hangs in the driver for more than a second is left behind, which *out_left, as in worker.h, says.
 */
void health_watch_leave(struct health_watch *w, bool *out_left);

#endif
