/* SPDX-License-Identifier: Apache-2.0 */
/* lint/settings: what is set, and what is refused at which place. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "lint/settings.h"

static int read_text(struct settings *s, const char *text, struct err *e)
{
    char file[] = "/tmp/settings_test.XXXXXX";
    int fd = mkstemp(file), r;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    settings_init(s);
    r = settings_read(s, file, e);
    (void)unlink(file);
    return r;
}

static void sets_severities_patterns_and_region(void **state)
{
    struct settings s;
    struct err e = {0};

    (void)state;
    assert_int_equal(read_text(&s,
                               "rules:\n  pool-without-taint: off\n  ignore-unused: error\n"
                               "exclude: [vendor/*, '*.tmpl']\nregion: eu-central-1\n",
                               &e),
                     0);
    assert_int_equal(s.severities[RULE_POOL_WITHOUT_TAINT], SEVERITY_OFF);
    assert_int_equal(s.severities[RULE_IGNORE_UNUSED], SEVERITY_ERROR);
    assert_int_equal(s.severities[RULE_IGNORE_UNKNOWN], rules[RULE_IGNORE_UNKNOWN].severity);
    assert_int_equal(s.n_exclude, 2);
    assert_string_equal(s.exclude[1], "*.tmpl");
    assert_string_equal(s.region, "eu-central-1");
    settings_done(&s);
}

static void takes_an_empty_file(void **state)
{
    static const char *const texts[] = {"", "# words\n", "rules:\nexclude:\nregion:\n"};
    struct settings s;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct err e = {0};

        assert_int_equal(read_text(&s, texts[i], &e), 0);
        assert_int_equal(s.severities[RULE_POOL_WITHOUT_TAINT], SEVERITY_WARNING);
        assert_null(s.region);
        settings_done(&s);
    }
}

static void refuses_with_place_and_nearest_name(void **state)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"rule: {}\n", ":1:1: unknown key 'rule'; did you mean 'rules'?"},
        {"rules:\n  pool-without-tain: off\n",
         ":2:3: no rule 'pool-without-tain'; did you mean 'pool-without-taint'?"},
        {"rules:\n  pool-without-taint: warn\n", ":2:23: not off, info, warning or error: 'warn'"},
        {"rules:\n  pool-without-taint: [off]\n", ":2:23: 'pool-without-taint' must be off, info"},
        {"rules: [a]\n", ":1:8: 'rules' must be a map"},
        {"exclude: a\n", ":1:10: 'exclude' must be a list of patterns"},
        {"exclude: [[a]]\n", ":1:11: 'exclude' must be a list of texts"},
        {"region: [a]\n", ":1:9: 'region' must be a text"},
        {"- a\n", ":1:1: 'the file' must be a map"},
        {"region: a\n---\nregion: b\n", ":3:1: a second document"},
        {"rules: {\n", ":2:1: "},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct settings s;
        struct err e = {0};

        assert_int_equal(read_text(&s, cases[i].text, &e), -EINVAL);
        if (!strstr(e.msg, cases[i].words))
            fail_msg("'%s' has no '%s'", e.msg, cases[i].words);
        settings_done(&s);
    }
}

static void needs_the_file(void **state)
{
    struct settings s;
    struct err e = {0};

    (void)state;
    settings_init(&s);
    assert_int_equal(settings_read(&s, "/nowhere/x.yaml", &e), -ENOENT);
    assert_non_null(strstr(e.msg, "/nowhere/x.yaml"));
    settings_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_severities_patterns_and_region),
        cmocka_unit_test(takes_an_empty_file),
        cmocka_unit_test(refuses_with_place_and_nearest_name),
        cmocka_unit_test(needs_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
