/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ways to cut the GPUs of an instance type into equal slices (and the balanced layout), how
 * many slices a full node has then, and from which fill on a way is cheaper than a GPU for each
 * tenant. Pure.
 */
#ifndef COST_WAYS_H
#define COST_WAYS_H

#include "cost/catalog.h"
#include "plan/layout.h"

enum way_kind {
    WAY_WHOLE,    /* each GPU is one slice */
    WAY_TIME,     /* time-slices of a given memory, as many as fit; nothing holds them to it */
    WAY_MIG,      /* one MIG profile as often as it fits */
    WAY_BALANCED, /* MIG, 2 x 1g with the greater profiles: mig-parted's all-balanced */
};

enum {
    WAYS_MAX = 3 + GPU_MAX_PROFILES,
    WAY_NAME_SIZE = 48,
};

struct way {
    enum way_kind kind;
    char name[WAY_NAME_SIZE]; /* "whole", "time-slice 4 GiB", "1g.5gb", "all-balanced" */
    unsigned per_gpu, per_node;
    uint64_t slice_mib;            /* of the smallest slice */
    uint64_t named_mib;            /* the same by a MIG profile's name: 10 GiB of "1g.10gb"; or 0 */
    bool by_name;                  /* slice_mib comes from the profile's name, not measured */
    char layout[LAYOUT_TEXT_SIZE]; /* of one GPU, for WAY_BALANCED */
};

/*
 * All ways of a type, whole first, then the time-slice (none if part_mib is 0 or no two fit), then
 * the MIG profiles from the smallest on, without their variants. Nothing for a type without GPUs.
 */
size_t ways_list(struct way out[WAYS_MAX], const struct instance_type *t, uint64_t part_mib);

/* What one slice costs while all are used; the balanced layout's slices count alike. */
double way_slice_usd(const struct way *w, double node_usd);

/*
 * Against one node with a single GPU of its own for each slice: the cheapest type of the same
 * architecture, of the current generations, whose GPU has the slice's memory.
 */
struct way_rival {
    const struct instance_type *type;
    const struct price *price;
    unsigned from; /* slices in use from which the way is the cheaper one; may exceed per_node */
};
bool way_rival(struct way_rival *out, const struct catalog *c, const struct instance_type *t,
               const struct way *w, const struct price *price);

#endif
