/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks pods of this node to go, through the eviction API: one round over some pods. A pod that is
 * gone or going needs nothing more; DaemonSets' and mirror pods are never evicted, since they would
 * come back at once, and with one of those in the way the others are left alone too.
 */
#ifndef GATEWAY_DRAIN_H
#define GATEWAY_DRAIN_H

#include <stddef.h>

struct drain;
struct err;
struct gateway;
struct mig_block_pod;

/*
 * The round is over. never: words on pods that will never go, or NULL; words: what became of the
 * others: "pod a/b is asked to go; pod a/c may not go yet: …". r < 0 with e: it could not be done
 * at all (-EACCES names the missing right).
 */
typedef void drain_done(void *self, int r, const char *never, const char *words,
                        const struct err *e);

/* The pods are copied. done is called once, unless drain_cancel() came first. */
int drain_start(struct drain **out, struct gateway *g, const struct mig_block_pod *pods,
                size_t n_pods, drain_done *done, void *self, struct err *e);
void drain_cancel(struct drain *d);

#endif
