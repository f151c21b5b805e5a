/* SPDX-License-Identifier: Apache-2.0 */
/* Maps from texts to numbers: see text_map.h. */
#include "cost/text_map.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"

enum { FIRST_CAPACITY = 64 };

/* FNV-1a. The keys come from files that the user chose for himself. */
static uint64_t hash(const char *key)
{
    uint64_t h = UINT64_C(14695981039346656037);

    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(1099511628211);
    return h;
}

/* Where the key is, or would be. */
static struct text_map_entry *slot(const struct text_map *m, const char *key)
{
    size_t i = (size_t)hash(key) & (m->capacity - 1);

    while (m->entries[i].key && strcmp(m->entries[i].key, key) != 0)
        i = (i + 1) & (m->capacity - 1);
    return &m->entries[i];
}

size_t *text_map_find(const struct text_map *m, const char *key)
{
    struct text_map_entry *entry = m->count > 0 ? slot(m, key) : NULL;

    return entry && entry->key ? &entry->value : NULL;
}

static bool grow(struct text_map *m, struct arena *arena)
{
    struct text_map old = *m;

    m->capacity = old.capacity ? old.capacity * 2 : FIRST_CAPACITY;
    m->entries = arena_array(arena, m->capacity, sizeof *m->entries);
    if (!m->entries) {
        *m = old;
        return false;
    }
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].key)
            *slot(m, old.entries[i].key) = old.entries[i];
    return true;
}

bool text_map_add(struct text_map *m, struct arena *arena, const char *key, size_t value)
{
    char *copy;

    if (m->count * 2 >= m->capacity && !grow(m, arena))
        return false;
    copy = arena_text(arena, key);
    if (!copy)
        return false;
    *slot(m, copy) = (struct text_map_entry){copy, value};
    m->count++;
    return true;
}
