/* SPDX-License-Identifier: Apache-2.0 */
/* lint/fix: edits of commands. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "lint/fixing.h"

static size_t n_wrong;

/* Replaces, adds to and surrounds the first command of a text that has the word. */
struct command_op {
    char kind; /* Word, words added (A), command Before, command behind (E) */
    const char *word, *text;
};

static const struct word *find_word(const struct lint *l, const char *text,
                                    const struct command **command)
{
    for (size_t i = 0; i < l->system.n_commands; i++)
        for (size_t k = 0; k < l->system.commands[i]->n_words; k++)
            if (strcmp(l->system.commands[i]->words[k].text, text) == 0) {
                *command = l->system.commands[i];
                return &l->system.commands[i]->words[k];
            }
    fail_msg("no word %s", text);
    return NULL;
}

static void check_commands(const char *before, const struct command_op *ops, const char *after)
{
    struct lint l;
    struct finding *f;
    char *text;

    open_text(&l, "a.sh", before);
    f = lint_find(&l, 0, (struct spot){.source = l.sources[0]}, "words");
    for (; ops->kind; ops++) {
        const struct command *c = NULL;
        const struct word *word = find_word(&l, ops->word, &c);

        if (ops->kind == 'W')
            fix_word(&l, f, word, ops->text);
        else if (ops->kind == 'A')
            fix_add_words(&l, f, c, ops->text);
        else
            fix_add_command(&l, f, c, ops->kind == 'B', ops->text);
    }
    text = apply(&l, f);
    if (!text || strcmp(text, after) != 0) {
        print_error("--- before:\n%s--- expected:\n%s\n--- found:\n%s\n", before, after,
                    text ? text : "(nothing)");
        n_wrong++;
    }
    free(text);
    lint_done(&l);
}

#define CHECK_COMMANDS(before, after, ...)                                                         \
    check_commands(before, (const struct command_op[]){__VA_ARGS__, {0}}, after)

static void test_commands(void **state)
{
    (void)state;
    CHECK_COMMANDS("helm install a b/c --force\n", "helm install a b/c\n", {'W', "--force", ""});
    CHECK_COMMANDS("helm install a b/c \\\n  --set x=1 \\\n  --force\n",
                   "helm install a b/c \\\n  --set x=1\n", {'W', "--force", ""});
    CHECK_COMMANDS("helm install a b/c \\\n  --set x=1 \\\n  --force\n",
                   "helm install a b/c \\\n  --force\n", {'W', "--set", ""}, {'W', "x=1", ""});
    CHECK_COMMANDS("helm install a b/c \\\n  --set x=1 \\\n  --force\n",
                   "helm install a b/c \\\n  --force \\\n  --y 1\n", {'W', "--set", ""},
                   {'W', "x=1", ""}, {'A', "install", "--y 1"});
    CHECK_COMMANDS("helm install a b/c --force\n", "helm install a b/c --y 1\n",
                   {'W', "--force", ""}, {'A', "install", "--y 1"});
    CHECK_COMMANDS("helm install a b/c \\\n  --set x=1\n",
                   "helm install a b/c \\\n  --set y=2 \\\n  --z 1\n", {'W', "x=1", "y=2"},
                   {'A', "install", "--z 1"});
    /* Quotes as the old word's, and where the shell needs them. */
    CHECK_COMMANDS("helm install a b/c --set \"x=1\"\n", "helm install a b/c --set \"y=2\"\n",
                   {'W', "x=1", "y=2"});
    CHECK_COMMANDS("helm install a b/c --set x=1\n", "helm install a b/c --set 'y[0]=2'\n",
                   {'W', "x=1", "y[0]=2"});
    CHECK_COMMANDS("kubectl get no -o custom-columns=\"A:.b.c\"\n",
                   "kubectl get no -o custom-columns=\"A:.b\\.c\"\n",
                   {'W', "custom-columns=A:.b.c", "custom-columns=A:.b\\.c"});
    CHECK_COMMANDS("kubectl get no \"$N\" x\n", "kubectl get no \"${N}1\" x\n",
                   {'W', "$N", "${N}1"});
    /* Commands before and behind, with their indentation, and here-documents passed. */
    CHECK_COMMANDS("if true; then\n  helm install a b/c \\\n    -f x\nfi\n",
                   "if true; then\n  one\n  two\n  helm install a b/c \\\n    -f x\n  three\nfi\n",
                   {'B', "install", "one\ntwo"}, {'E', "install", "three"});
    CHECK_COMMANDS("cat > a.yaml <<EOF\nkind: Pod\nEOF\nhelm list\n",
                   "cat > a.yaml <<EOF\nkind: Pod\nEOF\nkubectl apply -f a.yaml\nhelm list\n",
                   {'E', "cat", "kubectl apply -f a.yaml"});
    CHECK_COMMANDS("helm list", "helm repo update\nhelm list\nls",
                   {'B', "helm", "helm repo update"}, {'E', "helm", "ls"});
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
