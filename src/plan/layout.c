/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks along the memory axis: at each unit either an instance starts or it stays free. A set of
 * disjoint spans is met exactly once in this way.
 */
#include "plan/layout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "plan/room.h"

/* More kinds than any board has (a few hundred with all variants); a bound for broken drivers. */
enum { LAYOUT_MAX_KINDS = 4096 };

struct walk {
    struct room room;
    struct layout layout;
    layout_visit *visit;
    void *self;
};

static bool nothing_fits(const struct room *r)
{
    for (unsigned i = 0; i < r->geometry->n_profiles; i++) {
        if (room_open_starts(r, &r->geometry->profiles[i]))
            return false;
    }
    return true;
}

/* False: the visitor has enough. */
static bool walk_on(struct walk *w, unsigned at)
{
    const struct gpu_geometry *g = w->room.geometry;
    struct layout *l = &w->layout;

    if (at >= g->axis)
        return !nothing_fits(&w->room) || w->visit(w->self, l);
    for (unsigned i = 0; i < g->n_profiles; i++) {
        const struct gpu_profile *p = &g->profiles[i];
        bool more;

        if (!room_fits(&w->room, p, at))
            continue;
        room_take(&w->room, p, at);
        l->profiles[l->count] = p;
        l->spans[l->count++] = (struct gpu_span){(uint8_t)at, p->span_size};
        more = walk_on(w, at + p->span_size);
        l->count--;
        room_give(&w->room, p, at);
        if (!more)
            return false;
    }
    return walk_on(w, at + 1);
}

void layout_each(const struct gpu_geometry *g, layout_visit *visit, void *self)
{
    struct walk w = {.visit = visit, .self = self};

    if (g->n_profiles == 0)
        return;
    room_init(&w.room, g);
    (void)walk_on(&w, 0);
}

struct kinds {
    const struct gpu_geometry *geometry;
    struct layout_kind *items;
    size_t n, capacity;
    int code;
};

static struct layout_kind *kinds_add(struct kinds *k)
{
    if (k->n == k->capacity) {
        size_t capacity = k->capacity ? 2 * k->capacity : 64;
        struct layout_kind *items;

        if (capacity > LAYOUT_MAX_KINDS) {
            k->code = E2BIG;
            return NULL;
        }
        items = reallocarray(k->items, capacity, sizeof *items);
        if (!items) {
            k->code = ENOMEM;
            return NULL;
        }
        k->items = items;
        k->capacity = capacity;
    }
    memset(&k->items[k->n], 0, sizeof k->items[k->n]);
    return &k->items[k->n++];
}

static bool kinds_visit(void *self, const struct layout *l)
{
    struct kinds *k = self;
    struct layout_kind kind = {.n_layouts = 1, .idle_units = k->geometry->axis};
    unsigned slices = 0, all_slices = room_slices(k->geometry);
    struct layout_kind *added;

    for (unsigned i = 0; i < l->count; i++) {
        kind.counts[l->profiles[i] - k->geometry->profiles]++;
        kind.idle_units -= l->spans[i].size;
        slices += l->profiles[i]->slices;
    }
    kind.idle_slices = slices < all_slices ? all_slices - slices : 0;
    for (size_t i = 0; i < k->n; i++) {
        if (memcmp(k->items[i].counts, kind.counts, sizeof kind.counts) == 0) {
            k->items[i].n_layouts++;
            return true;
        }
    }
    added = kinds_add(k);
    if (!added)
        return false;
    *added = kind;
    return true;
}

static int biggest_first(const void *a, const void *b)
{
    const struct layout_kind *x = a, *y = b;

    for (unsigned i = GPU_MAX_PROFILES; i-- > 0;) {
        if (x->counts[i] != y->counts[i])
            return x->counts[i] > y->counts[i] ? -1 : 1;
    }
    return 0;
}

int layout_kinds(struct layout_kind **out, size_t *out_n, const struct gpu_geometry *g,
                 struct err *e)
{
    struct kinds k = {.geometry = g};

    layout_each(g, kinds_visit, &k);
    if (k.code) {
        free(k.items);
        return k.code == ENOMEM ? err_memory(e) : err_set(e, k.code, "too many MIG layouts");
    }
    if (k.n)
        qsort(k.items, k.n, sizeof *k.items, biggest_first);
    *out = k.items;
    *out_n = k.n;
    return 0;
}

static bool has_plainer(const struct gpu_geometry *g, const struct gpu_profile *p)
{
    for (unsigned i = 0; i < g->n_profiles; i++) {
        const struct gpu_profile *q = &g->profiles[i];

        if (q->slices == p->slices && q->span_size == p->span_size &&
            q->span_starts == p->span_starts && strlen(q->name) < strlen(p->name))
            return true;
    }
    return false;
}

void layout_plain_geometry(struct gpu_geometry *out, const struct gpu_geometry *g)
{
    struct gpu_geometry plain = {.axis = g->axis, .from_table = g->from_table};

    for (unsigned i = 0; i < g->n_profiles; i++) {
        if (!has_plainer(g, &g->profiles[i]))
            plain.profiles[plain.n_profiles++] = g->profiles[i];
    }
    *out = plain;
}

const char *layout_text(char buffer[LAYOUT_TEXT_SIZE], const struct gpu_geometry *g,
                        const unsigned counts[GPU_MAX_PROFILES])
{
    size_t size = 0;

    (void)snprintf(buffer, LAYOUT_TEXT_SIZE, "nothing");
    for (unsigned i = g->n_profiles; i-- > 0;) {
        int n;

        if (!counts[i])
            continue;
        n = snprintf(buffer + size, LAYOUT_TEXT_SIZE - size, "%s%u x %s", size ? " + " : "",
                     counts[i], g->profiles[i].name);
        if (n < 0 || (size_t)n >= LAYOUT_TEXT_SIZE - size)
            break;
        size += (size_t)n;
    }
    return buffer;
}
