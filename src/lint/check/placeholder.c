/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Placeholders: see placeholder.h. Only in objects of groups whose values are no templates of
 * somebody else's, and not where ${NAME} is code: commands, environments, files, scripts.
 */
#include "lint/check/placeholder.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "lint/check/files.h"
#include "lint/fix/fix.h"
#include "lint/lint.h"

enum { VALUE_MAX_BYTES = 4096 };

static bool is_upper(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static bool is_name(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static size_t run_of(const char *text, bool (*is)(char c))
{
    size_t n = 0;

    while (is(text[n]))
        n++;
    return n;
}

/* "${NAME}", also with a default behind the name. */
static bool is_variable(struct placeholder *p, const char *text)
{
    const char *end = strchr(text, '}');
    size_t n = text[0] == '$' && text[1] == '{' ? run_of(text + 2, is_name) : 0;

    if (n == 0 || !end || (text[2 + n] != '}' && text[2 + n] != ':' && text[2 + n] != '='))
        return false;
    *p = (struct placeholder){0, (size_t)(end - text) + 1, 2, n};
    return true;
}

/* "<NAME>"; in small letters only if it is all there is. */
static bool is_bracketed(struct placeholder *p, const char *text, bool whole)
{
    size_t n = text[0] == '<' ? run_of(text + 1, whole ? is_name : is_upper) : 0;

    if (n < 2 || text[1 + n] != '>' || (whole && text[2 + n] && run_of(text + 1, is_upper) < n))
        return false;
    *p = (struct placeholder){0, n + 2, 1, n};
    return true;
}

static bool is_yours(struct placeholder *p, const char *text, size_t at)
{
    size_t n = run_of(text + at, is_upper);

    if (strncmp(text + at, "YOUR_", 5) != 0 || (at > 0 && is_name(text[at - 1])) || n < 6)
        return false;
    *p = (struct placeholder){0, n, 0, n};
    return true;
}

bool placeholder_next(struct placeholder *out, const char *text, size_t from)
{
    for (size_t at = from; text[at]; at++)
        if (is_variable(out, text + at) || is_bracketed(out, text + at, at == 0) ||
            is_yours(out, text, at)) {
            out->at = at;
            out->name_at += at;
            return true;
        }
    return false;
}

struct looking {
    struct lint *l;
    const struct document *d;
    bool filled;               /* a program fills in ${NAME} before anybody applies the files */
    const struct source *last; /* that was looked at for Terraform, and what was found */
    bool terraform;
};

/* Whether ${NAME} is no placeholder of this document's. */
static bool is_filled(struct looking *s)
{
    const struct source *source = s->d->piece->source;

    if (!s->filled && s->last != source)
        s->terraform = files_of_terraform(source->file);
    s->last = source;
    return s->filled || s->terraform;
}

/* A value in YAML: as it is if it is surely a text, else in quotes. */
static const char *quoted(struct lint *l, const char *text, bool plain)
{
    static const char harmless[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/@:-";
    static const char numeric[] = "0123456789._:eExX+-";
    struct buf b;
    const char *out;

    if (plain && strspn(text, harmless) == strlen(text) && strchr("-:@.", *text) == NULL &&
        text[strlen(text) - 1] != ':' && strspn(text, numeric) < strlen(text) &&
        yaml_truth(text) < 0 && !yaml_is_null(text))
        return text;
    buf_init(&b, (size_t)8 * VALUE_MAX_BYTES);
    buf_char(&b, '"');
    for (const char *c = text; *c; c++) {
        if (strchr("\"\\", *c))
            buf_char(&b, '\\');
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            buf_printf(&b, "\\x%02x", (unsigned)*c);
        else
            buf_char(&b, *c);
    }
    buf_char(&b, '"');
    out = b.failed ? NULL : arena_text(&l->arena, b.data);
    buf_done(&b);
    return out;
}

/* The text with all its placeholders filled in; NULL while a choice is missing. */
static const char *fill(struct lint *l, struct finding *f, const char *text)
{
    struct placeholder p;
    struct buf b;
    size_t at = 0;
    bool complete = true;
    const char *out = NULL;

    buf_init(&b, (size_t)4 * VALUE_MAX_BYTES);
    for (; placeholder_next(&p, text, at); at = p.at + p.size) {
        const char *name = arena_copy(&l->arena, text + p.name_at, p.name_size);
        const char *value =
            name ? finding_choose(l, f, name, "the value that it stands for") : NULL;

        buf_add(&b, text + at, p.at - at);
        if (value)
            buf_text(&b, value);
        complete = complete && value;
    }
    buf_text(&b, text + at);
    if (complete && !b.failed && b.size > 0)
        out = arena_text(&l->arena, b.data);
    buf_done(&b);
    return out;
}

static void look_at(struct looking *s, const struct yaml_node *node)
{
    struct placeholder p;
    struct finding *f;
    const char *text;

    if (strlen(node->text) > VALUE_MAX_BYTES || strchr(node->text, '\n') ||
        !placeholder_next(&p, node->text, 0) || (node->text[p.at] == '$' && is_filled(s)))
        return;
    f = lint_find(s->l, RULE_PLACEHOLDER, spot_of(s->d, node),
                  "value is still the placeholder '%.*s'", (int)p.size, node->text + p.at);
    finding_cure(s->l, f, "write what it stands for");
    text = fill(s->l, f, node->text);
    if (text)
        text = quoted(s->l, text, node->style == YAML_PLAIN);
    if (text)
        fix_replace(s->l, f, s->d, node, text);
}

/* Keys whose values are code, or files of somebody else's. */
static bool is_code(const char *key)
{
    static const char *const keys[] = {"command",    "args",        "env",
                                       "data",       "script",      "stringData",
                                       "binaryData", "annotations", "userData"};

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static void look_below(struct looking *s, const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR)
        look_at(s, node);
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++)
        look_below(s, node->items[i]);
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++)
        if (!is_code(node->pairs[i].key->text))
            look_below(s, node->pairs[i].value);
}

static bool is_ours(const struct document *d)
{
    static const char *const groups[] = {"apps/",         "batch/",
                                         "karpenter.sh/", "karpenter.k8s.aws/",
                                         "policy/",       "rbac.authorization.k8s.io/"};

    if (!*d->api_version || !*d->kind)
        return false;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (strncmp(d->api_version, groups[i], strlen(groups[i])) == 0)
            return true;
    return !strchr(d->api_version, '/');
}

/* envsubst in a command, or Flux's substitution. */
static bool is_substituted(const struct lint *l)
{
    for (size_t i = 0; i < l->system.n_commands; i++)
        if (command_has(l->system.commands[i], "envsubst"))
            return true;
    for (size_t i = 0; i < l->system.n_documents; i++)
        if (document_is(l->system.documents[i], "kustomize.toolkit.fluxcd.io", "Kustomization") &&
            node_at(l->system.documents[i]->root, "spec.postBuild"))
            return true;
    return false;
}

void placeholder_check(struct lint *l)
{
    struct looking s = {.l = l, .filled = is_substituted(l)};

    for (size_t i = 0; i < l->system.n_documents; i++) {
        s.d = l->system.documents[i];
        if (is_ours(s.d) && !s.d->piece->templated && !s.d->piece->expands)
            look_below(&s, s.d->root);
    }
}
