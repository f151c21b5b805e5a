/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of EC2's metadata service. */
#include "gateway/notice.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "test.h"

struct row {
    const char *text, *action;
    time_t at;
    const char *words; /* in the error; NULL: none */
};

static const struct row interruptions[] = {
    {"{\"action\": \"stop\", \"time\": \"2017-09-18T08:22:00Z\"}", "stop", 1505722920, NULL},
    {"{\"action\":\"terminate\",\"time\":\"2017-09-18T08:22:00Z\"}\n", "terminate", 1505722920,
     NULL},
    {"{\"action\": \"hibernate\", \"time\": \"1970-01-01T00:00:00Z\"}", "hibernate", 0, NULL},
    {"{\"action\": \"a-new-one\", \"time\": \"2024-02-29T23:59:59Z\", \"x\": [1]}", "a-new-one",
     1709251199, NULL},
    {"{\"action\": \"stop\", \"time\": \"2017-09-18T08:22:00.123456Z\"}", "stop", 1505722920, NULL},
    {"{\"action\": \"stop\", \"time\": \"2017-09-18T10:22:00+02:00\"}", "stop", 1505722920, NULL},
    {"{\"action\": \"stop\", \"time\": \"2017-09-18T02:52:00-05:30\"}", "stop", 1505722920, NULL},
    {"{\"action\": \"stop\"}", NULL, 0, "no 'time'"},
    {"{\"time\": \"2017-09-18T08:22:00Z\"}", NULL, 0, "no 'action'"},
    {"{\"action\": \"\", \"time\": \"2017-09-18T08:22:00Z\"}", NULL, 0, "no 'action'"},
    {"{\"action\": \"Stop it\", \"time\": \"2017-09-18T08:22:00Z\"}", NULL, 0, "no 'action'"},
    {"{\"action\": [\"stop\"], \"time\": \"2017-09-18T08:22:00Z\"}", NULL, 0, "no 'action'"},
    {"{\"action\": \"aaaaaaaaaaaaaaaaaaaaaaaa\", \"time\": \"2017-09-18T08:22:00Z\"}", NULL, 0,
     "no 'action'"},
    {"{\"action\": \"stop\", \"time\": 1505722920}", NULL, 0, "'1505722920' is no time"},
    {"{\"action\": \"stop\", \"time\": null}", NULL, 0, "no 'time'"},
    {"", NULL, 0, "no 'time'"},
    {"none", NULL, 0, "no 'time'"},
    {"[]", NULL, 0, "no 'time'"},
    {"{\"action\": \"stop\", \"time\": \"2017-", NULL, 0, "instance-action:1:"},
    {"<?xml version=\"1.0\"?><html>", NULL, 0, "no 'time'"},
};

static void reads_interruptions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof interruptions / sizeof *interruptions; i++) {
        const struct row *row = &interruptions[i];
        struct notice n = {.action = "untouched", .at = 7};
        struct err e = {0};
        int r = notice_read_interruption(&n, row->text, strlen(row->text), &e);

        print_message("%s: %s\n", row->text, e.msg);
        if (row->words) {
            assert_true(r < 0);
            assert_non_null(strstr(e.msg, row->words));
            assert_string_equal(n.action, "untouched");
            assert_int_equal(n.at, 7);
        } else {
            assert_int_equal(r, 0);
            assert_string_equal(n.action, row->action);
            assert_int_equal(n.at, row->at);
        }
    }
}

static void refuses_what_is_no_time(void **state)
{
    static const char *const times[] = {
        "2017-09-18T08:22:00",       "2017-09-18 08:22:00Z",
        "2017-09-18T08:22Z",         "2017-13-18T08:22:00Z",
        "2017-00-18T08:22:00Z",      "2017-09-31T08:22:00Z",
        "2017-02-29T08:22:00Z",      "2017-09-00T08:22:00Z",
        "2017-09-18T24:22:00Z",      "2017-09-18T08:60:00Z",
        "2017-09-18T08:22:60Z",      "1969-12-31T23:59:59Z",
        "2017-09-18T08:22:00Zx",     "2017-09-18T08:22:00.Z",
        "2017-09-18T08:22:00+0200",  "2017-09-18T08:22:00+15:00",
        "2017-09-18T08:22:00+02:60", "2017-09-18T08:22:00*02:00",
        "2017-09-18T08:22:00+02:0",  "x017-09-18T08:22:00Z",
        "-017-09-18T08:22:00Z",      "2",
        "20170918T082200Z",          "2017-09-18t08:22:00z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        char text[128];
        struct notice n;
        struct err e = {0};

        (void)snprintf(text, sizeof text, "{\"noticeTime\": \"%s\"}", times[i]);
        print_message("%s\n", times[i]);
        assert_true(notice_read_rebalance(&n, text, strlen(text), &e) < 0);
        assert_non_null(strstr(e.msg, "is no time such as"));
    }
}

static void reads_recommendations(void **state)
{
    static const char text[] = "{\"noticeTime\": \"2020-10-27T08:22:00Z\"}";
    char when[NOTICE_TIME_SIZE];
    struct notice n;

    (void)state;
    assert_int_equal(notice_read_rebalance(&n, text, strlen(text), NULL), 0);
    assert_string_equal(n.action, "rebalance");
    assert_string_equal(notice_print_time(when, n.at), "2020-10-27T08:22:00Z");
    assert_true(notice_read_rebalance(&n, "{}", 2, NULL) < 0);
}

static void knows_tokens(void **state)
{
    char token[NOTICE_TOKEN_MAX_BYTES + 1];

    (void)state;
    (void)memset(token, 'x', sizeof token);
    assert_true(notice_is_token("AQAEALH4k7i18JMkK-ORLZQfAa7nkNjQbKwpQPExNHqzk1oL_7eh-A==", 56));
    assert_true(notice_is_token(token, NOTICE_TOKEN_MAX_BYTES));
    assert_false(notice_is_token(token, NOTICE_TOKEN_MAX_BYTES + 1));
    assert_false(notice_is_token("", 0));
    assert_false(notice_is_token("a b", 3));
    assert_false(notice_is_token("a\r\nX: y", 7));
    assert_false(notice_is_token("a\0b", 3));
    assert_false(notice_is_token("a\x7f", 2));
    assert_false(notice_is_token("\xc3\xa9", 2));
}

static void counts_what_is_left(void **state)
{
    const struct notice n = {.action = "stop", .at = 1000};

    (void)state;
    assert_int_equal(notice_left_s(&n, 999), 1);
    assert_int_equal(notice_left_s(&n, 880), 120);
    assert_int_equal(notice_left_s(&n, 0), NOTICE_SPAN_S);
    assert_int_equal(notice_left_s(&n, 1000), 0);
    assert_int_equal(notice_left_s(&n, 5000), 0);
}

static void compares(void **state)
{
    const struct notice none = {0}, stop = {.action = "stop", .at = 1000};
    const struct notice later = {.action = "stop", .at = 1001};
    const struct notice other = {.action = "terminate", .at = 1000};

    (void)state;
    assert_true(notice_same(&none, &(struct notice){0}) && notice_same(&stop, &stop));
    assert_false(notice_same(&stop, &later) || notice_same(&stop, &other) ||
                 notice_same(&stop, &none));
    assert_true(notice_is_there(&stop));
    assert_false(notice_is_there(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_interruptions),   cmocka_unit_test(refuses_what_is_no_time),
        cmocka_unit_test(reads_recommendations), cmocka_unit_test(knows_tokens),
        cmocka_unit_test(counts_what_is_left),   cmocka_unit_test(compares),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
