/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lets the n-th allocation fail. The program is linked with -Wl,--wrap=malloc,--wrap=calloc,
 * --wrap=realloc, so that all allocations of our own code come here; those of libc do not.
 */
#ifndef TESTS_UNIT_SLICE_TORTURE_H
#define TESTS_UNIT_SLICE_TORTURE_H

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

/* 0: none fails; n: the n-th from now fails, once. */
static unsigned torture_countdown;

static bool torture_strikes(void)
{
    return torture_countdown > 0 && --torture_countdown == 0;
}

void *__wrap_malloc(size_t size)
{
    return torture_strikes() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return torture_strikes() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return torture_strikes() ? NULL : __real_realloc(old, size);
}

/*
 * Runs attempt() with the first, the second, ... allocation failing until none fails any more:
 * each time it must fail with -ENOMEM (or -EFBIG, as a buf says it), at last it must succeed.
 * Gives the number of failures. Leaks are for the sanitizer to find.
 */
static unsigned torture(int (*attempt)(void *self), void *self)
{
    for (unsigned n = 1;; n++) {
        bool struck;
        int r;

        torture_countdown = n;
        r = attempt(self);
        struck = torture_countdown == 0;
        torture_countdown = 0;
        if (!struck) {
            assert_int_equal(r, 0);
            return n - 1;
        }
        assert_true(r == -ENOMEM || r == -EFBIG);
    }
}

#endif
