/* SPDX-License-Identifier: Apache-2.0 */
/* A map from texts to numbers, in an arena: open addressing, never more than half full. */
#ifndef COST_TEXT_MAP_H
#define COST_TEXT_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* A zeroed struct is an empty map. Owns its keys, in the arena. */
struct text_map {
    size_t count, capacity;
    struct text_map_entry {
        const char *key; /* NULL: free */
        size_t value;
    } * entries;
};

/* The value of a key, or NULL. It stays where it is until a key is added. */
size_t *text_map_find(const struct text_map *m, const char *key);

/* Adds a key that is not there yet; false without memory. */
bool text_map_add(struct text_map *m, struct arena *arena, const char *key, size_t value);

#endif
