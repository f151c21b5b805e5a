/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is given back all at once: for a run that makes thousands of small things which live
 * as long as it does. Once an allocation fails the arena stays failed.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used_bytes; /* of all blocks */
    bool failed;
};

/* A zeroed struct is an empty arena. */
void arena_done(struct arena *a);

/* Zeroed, aligned for anything; NULL without memory. */
void *arena_alloc(struct arena *a, size_t size);

/* n elements of a size; NULL without memory or if the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);

/* Copies, always terminated; NULL without memory. */
char *arena_text(struct arena *a, const char *text);
char *arena_copy(struct arena *a, const char *text, size_t size);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/*
 * Makes room for one more at the end of an array of n elements: the array, moved when its size is
 * a power of two; NULL without memory, the old one untouched.
 */
void *arena_grow(struct arena *a, void *array, size_t n, size_t size);

#endif
