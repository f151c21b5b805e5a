/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps reading EC2's instance metadata service, version 2, for notices of this instance's end: the
 * interruption of a spot instance each time, the recommendation to rebalance every sixth time. What
 * it said last holds while it cannot be asked; every part looks again when it says something new.
 */
#ifndef GATEWAY_METADATA_H
#define GATEWAY_METADATA_H

#include <stdbool.h>

struct err;
struct gateway;
struct metadata;
struct notice;

int metadata_open(struct metadata **out, struct gateway *g, struct err *e);
void metadata_close(struct metadata *m);

/* Whether a round was answered: both, or an interruption, which makes the other needless. */
bool metadata_known(const struct metadata *m);

/* What was said last; none before that. */
const struct notice *metadata_interruption(const struct metadata *m);
const struct notice *metadata_rebalance(const struct metadata *m);

#endif
