/* SPDX-License-Identifier: Apache-2.0 */
/* lint/silence: which lines a comment silences, and what comments themselves are told. */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "lint/lint.h"
#include "lint/silence.h"

/* One file with a finding of pool-without-taint at each of its lines. */
struct scene {
    struct lint l;
    struct source source, *sources[1];
    unsigned n_lines;
};

static void open_scene(struct scene *s, const char *text)
{
    *s = (struct scene){.source = {.file = "a.yaml", .text = text, .size = strlen(text)}};
    lint_init(&s->l, NULL, NULL);
    s->sources[0] = &s->source;
    s->l.n_sources = 1;
    s->l.sources = s->sources;
    for (const char *p = text; *p; p++)
        s->n_lines += *p == '\n';
    for (unsigned line = 1; line <= s->n_lines; line++)
        lint_find(&s->l, RULE_POOL_WITHOUT_TAINT,
                  (struct spot){.source = &s->source, .line = line, .column = 1}, "line %u", line);
}

/* One letter a line: s silenced, - not; then a letter for each finding about comments. */
static const char *outcome(char out[64], struct scene *s)
{
    size_t n = 0;

    silence_apply(&s->l);
    for (size_t i = 0; i < s->l.n_findings; i++) {
        const struct finding *f = s->l.findings[i];

        if (f->rule == RULE_POOL_WITHOUT_TAINT)
            out[n++] = f->silenced ? 's' : '-';
        else
            n += (size_t)snprintf(out + n, 64 - n, "%c%u",
                                  f->rule == RULE_IGNORE_UNUSED ? 'u' : '?', f->spot.line);
    }
    out[n] = '\0';
    return out;
}

static void assert_silences(const char *text, const char *expected)
{
    struct scene s;
    char out[64];

    open_scene(&s, text);
    assert_string_equal(outcome(out, &s), expected);
    lint_done(&s.l);
}

#define IGNORE "# carve-lint: ignore pool-without-taint"

static void silences_the_line_that_it_stands_on(void **state)
{
    (void)state;
    assert_silences("a: 1\nb: 2 " IGNORE "\nc: 3\n", "-s-");
    assert_silences("a: 1\r\nb: 2 " IGNORE "\r\nc: 3\r\n", "-s-");
    assert_silences("a: 1 " IGNORE " because we know\n", "s");
}

static void silences_the_line_below_it(void **state)
{
    (void)state;
    assert_silences(IGNORE "\na: 1\nb: 2\n", "ss-");
    assert_silences("  " IGNORE "\n\n# words\na: 1\nb: 2\n", "ssss-");
    assert_silences("a: 1\n" IGNORE "\n", "-s");
}

static void silences_a_command_to_its_end(void **state)
{
    (void)state;
    assert_silences(IGNORE "\nhelm a \\\n  b \\\n  c\nd\n", "ssss-");
}

static void silences_a_file(void **state)
{
    (void)state;
    assert_silences("a: 1\nb: 2 # carve-lint: ignore-file pool-without-taint\n", "ss");
    assert_silences(IGNORE "\n# carve-lint: ignore-file pool-without-taint\na: 1\n", "sss");
}

static void silences_a_block_of_markdown(void **state)
{
    static const char above[] = "<!-- carve-lint: ignore pool-without-taint -->\n";
    char text[512];

    (void)state;
    (void)snprintf(text, sizeof text, "a\n%s\n```yaml\nb: 1\nc: 2\n```\nd\n", above);
    assert_silences(text, "-ssssss-");
    (void)snprintf(text, sizeof text, "%s````\n```\nb: 1\n````\nd\n", above);
    assert_silences(text, "sssss-");
    (void)snprintf(text, sizeof text, "%s```\na: 1\n", above);
    assert_silences(text, "sss");
    /* A comment inside the block keeps to its line. */
    (void)snprintf(text, sizeof text, "%s```\na: 1 %s\n```\nb\nc\n", above, IGNORE);
    assert_silences(text, "ssss--");
}

static void names_several_rules(void **state)
{
    (void)state;
    assert_silences("a: 1 # carve-lint: ignore ignore-unused, pool-without-taint\n", "su1");
}

static void tells_of_comments_without_use(void **state)
{
    (void)state;
    assert_silences("a: 1 # carve-lint: ignore ignore-unknown\n", "-u1");
    assert_silences("a: 1 # carve-lint: ignore pool-with-taint\n", "-?1");
    assert_silences("a: 1 # carve-lint: ignore\n", "-?1");
    assert_silences("a: 1 # carve-lint: silence pool-without-taint\n", "-?1");
}

static void heeds_comments_alone(void **state)
{
    (void)state;
    assert_silences("a: carve-lint: ignore pool-without-taint\n", "-");
    assert_silences("a: x#carve-lint: ignore pool-without-taint\n", "-");
    assert_silences("# so says carve-lint: ignore pool-without-taint\n", "-");
}

static void names_the_rule_that_was_meant(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "a: 1 # carve-lint: ignore pool-without-tain\n");
    silence_apply(&s.l);
    assert_int_equal(s.l.n_findings, 2);
    assert_string_equal(s.l.findings[1]->message, "no rule 'pool-without-tain'");
    assert_string_equal(s.l.findings[1]->cure, "did you mean 'pool-without-taint'?");
    assert_int_equal(s.l.findings[1]->spot.column, 6);
    lint_done(&s.l);
}

static void says_nothing_of_a_rule_that_is_off(void **state)
{
    enum severity severities[RULE_COUNT] = {0};
    struct scene s;

    (void)state;
    open_scene(&s, "a: 1 # carve-lint: ignore ignore-unknown\n");
    severities[RULE_IGNORE_UNUSED] = SEVERITY_INFO;
    s.l.severities = severities;
    silence_apply(&s.l);
    assert_int_equal(s.l.n_findings, 1);
    lint_done(&s.l);
}

static void bounds_the_comments_of_a_file(void **state)
{
    static char text[60000];
    struct scene s;
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 1001; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "a: 1 " IGNORE "\n");
    open_scene(&s, text);
    silence_apply(&s.l);
    assert_int_equal(s.l.n_silenced, 1000);
    assert_int_equal(s.l.findings[s.l.n_findings - 1]->rule, RULE_IGNORE_UNKNOWN);
    lint_done(&s.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silences_the_line_that_it_stands_on),
        cmocka_unit_test(silences_the_line_below_it),
        cmocka_unit_test(silences_a_command_to_its_end),
        cmocka_unit_test(silences_a_file),
        cmocka_unit_test(silences_a_block_of_markdown),
        cmocka_unit_test(names_several_rules),
        cmocka_unit_test(tells_of_comments_without_use),
        cmocka_unit_test(heeds_comments_alone),
        cmocka_unit_test(names_the_rule_that_was_meant),
        cmocka_unit_test(says_nothing_of_a_rule_that_is_off),
        cmocka_unit_test(bounds_the_comments_of_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
