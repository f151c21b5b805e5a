/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits for faults of schemas: names and values that have one right spelling, fields that belong
 * elsewhere in the same object, unknown ones made comments. What is missing and what was renamed
 * is in files of its own.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_schema.h"

const char *check_schema_last(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? dot + 1 : path;
}

const char *check_schema_before(struct lint *l, const char *path)
{
    const char *dot = strrchr(path, '.');
    const char *out = arena_copy(&l->arena, path, dot ? (size_t)(dot - path) : 0);

    return out ? out : "";
}

const char *check_schema_quoted(struct lint *l, const char *text)
{
    struct yaml_node as_plain = {.kind = YAML_SCALAR, .plain = true, .text = text};
    bool simple = *text &&
                  text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-_./")] == '\0' &&
                  *text != '-' && schema_scalar(&as_plain) == SCHEMA_SCALAR_TEXT;

    if (simple)
        return arena_text(&l->arena, text);
    if (strpbrk(text, "\"\\\n"))
        return NULL;
    return arena_printf(&l->arena, "\"%s\"", text);
}

/* Puts a text in a value's place if it can be written there. */
static void replace_text(struct lint *l, struct finding *f, const struct schema_fault_at *at,
                         const struct document *d, const char *text)
{
    const char *quoted = check_schema_quoted(l, text);

    if (quoted)
        fix_replace(l, f, d, at->node, quoted);
}

/* A path that leads through no list. */
static bool is_plain_path(const char *path)
{
    return !strchr(path, '[') && !strchr(path, ':');
}

static void fix_unknown(struct lint *l, struct finding *f, const struct document *d,
                        const struct schema_fault_at *at)
{
    const struct yaml_pair *pair = node_pair(at->map, at->field);

    if (!pair)
        return;
    if (*at->instead)
        fix_rename(l, f, d, pair, at->instead);
    else if (!at->emptied)
        fix_comment_out(l, f, d, pair, "no such field");
}

static void fix_misplaced(struct lint *l, struct finding *f, const struct document *d,
                          const struct schema_fault_at *at)
{
    const char *before;

    if (!is_plain_path(at->path) || !is_plain_path(at->instead))
        return;
    before = check_schema_before(l, at->instead);
    fix_move(l, f, d, at->path, at->field, before, check_schema_last(at->instead));
}

/* A number or a truth value where a text is meant gets quotes; and the reverse. */
static void fix_type(struct lint *l, struct finding *f, const struct document *d,
                     const struct schema_fault_at *at)
{
    const char *text = at->node->text, *wanted = at->words, *made = NULL;
    struct yaml_node plain = {.kind = YAML_SCALAR, .plain = true, .text = text};
    enum schema_scalar meant;

    if (at->node->kind != YAML_SCALAR || strpbrk(text, "\"\\\n"))
        return;
    meant = schema_scalar(&plain);
    if (strcmp(wanted, "a text") == 0 ||
        (strcmp(wanted, "a whole number or a text") == 0 && meant == SCHEMA_SCALAR_FRACTION))
        made = arena_printf(&l->arena, "\"%s\"", text);
    else if ((strcmp(wanted, "a whole number") == 0 && meant == SCHEMA_SCALAR_WHOLE) ||
             (strcmp(wanted, "true or false") == 0 && meant == SCHEMA_SCALAR_TRUTH))
        made = text;
    else if (strcmp(wanted, "a list") == 0 && !strpbrk(text, " ,[]{}") && *text)
        made = arena_printf(&l->arena, "[%s%s%s]", meant == SCHEMA_SCALAR_TEXT ? "" : "\"", text,
                            meant == SCHEMA_SCALAR_TEXT ? "" : "\"");
    if (made)
        fix_replace(l, f, d, at->node, made);
}

/* Days are no unit of Go's durations; a group has no version. */
static void fix_pattern(struct lint *l, struct finding *f, const struct document *d,
                        const struct schema_fault_at *at)
{
    enum { HOURS = 24, MOST_DAYS = 100000 };
    const char *text = node_text(at->node, "");
    size_t digits = strspn(text, "0123456789");
    char days[8];
    uint64_t n;

    if (strstr(at->words, "(s|m|h))+") && digits > 0 && digits < sizeof days &&
        strcmp(text + digits, "d") == 0) {
        memcpy(days, text, digits);
        days[digits] = '\0';
        if (text_uint(&n, days, MOST_DAYS)) {
            const char *hours = arena_printf(&l->arena, "%lluh", (unsigned long long)n * HOURS);

            if (hours)
                fix_replace(l, f, d, at->node, hours);
        }
        return;
    }
    if (strcmp(at->field, "group") == 0 && strchr(text, '/')) {
        const char *group = arena_copy(&l->arena, text, strcspn(text, "/"));

        if (group)
            replace_text(l, f, at, d, group);
    }
}

/*
 * "key=value" as the value of a label of a pool: a label of its nodes is meant, which stands in
 * the template.
 */
static void fix_label(struct lint *l, struct finding *f, const struct document *d,
                      const struct schema_fault_at *at)
{
    const char *text = node_text(at->node, ""), *equals = strchr(text, '=');
    const char *key, *value;

    if (!equals || equals == text || strchr(equals + 1, '=') ||
        strcmp(at->path, "metadata.labels") != 0 ||
        (strcmp(d->kind, "NodePool") != 0 && strcmp(d->kind, "Provisioner") != 0))
        return;
    key = arena_copy(&l->arena, text, (size_t)(equals - text));
    value = check_schema_quoted(l, equals + 1);
    if (!key || !value)
        return;
    finding_cure(l, f,
                 "if nodes are to carry it, write '%s: %s' under spec.template.metadata.labels",
                 key, value);
    fix_remove(l, f, d, at->path, at->field);
    fix_put(l, f, d, "spec.template.metadata.labels", key, value);
}

static void fix_key(struct lint *l, struct finding *f, const struct document *d,
                    const struct schema_fault_at *at)
{
    const struct yaml_pair *pair = node_pair(at->map, at->field);

    if (!*at->instead)
        return;
    if (pair && pair->key == at->node)
        fix_rename(l, f, d, pair, at->instead);
    else
        replace_text(l, f, at, d, at->instead);
}

/* An alias keeps its version when its family gets another spelling. */
static void fix_rule(struct lint *l, struct finding *f, const struct document *d,
                     const struct schema_fault_at *at)
{
    const char *version = strchr(node_text(at->node, ""), '@'), *made;

    if (!*at->instead || at->node->kind != YAML_SCALAR)
        return;
    if (strcmp(at->field, "alias") != 0 || !version) {
        if (strcmp(at->field, "restartPolicy") != 0 && strcmp(at->field, "amiFamily") != 0)
            return;
        replace_text(l, f, at, d, at->instead);
        return;
    }
    made = arena_printf(&l->arena, "%s%s", at->instead, version);
    if (made)
        fix_replace(l, f, d, at->node, made);
}

void check_schema_fix(struct lint *l, struct finding *f, const struct document *d,
                      const struct schema_fault_at *at)
{
    if (!fix_possible(d))
        return;
    switch (at->fault) {
    case SCHEMA_FIELD_UNKNOWN:
        fix_unknown(l, f, d, at);
        return;
    case SCHEMA_FIELD_MISPLACED:
        fix_misplaced(l, f, d, at);
        return;
    case SCHEMA_FIELD_RENAMED:
        check_schema_fix_renamed(l, f, d, at);
        return;
    case SCHEMA_FIELD_MISSING:
        check_schema_fix_missing(l, f, d, at);
        return;
    case SCHEMA_VALUE_TYPE:
        fix_type(l, f, d, at);
        return;
    case SCHEMA_VALUE_ENUM:
        if (*at->instead)
            replace_text(l, f, at, d, at->instead);
        return;
    case SCHEMA_VALUE_PATTERN:
        fix_pattern(l, f, d, at);
        return;
    case SCHEMA_VALUE_LABEL:
        fix_label(l, f, d, at);
        return;
    case SCHEMA_VALUE_KEY:
        fix_key(l, f, d, at);
        return;
    case SCHEMA_VALUE_RULE:
        fix_rule(l, f, d, at);
        return;
    case SCHEMA_VALUE_BOUNDS:
    case SCHEMA_VALUE_NAME:
        return;
    }
}
