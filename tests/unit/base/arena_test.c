/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas: what is given is zeroed, aligned, apart from the rest, and goes all at once. */
#include "test.h"

#include <string.h>

#include "base/arena.h"

static void gives_zeroed_and_aligned_memory(void **state)
{
    struct arena a = {0};

    (void)state;
    for (size_t size = 0; size < 200000; size = size * 3 + 1) {
        unsigned char *p = arena_alloc(&a, size);

        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    arena_done(&a);
    assert_null(a.blocks);
}

static void large_things_leave_the_open_block_in_use(void **state)
{
    struct arena a = {0};
    char *small = arena_alloc(&a, 16);
    size_t used;

    (void)state;
    assert_non_null(arena_alloc(&a, 1 << 20));
    used = a.used_bytes;
    assert_ptr_equal(arena_alloc(&a, 16), small + 16);
    assert_int_equal(a.used_bytes, used);
    arena_done(&a);
}

static void copies_and_prints(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_string_equal(arena_text(&a, "abc"), "abc");
    assert_string_equal(arena_copy(&a, "abcdef", 3), "abc");
    assert_string_equal(arena_copy(&a, NULL, 0), "");
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    arena_done(&a);
}

static void grows_arrays(void **state)
{
    struct arena a = {0};
    size_t *list = NULL;

    (void)state;
    for (size_t n = 0; n < 1000; n++) {
        list = arena_grow(&a, list, n, sizeof *list);
        assert_non_null(list);
        list[n] = n;
    }
    for (size_t n = 0; n < 1000; n++)
        assert_int_equal(list[n], n);
    arena_done(&a);
}

static void stays_failed(void **state)
{
    struct arena a = {0};

    (void)state;
    assert_null(arena_array(&a, SIZE_MAX / 4, 16));
    assert_true(a.failed);
    assert_null(arena_alloc(&a, 1));
    assert_null(arena_text(&a, "x"));
    arena_done(&a);
    assert_false(a.failed);
    assert_null(arena_alloc(&a, SIZE_MAX));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_zeroed_and_aligned_memory),
        cmocka_unit_test(large_things_leave_the_open_block_in_use),
        cmocka_unit_test(copies_and_prints),
        cmocka_unit_test(grows_arrays),
        cmocka_unit_test(stays_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
