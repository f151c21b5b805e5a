/* SPDX-License-Identifier: Apache-2.0 */
/* Templates: what is left of them, and that it stands where it stood. */
#include "reading.h"

#include "lint/read/template.h"

static void blanks(const char *text, const char *wanted)
{
    char out[256];
    size_t size = template_blank(out, text, strlen(text));

    out[size] = '\0';
    assert_string_equal(out, wanted);
}

static void keeps_widths_and_lines(void **state)
{
    (void)state;
    blanks("a: {{ .x }}b\n", "a: $(_____)b\n");
    blanks("a: {{}}\n", "a: $(_)\n");
    blanks("  {{- if x }}\nb: 1\n  {{ end }} \n", "\nb: 1\n\n");
    blanks("{{ a }}{{ b }} # c\nd", "\nd");
    blanks("{{/* a\n {{ b }}\n*/}}\nc: {{ \"}}\" }}", "\n\n\nc: $(_______)");
    blanks("a: {{ x\ny }}: 1\n", "a: $(_)\n$(_): 1\n");
    blanks("{% if a %}\nb: {% c %}\n", "\nb: $(____)\n");
    blanks("a: \"{{ \xc3\xa9 }}\"", "a: \"$(_\xc3\xa9__)\"");
}

static void survives_what_has_no_end(void **state)
{
    (void)state;
    blanks("a: {{ b\nc: 1\n", "a: $(_)\nc: 1\n");
    blanks("a: {{ b {{ c }}\n", "a: $(__)$(____)\n");
    blanks("{{ /* a\nb: {{ \"c\nd", "\nb: $(__)\nd");
    blanks("{{", "");
    blanks("a{{", "a__");
}

static void checks_what_can_be_read(void **state)
{
    (void)state;
    reading_file("a.yaml",
                 "{{- if .a }}\napiVersion: v1\nkind: A\nmetadata:\n  name: {{ .n }}-x\n"
                 "  labels:\n    {{- toYaml .l | nindent 4 }}\n  namespace: s\n{{- end }}\n"
                 "---\napiVersion: v1\nkind: {{ x\n- y\n---\nkind: \"{{ C }}\"\n");
    assert_string_equal(reading_documents(), "2:1-8:15 v1/A s/$(_____)-x templated\n"
                                             "15:1-15:16 /{{ C }} / templated\n");
    assert_string_equal(
        reading_faults(),
        "template-not-checked 1:3: template is checked only as far as it is YAML before it is "
        "rendered\ntemplate-not-checked 14:1: template is not checked: it is no YAML before it is "
        "rendered\n");
}

static void texts_that_only_look_like_templates_are_no_templates(void **state)
{
    (void)state;
    reading_file("a.yaml", "kind: A\nspec:\n  text: \"{{ $labels.x }}\"\n  more: a {{ b }}\n");
    assert_string_equal(reading_documents(), "1:1-4:18 /A /\n");
    assert_true(reading.sources[0]->has_template);
    assert_string_equal(reading_faults(), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_widths_and_lines),
        cmocka_unit_test(survives_what_has_no_end),
        READING_TEST(checks_what_can_be_read),
        READING_TEST(texts_that_only_look_like_templates_are_no_templates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
