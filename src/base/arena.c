/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: see arena.h. Blocks of 64 KiB in a list; what is larger gets a block of its own. */
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 << 10 };

struct arena_block {
    struct arena_block *next;
    size_t size, used;
    _Alignas(max_align_t) unsigned char bytes[];
};

void arena_done(struct arena *a)
{
    struct arena_block *next;

    for (struct arena_block *b = a->blocks; b; b = next) {
        next = b->next;
        free(b);
    }
    *a = (struct arena){0};
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
    size_t room = size > BLOCK_BYTES / 4 ? size : BLOCK_BYTES;
    struct arena_block *b = calloc(1, sizeof *b + room);

    if (!b)
        return NULL;
    b->size = room;
    a->used_bytes += room;
    /* A block of its own goes behind the open one, which stays in use. */
    if (a->blocks && room == size) {
        b->next = a->blocks->next;
        a->blocks->next = b;
    } else {
        b->next = a->blocks;
        a->blocks = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b = a->blocks;
    void *out;

    if (a->failed || size > SIZE_MAX / 2)
        goto failed;
    size = (size + _Alignof(max_align_t) - 1) & ~(_Alignof(max_align_t) - 1);
    if (!b || b->size - b->used < size)
        b = add_block(a, size);
    if (!b)
        goto failed;
    out = b->bytes + b->used;
    b->used += size;
    return out;

failed:
    a->failed = true;
    return NULL;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / 2 / size) {
        a->failed = true;
        return NULL;
    }
    return arena_alloc(a, n * size);
}

char *arena_copy(struct arena *a, const char *text, size_t size)
{
    char *out = arena_alloc(a, size + 1);

    if (out && size)
        memcpy(out, text, size);
    return out;
}

char *arena_text(struct arena *a, const char *text)
{
    return arena_copy(a, text, strlen(text));
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
    va_list again;
    int size;
    char *out = NULL;

    va_copy(again, args);
    size = vsnprintf(NULL, 0, fmt, args);
    if (size >= 0)
        out = arena_alloc(a, (size_t)size + 1);
    if (out)
        (void)vsnprintf(out, (size_t)size + 1, fmt, again);
    va_end(again);
    return out;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    char *out;

    va_start(args, fmt);
    out = arena_vprintf(a, fmt, args);
    va_end(args);
    return out;
}

void *arena_grow(struct arena *a, void *array, size_t n, size_t size)
{
    void *out;

    if (n & (n - 1)) /* between two powers of two there is room */
        return array;
    out = arena_array(a, n ? n * 2 : 1, size);
    if (out && n)
        memcpy(out, array, n * size);
    return out;
}
