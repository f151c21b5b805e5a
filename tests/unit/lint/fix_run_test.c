/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lint/fix_run: rounds of fixing with checks of the test's own, which look at the keys of a
 * document: what cures, what does not, what undoes itself, what breaks the text.
 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "lint/fix/fix.h"
#include "lint/fix/fix_run.h"
#include "lint/lint.h"
#include "lint/read/read.h"

#define ADDED "kind: N\napiVersion: v1\nmetadata:\n  name: n"

static bool has_added(const struct lint *l)
{
    for (size_t i = 0; i < l->system.n_documents; i++)
        if (strcmp(l->system.documents[i]->kind, "N") == 0)
            return true;
    return false;
}

static struct finding *found(struct lint *l, const struct document *d, const char *key)
{
    const struct yaml_node *value = node_get(d->root, key);

    return value ? lint_find(l, 0, spot_of(d, value), "%s is %s in %s", key, node_text(value, "-"),
                             d->name)
                 : NULL;
}

static void check_document(struct lint *l, const struct document *d)
{
    struct finding *f = found(l, d, "bad");
    const struct yaml_node *flip = node_get(d->root, "flip");

    if (f)
        fix_remove(l, f, d, "", "bad");
    f = found(l, d, "worse");
    if (f)
        fix_remove(l, f, d, "", "worse");
    f = found(l, d, "never");
    if (f)
        fix_put(l, f, d, "", "tried", "true");
    f = found(l, d, "flip");
    if (f)
        fix_replace(l, f, d, flip, strcmp(node_text(flip, ""), "a") == 0 ? "b" : "a");
    f = found(l, d, "breaks");
    if (f) {
        f->edits = arena_alloc(&l->arena, sizeof *f->edits);
        f->edits->spot = f->spot;
        f->edits->text = "{";
    }
    f = has_added(l) ? NULL : found(l, d, "adds");
    if (f)
        fix_add_document(l, f, d, ADDED);
}

static void check_all(struct lint *l)
{
    for (size_t i = 0; i < l->system.n_documents; i++)
        check_document(l, l->system.documents[i]);
}

lint_check *const lint_checks[] = {check_all, NULL};

struct scene {
    struct lint l;
    struct fix_run run;
};

static void fix(struct scene *s, const char *file, const char *text)
{
    struct err e = {0};

    lint_init(&s->l, NULL, NULL);
    assert_int_equal(read_text(&s->l, file, text, strlen(text), &e), 0);
    assert_int_equal(lint_run(&s->l, &e), 0);
    assert_int_equal(fix_run(&s->run, &s->l, &e), 0);
}

static void scene_done(struct scene *s)
{
    fix_run_done(&s->run);
    lint_done(&s->l);
}

#define HEAD(name) "apiVersion: v1\nkind: Pod\nmetadata:\n  name: " name "\n"

static void assert_became(const struct scene *s, const char *text)
{
    assert_int_equal(s->run.n_files, 1);
    assert_string_equal(s->run.files[0].after, text);
}

static void test_cures(void **state)
{
    struct scene s;

    (void)state;
    fix(&s, "f.yaml", HEAD("p") "bad: 1\nz: 1\n---\n" HEAD("q") "bad: 2\n");
    assert_became(&s, HEAD("p") "z: 1\n---\n" HEAD("q"));
    assert_int_equal(s.run.n_cured, 2);
    assert_string_equal(s.run.cured[0].message, "bad is 1 in p");
    assert_int_equal(s.run.cured[0].line, 5);
    assert_int_equal(s.run.n_rounds, 1);
    assert_int_equal(s.run.last->n_findings, 0);
    scene_done(&s);

    fix(&s, "f.yaml", HEAD("p"));
    assert_int_equal(s.run.n_files, 0);
    assert_ptr_equal(s.run.last, &s.l);
    scene_done(&s);
}

/* Neighbors wait for each other. */
static void test_rounds(void **state)
{
    struct scene s;

    (void)state;
    fix(&s, "f.yaml", HEAD("p") "bad: 1\nworse: 2\nz: 1\n");
    assert_became(&s, HEAD("p") "z: 1\n");
    assert_int_equal(s.run.n_rounds, 2);
    scene_done(&s);
}

static void test_what_does_not_cure_is_taken_back(void **state)
{
    struct scene s;

    (void)state;
    fix(&s, "f.yaml", HEAD("p") "never: 1\nz:\n  y: 1\n\nbad: 1\nx: 1\n");
    assert_became(&s, HEAD("p") "never: 1\nz:\n  y: 1\n\nx: 1\n");
    assert_int_equal(s.run.n_failed, 1);
    assert_string_equal(s.run.failed[0].message, "never is 1 in p");
    assert_string_equal(s.run.failed[0].why, "its fix does not cure it");
    assert_int_equal(s.run.last->n_findings, 1);
    scene_done(&s);
}

static void test_what_undoes_itself_ends(void **state)
{
    struct scene s;

    (void)state;
    fix(&s, "f.yaml", HEAD("p") "flip: a\n");
    assert_became(&s, HEAD("p") "flip: b\n");
    assert_int_equal(s.run.n_rounds, 1);
    assert_string_equal(s.run.failed[0].why, "its fix and others undo each other");
    scene_done(&s);
}

static void test_what_breaks_the_text_is_taken_back(void **state)
{
    struct scene s;

    (void)state;
    fix(&s, "f.yaml", HEAD("p") "breaks: 1\nz:\n  y: 1\n\nbad: 1\nx: 1\n");
    assert_became(&s, HEAD("p") "breaks: 1\nz:\n  y: 1\n\nx: 1\n");
    assert_int_equal(s.run.n_failed, 1);
    assert_string_equal(s.run.failed[0].message, "breaks is 1 in p");
    scene_done(&s);
}

/* Two that add the same document add it once. */
static void test_additions_come_once(void **state)
{
    struct scene s;

    (void)state;
    fix(&s, "f.yaml", HEAD("p") "adds: 1\n---\n" HEAD("q") "adds: 2\n");
    assert_became(&s, HEAD("p") "adds: 1\n---\n" ADDED "\n---\n" HEAD("q") "adds: 2\n");
    assert_int_equal(s.run.n_cured, 1);
    scene_done(&s);
}

static void test_writing(void **state)
{
    char folder[] = "/tmp/fix_run_test.XXXXXX";
    OWN_MEM char *path = NULL;
    OWN_MEM char *text = NULL;
    const char *before = HEAD("p") "bad: 1\nz: 1\n";
    struct scene s;
    struct err e = {0};
    struct buf diff;
    size_t size;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = file_join(folder, "f.yaml");
    assert_int_equal(file_write(path, before, strlen(before), 0600, &e), 0);
    fix(&s, path, before);
    assert_int_equal(file_write(path, HEAD("x") "bad: 1\nz: 1\n", strlen(before), 0600, &e), 0);
    assert_int_equal(fix_run_write(&s.run, &e), -EBUSY);
    assert_int_equal(file_write(path, before, strlen(before), 0600, &e), 0);
    assert_int_equal(fix_run_write(&s.run, &e), 0);
    assert_int_equal(file_read(&text, &size, path, 1 << 16, &e), 0);
    assert_string_equal(text, HEAD("p") "z: 1\n");
    /* Now it is not what was read. */
    assert_int_equal(fix_run_write(&s.run, &e), -EBUSY);
    scene_done(&s);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);

    fix(&s, "-", before);
    assert_int_equal(fix_run_write(&s.run, &e), -EINVAL);
    buf_init(&diff, 1 << 16);
    assert_int_equal(fix_run_diff(&s.run, &diff, &e), 0);
    assert_string_equal(diff.data,
                        "--- a/stdin\n+++ b/stdin\n@@ -2,5 +2,4 @@\n kind: Pod\n metadata:\n"
                        "   name: p\n-bad: 1\n z: 1\n");
    buf_done(&diff);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cures),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_what_does_not_cure_is_taken_back),
        cmocka_unit_test(test_what_undoes_itself_ends),
        cmocka_unit_test(test_what_breaks_the_text_is_taken_back),
        cmocka_unit_test(test_additions_come_once),
        cmocka_unit_test(test_writing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
