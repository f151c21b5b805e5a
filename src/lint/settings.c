/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of lint: see settings.h. What a rule's severity means is the run's business. */
#include "lint/settings.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "config/suggest.h"

enum { SETTINGS_MAX_BYTES = 1 << 20 };

void settings_init(struct settings *s)
{
    *s = (struct settings){0};
    for (size_t i = 0; i < RULE_COUNT; i++)
        s->severities[i] = rules[i].severity;
}

static void drop_exclude(struct settings *s)
{
    for (size_t i = 0; i < s->n_exclude; i++)
        free(s->exclude[i]);
    free(s->exclude);
    s->n_exclude = 0;
}

void settings_done(struct settings *s)
{
    drop_exclude(s);
    yaml_doc_free(s->tree);
    *s = (struct settings){0};
}

/* An unknown word, with the known one that is nearest to it. */
static int refuse(const struct settings *s, const struct yaml_node *at, const char *what,
                  const char *const *known, size_t n_known, struct err *e)
{
    const char *near = suggest_find(at->text, known, n_known);

    return err_set(e, EINVAL, "%s:%u:%u: %s '%s'%s%s%s", s->tree->file, at->line, at->column, what,
                   at->text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static int want(const struct settings *s, const struct yaml_node *at, const char *name,
                const char *what, struct err *e)
{
    return err_set(e, EINVAL, "%s:%u:%u: '%s' must be %s, not %s", s->tree->file, at->line,
                   at->column, name, what, yaml_kind_name(at->kind));
}

static int read_severity(struct settings *s, const struct yaml_pair *pair, struct err *e)
{
    static const char *const names[] = {"off", "info", "warning", "error"};
    const char *known[RULE_COUNT];
    size_t rule = 0, severity = 0;

    for (size_t i = 0; i < RULE_COUNT; i++)
        known[i] = rules[i].name;
    while (rule < RULE_COUNT && strcmp(known[rule], pair->key->text) != 0)
        rule++;
    if (rule == RULE_COUNT)
        return refuse(s, pair->key, "no rule", known, RULE_COUNT, e);
    if (pair->value->kind != YAML_SCALAR)
        return want(s, pair->value, pair->key->text, "off, info, warning or error", e);
    while (severity < 4 && strcmp(names[severity], pair->value->text) != 0)
        severity++;
    if (severity == 4)
        return refuse(s, pair->value, "not off, info, warning or error:", names, 4, e);
    s->severities[rule] = (enum severity)severity;
    return 0;
}

static int read_rules(struct settings *s, const struct yaml_node *node, struct err *e)
{
    if (node->kind != YAML_MAP)
        return want(s, node, "rules", "a map", e);
    for (size_t i = 0; i < node->count; i++) {
        int r = read_severity(s, &node->pairs[i], e);

        if (r < 0)
            return r;
    }
    return 0;
}

static int read_exclude(struct settings *s, const struct yaml_node *node, struct err *e)
{
    if (node->kind != YAML_LIST)
        return want(s, node, "exclude", "a list of patterns", e);
    drop_exclude(s);
    s->exclude = calloc(node->count + 1, sizeof *s->exclude);
    if (!s->exclude)
        return err_memory(e);
    for (size_t i = 0; i < node->count; i++) {
        if (node->items[i]->kind != YAML_SCALAR)
            return want(s, node->items[i], "exclude", "a list of texts", e);
        s->exclude[i] = strdup(node->items[i]->text);
        if (!s->exclude[i])
            return err_memory(e);
        s->n_exclude++;
    }
    return 0;
}

static int read_region(struct settings *s, const struct yaml_node *node, struct err *e)
{
    if (node->kind != YAML_SCALAR || !*node->text)
        return want(s, node, "region", "a text", e);
    s->region = node->text;
    return 0;
}

static int read_key(struct settings *s, const struct yaml_pair *pair, struct err *e)
{
    static const struct {
        const char *name;
        int (*read)(struct settings *s, const struct yaml_node *node, struct err *e);
    } keys[] = {{"rules", read_rules}, {"exclude", read_exclude}, {"region", read_region}};
    enum { N = sizeof keys / sizeof keys[0] };
    const char *known[N];

    for (size_t i = 0; i < N; i++) {
        known[i] = keys[i].name;
        if (strcmp(known[i], pair->key->text) == 0)
            return pair->value->kind == YAML_NULL ? 0 : keys[i].read(s, pair->value, e);
    }
    return refuse(s, pair->key, "unknown key", known, N, e);
}

static int read_tree(struct settings *s, struct err *e)
{
    const struct yaml_node *root = s->tree->root;

    if (root->kind == YAML_NULL)
        return 0;
    if (root->kind != YAML_MAP)
        return want(s, root, "the file", "a map", e);
    if (s->tree->extra_line)
        return err_set(e, EINVAL, "%s:%u:1: a second document; only one is read", s->tree->file,
                       s->tree->extra_line);
    for (size_t i = 0; i < root->count; i++) {
        int r = read_key(s, &root->pairs[i], e);

        if (r < 0)
            return r;
    }
    return 0;
}

int settings_read(struct settings *s, const char *file, struct err *e)
{
    OWN_MEM char *text = NULL;
    size_t size;
    int r = file_read(&text, &size, file, SETTINGS_MAX_BYTES, e);

    if (r == 0)
        r = yaml_read(&s->tree, file, text, size, e);
    return r < 0 ? r : read_tree(s, e);
}
