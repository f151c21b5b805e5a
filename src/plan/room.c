/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps count of what is taken of one GPU; which layout is best is for others to say. */
#include "plan/room.h"

#include <string.h>

static const char *const media_names[ROOM_MEDIA] = {"OFA engines", "decoders", "encoders",
                                                    "JPEG engines"};

static void media_of(unsigned out[ROOM_MEDIA], const struct gpu_profile *p)
{
    out[0] = p->ofa_engines;
    out[1] = p->decoders;
    out[2] = p->encoders;
    out[3] = p->jpeg_engines;
}

static size_t position(const struct room *r, const struct gpu_profile *p)
{
    return (size_t)(p - r->geometry->profiles);
}

static uint32_t mask(const struct gpu_profile *p, unsigned start)
{
    return (uint32_t)(((UINT64_C(1) << p->span_size) - 1) << start);
}

void room_init(struct room *r, const struct gpu_geometry *g)
{
    memset(r, 0, sizeof *r);
    r->geometry = g;
    for (unsigned i = 0; i < g->n_profiles; i++) {
        unsigned media[ROOM_MEDIA];

        if (g->profiles[i].span_size != g->axis)
            continue;
        media_of(media, &g->profiles[i]);
        for (unsigned m = 0; m < ROOM_MEDIA; m++) {
            if (media[m] > r->media_max[m])
                r->media_max[m] = media[m];
        }
    }
}

bool room_fits(const struct room *r, const struct gpu_profile *p, unsigned start)
{
    unsigned media[ROOM_MEDIA];

    if (start >= 16 || !(p->span_starts & (1u << start)) || p->span_size == 0 ||
        start + p->span_size > r->geometry->axis)
        return false;
    if (r->used & mask(p, start))
        return false;
    if (p->max_instances && r->counts[position(r, p)] >= p->max_instances)
        return false;
    media_of(media, p);
    for (unsigned m = 0; m < ROOM_MEDIA; m++) {
        if (r->media_max[m] && r->media[m] + media[m] > r->media_max[m])
            return false;
    }
    return true;
}

void room_take(struct room *r, const struct gpu_profile *p, unsigned start)
{
    unsigned media[ROOM_MEDIA];

    media_of(media, p);
    r->used |= mask(p, start);
    r->counts[position(r, p)]++;
    for (unsigned m = 0; m < ROOM_MEDIA; m++)
        r->media[m] += media[m];
}

void room_give(struct room *r, const struct gpu_profile *p, unsigned start)
{
    unsigned media[ROOM_MEDIA];

    media_of(media, p);
    r->used &= ~mask(p, start);
    r->counts[position(r, p)]--;
    for (unsigned m = 0; m < ROOM_MEDIA; m++)
        r->media[m] -= media[m];
}

unsigned room_open_starts(const struct room *r, const struct gpu_profile *p)
{
    unsigned open = 0;

    for (unsigned start = 0; start < r->geometry->axis; start++)
        open += room_fits(r, p, start);
    return open;
}

unsigned room_most(const struct gpu_geometry *g, const struct gpu_profile *p)
{
    struct room r;
    unsigned most = 0;

    /* Spans of one size: taking the lowest free start each time is best. */
    room_init(&r, g);
    for (unsigned start = 0; start < g->axis; start++) {
        if (room_fits(&r, p, start)) {
            room_take(&r, p, start);
            most++;
        }
    }
    return most;
}

unsigned room_slices(const struct gpu_geometry *g)
{
    unsigned slices = 0;

    for (unsigned i = 0; i < g->n_profiles; i++) {
        if (g->profiles[i].slices > slices)
            slices = g->profiles[i].slices;
    }
    return slices;
}

const char *room_lacks(const struct gpu_geometry *g, const unsigned counts[GPU_MAX_PROFILES],
                       unsigned *out_need, unsigned *out_have)
{
    unsigned units = 0, slices = 0, media[ROOM_MEDIA], need[ROOM_MEDIA] = {0};
    struct room r;

    room_init(&r, g);
    for (unsigned i = 0; i < g->n_profiles; i++) {
        units += counts[i] * g->profiles[i].span_size;
        slices += counts[i] * g->profiles[i].slices;
        media_of(media, &g->profiles[i]);
        for (unsigned m = 0; m < ROOM_MEDIA; m++)
            need[m] += counts[i] * media[m];
    }
    *out_need = units;
    *out_have = g->axis;
    if (units > g->axis)
        return "memory units";
    *out_need = slices;
    *out_have = room_slices(g);
    if (slices > *out_have)
        return "compute slices";
    for (unsigned m = 0; m < ROOM_MEDIA; m++) {
        *out_need = need[m];
        *out_have = r.media_max[m];
        if (*out_have && need[m] > *out_have)
            return media_names[m];
    }
    return NULL;
}
