/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table of names with open addressing: see name_set.h. */
#include "api/name_set.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"

enum { FIRST_CAPACITY = 16 };

void name_set_done(struct name_set *s)
{
    for (size_t i = 0; i < s->capacity; i++)
        free(s->entries[i].key);
    free(s->entries);
    *s = (struct name_set){0};
}

void name_set_begin(struct name_set *s)
{
    s->round++;
    s->first = 0;
}

/* FNV-1a. */
static size_t hash_of(const char *key)
{
    uint64_t hash = 0xcbf29ce484222325U;

    for (; *key; key++)
        hash = (hash ^ (unsigned char)*key) * 0x100000001b3U;
    return (size_t)(hash ^ hash >> 32);
}

/* Where the key is, or where it belongs. There is always a free entry. */
static size_t place_of(const struct name_set *s, const char *key)
{
    size_t at = hash_of(key) & (s->capacity - 1);

    while (s->entries[at].key && strcmp(s->entries[at].key, key) != 0)
        at = (at + 1) & (s->capacity - 1);
    return at;
}

static int grow(struct name_set *s, struct err *e)
{
    struct name_set larger = {.capacity = s->capacity ? s->capacity * 2 : FIRST_CAPACITY};

    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (!larger.entries)
        return err_memory(e);
    for (size_t i = 0; i < s->capacity; i++)
        if (s->entries[i].key)
            larger.entries[place_of(&larger, s->entries[i].key)] = s->entries[i];
    free(s->entries);
    s->entries = larger.entries;
    s->capacity = larger.capacity;
    s->first = 0;
    return 0;
}

static char *key_of(const char *namespace, const char *name)
{
    char *key;

    return asprintf(&key, "%s/%s", namespace, name) < 0 ? NULL : key;
}

int name_set_put(struct name_set *s, const char *namespace, const char *name, struct err *e)
{
    OWN_MEM char *key = key_of(namespace, name);
    struct name_set_entry *entry;

    if (!key)
        return err_memory(e);
    if (s->count * 2 >= s->capacity) {
        int r = grow(s, e);

        if (r < 0)
            return r;
    }
    entry = &s->entries[place_of(s, key)];
    if (!entry->key && s->count == NAME_SET_MAX)
        return err_set(e, EFBIG, "more than %d objects", NAME_SET_MAX);
    if (!entry->key) {
        entry->key = TAKE(key);
        s->count++;
    }
    entry->round = s->round;
    return 0;
}

/* Closes the gap: what was put behind a taken place moves up to where it is still found. */
static char *take_at(struct name_set *s, size_t gap)
{
    char *key = TAKE(s->entries[gap].key);
    size_t mask = s->capacity - 1;

    s->count--;
    for (size_t at = (gap + 1) & mask; s->entries[at].key; at = (at + 1) & mask) {
        size_t home = hash_of(s->entries[at].key) & mask;

        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        s->entries[gap] = s->entries[at];
        s->entries[at].key = NULL;
        gap = at;
    }
    return key;
}

void name_set_remove(struct name_set *s, const char *namespace, const char *name)
{
    OWN_MEM char *key = key_of(namespace, name);
    size_t at;

    if (!key || s->capacity == 0)
        return;
    at = place_of(s, key);
    if (!s->entries[at].key)
        return;
    free(take_at(s, at));
    s->first = 0;
}

char *name_set_take_unseen(struct name_set *s)
{
    for (; s->first < s->capacity; s->first++)
        if (s->entries[s->first].key && s->entries[s->first].round != s->round)
            return take_at(s, s->first);
    return NULL;
}
