/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of any YAML: what comes out can be read again, with what was put in it, and with all
 * comments and values that were there. The first line says what is done: three bytes a step.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "lint/fix/fix.h"
#include "lint/fix/fix_apply.h"
#include "lint/lint.h"
#include "lint/read/read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 4096, MAX_STEPS = 6, MAX_RANGES = 256 };

static const char *const paths[] = {"",  "spec", "spec.template",   "spec.template.spec",
                                    "a", "a.b",  "metadata.labels", "l"};
static const char *const keys[] = {"a", "b", "spec", "new", "l", "template", "x.y/z", "on"};
static const char *const values[] = {"1",
                                     "- q: 1\n  r: 2\n- s",
                                     "q:\n  r: [1, 2]",
                                     "[t, \"u\"]",
                                     "|\n  one\n  two",
                                     "{v: w}",
                                     "null",
                                     "'text'"};

struct steps {
    bool keeps;    /* nothing that was there goes */
    bool put_last; /* the last step put a new key */
    const char *path, *key;
};

/* The node that is so many steps from the root. */
static const struct yaml_node *pick(const struct yaml_node *node, unsigned way)
{
    while (node->count > 0 && (node->kind == YAML_MAP || node->kind == YAML_LIST) && way > 1) {
        size_t at = way % node->count;

        node = node->kind == YAML_MAP ? node->pairs[at].value : node->items[at];
        way /= 3;
    }
    return node;
}

static void step(struct lint *l, struct finding *f, const uint8_t *bytes, struct steps *s)
{
    const struct document *d = l->system.documents[0];
    const struct yaml_node *node = pick(d->root, bytes[1]);
    const char *path = paths[bytes[1] % 8], *key = keys[bytes[2] % 8];
    size_t at = node->count ? bytes[2] % node->count : 0;

    s->put_last = false;
    switch (bytes[0] % 8) {
    case 0: {
        const struct yaml_node *map = node_at(d->root, path);

        s->keeps = s->keeps && (!map || !node_get(map, key));
        s->put_last = true;
        s->path = path;
        s->key = key;
        fix_put(l, f, d, path, key, values[bytes[0] / 8 % 8]);
        break;
    }
    case 1:
        fix_move(l, f, d, path, key, paths[bytes[0] / 8 % 8], keys[bytes[0] / 64]);
        break;
    case 2:
        if (node->kind == YAML_MAP && node->count > 0)
            fix_comment_out(l, f, d, &node->pairs[at], "why");
        break;
    case 3:
        if (node->kind == YAML_LIST && node->count > 0)
            fix_comment_out_item(l, f, d, node, at, NULL);
        break;
    case 4:
        s->keeps = false;
        fix_remove(l, f, d, path, key);
        break;
    case 5:
        s->keeps = false;
        if (node->kind == YAML_LIST && node->count > 0)
            fix_remove_item(l, f, d, node, at);
        break;
    case 6:
        s->keeps = false;
        fix_replace(l, f, d, node, values[bytes[2] % 8]);
        break;
    default:
        if (node->kind == YAML_MAP && node->count > 0) {
            s->keeps = false;
            fix_rename(l, f, d, &node->pairs[at], key);
        }
        break;
    }
}

static char *apply(struct lint *l, const struct edit *edits)
{
    struct fix_range ranges[MAX_RANGES];
    struct line_index index;
    struct buf out;
    size_t n = 0;

    if (!line_index_make(&l->arena, &index, l->sources[0]))
        abort();
    for (; edits; edits = edits->next, n++) {
        if (n == MAX_RANGES)
            return NULL;
        if (!fix_range_of(&ranges[n], &index, edits))
            abort();
        ranges[n].order = n;
    }
    buf_init(&out, 1 << 20);
    if (!fix_apply(&out, l->sources[0], ranges, n))
        abort();
    buf_add(&out, "", 0);
    return buf_take(&out);
}

/* Every line that is but a comment is still somewhere. */
static void check_comments(const char *before, const char *after)
{
    while (*before) {
        size_t size = strcspn(before, "\n"), blanks = strspn(before, " ");

        if (blanks < size && before[blanks] == '#' &&
            !memmem(after, strlen(after), before + blanks, size - blanks))
            abort();
        before += size;
        before += *before == '\n';
    }
}

static void check_scalars(const struct yaml_node *node, const char *after)
{
    if (node->kind == YAML_SCALAR && node->style == YAML_PLAIN && node->line == node->end_line &&
        !strstr(after, node->text))
        abort();
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++)
        check_scalars(node->items[i], after);
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
        if (node->pairs[i].key->style == YAML_PLAIN &&
            node->pairs[i].key->line == node->pairs[i].key->end_line &&
            !strstr(after, node->pairs[i].key->text))
            abort();
        check_scalars(node->pairs[i].value, after);
    }
}

static void check(struct lint *l, const struct steps *s, const char *text, const char *after)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    OWN(yaml_doc_freep) struct yaml_doc *old = NULL;
    struct err e = {0};

    /* What stands behind the document may be no YAML, or another document. */
    if (yaml_read(&old, "f", text, strlen(text), &e) < 0 || old->extra_line > 0)
        return;
    if (yaml_read(&doc, "f", after, strlen(after), &e) < 0)
        abort();
    if (s->put_last && !node_get(node_at(doc->root, s->path), s->key))
        abort();
    if (!s->keeps)
        return;
    check_comments(text, after);
    check_scalars(l->system.documents[0]->root, after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line = memchr(data, '\n', size);
    struct steps s = {.keeps = true};
    struct err e = {0};
    struct lint l;
    struct finding *f;
    const struct edit *edits;
    char *after;

    if (!line || size > MAX_BYTES || memchr(line, '\0', size - (size_t)(line - data)))
        return 0;
    size -= (size_t)(line + 1 - data);
    lint_init(&l, NULL, NULL);
    if (read_text(&l, "f.yaml", (const char *)line + 1, size, &e) < 0)
        abort();
    if (l.system.n_documents != 1 || l.system.documents[0]->piece->size != l.sources[0]->size)
        goto out;
    f = lint_find(&l, 0, (struct spot){.source = l.sources[0]}, "f");
    for (size_t i = 0; i < MAX_STEPS && data + 3 * i + 3 <= line; i++)
        step(&l, f, data + 3 * i, &s);
    edits = fix_ranges(&l, f);
    after = edits ? apply(&l, edits) : NULL;
    if (after)
        check(&l, &s, l.sources[0]->text, after);
    free(after);

out:
    lint_done(&l);
    return 0;
}
