/* SPDX-License-Identifier: Apache-2.0 */
/* base/utf8: characters, widths, what is not let through. */
#include "test.h"

#include <string.h>

#include "base/utf8.h"

static size_t next(uint32_t *character, const char *text)
{
    return utf8_next(character, text, strlen(text));
}

static void reads_characters_of_each_length(void **state)
{
    uint32_t c;

    (void)state;
    assert_int_equal(next(&c, "a"), 1);
    assert_int_equal(c, 'a');
    assert_int_equal(next(&c, "\xc3\xbc"), 2);
    assert_int_equal(c, 0xfc);
    assert_int_equal(next(&c, "\xe4\xb8\xad"), 3);
    assert_int_equal(c, 0x4e2d);
    assert_int_equal(next(&c, "\xf0\x9f\x98\x80"), 4);
    assert_int_equal(c, 0x1f600);
}

static void takes_what_is_no_utf8_byte_by_byte(void **state)
{
    /* Cut, a later byte alone, overlong, a surrogate, beyond the last character. */
    static const char *const bad[] = {"\xe4\xb8",     "\x80",         "\xc0\xaf",
                                      "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xff",         "\xe4 b"};
    uint32_t c;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(next(&c, bad[i]), 1);
        assert_int_equal(c, UTF8_BAD);
    }
}

static void knows_how_wide_characters_are(void **state)
{
    (void)state;
    assert_int_equal(utf8_cells('a'), 1);
    assert_int_equal(utf8_cells(0xfc), 1);
    assert_int_equal(utf8_cells(0x4e2d), 2);
    assert_int_equal(utf8_cells(0x1f600), 2);
    assert_int_equal(utf8_cells(0x0301), 0);
    assert_int_equal(utf8_cells(0x200b), 0);
}

static void cleans_what_could_disturb_a_terminal(void **state)
{
    char text[] = "a\033[31m\x7f\tb \xc2\x9b x \xe2\x80\xae y \xc3\xbc \xff.";

    (void)state;
    utf8_clean(text);
    assert_string_equal(text, "a?[31m??b ?? x ??? y \xc3\xbc ?.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_characters_of_each_length),
        cmocka_unit_test(takes_what_is_no_utf8_byte_by_byte),
        cmocka_unit_test(knows_how_wide_characters_are),
        cmocka_unit_test(cleans_what_could_disturb_a_terminal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
