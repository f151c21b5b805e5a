/* SPDX-License-Identifier: Apache-2.0 */
/* base/: errors, buffers, JSON, text, files. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "base/own.h"
#include "base/text.h"

static void error_keeps_code_and_words(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(err_errno(&e, ENOENT, "open '%s'", "x"), -ENOENT);
    assert_string_equal(e.msg, "open 'x': No such file or directory");
    assert_int_equal(err_wrap(&e, "read %s", "config"), -ENOENT);
    assert_string_equal(e.msg, "read config: open 'x': No such file or directory");
    assert_int_equal(err_set(NULL, EINVAL, "nobody listens"), -EINVAL);
}

static void error_is_cut_not_overflowed(void **state)
{
    struct err e = {0};
    char longer[2000];

    (void)state;
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    (void)err_set(&e, EINVAL, "%s", longer);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    (void)err_wrap(&e, "%s", longer);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
}

static void buffer_grows_to_its_maximum_and_then_fails(void **state)
{
    OWN(buf_done) struct buf b;
    struct err e = {0};

    (void)state;
    buf_init(&b, 100);
    for (int i = 0; i < 10; i++)
        buf_text(&b, "0123456789");
    assert_int_equal(b.size, 100);
    assert_int_equal(buf_check(&b, &e), 0);
    buf_char(&b, 'x');
    assert_int_equal(buf_check(&b, &e), -EFBIG);
    buf_text(&b, "more");
    assert_int_equal(b.size, 0);
    assert_null(buf_take(&b));
}

static void buffer_prints_consumes_and_gives_away(void **state)
{
    OWN(buf_done) struct buf b;
    OWN_MEM char *text = NULL;

    (void)state;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 1000; i++)
        buf_printf(&b, "%03d,", i);
    assert_int_equal(b.size, 4000);
    buf_consume(&b, 3996);
    assert_string_equal(b.data, "999,");
    text = buf_take(&b);
    assert_string_equal(text, "999,");
    buf_consume(&b, 0);
    text[0] = '\0';
    free(TAKE(text));
    text = buf_take(&b);
    assert_string_equal(text, "");
}

static void json_writes_nesting_commas_and_escapes(void **state)
{
    OWN(buf_done) struct buf b;
    struct json j;

    (void)state;
    buf_init(&b, 1000);
    json_init(&j, &b, 0);
    json_object(&j, NULL);
    json_string(&j, "a", "q\"\\\n\x01z");
    json_array(&j, "list");
    json_array_end(&j);
    json_array(&j, "more");
    json_int(&j, NULL, -5);
    json_uint(&j, NULL, UINT64_MAX);
    json_object(&j, NULL);
    json_bool(&j, "yes", true);
    json_string(&j, "none", NULL);
    json_object_end(&j);
    json_array_end(&j);
    json_object_end(&j);
    assert_string_equal(b.data, "{\"a\":\"q\\\"\\\\\\n\\u0001z\",\"list\":[],\"more\":[-5,"
                                "18446744073709551615,{\"yes\":true,\"none\":null}]}");
}

static void json_too_deep_fails_the_buffer(void **state)
{
    OWN(buf_done) struct buf b;
    struct json j;

    (void)state;
    buf_init(&b, 100000);
    json_init(&j, &b, 2);
    for (int i = 0; i < 40; i++)
        json_array(&j, NULL);
    for (int i = 0; i < 40; i++)
        json_array_end(&j);
    assert_int_equal(buf_check(&b, NULL), -EFBIG);
    assert_null(buf_take(&b));
}

static void numbers_are_whole_and_bounded(void **state)
{
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "18446744073709551616", "101"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_uint(&value, bad[i], 100));
    assert_int_equal(value, 7);
    assert_true(text_uint(&value, "100", 100));
    assert_int_equal(value, 100);
    assert_true(text_uint(&value, "18446744073709551615", UINT64_MAX));
    assert_true(value == UINT64_MAX);
}

static void text_is_cut_into_its_field(void **state)
{
    char field[4];

    (void)state;
    assert_true(TEXT_COPY(field, "abc"));
    assert_false(TEXT_COPY(field, "abcd"));
    assert_string_equal(field, "abc");
}

static void files_are_written_whole_and_read_with_a_bound(void **state)
{
    char folder[] = "/tmp/carve-base-XXXXXX";
    OWN_MEM char *nested = NULL, *path = NULL, *text = NULL;
    struct err e = {0};
    struct stat info;
    size_t size = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    nested = file_join(folder, "/a/b/");
    assert_int_equal(file_make_folder(nested, &e), 0);
    assert_int_equal(file_make_folder(nested, &e), 0);
    path = file_join(nested, "file");
    assert_int_equal(file_write(path, "hello", 5, 0640, &e), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(file_read(&text, &size, path, 5, &e), 0);
    assert_int_equal(size, 5);
    assert_string_equal(text, "hello");
    assert_int_equal(file_read(&text, &size, path, 4, &e), -EFBIG);
    assert_int_equal(file_read(&text, &size, "/nowhere/x", 4, &e), -ENOENT);
    assert_int_equal(file_write("/nowhere/x", "", 0, 0600, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "/nowhere/x"));
    assert_int_equal(file_make_folder(path, &e), -ENOTDIR);
    assert_int_equal(file_make_folder("", &e), -ENOENT);
    (void)remove(path);
    for (int i = 0; i < 2; i++) {
        (void)remove(nested);
        nested[strlen(folder) + 2] = '\0';
    }
    (void)remove(nested);
    (void)remove(folder);
}

static void waits_have_units_and_a_bound(void **state)
{
    static const char *const bad[] = {"",  "s", "-1s", "1.5s", "10d", "5 s", "99999999999999999",
                                      "2h"};
    unsigned wait_ms = 7;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_wait_ms(&wait_ms, bad[i], 3600 * 1000));
    assert_int_equal(wait_ms, 7);
    assert_true(text_wait_ms(&wait_ms, "30", 3600 * 1000) && wait_ms == 30000);
    assert_true(text_wait_ms(&wait_ms, "500ms", 3600 * 1000) && wait_ms == 500);
    assert_true(text_wait_ms(&wait_ms, "5m", 3600 * 1000) && wait_ms == 300000);
    assert_true(text_wait_ms(&wait_ms, "1h", 3600 * 1000) && wait_ms == 3600000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_keeps_code_and_words),
        cmocka_unit_test(error_is_cut_not_overflowed),
        cmocka_unit_test(buffer_grows_to_its_maximum_and_then_fails),
        cmocka_unit_test(buffer_prints_consumes_and_gives_away),
        cmocka_unit_test(json_writes_nesting_commas_and_escapes),
        cmocka_unit_test(json_too_deep_fails_the_buffer),
        cmocka_unit_test(numbers_are_whole_and_bounded),
        cmocka_unit_test(text_is_cut_into_its_field),
        cmocka_unit_test(files_are_written_whole_and_read_with_a_bound),
        cmocka_unit_test(waits_have_units_and_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
