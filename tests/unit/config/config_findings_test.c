/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of NVIDIA's file: where strictness comes from, order, number and form of findings.
 */
#include "test.h"

#include <stdio.h>

#include "config/parsed.h"

static void a_configmap_gets_one_finding(void **state)
{
    struct parsed p;

    (void)state;
    parsed_read(&p, "apiVersion: v1\nkind: ConfigMap\ndata: {any: 'version: v1'}\n", false);
    assert_int_equal(p.result, 0);
    assert_int_equal(p.findings.count, 1);
    parsed_is_default(p.config);
    parsed_done(&p);
}

static void strict_in_the_file_makes_warnings_errors(void **state)
{
    struct parsed p;

    (void)state;
    parsed_read(&p, "flags:\n  migStratgy: single\ncarve:\n  Strict: yes\n", false);
    assert_int_equal(p.result, -EINVAL);
    assert_int_equal(p.findings.n_errors, 2);
    assert_string_equal(p.err.msg,
                        "f.yaml:2:3: error: unknown key 'migStratgy' in flags; did you mean "
                        "'migStrategy'?");
    parsed_done(&p);
}

static void findings_come_in_the_order_of_the_file(void **state)
{
    struct parsed p;

    (void)state;
    parsed_read(&p, "sharing: {x: 1}\nflags: {x: 1}\ncarve: {x: 1}\nversion: v3\nfoo: 1\n", false);
    assert_int_equal(p.findings.count, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(p.findings.items[i].line, i + 1);
    assert_non_null(strstr(p.err.msg, "f.yaml:4:10: error: unknown version"));
    parsed_done(&p);
}

static void an_error_is_kept_behind_a_thousand_warnings(void **state)
{
    static char text[20000];
    size_t used = 0;
    struct parsed p;

    (void)state;
    for (int i = 0; i < 1000; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "unknown%d: 1\n", i);
    (void)snprintf(text + used, sizeof text - used, "version: v9\n");
    parsed_read(&p, text, false);
    assert_int_equal(p.result, -EINVAL);
    assert_int_equal(p.findings.count, FINDINGS_MAX);
    assert_int_equal(p.findings.n_warnings, 1000);
    assert_string_equal(p.err.msg, "f.yaml:1001:10: error: unknown version 'v9'; carve reads v1");
    parsed_done(&p);
}

static void a_line_break_in_a_key_makes_no_second_line(void **state)
{
    struct parsed p;

    (void)state;
    parsed_read(&p, "\"a\\nb\": 1\n", false);
    assert_string_equal(p.findings.items[0].text, "unknown key 'a?b' is ignored");
    parsed_done(&p);
}

static void globs_match_at_both_ends(void **state)
{
    (void)state;
    assert_true(config_glob("*", ""));
    assert_true(config_glob("*", "anything"));
    assert_true(config_glob("1g.5gb", "1g.5gb"));
    assert_false(config_glob("1g.5gb", "1g.5gb.me"));
    assert_true(config_glob("1g.5gb*", "1g.5gb.me"));
    assert_false(config_glob("A100", "NVIDIA A100"));
    assert_true(config_glob("*A100*40GB", "NVIDIA A100-SXM4-40GB"));
    assert_false(config_glob("*A100*40GB", "NVIDIA A100-SXM4-80GB"));
    assert_true(config_glob("*ab*ab", "abcabab"));
    assert_false(config_glob("", "x"));
    assert_true(config_glob("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configmap_gets_one_finding),
        cmocka_unit_test(strict_in_the_file_makes_warnings_errors),
        cmocka_unit_test(findings_come_in_the_order_of_the_file),
        cmocka_unit_test(an_error_is_kept_behind_a_thousand_warnings),
        cmocka_unit_test(a_line_break_in_a_key_makes_no_second_line),
        cmocka_unit_test(globs_match_at_both_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
