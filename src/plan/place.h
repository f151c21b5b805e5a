/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every way to place wished instances on an empty GPU. With the few starts that boards allow these
 * are dozens, at most some thousand, so the planner looks at all of them and needs no heuristic.
 */
#ifndef PLAN_PLACE_H
#define PLAN_PLACE_H

#include <stdbool.h>

#include "plan/room.h"

struct mig_want;

/* Biggest spans first, like beside like: the order that place_each needs and creates follow. */
void place_sort(struct mig_want *wants, unsigned n);

/* starts[i] is where wants[i] sits, room what the whole placement leaves. False: enough seen. */
typedef bool place_visit(void *self, const unsigned *starts, const struct room *room);

/* The wants' profiles belong to the geometry; wants are in the order of place_sort. */
void place_each(const struct gpu_geometry *g, const struct mig_want *wants, unsigned n,
                place_visit *visit, void *self);

#endif
