/* SPDX-License-Identifier: Apache-2.0 */
/* Commands, their words and here-documents, and where they stand. */
#include "reading.h"

#include "lint/read/shell.h"

static void cuts_commands_and_words(void **state)
{
    (void)state;
    reading_file("a.sh",
                 "#!/bin/bash\nset -e # c\nA=1 B=2 kubectl get x;helm list&&aws s3 ls||true &\n"
                 "sudo -E helm upgrade a \\\n  b 'c d'\"e $f\"g\\ h \\\r\n  --x=y '' | tee z\n"
                 "if (kubectl a); then kubectl b; fi\nX=1\n! grep -q x#y f >/dev/null 2>&1\n");
    assert_string_equal(reading_commands(),
                        "[set] [-e]\n[kubectl] [get] [x]\n[helm] [list]\n[aws] [s3] [ls]\n[true]\n"
                        "[helm] [upgrade] [a] [b] [c de $fg h$] [--x=y] []\n[tee] [z]\n"
                        "[kubectl] [a]\n[kubectl] [b]\n[X=1]\n[grep] [-q] [x#y] [f]\n");
}

static void knows_what_the_shell_would_change(void **state)
{
    (void)state;
    reading_file("a.sh",
                 "kubectl $X a${B}c $(d e \"(f)\") `g h` *.yaml a[0].b '$x' \"\\$y\" $ <NAME> "
                 "$'i j' --set={a,b}\n");
    assert_string_equal(reading_commands(),
                        "[kubectl] [$X$] [a${B}c$] [$(d e \"(f)\")$] [`g h`$] [*.yaml$] [a[0].b] "
                        "[$x] [$y] [$] [<NAME>$] [i j] [--set={a,b}]\n");
}

static void survives_what_has_no_end(void **state)
{
    (void)state;
    reading_file("a.sh", "echo it's\necho \"a\necho $(b ${c `d <\nhelm list\ncat <<E\nx: 1\n");
    assert_string_equal(reading_commands(),
                        "[echo] [it's]\n[echo] [\"a]\n[echo] [$]\n[b] [${c$] [`d$]\n[helm] [list]\n"
                        "[cat] <<\n");
    assert_string_equal(reading_documents(), "6:1-6:5 / /\n");
}

static void reads_here_documents(void **state)
{
    (void)state;
    reading_file(
        "a.sh", "cat <<EOF > a.yaml\nkind: A\nEOF\ncat << 'X Y' | envsubst | kubectl apply -f -\n"
                "kind: B\nX Y\ntee -a b.yaml <<-\\E >/dev/null\n\tkind: C\n\tv:\n\t  w\n\tE\n"
                "tee c.yaml <<E\nkind: D\nE\ncat <<1; cat <<2 | kubectl apply -f -\nkind: E\n1\n"
                "kind: F\n2\nbash <<E\nhelm list\nE\ncat <<-E\n\tkind: G\n\t\t#\n\tE\nlast <<<x\n");
    assert_string_equal(reading_commands(),
                        "[cat] <<\n[cat] <<\n[envsubst] <<\n[kubectl] [apply] [-f] [-] <<\n"
                        "[tee] [-a] [b.yaml] <<\n[tee] [c.yaml] <<\n[cat] <<\n[cat] <<\n"
                        "[kubectl] [apply] [-f] [-] <<\n[bash] <<\n[helm] [list]\n[cat] <<\n"
                        "[last]\n");
    assert_string_equal(reading_documents(),
                        "2:1-2:8 /A / > a.yaml\n5:1-5:8 /B /\n8:2-10:5 /C / > /dev/null\n"
                        "13:1-13:8 /D / > c.yaml\n16:1-16:8 /E /\n18:1-18:8 /F /\n"
                        "24:1-24:1 /G / loose\n");
    assert_true(reading.system.documents[0]->piece->expands);
    assert_false(reading.system.documents[1]->piece->expands);
    assert_ptr_equal(reading.system.commands[3]->here, reading.system.documents[1]->piece);
}

static void what_the_shell_fills_in_is_no_error(void **state)
{
    (void)state;
    reading_file("a.sh",
                 "cat <<EOF\napiVersion: v1\nkind: A\nmetadata: {name: ${N}, x: [${A}, b]}\n"
                 "EOF\ncat <<'EOF'\napiVersion: v1\nkind: B\nmetadata: {name: ${N}}\nEOF\n");
    assert_string_equal(reading_documents(), "2:1-4:37 v1/A /$(N)\n");
    assert_int_equal(reading.n_faults, 1);
    assert_int_equal(reading.faults[0].spot.line, 9);
}

static void answers_of_a_session_are_no_commands(void **state)
{
    (void)state;
    reading_file("a.sh", "$ kubectl get pods \\\n  -A\nNAME  READY\nhelm x\n$ cat <<E\nkind: A\nE\n"
                         "  $ helm list\n");
    assert_string_equal(reading_commands(),
                        "[kubectl] [get] [pods] [-A]\n[cat] <<\n[helm] [list]\n");
}

static void finds_options(void **state)
{
    const struct command *c;

    (void)state;
    reading_file("a.sh", "helm install --version=\"v1\" -n a --empty= -- --late x\n");
    c = reading.system.commands[0];
    assert_string_equal(command_option(c, "--version")->text, "v1");
    assert_int_equal(command_option(c, "--version")->spot.column, 24);
    assert_int_equal(command_option(c, "--version")->spot.end_column, 28);
    assert_string_equal(command_option(c, "-n")->text, "a");
    assert_string_equal(command_option(c, "--empty")->text, "");
    assert_null(command_option(c, "--late"));
    assert_null(command_option(c, "--vers"));
    assert_true(command_has(c, "install"));
    assert_false(command_has(c, "upgrade"));
}

static void words_stand_in_their_lines(void **state)
{
    const struct command *c;
    char words[64];

    (void)state;
    reading_file("a.sh", "\xc3\xa9=1 helm \\\n   'a\nb' \xe2\x82\xac; x\n");
    c = reading.system.commands[0];
    (void)snprintf(words, sizeof words, "%u:%u-%u:%u %u:%u-%u:%u", c->words[2].spot.line,
                   c->words[2].spot.column, c->words[2].spot.end_line, c->words[2].spot.end_column,
                   c->spot.line, c->spot.column, c->spot.end_line, c->spot.end_column);
    assert_string_equal(words, "2:4-3:3 1:1-3:5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        READING_TEST(cuts_commands_and_words),
        READING_TEST(knows_what_the_shell_would_change),
        READING_TEST(survives_what_has_no_end),
        READING_TEST(reads_here_documents),
        READING_TEST(what_the_shell_fills_in_is_no_error),
        READING_TEST(answers_of_a_session_are_no_commands),
        READING_TEST(finds_options),
        READING_TEST(words_stand_in_their_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
