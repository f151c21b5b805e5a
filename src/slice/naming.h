/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first half of making resources: which devices of the node may be promised, and under which
 * name each would be before any sharing, by MIG strategy and resource patterns.
 */
#ifndef SLICE_NAMING_H
#define SLICE_NAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/gpu.h"
#include "slice/resource.h"

struct config;
struct err;
struct notes;

/* A device on its way into a resource. Sharing (share.h) changes name and replicas. */
struct candidate {
    char name[RESOURCE_NAME_SIZE];
    char shape[GPU_PROFILE_NAME_SIZE]; /* of a MIG device: "1g.5gb", "1c.3g.20gb"; else "" */
    unsigned device_index;             /* of a MIG device on its GPU: the j of "i:j" */
    uint8_t start;                     /* where its GPU instance starts */
    bool full;                         /* a compute instance as large as its GPU instance */
    uint32_t replicas;                 /* 1: not shared */
    int share;                         /* number of the configuration's share, -1: none */
    struct resource_device device;
};

/* Owns its items. By GPU, then placement, then compute instance. */
struct candidates {
    size_t count;
    struct candidate *items;
};

void candidates_init(struct candidates *c);
void candidates_done(struct candidates *c);

/* Fills an initialised list; what cannot be promised goes to the notes. */
int naming_candidates(struct candidates *out, const struct inventory *inv,
                      const struct config *config, struct notes *notes, struct err *e);

/*
 * The original's own name for such a device: "nvidia.com/gpu", "nvidia.com/mig-1g.5gb". Returns
 * buffer.
 */
const char *naming_kind(char buffer[RESOURCE_NAME_SIZE], const struct candidate *c,
                        const struct config *config);

/* "MIG devices 1g.5gb" or "the whole GPU", for notes. Returns buffer. */
enum { NAMING_WORDS_SIZE = GPU_PROFILE_NAME_SIZE + 16 };
const char *naming_words(char buffer[NAMING_WORDS_SIZE], const struct candidate *c);

static inline bool candidate_is_mig(const struct candidate *c)
{
    return c->device.gi_id >= 0;
}

#endif
