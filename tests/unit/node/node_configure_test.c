/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of Configure and Reboot, to bytes and back, and what is refused of them. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "node.pb-c.h"
#include "node/node_configure.h"
#include "node/node_reboot.h"

static void a_configuration_comes_back_as_it_was(void **state)
{
    const struct node_configure_request requests[] = {
        {.name = "ConfigMap gpu/configs, key a100", .text = "version: v1\n", .text_size = 12},
        {.name = "empty"},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct node_configure_request *r = &requests[i];
        OWN(node_configure_request_freep) struct node_configure_request *again = NULL;
        OWN(buf_done) struct buf bytes;

        buf_init(&bytes, 4096);
        assert_int_equal(node_configure_request_pack(&bytes, r, NULL), 0);
        assert_int_equal(node_configure_request_unpack(&again, bytes.data, bytes.size, NULL), 0);
        assert_string_equal(again->name, r->name);
        assert_string_equal(again->text, r->text ? r->text : "");
        assert_int_equal(again->text_size, r->text_size);
        assert_false(again->clear);
    }
}

static void who_clears_says_nothing_else(void **state)
{
    const struct node_configure_request r = {
        .name = "n", .text = "x\0y", .text_size = 3, .clear = true};
    OWN(node_configure_request_freep) struct node_configure_request *again = NULL;
    OWN(buf_done) struct buf bytes;

    (void)state;
    buf_init(&bytes, 4096);
    assert_int_equal(node_configure_request_pack(&bytes, &r, NULL), 0);
    assert_int_equal(node_configure_request_unpack(&again, bytes.data, bytes.size, NULL), 0);
    assert_true(again->clear);
    assert_string_equal(again->name, "");
    assert_string_equal(again->text, "");
    assert_int_equal(again->text_size, 0);
}

static void an_answer_comes_back_as_it_was(void **state)
{
    static const char *const findings[] = {"a:1:2: warning: x", "a:3:4: error: y"};
    const struct node_configure_response responses[] = {
        {.in_force = true},
        {.error = "a:3:4: error: y", .n_findings = 2, .findings = findings},
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct node_configure_response *r = &responses[i];
        OWN(node_configure_response_freep) struct node_configure_response *again = NULL;
        OWN(buf_done) struct buf bytes;

        buf_init(&bytes, 4096);
        assert_int_equal(node_configure_response_pack(&bytes, r, NULL), 0);
        assert_int_equal(
            node_configure_response_unpack(&again, bytes.size ? bytes.data : "", bytes.size, NULL),
            0);
        assert_int_equal(again->in_force, r->in_force);
        assert_string_equal(again->error, r->error ? r->error : "");
        assert_int_equal(again->n_findings, r->n_findings);
        for (size_t k = 0; k < r->n_findings; k++)
            assert_string_equal(again->findings[k], findings[k]);
    }
}

/* Packs what the struct allows and the bounds do not. */
static void refuse(const char *name, const char *text, size_t size, const char *words)
{
    const struct node_configure_request r = {.name = name, .text = text, .text_size = size};
    struct node_configure_request *again = NULL;
    OWN(buf_done) struct buf bytes;
    struct err e = {0};

    buf_init(&bytes, 2 << 20);
    assert_int_equal(node_configure_request_pack(&bytes, &r, &e), 0);
    assert_int_equal(node_configure_request_unpack(&again, bytes.data, bytes.size, &e), -EINVAL);
    assert_null(again);
    assert_non_null(strstr(e.msg, words));
}

static void what_is_beyond_the_bounds_is_refused(void **state)
{
    enum { LARGE = (1 << 20) + 1 };
    OWN_MEM char *large = malloc(LARGE);
    char name[514];

    (void)state;
    assert_non_null(large);
    memset(large, ' ', LARGE);
    memset(name, 'n', sizeof name);
    name[513] = '\0';
    refuse("", "x", 1, "a name of 1 to 512 bytes");
    refuse(name, "x", 1, "a name of 1 to 512 bytes");
    refuse("n", large, LARGE, "'n' has 1048577 bytes, more than 1048576");
    refuse("n", "x\0y", 3, "'n' holds a NUL byte");
}

static void an_answer_with_too_many_findings_is_none(void **state)
{
    OWN_MEM const char **findings = calloc(NODE_CONFIGURE_MAX_FINDINGS + 1, sizeof *findings);
    const struct node_configure_response r = {.n_findings = NODE_CONFIGURE_MAX_FINDINGS + 1,
                                              .findings = findings};
    struct node_configure_response *again = NULL;
    OWN(buf_done) struct buf bytes;

    (void)state;
    assert_non_null(findings);
    buf_init(&bytes, 1 << 20);
    assert_int_equal(node_configure_response_pack(&bytes, &r, NULL), 0);
    assert_int_equal(node_configure_response_unpack(&again, bytes.data, bytes.size, NULL), -EPROTO);
}

static void bytes_that_are_no_message(void **state)
{
    static const char bad[] = "\x0a\xff";
    struct node_configure_request *request = NULL;
    struct node_configure_response *response = NULL;
    struct node_reboot_request *reboot = NULL;

    (void)state;
    assert_int_equal(node_configure_request_unpack(&request, bad, 2, NULL), -EPROTO);
    assert_int_equal(node_configure_response_unpack(&response, bad, 2, NULL), -EPROTO);
    assert_int_equal(node_reboot_request_unpack(&reboot, bad, 2, NULL), -EPROTO);
}

static int reboot_and_back(const char *why, struct err *e)
{
    const struct node_reboot_request r = {.why = why};
    OWN(node_reboot_request_freep) struct node_reboot_request *again = NULL;
    OWN(buf_done) struct buf bytes;
    int result;

    buf_init(&bytes, 4096);
    assert_int_equal(node_reboot_request_pack(&bytes, &r, e), 0);
    result = node_reboot_request_unpack(&again, bytes.size ? bytes.data : "", bytes.size, e);
    if (result == 0)
        assert_string_equal(again->why, why);
    return result;
}

static void a_reboot_has_a_reason(void **state)
{
    char why[514];
    struct err e = {0};

    (void)state;
    memset(why, 'w', sizeof why);
    why[513] = '\0';
    assert_int_equal(reboot_and_back("MIG mode of GPU 0 is pending", &e), 0);
    assert_int_equal(reboot_and_back(why + 1, &e), 0);
    assert_int_equal(reboot_and_back(why, &e), -EINVAL);
    assert_int_equal(reboot_and_back("", &e), -EINVAL);
    assert_non_null(strstr(e.msg, "a reason of 1 to 512 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_comes_back_as_it_was),
        cmocka_unit_test(who_clears_says_nothing_else),
        cmocka_unit_test(an_answer_comes_back_as_it_was),
        cmocka_unit_test(what_is_beyond_the_bounds_is_refused),
        cmocka_unit_test(an_answer_with_too_many_findings_is_none),
        cmocka_unit_test(bytes_that_are_no_message),
        cmocka_unit_test(a_reboot_has_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
