/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A board's layouts folded by what is in them, with the room that each leaves: what brute force
 * chooses from.
 */
#ifndef TESTS_UNIT_PLAN_KINDS_H
#define TESTS_UNIT_PLAN_KINDS_H

#include "boards.h"

enum { MAX_SPAN = 16 };

/* A set of instances, with all layouts that come to it. */
struct kind {
    struct counts counts;
    size_t n;
    size_t *layouts;
};

struct room_score {
    unsigned char open[MAX_SPAN + 1];
};

struct board {
    struct gpu gpu;
    struct sites sites;
    struct room_score *scores; /* of each layout */
    size_t n_kinds;
    struct kind *kinds;
    uint32_t random;
};

static inline unsigned next_random(struct board *b, unsigned below)
{
    b->random ^= b->random << 13;
    b->random ^= b->random >> 17;
    b->random ^= b->random << 5;
    return b->random % below;
}

static inline struct room_score score(const struct sites *s, uint64_t layout)
{
    struct room_score score = {{0}};
    uint64_t excluded = 0;

    for (unsigned i = 0; i < s->n; i++) {
        if (layout & (UINT64_C(1) << i))
            excluded |= s->excludes[i];
    }
    for (unsigned i = 0; i < s->n; i++) {
        unsigned char size = s->profiles[i]->span_size;

        /* Bigger sizes first, so that memcmp orders scores. */
        if (!(excluded & (UINT64_C(1) << i)))
            score.open[MAX_SPAN - size]++;
    }
    return score;
}

static inline struct kind *kind_of(struct board *b, const struct counts *counts)
{
    for (size_t i = 0; i < b->n_kinds; i++) {
        if (memcmp(&b->kinds[i].counts, counts, sizeof *counts) == 0)
            return &b->kinds[i];
    }
    b->kinds = realloc(b->kinds, (b->n_kinds + 1) * sizeof *b->kinds);
    assert(b->kinds);
    b->kinds[b->n_kinds] = (struct kind){.counts = *counts};
    return &b->kinds[b->n_kinds++];
}

/* The GPU's geometry without the profiles that contain `without`. In place: plans point into it. */
static inline void board_open(struct board *b, uint32_t device_id, const char *without)
{
    memset(b, 0, sizeof *b);
    b->random = 2463534242;
    b->gpu = board_gpu(device_id, "board");
    if (without)
        board_without(&b->gpu.geometry, without);
    sites_init(&b->sites, &b->gpu.geometry);
    b->scores = calloc(b->sites.n_layouts, sizeof *b->scores);
    assert(b->scores);
    for (size_t i = 0; i < b->sites.n_layouts; i++) {
        struct counts counts = sites_counts(&b->sites, b->sites.layouts[i]);
        struct kind *kind = kind_of(b, &counts);

        b->scores[i] = score(&b->sites, b->sites.layouts[i]);
        kind->layouts = realloc(kind->layouts, (kind->n + 1) * sizeof *kind->layouts);
        assert(kind->layouts);
        kind->layouts[kind->n++] = i;
    }
}

static inline void board_close(struct board *b)
{
    for (size_t i = 0; i < b->n_kinds; i++)
        free(b->kinds[i].layouts);
    free(b->kinds);
    free(b->scores);
    sites_done(&b->sites);
}

#endif
