/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the kubelet against bytes that protoc made of the same messages, and against the
 * generated code, which is another implementation of the format.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "deviceplugin.pb-c.h"
#include "kube/deviceplugin.h"
#include "kube/field.h"
#include "test.h"

/* Ends the buf. */
static void assert_bytes(struct buf *out, const char *hex)
{
    char text[1024] = "";

    assert_int_equal(buf_check(out, NULL), 0);
    for (size_t i = 0; i < out->size; i++)
        (void)snprintf(text + 2 * i, sizeof text - 2 * i, "%02x", (uint8_t)out->data[i]);
    assert_string_equal(text, hex);
    buf_done(out);
}

static void register_request_is_golden(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    deviceplugin_put_register(&out, "x.sock", "example.com/gpu",
                              &(struct deviceplugin_options){.preferred_allocation = true});
    assert_bytes(&out,
                 "0a07763162657461311206782e736f636b1a0f6578616d706c652e636f6d2f67707522021001");
}

static void list_and_watch_is_golden(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    deviceplugin_put_device(&out, &(struct deviceplugin_device){"GPU-1", true, 0});
    deviceplugin_put_device(&out, &(struct deviceplugin_device){"GPU-2", false, 1});
    assert_bytes(&out,
                 "0a140a054750552d3112074865616c7468791a020a000a180a054750552d321209556e6865616c"
                 "7468791a040a020801");
}

static void unknown_numa_node_has_no_topology(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    deviceplugin_put_device(&out, &(struct deviceplugin_device){"GPU-1", true, -1});
    assert_bytes(&out, "0a100a054750552d3112074865616c746879");
}

static void allocate_response_is_golden(void **state)
{
    const struct deviceplugin_pair env = {"A", "b"};
    const struct deviceplugin_node node = {"/dev/nvidia0", "/dev/nvidia0", "rw"};
    const char *const cdi[] = {"example.com/gpu=g0"};
    struct buf out;

    (void)state;
    buf_init(&out, 1000);
    deviceplugin_put_answer(&out, &(struct deviceplugin_answer){.envs = &env,
                                                                .n_envs = 1,
                                                                .nodes = &node,
                                                                .n_nodes = 1,
                                                                .cdi_devices = cdi,
                                                                .n_cdi_devices = 1});
    assert_bytes(&out,
                 "0a400a060a01411201621a200a0c2f6465762f6e766964696130120c2f6465762f6e76696469613"
                 "01a0272772a140a126578616d706c652e636f6d2f6770753d6730");
}

static void every_part_of_an_answer_is_read_by_the_generated_code(void **state)
{
    char large[300];
    const struct deviceplugin_pair envs[] = {{"EMPTY", ""}, {"LARGE", large}};
    const struct deviceplugin_mount mounts[] = {{"/in", "/out", true}, {"/in2", "/out2", false}};
    const struct deviceplugin_pair notes[] = {{"key", "value"}};
    struct buf out;

    (void)state;
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    buf_init(&out, 10000);
    for (unsigned i = 0; i < 2; i++)
        deviceplugin_put_answer(&out, &(struct deviceplugin_answer){.envs = envs,
                                                                    .n_envs = 2,
                                                                    .mounts = mounts,
                                                                    .n_mounts = 2,
                                                                    .annotations = notes,
                                                                    .n_annotations = 1});
    Deviceplugin__AllocateResponse *r =
        deviceplugin__allocate_response__unpack(NULL, out.size, (uint8_t *)out.data);
    assert_non_null(r);
    assert_int_equal(r->n_container_responses, 2);
    assert_int_equal(r->container_responses[1]->n_envs, 2);
    assert_string_equal(r->container_responses[1]->envs[0]->value, "");
    assert_string_equal(r->container_responses[1]->envs[1]->value, large);
    assert_string_equal(r->container_responses[1]->mounts[0]->host_path, "/out");
    assert_true(r->container_responses[1]->mounts[0]->read_only);
    assert_false(r->container_responses[1]->mounts[1]->read_only);
    assert_string_equal(r->container_responses[1]->annotations[0]->value, "value");
    deviceplugin__allocate_response__free_unpacked(r, NULL);
    buf_done(&out);
}

static void preferred_response_keeps_the_order(void **state)
{
    const char *const ids[] = {"b", "a"};
    struct buf out;

    (void)state;
    buf_init(&out, 100);
    deviceplugin_put_preferred(&out, ids, 2);
    deviceplugin_put_preferred(&out, NULL, 0);
    assert_bytes(&out, "0a060a01620a01610a00");
}

static void allocate_request_is_read(void **state)
{
    char a[] = "GPU-1::0", b[] = "GPU-2::7", c[] = "";
    char *first[] = {a, b}, *second[] = {c};
    Deviceplugin__ContainerAllocateRequest containers[] = {
        DEVICEPLUGIN__CONTAINER_ALLOCATE_REQUEST__INIT,
        DEVICEPLUGIN__CONTAINER_ALLOCATE_REQUEST__INIT,
        DEVICEPLUGIN__CONTAINER_ALLOCATE_REQUEST__INIT,
    };
    Deviceplugin__ContainerAllocateRequest *all[] = {&containers[0], &containers[1],
                                                     &containers[2]};
    Deviceplugin__AllocateRequest request = DEVICEPLUGIN__ALLOCATE_REQUEST__INIT;
    OWN(deviceplugin_request_freep) struct deviceplugin_request *got = NULL;
    uint8_t bytes[100];
    size_t size;

    (void)state;
    containers[0].n_devices_ids = 2;
    containers[0].devices_ids = first;
    containers[1].n_devices_ids = 1;
    containers[1].devices_ids = second;
    request.n_container_requests = 3;
    request.container_requests = all;
    size = deviceplugin__allocate_request__pack(&request, bytes);
    assert_int_equal(deviceplugin_read_allocate(&got, bytes, size, NULL), 0);
    assert_int_equal(got->n_wishes, 3);
    assert_int_equal(got->wishes[0].n_ids, 2);
    assert_string_equal(got->wishes[0].ids[0], "GPU-1::0");
    assert_string_equal(got->wishes[0].ids[1], "GPU-2::7");
    assert_int_equal(got->wishes[0].n_must_ids, 0);
    assert_string_equal(got->wishes[1].ids[0], "");
    assert_int_equal(got->wishes[2].n_ids, 0);
}

static void preferred_request_is_read_in_any_order_of_fields(void **state)
{
    const uint8_t bytes[] = {0x10, 1, /* unknown */
                             0x0a, 13, 0x18, 2, 0x12, 1, 'b', 0x0a, 1, 'a', 0x0a, 1, 'b', 0x48, 5};
    OWN(deviceplugin_request_freep) struct deviceplugin_request *got = NULL;

    (void)state;
    assert_int_equal(deviceplugin_read_preferred(&got, bytes, sizeof bytes, NULL), 0);
    assert_int_equal(got->n_wishes, 1);
    assert_int_equal(got->wishes[0].size, 2);
    assert_int_equal(got->wishes[0].n_ids, 2);
    assert_string_equal(got->wishes[0].ids[0], "a");
    assert_string_equal(got->wishes[0].ids[1], "b");
    assert_int_equal(got->wishes[0].n_must_ids, 1);
    assert_string_equal(got->wishes[0].must_ids[0], "b");
}

static void negative_size_asks_for_nothing(void **state)
{
    const uint8_t bytes[] = {0x0a, 11,   0x18, 0xff, 0xff, 0xff, 0xff,
                             0xff, 0xff, 0xff, 0xff, 0xff, 1};
    OWN(deviceplugin_request_freep) struct deviceplugin_request *got = NULL;

    (void)state;
    assert_int_equal(deviceplugin_read_preferred(&got, bytes, sizeof bytes, NULL), 0);
    assert_int_equal(got->wishes[0].size, 0);
}

static void empty_request_has_no_wishes(void **state)
{
    OWN(deviceplugin_request_freep) struct deviceplugin_request *got = NULL;

    (void)state;
    assert_int_equal(deviceplugin_read_allocate(&got, NULL, 0, NULL), 0);
    assert_int_equal(got->n_wishes, 0);
}

static void what_is_no_message_is_refused(void **state)
{
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } bad[] = {
        {{0x0a}, 1},                          /* no length */
        {{0x0a, 5, 'a'}, 3},                  /* longer than what is there */
        {{0x0a, 3, 0x0a, 4, 'a'}, 5},         /* the inner one is */
        {{0x0b, 0}, 2},                       /* a group */
        {{0x02, 0}, 2},                       /* field 0 */
        {{0x08, 1}, 2},                       /* a number where a message should be */
        {{0x0a, 2, 0x08, 1}, 4},              /* a number where a string should be */
        {{0x0a, 5, 0x0a, 3, 'a', 0, 'b'}, 7}, /* a NUL in a string */
        {{0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01}, 11},
        {{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, 11},
        {{0x0d, 1, 2, 3}, 4}, /* 32 bits cut off */
        {{0x09, 1, 2, 3}, 4}, /* 64 bits cut off */
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct deviceplugin_request *got = NULL;
        struct err e = {0};

        assert_int_equal(deviceplugin_read_allocate(&got, bad[i].bytes, bad[i].size, &e), -EBADMSG);
        assert_null(got);
        assert_string_equal(e.msg, "request is not in the protobuf format");
    }
}

static void too_much_is_refused(void **state)
{
    OWN(deviceplugin_request_freep) struct deviceplugin_request *got = NULL;
    struct buf out;
    struct err e = {0};

    (void)state;
    buf_init(&out, 1 << 20);
    for (int i = 0; i < DEVICEPLUGIN_MAX_CONTAINERS; i++)
        field_put_element(&out, 1, "");
    assert_int_equal(deviceplugin_read_allocate(&got, (uint8_t *)out.data, out.size, &e), 0);
    assert_int_equal(got->n_wishes, DEVICEPLUGIN_MAX_CONTAINERS);
    deviceplugin_request_free(TAKE(got));
    field_put_element(&out, 1, "");
    assert_int_equal(deviceplugin_read_allocate(&got, (uint8_t *)out.data, out.size, &e), -E2BIG);
    assert_string_equal(e.msg, "request for more than 64 containers");

    buf_clear(&out);
    size_t start = field_begin(&out, 1);
    for (int i = 0; i < DEVICEPLUGIN_MAX_IDS; i++)
        field_put_element(&out, 1, "x");
    field_end(&out, start);
    assert_int_equal(deviceplugin_read_allocate(&got, (uint8_t *)out.data, out.size, &e), 0);
    assert_int_equal(got->wishes[0].n_ids, DEVICEPLUGIN_MAX_IDS);
    deviceplugin_request_free(TAKE(got));
    buf_add(&out, "\x0a\x02\x0a\x00", 4);
    assert_int_equal(deviceplugin_read_allocate(&got, (uint8_t *)out.data, out.size, &e), -E2BIG);
    assert_string_equal(e.msg, "request with more than 65536 device ids");
    buf_done(&out);
}

static void a_full_buffer_fails_and_stays_failed(void **state)
{
    struct buf out;

    (void)state;
    for (size_t max = 0; max < 40; max++) {
        buf_init(&out, max);
        deviceplugin_put_register(&out, "x.sock", "example.com/gpu",
                                  &(struct deviceplugin_options){.preferred_allocation = true});
        assert_int_equal(buf_check(&out, NULL), max < 38 ? -EFBIG : 0);
        buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(register_request_is_golden),
        cmocka_unit_test(list_and_watch_is_golden),
        cmocka_unit_test(unknown_numa_node_has_no_topology),
        cmocka_unit_test(allocate_response_is_golden),
        cmocka_unit_test(every_part_of_an_answer_is_read_by_the_generated_code),
        cmocka_unit_test(preferred_response_keeps_the_order),
        cmocka_unit_test(allocate_request_is_read),
        cmocka_unit_test(preferred_request_is_read_in_any_order_of_fields),
        cmocka_unit_test(negative_size_asks_for_nothing),
        cmocka_unit_test(empty_request_has_no_wishes),
        cmocka_unit_test(what_is_no_message_is_refused),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(a_full_buffer_fails_and_stays_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
