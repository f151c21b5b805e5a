/* SPDX-License-Identifier: Apache-2.0 */
/* DP_DISABLE_HEALTHCHECKS and DP_ENABLE_HEALTHCHECKS: the words, and which goes before which. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "agent/health_checks.h"
#include "base/buf.h"
#include "base/own.h"
#include "gpu/xid.h"

static struct health_checks made(const char *disabled, const char *enabled)
{
    struct health_checks c;

    health_checks_read(&c, disabled, enabled);
    return c;
}

static bool counts(const char *disabled, const char *enabled, uint64_t xid)
{
    const struct health_checks c = made(disabled, enabled);

    return health_checks_counts(&c, xid);
}

static void without_lists(void **state)
{
    static const char *const nothing[] = {NULL, "", " ", ",", ",, ,"};

    (void)state;
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        const struct health_checks c = made(nothing[i], nothing[i]);

        assert_string_equal(c.junk, "");
        assert_false(health_checks_off(&c));
        for (uint64_t xid = 1; xid < 200; xid++)
            assert_int_equal(health_checks_counts(&c, xid), !xid_ignored_by_default(xid));
    }
}

static void disabled(void **state)
{
    (void)state;
    assert_false(counts("48,79", NULL, 79));
    assert_false(counts(" 48\t,\n79 ", NULL, 48));
    assert_true(counts("48,79", NULL, 95));
    assert_false(counts("48", NULL, 13));
    assert_false(counts("all", NULL, 79));
    assert_false(counts("48,XIDS", NULL, 79));
}

static void enabled_goes_first(void **state)
{
    (void)state;
    assert_true(counts(NULL, "13", 13));
    assert_false(counts(NULL, "13", 31));
    assert_true(counts("13,79", "13,79", 79));
    assert_true(counts("all", "79", 79));
    assert_false(counts("all", "79", 48));
    assert_true(counts("all", "all", 13));
    assert_true(counts(NULL, "xids", 109));
}

static void switched_off(void **state)
{
    struct health_checks c = made("all", NULL);

    (void)state;
    assert_true(health_checks_off(&c));
    c = made("xids", "");
    assert_true(health_checks_off(&c));
    c = made("all", "79");
    assert_false(health_checks_off(&c));
    c = made("1,2,3", NULL);
    assert_false(health_checks_off(&c));
}

static void junk_is_skipped_and_named(void **state)
{
    static const char *const words[] = {"x",  "-1", "0", "7x", "0x10", "99999999999999999999",
                                        "1 2"};
    char text[128], longer[400];

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct health_checks c;

        (void)snprintf(text, sizeof text, "48,%s,79", words[i]);
        c = made(text, NULL);
        assert_string_equal(c.junk, words[i]);
        assert_int_equal(c.off.count, 2);
        assert_false(health_checks_counts(&c, 79));
    }
    memset(longer, '7', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(strlen(made(NULL, longer).junk), sizeof((struct health_checks *)0)->junk - 1);
}

static void a_list_is_bounded(void **state)
{
    OWN(buf_done) struct buf text;
    struct health_checks c;

    (void)state;
    buf_init(&text, 1 << 20);
    for (int i = 1; i < 5000; i++)
        buf_printf(&text, "%d,", i);
    c = made(text.data, text.data);
    assert_int_equal(c.off.count, HEALTH_CHECKS_MAX);
    assert_int_equal(c.on.count, HEALTH_CHECKS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_lists),
        cmocka_unit_test(disabled),
        cmocka_unit_test(enabled_goes_first),
        cmocka_unit_test(switched_off),
        cmocka_unit_test(junk_is_skipped_and_named),
        cmocka_unit_test(a_list_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
