/* SPDX-License-Identifier: Apache-2.0 */
/* lint/finding: what becomes of a finding, of the bound, of choices. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "lint/lint.h"

static int set_up(void **state)
{
    static struct lint l;

    lint_init(&l, NULL, NULL);
    *state = &l;
    return 0;
}

static int tear_down(void **state)
{
    lint_done(*state);
    return 0;
}

static void keeps_what_was_found(void **state)
{
    struct lint *l = *state;
    struct finding *f =
        lint_find(l, RULE_POOL_WITHOUT_TAINT, (struct spot){.line = 3}, "pool '%s'", "a");

    finding_cure(l, f, "taint %d", 1);
    assert_int_equal(l->n_findings, 1);
    assert_ptr_equal(l->findings[0], f);
    assert_string_equal(f->message, "pool 'a'");
    assert_string_equal(f->cure, "taint 1");
    assert_int_equal(f->severity, SEVERITY_WARNING);
    assert_int_equal(f->spot.line, 3);
}

static void is_one_harmless_line_whatever_was_read(void **state)
{
    struct lint *l = *state;
    struct finding *f =
        lint_find(l, RULE_POOL_WITHOUT_TAINT, (struct spot){0}, "'%s'", "a\nb\033[2J\xff");

    assert_string_equal(f->message, "'a?b?[2J?'");
}

static void takes_severities_from_the_settings(void **state)
{
    struct lint *l = *state;
    enum severity severities[RULE_COUNT] = {0};
    struct finding *f;

    l->severities = severities;
    severities[RULE_POOL_WITHOUT_TAINT] = SEVERITY_ERROR;
    f = lint_find(l, RULE_POOL_WITHOUT_TAINT, (struct spot){0}, "x");
    assert_int_equal(f->severity, SEVERITY_ERROR);
    f = lint_find(l, RULE_IGNORE_UNUSED, (struct spot){0}, "off");
    finding_cure(l, f, "nobody sees this");
    assert_ptr_equal(f, &l->spare);
    assert_int_equal(l->n_findings, 1);
    assert_int_equal(l->n_silenced, 1);
}

static void counts_what_is_beyond_the_bound(void **state)
{
    struct lint *l = *state;

    for (unsigned i = 0; i < LINT_MAX_FINDINGS + 7; i++)
        assert_non_null(lint_find(l, RULE_POOL_WITHOUT_TAINT, (struct spot){.line = i}, "x"));
    assert_int_equal(l->n_findings, LINT_MAX_FINDINGS);
    assert_int_equal(l->n_lost, 7);
    assert_int_equal(l->n_lost_errors, 0);
}

static void marks_a_choice_that_nobody_made(void **state)
{
    struct lint *l = *state;
    struct choice choices[] = {{"gpu-limit", "8", false}, {"other", "x", false}};
    struct finding *f = lint_find(l, RULE_POOL_WITHOUT_TAINT, (struct spot){0}, "x");

    l->choices = choices;
    l->n_choices = 2;
    assert_string_equal(finding_choose(l, f, "gpu-limit", "GPUs"), "8");
    assert_true(choices[0].used);
    assert_false(choices[1].used);
    assert_null(f->choice);
    assert_null(finding_choose(l, f, "node-role", "the role of the nodes"));
    assert_string_equal(f->choice, "node-role");
    assert_string_equal(f->choice_is, "the role of the nodes");
    /* The first that is open is told. */
    assert_null(finding_choose(l, f, "cluster", "its name"));
    assert_string_equal(f->choice, "node-role");
}

static void remembers_the_names_that_were_asked_for(void **state)
{
    struct lint *l = *state;
    struct finding *f;

    for (int i = 0; i < 3; i++) {
        f = lint_find(l, RULE_POOL_WITHOUT_TAINT, (struct spot){0}, "x");
        assert_null(finding_choose(l, f, i < 2 ? "a" : "b", ""));
    }
    assert_int_equal(l->n_asked, 2);
    assert_string_equal(l->asked[0], "a");
    assert_string_equal(l->asked[1], "b");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_what_was_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_one_harmless_line_whatever_was_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(takes_severities_from_the_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_what_is_beyond_the_bound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(marks_a_choice_that_nobody_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(remembers_the_names_that_were_asked_for, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
