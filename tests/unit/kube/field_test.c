/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf's wire format, both ways. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "kube/field.h"
#include "test.h"

static void numbers_survive_the_round_trip(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 64; bits++)
        for (unsigned less = 0; less < 2; less++) {
            uint64_t value = ((uint64_t)1 << bits) - less;
            struct field_reader reader;
            struct field f;
            struct buf out;

            buf_init(&out, 100);
            field_put_uint(&out, 1 + bits * 100, value);
            reader = (struct field_reader){(uint8_t *)out.data, out.size};
            assert_int_equal(field_next(&f, &reader), value != 0); /* proto3 leaves 0 out */
            if (value != 0) {
                assert_int_equal(f.number, 1 + bits * 100);
                assert_true(f.number_value == value && !f.is_bytes);
                assert_int_equal(field_next(&f, &reader), 0);
            }
            buf_done(&out);
        }
}

static void nested_lengths_have_as_few_bytes_as_they_need(void **state)
{
    static const size_t sizes[] = {0, 1, 127, 128, 129, 16383, 16384, 100000};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t prefix = sizes[i] < 128 ? 1 : sizes[i] < 16384 ? 2 : 3;
        size_t outer, inner;
        struct field_reader reader;
        struct field f;
        struct buf out;

        buf_init(&out, 1 << 20);
        outer = field_begin(&out, 3);
        inner = field_begin(&out, 7);
        for (size_t n = 0; n < sizes[i]; n++)
            buf_char(&out, (char)n);
        field_end(&out, inner);
        field_end(&out, outer);
        reader = (struct field_reader){(uint8_t *)out.data, out.size};
        assert_int_equal(field_next(&f, &reader), 1);
        assert_int_equal(f.number, 3);
        assert_int_equal(f.size, 1 + prefix + sizes[i]);
        assert_int_equal(field_next(&f, &reader), 0);
        reader = field_view(&f);
        assert_int_equal(field_next(&f, &reader), 1);
        assert_int_equal(f.number, 7);
        assert_int_equal(f.size, sizes[i]);
        for (size_t n = 0; n < sizes[i]; n++)
            assert_int_equal(f.bytes[n], (uint8_t)n);
        buf_done(&out);
    }
}

static void empty_texts_are_left_out_unless_they_are_elements(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    field_put_text(&out, 1, "");
    field_put_bool(&out, 1, false);
    assert_int_equal(out.size, 0);
    field_put_element(&out, 1, "");
    assert_memory_equal(out.data, "\x0a\x00", 2);
    field_put_bool(&out, 2, true);
    assert_memory_equal(out.data, "\x0a\x00\x10\x01", 4);
    buf_done(&out);
}

static void every_cut_is_noticed(void **state)
{
    const uint8_t bytes[] = {0x0a, 2, 'a',  'b', 0x11, 1, 2, 3,    4,    5,   6,
                             7,    8, 0x1d, 1,   2,    3, 4, 0x20, 0x96, 0x01};
    static const size_t whole[] = {0, 4, 13, 18, 21};

    (void)state;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct field_reader reader = {bytes, size};
        struct field f;
        int r;

        while ((r = field_next(&f, &reader)) > 0)
            continue;
        bool is_whole = false;
        for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
            is_whole |= size == whole[i];
        assert_int_equal(r, is_whole ? 0 : -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_survive_the_round_trip),
        cmocka_unit_test(nested_lengths_have_as_few_bytes_as_they_need),
        cmocka_unit_test(empty_texts_are_left_out_unless_they_are_elements),
        cmocka_unit_test(every_cut_is_noticed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
