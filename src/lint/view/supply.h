/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node will show once it is up, what Karpenter believes beforehand, and so which pods find
 * a node. Source of the rules: Karpenter core v1.14 (catalogue, NodeOverlay, limits).
 */
#ifndef LINT_SUPPLY_H
#define LINT_SUPPLY_H

#include "lint/view/system.h"

enum { SUPPLY_MAX_RESOURCES = 24 };

/* Resources of one node by name. */
struct supply {
    size_t n;
    /* node: the overlay's value that Karpenter believes; else NULL. pair is NULL */
    struct amount items[SUPPLY_MAX_RESOURCES];
};

int64_t supply_of(const struct supply *s, const char *resource); /* 0 if it is not there */

/*
 * What the set's device plugin and MIG configuration make of a node of that type in that pool
 * (GPU resources alone). False if the set does not tell (no plugin in it, a wish that no
 * configuration has): then a node as the plugin's defaults make it.
 */
bool supply_real(struct lint *l, struct supply *out, const struct system *s, const struct pool *p,
                 const struct instance_type *t);

/* What Karpenter believes: the catalogue with the set's overlays over it. */
void supply_believed(struct lint *l, struct supply *out, const struct system *s,
                     const struct pool *p, const struct instance_type *t);

/* The configuration that the device plugin uses on the pool's nodes; NULL: none, or not known. */
const struct plugin_config *supply_plugin(const struct system *s, const struct pool *p);

/*
 * GPU instances of each profile that a MIG configuration makes on one node of that type: the name
 * looked up in the set's files, else in mig-parted's defaults for the board. Profiles as in
 * resource names ("1g.10gb.me").
 */
enum mig_yield_state {
    MIG_YIELD_OK,
    MIG_YIELD_NO_CONFIG,  /* no configuration of that name, here or by default */
    MIG_YIELD_NO_MIG,     /* the board has no MIG */
    MIG_YIELD_NO_PROFILE, /* the board lacks a profile of it: named in `profile` */
    MIG_YIELD_NO_ROOM,    /* the profiles do not fit on the board together */
};
struct mig_yield {
    enum mig_yield_state state;
    const char *profile;
    size_t n;
    struct {
        const char *profile;
        unsigned per_gpu, per_node;
    } items[GPU_MAX_PROFILES];
    unsigned whole_gpus;            /* of the node, that stay uncut */
    const struct mig_configs *from; /* NULL: a default configuration */
};
void mig_yield_make(struct lint *l, struct mig_yield *out, const struct system *s,
                    const char *config, const struct instance_type *t);

#endif
