/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handles are addresses of objects that a table knows: an open-addressed hash of pointer and kind.
 * An address that a freed object had is no handle until a new object gets it, as with the driver.
 */
#include <stdlib.h>
#include <string.h>

#include "cuda/cuda.h"

struct entry {
    void *at; /* NULL: never used; MOVED: was used */
    enum handle_kind kind;
};

static struct {
    struct entry *entries;
    size_t room, filled; /* room: a power of two; filled: with moved ones */
} table;

enum { FIRST_ROOM = 256 };

/* An address that no object has. */
static void *moved(void)
{
    return &table;
}

static size_t slot_of(const void *at, size_t room)
{
    uint64_t x = (uint64_t)(uintptr_t)at >> 4;

    return (size_t)(x * 0x9e3779b97f4a7c15u >> 20) & (room - 1);
}

static struct entry *find(const void *at)
{
    if (!at || !table.room)
        return NULL;
    for (size_t i = slot_of(at, table.room);; i = (i + 1) & (table.room - 1)) {
        if (!table.entries[i].at)
            return NULL;
        if (table.entries[i].at == at)
            return &table.entries[i];
    }
}

static void put(struct entry *entries, size_t room, struct entry e)
{
    size_t i = slot_of(e.at, room);

    while (entries[i].at)
        i = (i + 1) & (room - 1);
    entries[i] = e;
}

/* Room for one more, at most half full; moved ones are left behind. */
static bool grow(void)
{
    size_t live = 0, room = FIRST_ROOM;
    struct entry *next;

    if (table.room && table.filled * 2 < table.room)
        return true;
    for (size_t i = 0; i < table.room; i++)
        live += table.entries[i].at && table.entries[i].at != moved();
    while (room < live * 4)
        room *= 2;
    next = calloc(room, sizeof *next);
    if (!next)
        return false;
    for (size_t i = 0; i < table.room; i++) {
        if (table.entries[i].at && table.entries[i].at != moved())
            put(next, room, table.entries[i]);
    }
    free(table.entries);
    table.entries = next;
    table.room = room;
    table.filled = live;
    return true;
}

void *handle_new(enum handle_kind kind, size_t size)
{
    void *at;

    if (!grow())
        return NULL;
    at = calloc(1, size);
    if (!at)
        return NULL;
    put(table.entries, table.room, (struct entry){.at = at, .kind = kind});
    table.filled++;
    return at;
}

bool handle_is(const void *handle, enum handle_kind kind)
{
    const struct entry *e = find(handle);

    return e && handle != moved() && e->kind == kind;
}

void handle_free(void *handle)
{
    struct entry *e = find(handle);

    if (!e || handle == moved())
        return;
    *e = (struct entry){.at = moved(), .kind = HANDLE_NONE};
    free(handle);
}

void *handle_next(enum handle_kind kind, size_t *at)
{
    while (*at < table.room) {
        const struct entry *e = &table.entries[(*at)++];

        if (e->at && e->at != moved() && e->kind == kind)
            return e->at;
    }
    return NULL;
}
