/* SPDX-License-Identifier: Apache-2.0 */
/* What lies at which address: pointers to ranges, sorted by address, which do not overlap. */
#include <stdlib.h>
#include <string.h>

#include "cuda/cuda.h"

static struct {
    struct range **items;
    size_t n, room;
} table;

/* The first item that begins beyond the address. */
static size_t above(uint64_t address)
{
    size_t low = 0, high = table.n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (table.items[middle]->start > address)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct range *range_add(struct range range)
{
    size_t at = above(range.start);
    struct range *r;

    if (table.n == table.room) {
        size_t room = table.room ? table.room * 2 : 64;
        struct range **items = realloc(table.items, room * sizeof(struct range *));

        if (!items)
            return NULL;
        table.items = items;
        table.room = room;
    }
    r = malloc(sizeof *r);
    if (!r)
        return NULL;
    *r = range;
    r->id = ++cuda.next_id;
    memmove(table.items + at + 1, table.items + at, (table.n - at) * sizeof(struct range *));
    table.items[at] = r;
    table.n++;
    return r;
}

struct range *range_find(uint64_t address)
{
    size_t at = above(address);
    struct range *r = at ? table.items[at - 1] : NULL;

    return r && address - r->start < r->size ? r : NULL;
}

struct range *range_at(uint64_t start)
{
    struct range *r = range_find(start);

    return r && r->start == start ? r : NULL;
}

struct range *range_after(uint64_t start)
{
    size_t at = above(start);

    return at < table.n ? table.items[at] : NULL;
}

struct range *range_next(const struct range *after)
{
    return after ? range_after(after->start) : table.n ? table.items[0] : NULL;
}

void range_drop(struct range *r)
{
    size_t at = above(r->start) - 1;

    table.n--;
    memmove(table.items + at, table.items + at + 1, (table.n - at) * sizeof(struct range *));
    free(r);
}
