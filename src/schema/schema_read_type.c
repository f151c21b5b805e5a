/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types in the text form of condensed schemas: an atom, a list or a map of one, and limits. What is
 * not one gives false; out of memory too, which the arena remembers.
 */
#include "schema/schema_read_type.h"

#include <string.h>

#include "base/text.h"

/* A number at *at, which moves behind it. */
bool schema_number_read(const char **at, int64_t *out)
{
    const char *p = *at;
    bool negative = *p == '-';
    int64_t value = 0;

    p += negative;
    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (value > INT64_MAX / 10 - 1)
            return false;
        value = value * 10 + (*p - '0');
    }
    *out = negative ? -value : value;
    *at = p;
    return true;
}

bool schema_index_read(const char **at, size_t count, size_t *out)
{
    int64_t value;

    if (!schema_number_read(at, &value) || value < 0 || (uint64_t)value >= count)
        return false;
    *out = (size_t)value;
    return true;
}

static bool read_bounds(const char **at, struct schema_type *t)
{
    int64_t value;

    if (**at != '.') {
        if (!schema_number_read(at, &value) || value < 0)
            return false;
        t->fewest = (size_t)value;
    }
    if (!text_starts(*at, ".."))
        return false;
    *at += 2;
    if (**at >= '0' && **at <= '9') {
        if (!schema_number_read(at, &value))
            return false;
        t->most = (size_t)value;
    }
    return true;
}

/* "name,protocol" up to a bracket or the end. */
static bool read_keys(struct schema_tables *s, const char **at, struct schema_type *t)
{
    while (**at && **at != ']' && **at != '}') {
        size_t size = strcspn(*at, ",]}");
        const char **keys = arena_grow(s->arena, t->keys, t->n_keys, sizeof *keys);

        if (!keys || size == 0)
            return false;
        t->keys = keys;
        t->keys[t->n_keys] = arena_copy(s->arena, *at, size);
        if (!t->keys[t->n_keys++])
            return false;
        *at += size;
        if (**at == ',')
            (*at)++;
    }
    return t->n_keys > 0;
}

/* What follows a type: "#1..63~4=2". */
static bool read_limits(struct schema_tables *s, const char **at, struct schema_type *t)
{
    size_t index;

    for (;;) {
        switch (**at) {
        case '#':
            (*at)++;
            if (!read_bounds(at, t))
                return false;
            break;
        case '~':
            (*at)++;
            if (!schema_index_read(at, s->n_patterns, &index))
                return false;
            t->pattern = s->patterns[index];
            break;
        case '=':
            (*at)++;
            if (!schema_index_read(at, s->n_enums, &index))
                return false;
            t->choices = s->enums[index];
            break;
        case '>':
            (*at)++;
            t->has_low = true;
            if (!schema_number_read(at, &t->low))
                return false;
            break;
        case '<':
            (*at)++;
            t->has_high = true;
            if (!schema_number_read(at, &t->high))
                return false;
            break;
        case '!':
            (*at)++;
            t->unique = true;
            break;
        case '@':
            (*at)++;
            if (!read_keys(s, at, t))
                return false;
            break;
        default:
            return true;
        }
    }
}

static bool read_atom(struct schema_tables *s, const char **at, struct schema_type *t)
{
    static const char letters[] = "asBinbqxM";
    static const enum schema_atom atoms[] = {
        SCHEMA_ANY,   SCHEMA_TEXT,     SCHEMA_BYTES,         SCHEMA_WHOLE, SCHEMA_NUMBER,
        SCHEMA_TRUTH, SCHEMA_QUANTITY, SCHEMA_WHOLE_OR_TEXT, SCHEMA_META,
    };
    const char *found = **at ? strchr(letters, **at) : NULL;
    size_t index;

    if (found) {
        t->atom = atoms[found - letters];
        (*at)++;
        return true;
    }
    /* Not the one that is open: nothing holds itself, so walks end. */
    if (s->n_objects == 0 || !schema_index_read(at, s->n_objects - 1, &index))
        return false;
    t->atom = SCHEMA_OBJECT;
    t->object = s->objects[index];
    return true;
}

/* A type: an atom, [TYPE] or {TYPE}, and its limits. Brackets are opened first, then closed. */
bool schema_type_read(struct schema_tables *s, const char **at, struct schema_type *t)
{
    char closing[SCHEMA_MAX_NESTING];
    struct schema_type *open[SCHEMA_MAX_NESTING];
    size_t depth = 0;

    t->most = SIZE_MAX;
    for (; **at == '[' || **at == '{'; (*at)++) {
        struct schema_type *inner = arena_alloc(s->arena, sizeof *inner);

        if (!inner || depth == SCHEMA_MAX_NESTING)
            return false;
        t->atom = **at == '[' ? SCHEMA_LIST : SCHEMA_MAP;
        t->inner = inner;
        closing[depth] = **at == '[' ? ']' : '}';
        open[depth++] = t;
        t = inner;
        t->most = SIZE_MAX;
    }
    if (!read_atom(s, at, t) || !read_limits(s, at, t))
        return false;
    while (depth > 0) {
        depth--;
        if (**at != closing[depth])
            return false;
        (*at)++;
        if (!read_limits(s, at, open[depth]))
            return false;
    }
    return true;
}
