/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks and commands in documents for people, and what of all texts is what. */
#include "reading.h"

#include "lint/read/content.h"

static void finds_blocks_of_all_fences(void **state)
{
    (void)state;
    reading_file(
        "a.md",
        "# T\n\n```yaml\nkind: A\n```\ntext\n~~~~ yml title=x\nkind: B\n```\nv: 1\n~~~\n"
        "~~~~\n- item\n\n  ```\n  kind: C\n\n  v:\n    - 1\n  ```\n1. ~~~{.yaml}\n   kind: D\n"
        "   ~~~\n\t```yaml\n\tkind: E\n\t```\n> ```yaml\n> kind: F\n> ```\n"
        "```yaml\nkind: G\n");
    assert_string_equal(reading_documents(),
                        "4:1-4:8 /A /\n16:3-19:8 /C /\n22:4-22:11 /D /\n25:2-25:9 /E /\n"
                        "28:1-28:1 /F / loose\n31:1-31:8 /G /\n");
}

static void content_counts_more_than_labels(void **state)
{
    (void)state;
    reading_file(
        "a.txt",
        "Intro: words\n```bash\napiVersion: v1\nkind: A\n```\n```yaml\nkubectl get x\n```\n"
        "```\n# c\nhelm list\n```\n```\nNAME  READY\nx     1/1\n```\n"
        "```python\nkind: str = 'x'\n```\n```go\nfor x := range y {\n```\n"
        "```console\n$ aws s3 ls\n1: x\n```\n```text\napiVersion: v1\nkind: B\n```\n");
    assert_string_equal(reading_documents(), "3:1-4:8 v1/A /\n28:1-29:8 v1/B /\n");
    assert_string_equal(reading_commands(),
                        "[kubectl] [get] [x]\n[helm] [list]\n[aws] [s3] [ls]\n");
    assert_string_equal(reading_faults(), "");
}

static void finds_commands_in_prose(void **state)
{
    const struct spot *spot;

    (void)state;
    reading_file("a.md",
                 "\xc3\xa9 `kubectl get pods`, ``helm template `x` `` and `aws`; `x` {{ y }}\n"
                 "`eksctl create cluster` `kubectl` `open kubectl get x\n");
    assert_string_equal(reading_commands(), "[kubectl] [get] [pods]\n[helm] [template] [`x`$]\n"
                                            "[eksctl] [create] [cluster]\n");
    spot = &reading.system.commands[0]->spot;
    assert_int_equal(spot->column, 4);
    assert_int_equal(spot->end_column, 20);
    assert_string_equal(reading_faults(), "");
}

static void errors_count_where_an_object_is_meant(void **state)
{
    (void)state;
    reading_file("a.md", "```yaml\na: [\n```\n```\nb: [\n```\n```\napiVersion: v1\nkind: [\n```\n"
                         "```yaml\na: [\n...\n```\n```yaml\nspec:\n  ...\n  a: b\n```\n");
    assert_string_equal(reading_faults(),
                        "yaml-syntax 3:1: not YAML: did not find expected node content\n"
                        "yaml-syntax 10:1: not YAML: did not find expected node content\n");
}

static void here_documents_in_blocks_keep_their_places(void **state)
{
    (void)state;
    reading_file("a.md", "- x\n\n  ```sh\n  cat <<EOF | kubectl apply -f -\n  kind: A\n  data:\n"
                         "    b: |\n      kind: C\n  EOF\n  ```\n");
    assert_string_equal(reading_documents(), "5:3-8:14 /A /\n");
    assert_string_equal(reading_commands(), "[cat] <<\n[kubectl] [apply] [-f] [-] <<\n");
}

static void knows_files_by_their_content(void **state)
{
    static const struct {
        const char *file, *text;
        enum content content;
    } cases[] = {
        {"a.yaml", "kind: A\n", CONTENT_YAML},
        {"a.yaml", "", CONTENT_YAML},
        {"a.yaml", "# T\n\nwords\n\n```yaml\n", CONTENT_MARKDOWN},
        {"a.yaml", "{{- if x }}\nkind: A\n", CONTENT_YAML},
        {"a.json", "{\n", CONTENT_YAML},
        {"a.json", "[\n", CONTENT_YAML},
        {"a.txt", "apiVersion: v1\nkind: A\n", CONTENT_YAML},
        {"a.txt", "a: 1\nb:\n- c: 2\n", CONTENT_YAML},
        {"a.txt", "Note: this is prose\nand this too\n", CONTENT_MARKDOWN},
        {"a.txt", "- buy: milk\n- sleep\n  ```\n", CONTENT_MARKDOWN},
        {"a.txt", "helm install x\n", CONTENT_SHELL},
        {"a.txt", "#!/bin/sh\nkind: A\n", CONTENT_SHELL},
        {"a.txt", "#!/usr/bin/python3\n", CONTENT_NONE},
        {"a.md", "[x](y) z\n", CONTENT_MARKDOWN},
        {"a.md", "apiVersion: v1\nkind: A\n", CONTENT_YAML},
        {"a.md", "---\ntitle: x\n---\nwords\n", CONTENT_MARKDOWN},
        {"a.sh", "apiVersion: v1\nkind: A\n", CONTENT_YAML},
        {"a.sh", "do_it\n", CONTENT_SHELL},
        {"a.sh", "cat <<E\napiVersion: v1\nkind: A\nE\n", CONTENT_SHELL},
        {"-", "kind: A\n", CONTENT_YAML},
        {"-", "VAR=x\nrun\n", CONTENT_SHELL},
        {"a.tpl", "{{ define }}\n", CONTENT_YAML},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (content_of_file(cases[i].file, cases[i].text, strlen(cases[i].text)) !=
            cases[i].content)
            fail_msg("case %zu: %s", i, cases[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        READING_TEST(finds_blocks_of_all_fences),
        READING_TEST(content_counts_more_than_labels),
        READING_TEST(finds_commands_in_prose),
        READING_TEST(errors_count_where_an_object_is_meant),
        READING_TEST(here_documents_in_blocks_keep_their_places),
        cmocka_unit_test(knows_files_by_their_content),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
