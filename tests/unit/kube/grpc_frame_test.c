/* SPDX-License-Identifier: Apache-2.0 */
/* Framing of messages, and statuses between errno, words and the wire. */
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "kube/grpc_frame.h"
#include "kube/grpc_status.h"
#include "test.h"

static void prefix_says_the_length(void **state)
{
    uint8_t prefix[GRPC_FRAME_PREFIX];
    const uint8_t wanted[] = {0, 0x01, 0x02, 0x03, 0x04};

    (void)state;
    grpc_frame_prefix(prefix, 0x01020304);
    assert_memory_equal(prefix, wanted, sizeof wanted);
}

static void message_is_read_when_it_is_whole(void **state)
{
    const uint8_t bytes[] = {0, 0, 0, 0, 3, 'a', 'b', 'c', 0, 0};
    const uint8_t *message = NULL;
    size_t length = 99;

    (void)state;
    for (size_t size = 0; size < 8; size++)
        assert_int_equal(grpc_frame_read(&message, &length, bytes, size, 3, NULL), 0);
    assert_null(message);
    for (size_t size = 8; size <= sizeof bytes; size++) {
        assert_int_equal(grpc_frame_read(&message, &length, bytes, size, 3, NULL), 1);
        assert_ptr_equal(message, bytes + 5);
        assert_int_equal(length, 3);
    }
}

static void empty_message_is_a_message(void **state)
{
    const uint8_t bytes[5] = {0};
    const uint8_t *message = NULL;
    size_t length = 99;

    (void)state;
    assert_int_equal(grpc_frame_read(&message, &length, bytes, 5, 0, NULL), 1);
    assert_int_equal(length, 0);
}

static void size_is_refused_from_the_prefix_alone(void **state)
{
    const uint8_t bytes[] = {0, 0, 0, 0, 4}, huge[] = {0, 0xff, 0xff, 0xff, 0xff};
    const uint8_t *message;
    size_t length;
    struct err e = {0};

    (void)state;
    assert_int_equal(grpc_frame_read(&message, &length, bytes, 5, 3, &e), -EMSGSIZE);
    assert_string_equal(e.msg, "message of 4 bytes is larger than 3");
    assert_int_equal(grpc_frame_read(&message, &length, huge, 5, 4 << 20, &e), -EMSGSIZE);
}

static void compression_is_not_supported(void **state)
{
    const uint8_t bytes[] = {1, 0, 0, 0, 0};
    const uint8_t *message;
    size_t length;

    (void)state;
    assert_int_equal(grpc_frame_read(&message, &length, bytes, 5, 3, NULL), -ENOSYS);
}

static void status_and_errno_belong_together(void **state)
{
    static const struct {
        int code;
        enum grpc_status status;
    } pairs[] = {
        {0, GRPC_OK},
        {EINVAL, GRPC_INVALID_ARGUMENT},
        {ENOENT, GRPC_NOT_FOUND},
        {EEXIST, GRPC_ALREADY_EXISTS},
        {EPERM, GRPC_PERMISSION_DENIED},
        {EACCES, GRPC_PERMISSION_DENIED},
        {ENOSPC, GRPC_RESOURCE_EXHAUSTED},
        {EMSGSIZE, GRPC_RESOURCE_EXHAUSTED},
        {EFBIG, GRPC_RESOURCE_EXHAUSTED},
        {ENOMEM, GRPC_RESOURCE_EXHAUSTED},
        {EBUSY, GRPC_FAILED_PRECONDITION},
        {EAGAIN, GRPC_UNAVAILABLE},
        {ENOSYS, GRPC_UNIMPLEMENTED},
        {ETIMEDOUT, GRPC_DEADLINE_EXCEEDED},
        {ECANCELED, GRPC_CANCELLED},
        {ERANGE, GRPC_OUT_OF_RANGE},
        {EPIPE, GRPC_INTERNAL},
        {12345, GRPC_INTERNAL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_int_equal(grpc_status_of_errno(pairs[i].code), pairs[i].status);
    assert_int_equal(grpc_status_errno(GRPC_OK), 0);
    for (unsigned status = 1; status < 1000; status++)
        assert_true(grpc_status_errno(status) > 0);
    assert_int_equal(grpc_status_errno(GRPC_NOT_FOUND), ENOENT);
    assert_int_equal(grpc_status_errno(GRPC_UNAVAILABLE), EAGAIN);
    assert_int_equal(grpc_status_errno(GRPC_FAILED_PRECONDITION), EBUSY);
    assert_string_equal(grpc_status_name(GRPC_UNAVAILABLE), "UNAVAILABLE");
    assert_string_equal(grpc_status_name(17), "status");
    assert_string_equal(grpc_status_digits(GRPC_UNAUTHENTICATED), "16");
}

static unsigned parse(const char *text)
{
    return grpc_status_parse((const uint8_t *)text, strlen(text));
}

static void status_is_parsed_from_its_header(void **state)
{
    (void)state;
    assert_int_equal(parse("0"), 0);
    assert_int_equal(parse("14"), 14);
    assert_int_equal(parse("9999"), 9999);
    assert_int_equal(parse(""), GRPC_UNKNOWN);
    assert_int_equal(parse("-1"), GRPC_UNKNOWN);
    assert_int_equal(parse("1x"), GRPC_UNKNOWN);
    assert_int_equal(parse("99999"), GRPC_UNKNOWN);
}

static void words_are_percent_encoded(void **state)
{
    char field[64];

    (void)state;
    (void)grpc_status_encode(field, sizeof field, "GPU ä 100%\n~");
    assert_string_equal(field, "GPU %C3%A4 100%25%0A~");
    assert_int_equal(grpc_status_encode(field, sizeof field, ""), 0);
    assert_string_equal(field, "");
}

static void encoded_words_are_cut_between_bytes(void **state)
{
    char field[5];

    (void)state;
    assert_int_equal(grpc_status_encode(field, sizeof field, "abcdef"), 4);
    assert_string_equal(field, "abcd");
    assert_int_equal(grpc_status_encode(field, sizeof field, "a\n\n"), 4);
    assert_string_equal(field, "a%0A");
    assert_int_equal(grpc_status_encode(field, sizeof field, "ab\n"), 2);
}

static const char *decode(char *field, size_t size, const char *text)
{
    (void)grpc_status_decode(field, size, (const uint8_t *)text, strlen(text));
    return field;
}

static void words_are_decoded(void **state)
{
    char field[32];

    (void)state;
    assert_string_equal(decode(field, sizeof field, "GPU %C3%a4 100%25"), "GPU ä 100%");
    assert_string_equal(decode(field, sizeof field, "a%0Ab%00c%7f"), "a b c ");
    assert_string_equal(decode(field, sizeof field, "100% %zz %1"), "100% %zz %1");
    assert_string_equal(decode(field, 4, "%41%42%43%44"), "ABC");
}

static void every_byte_survives_the_round_trip(void **state)
{
    char words[256], encoded[1024], back[256];

    (void)state;
    for (unsigned i = 0; i < 255; i++)
        words[i] = (char)(i + 1);
    words[255] = '\0';
    (void)grpc_status_encode(encoded, sizeof encoded, words);
    (void)decode(back, sizeof back, encoded);
    for (unsigned i = 0; i < 255; i++)
        if (i + 1 >= ' ' && i + 1 != 0x7f)
            assert_int_equal(back[i], words[i]);
        else
            assert_int_equal(back[i], ' ');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_says_the_length),
        cmocka_unit_test(message_is_read_when_it_is_whole),
        cmocka_unit_test(empty_message_is_a_message),
        cmocka_unit_test(size_is_refused_from_the_prefix_alone),
        cmocka_unit_test(compression_is_not_supported),
        cmocka_unit_test(status_and_errno_belong_together),
        cmocka_unit_test(status_is_parsed_from_its_header),
        cmocka_unit_test(words_are_percent_encoded),
        cmocka_unit_test(encoded_words_are_cut_between_bytes),
        cmocka_unit_test(words_are_decoded),
        cmocka_unit_test(every_byte_survives_the_round_trip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
