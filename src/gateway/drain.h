/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks pods of this node to go, through the eviction API: one round over some pods. A pod that is
 * gone or going needs nothing more; DaemonSets' and mirror pods are never evicted, since they would
 * come back at once.
 */
#ifndef GATEWAY_DRAIN_H
#define GATEWAY_DRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drain;
struct err;
struct gateway;
struct mig_block_pod;

struct drain_result {
    const char *never; /* words on pods that will never go, or NULL */
    const char
        *words; /* what became of the others: "pod a/b is evicted; pod a/c may not go yet: …" */
    size_t n_evicted, n_ending, n_refused; /* of the others; the rest is gone */
};

/*
 * The round is over; the result is borrowed. r < 0 with e: it could not be done, or (-EACCES, whose
 * words name the right that is missing) not for every pod.
 */
typedef void drain_done(void *self, int r, const struct drain_result *result, const struct err *e);

/* One pod was just evicted. */
typedef void drain_evicted(void *self, const char *namespace, const char *name);

/* Copied, the pods too. */
struct drain_order {
    const struct mig_block_pod *pods;
    size_t n_pods;
    bool all_or_none; /* with one that will never go the others are left alone, too */
    /* The loop's time at which the node is gone: no pod gets longer to end; 0: as long as it asks.
     */
    uint64_t gone_by_ms;
    drain_evicted *evicted;
    drain_done *done;
    void *self;
};

/* done is called once, unless drain_cancel() came first. */
int drain_start(struct drain **out, struct gateway *g, const struct drain_order *order,
                struct err *e);
void drain_cancel(struct drain *d);

#endif
