/* SPDX-License-Identifier: Apache-2.0 */
/* lint/diff: its words, and that what it says makes the one text of the other. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "lint/fix/diff.h"

static char *diff_of(const char *a, const char *b)
{
    struct diff_text before = {.file = "f", .text = a, .size = strlen(a)};
    struct diff_text after = {.file = "f", .text = b, .size = strlen(b)};
    struct buf out;
    struct err e = {0};

    buf_init(&out, 64 << 20);
    assert_int_equal(diff_unified(&out, &before, &after, &e), 0);
    if (out.size == 0)
        buf_add(&out, "", 0);
    return buf_take(&out);
}

static void check(const char *a, const char *b, const char *expected)
{
    char *text = diff_of(a, b);

    assert_string_equal(text ? text : "", expected);
    free(text);
}

#define NAMES "--- a/f\n+++ b/f\n"

static void test_words(void **state)
{
    (void)state;
    check("a\nb\n", "a\nb\n", "");
    check("", "", "");
    check("", "a\n", NAMES "@@ -0,0 +1 @@\n+a\n");
    check("a\n", "", NAMES "@@ -1 +0,0 @@\n-a\n");
    check("a\nb\nc\n", "a\nx\nc\n", NAMES "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
    check("a", "a\n", NAMES "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
    check("a\nb", "c\nb", NAMES "@@ -1,2 +1,2 @@\n-a\n+c\n b\n\\ No newline at end of file\n");
    /* Six lines between two changes are shown, seven part them. */
    check("a\n1\n2\n3\n4\n5\n6\nb\n", "x\n1\n2\n3\n4\n5\n6\ny\n",
          NAMES "@@ -1,8 +1,8 @@\n-a\n+x\n 1\n 2\n 3\n 4\n 5\n 6\n-b\n+y\n");
    check("a\n1\n2\n3\n4\n5\n6\n7\nb\n", "x\n1\n2\n3\n4\n5\n6\n7\ny\n",
          NAMES "@@ -1,4 +1,4 @@\n-a\n+x\n 1\n 2\n 3\n@@ -6,4 +6,4 @@\n 5\n 6\n 7\n-b\n+y\n");
}

static void test_names(void **state)
{
    struct diff_text before = {.file = "/x/f", .text = "a\n", .size = 2};
    struct diff_text after = {.file = "/x/f", .text = "b\n", .size = 2};
    struct buf out;
    struct err e = {0};

    (void)state;
    buf_init(&out, 1 << 10);
    assert_int_equal(diff_unified(&out, &before, &after, &e), 0);
    assert_string_equal(out.data, "--- a/x/f\n+++ b/x/f\n@@ -1 +1 @@\n-a\n+b\n");
    buf_done(&out);
}

/* Does to a text what a diff says, checking what it says of it. */
static void patch(struct buf *out, const char *text, const char *diff)
{
    uint64_t line = 1;

    diff = strstr(diff, "@@");
    while (diff && *diff) {
        size_t digits = strspn(diff + 4, "0123456789");
        char number[16] = "";
        uint64_t start;

        assert_true(digits < sizeof number);
        memcpy(number, diff + 4, digits);
        assert_true(text_uint(&start, number, 1000000));
        start += strncmp(diff + 4 + digits, ",0 ", 3) == 0;
        for (; line < start; line++) {
            size_t n = strcspn(text, "\n") + 1;

            buf_add(out, text, n);
            text += n;
        }
        for (diff = strchr(diff, '\n') + 1; *diff && *diff != '@'; diff = strchr(diff, '\n') + 1) {
            size_t n = strcspn(diff, "\n");

            if (*diff != '+') {
                assert_memory_equal(text, diff + 1, n);
                text += n;
                line++;
            }
            if (*diff != '-')
                buf_add(out, diff + 1, n);
        }
    }
    buf_text(out, text);
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Lines of few kinds, so that much is alike; and the same with changes. */
static void make_texts(struct buf *a, struct buf *b, uint32_t *seed, unsigned lines, unsigned kinds)
{
    for (unsigned i = 0; i < lines; i++) {
        unsigned kind = next_random(seed) % kinds, change = next_random(seed) % 12;

        if (change != 0)
            buf_printf(a, "%u\n", kind);
        if (change == 1)
            buf_printf(b, "new %u\n", kind);
        if (change != 2)
            buf_printf(b, "%u\n", kind);
    }
}

static void check_patch(uint32_t seed, unsigned lines, unsigned kinds)
{
    struct buf a, b, c;
    char *diff;

    buf_init(&a, 16 << 20);
    buf_init(&b, 16 << 20);
    buf_init(&c, 16 << 20);
    buf_text(&a, "");
    make_texts(&a, &b, &seed, lines, kinds);
    buf_text(&b, "end\n");
    buf_text(&a, "end\n");
    diff = diff_of(a.data, b.data);
    patch(&c, a.data, diff ? diff : "");
    assert_string_equal(c.data, b.data);
    free(diff);
    buf_done(&a);
    buf_done(&b);
    buf_done(&c);
}

static void test_patches(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed < 300; seed++)
        check_patch(seed, seed % 40, 2 + seed % 7);
    /* More differences than one window of the search takes. */
    check_patch(7, 20000, 50);
    check_patch(8, 20000, 1000000);
}

/* Nothing alike at all. */
static void test_strangers(void **state)
{
    struct buf a, b, c;
    char *diff;

    (void)state;
    buf_init(&a, 16 << 20);
    buf_init(&b, 16 << 20);
    buf_init(&c, 16 << 20);
    for (unsigned i = 0; i < 3000; i++) {
        buf_printf(&a, "a%u\n", i);
        buf_printf(&b, "b%u\n", i);
    }
    diff = diff_of(a.data, b.data);
    patch(&c, a.data, diff);
    assert_string_equal(c.data, b.data);
    free(diff);
    buf_done(&a);
    buf_done(&b);
    buf_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_strangers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
