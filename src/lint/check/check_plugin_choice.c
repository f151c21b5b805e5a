/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a ConfigMap's files the device plugin takes: the one that the node's label or the
 * chart's default names has to be there, and with many files something has to name one.
 */
#include <string.h>

#include "config/suggest.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"

enum { MAX_KEYS = 64 };

static const char choice_label[] = "nvidia.com/device-plugin.config";

/* The names of a ConfigMap's files; returns how many. */
static size_t keys_of(const struct document *holder, const char *out[MAX_KEYS])
{
    const struct yaml_node *data = node_get(holder->root, "data");
    size_t n = 0;

    for (size_t i = 0; data && data->kind == YAML_MAP && i < data->count && n < MAX_KEYS; i++)
        out[n++] = data->pairs[i].key->text;
    return n;
}

static bool is_key(const struct document *holder, const char *name)
{
    return node_pair(node_get(holder->root, "data"), name) != NULL;
}

/* The one ConfigMap that the set's plugin loads; NULL: none, many, or one that is not seen. */
static const struct document *loaded_holder(const struct system *s, const struct release *r)
{
    const struct helm_value *name = release_value(
        r, r->chart == CHART_GPU_OPERATOR ? "devicePlugin.config.name" : "config.name");
    const struct document *holder = NULL;

    if (!name)
        return NULL;
    for (size_t i = 0; i < s->n_documents; i++) {
        const struct document *d = s->documents[i];

        if (strcmp(d->kind, "ConfigMap") != 0 || strcmp(d->name, name->text) != 0)
            continue;
        if (holder)
            return NULL;
        holder = d;
    }
    return holder;
}

/* What names a file that is not there; *f for the edit that a choice makes of it. */
static const char *unknown(struct lint *l, struct spot spot, const struct document *holder,
                           const char *name, struct finding **f)
{
    const char *keys[MAX_KEYS], *near = suggest_find(name, keys, keys_of(holder, keys));

    *f = lint_find(l, RULE_PLUGIN_CONFIG_UNKNOWN, spot,
                   "the ConfigMap '%s' has no configuration '%s'%s%s%s: the plugin ends with an "
                   "error",
                   holder->name, name, near ? "; there is '" : "", near ? near : "",
                   near ? "'" : "");
    finding_cure(l, *f, "name one of its keys");
    return finding_choose(l, *f, "plugin-config", "a configuration of the device plugin");
}

static void check_labels(struct lint *l, const struct document *holder)
{
    size_t size = sizeof choice_label - 1;
    const char *choice;
    struct finding *f;

    for (size_t i = 0; i < l->system.n_pools; i++) {
        const struct pool *p = &l->system.pools[i];
        const struct yaml_node *node = node_get(p->labels, choice_label);
        const char *name = node_text(node, "");

        if (!*name || text_is_placeholder(name) || is_key(holder, name))
            continue;
        choice = unknown(l, spot_of(p->doc, node), holder, name, &f);
        if (choice)
            fix_replace(l, f, p->doc, node, choice);
    }
    for (size_t i = 0; i < l->system.n_commands; i++) {
        const struct command *c = l->system.commands[i];

        for (size_t k = 0; command_has(c, "label") && k < c->n_words; k++) {
            const char *text = c->words[k].text;

            if (strncmp(text, choice_label, size) != 0 || text[size] != '=' ||
                c->words[k].expands || is_key(holder, text + size + 1))
                continue;
            choice = unknown(l, c->words[k].spot, holder, text + size + 1, &f);
            if (choice)
                fix_word(l, f, &c->words[k], lint_printf(l, "%s=%s", choice_label, choice));
        }
    }
}

/* Whether a node's label or a key called "default" decides where the chart's values do not. */
static bool is_decided(const struct system *s, const struct document *holder)
{
    if (is_key(holder, "default"))
        return true;
    for (size_t i = 0; i < s->n_commands; i++)
        for (size_t k = 0; k < s->commands[i]->n_words; k++)
            if (strstr(s->commands[i]->words[k].text, choice_label))
                return true;
    for (size_t i = 0; i < s->n_pools; i++)
        if (s->pools[i].gpu && !pool_label(&s->pools[i], choice_label))
            return false;
    return s->n_pools > 0;
}

static bool sets_fallback(const struct release *r)
{
    static const char path[] = "config.fallbackStrategies";

    for (size_t i = 0; i < r->n_values; i++)
        if (strncmp(r->values[i].path, path, sizeof path - 1) == 0)
            return true;
    return false;
}

static void put_default(struct lint *l, struct finding *f, const struct helm_value *v,
                        const char *choice)
{
    bool whole = v->word && strncmp(v->word->text, "--set=", 6) == 0;

    if (v->doc && v->pair)
        fix_replace(l, f, v->doc, v->pair->value, choice);
    else if (v->word && !strchr(v->word->text, ','))
        fix_word(l, f, v->word, lint_printf(l, "%s%s=%s", whole ? "--set=" : "", v->path, choice));
}

static void check_default(struct lint *l, const struct release *r, const struct document *holder)
{
    bool is_operator = r->chart == CHART_GPU_OPERATOR;
    const char *path = is_operator ? "devicePlugin.config.default" : "config.default";
    const struct helm_value *v = release_value(r, path);
    const char *keys[MAX_KEYS], *choice;
    struct finding *f;

    if (v && *v->text) {
        if (!text_is_placeholder(v->text) && !is_key(holder, v->text)) {
            choice = unknown(l, v->spot, holder, v->text, &f);
            if (choice)
                put_default(l, f, v, choice);
        }
        return;
    }
    if (keys_of(holder, keys) < 2 || is_operator || is_decided(&l->system, holder) ||
        r->values_open || sets_fallback(r))
        return;
    f = lint_find(l, RULE_PLUGIN_CONFIG_AMBIGUOUS, r->spot,
                  "the ConfigMap '%s' has several configurations and nothing names one: the plugin "
                  "ends with an error on nodes without the label %s",
                  holder->name, choice_label);
    finding_cure(l, f, "set config.default, or label the nodes");
    choice = finding_choose(l, f, "plugin-config", "a configuration of the device plugin");
    if (choice && r->command)
        fix_add_words(l, f, r->command, lint_printf(l, "--set config.default=%s", choice));
}

void check_plugin_choice(struct lint *l)
{
    const struct release *r = stack_plugin_release(&l->system);
    const struct document *holder = r ? loaded_holder(&l->system, r) : NULL;

    if (!holder)
        return;
    check_labels(l, holder);
    check_default(l, r, holder);
}
