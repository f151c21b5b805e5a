/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects against what the API server takes: their version and kind, then every field of theirs.
 * The schemas find the faults; here they become findings of the rule each belongs to.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_schema.h"
#include "lint/check/checks.h"
#include "lint/read/part.h"

/* One document that is being checked. */
struct object {
    struct lint *l;
    const struct document *d;
    const char *kind, *source; /* what it is checked as, and whose schema that is */
    bool partial;              /* a patch, or a template: what it lacks may come from elsewhere */
};

static const char *name_of(const struct document *d)
{
    return *d->name ? d->name : "without a name";
}

static enum rule_id rule_of(const struct schema_fault_at *at)
{
    switch (at->fault) {
    case SCHEMA_FIELD_UNKNOWN:
        return RULE_FIELD_UNKNOWN;
    case SCHEMA_FIELD_MISPLACED:
        return RULE_FIELD_MISPLACED;
    case SCHEMA_FIELD_RENAMED:
        return RULE_FIELD_RENAMED;
    case SCHEMA_FIELD_MISSING:
        return RULE_FIELD_MISSING;
    case SCHEMA_VALUE_TYPE:
        return RULE_VALUE_TYPE;
    case SCHEMA_VALUE_ENUM:
        return RULE_VALUE_ENUM;
    case SCHEMA_VALUE_PATTERN:
        return RULE_VALUE_PATTERN;
    case SCHEMA_VALUE_BOUNDS:
        return RULE_VALUE_BOUNDS;
    case SCHEMA_VALUE_RULE:
        return RULE_VALUE_RULE;
    case SCHEMA_VALUE_NAME:
        return RULE_NAME_INVALID;
    case SCHEMA_VALUE_LABEL:
        return RULE_LABEL_VALUE_INVALID;
    case SCHEMA_VALUE_KEY:
        break;
    }
    return RULE_REQUIREMENT_KEY_UNKNOWN;
}

/* Where a fault is, in words: its map's path and the field. */
static const char *place_of(struct lint *l, const struct schema_fault_at *at)
{
    const char *place =
        arena_printf(&l->arena, "%s%s%s", at->path, *at->path && *at->field ? "." : "", at->field);

    return place ? place : "";
}

/* What a value is, for messages: its text, or its kind. */
static const char *value_of(struct lint *l, const struct yaml_node *node)
{
    enum { SHOWN = 80 };
    const char *text;

    if (node->kind != YAML_SCALAR)
        return yaml_kind_name(node->kind);
    text = strlen(node->text) > SHOWN ? arena_printf(&l->arena, "'%.*s…'", SHOWN, node->text)
                                      : arena_printf(&l->arena, "'%s'", node->text);
    return text ? text : "";
}

static void say_unknown(struct object *o, struct finding *f, const struct schema_fault_at *at)
{
    const char *near = *at->instead ? at->instead : at->words;

    if (*near)
        finding_cure(o->l, f, "write '%s' if that is meant, else remove it", near);
    else
        finding_cure(o->l, f, "remove it: %s has no such field%s", o->source,
                     at->emptied ? ", but what is in it has its place" : "");
}

static void say_renamed(struct object *o, struct finding *f, const struct schema_fault_at *at)
{
    const char *colon = strchr(at->instead, ':');

    if (colon)
        finding_cure(o->l, f, "write it in the %.*s, under '%s'", (int)(colon - at->instead),
                     at->instead, colon + 1);
    else if (*at->instead)
        finding_cure(o->l, f, "write '%s' instead", at->instead);
    else
        finding_cure(o->l, f, "remove it: nothing came instead");
}

/* Patterns that have a name among people. */
static const char *pattern_words(const char *pattern)
{
    static const struct {
        const char *part, *words;
    } known[] = {
        {"(s|m|h))+|Never)", "a duration such as 720h or 1h30m, or Never"},
        {"^([0-9]+(s|m|h))+$", "a duration such as 24h or 1h30m"},
        {"[0-9]{1,2})%|[0-9]+)$", "a number such as '5', or a percentage such as '10%'"},
        {"^[^/]*$", "the group alone, without '/' and version"},
        {"(h|m))|", "hours and minutes such as 8h or 1h30m"},
        {"hourly", "five fields of cron, or @daily and the like"},
        {"[numkMGTPE]", "a quantity such as 500m, 4 or 16Gi"},
        {"59000)Gi", "a size from 1Gi to 64Ti"},
        {"subnet-", "an id such as subnet-0123456789abcdef0"},
        {"sg-", "an id such as sg-0123456789abcdef0"},
        {"ami-", "an id such as ami-0123456789abcdef0"},
        {"[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]",
         "letters, digits, '-', '_' and '.', a letter or a digit at both ends"},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strstr(pattern, known[i].part))
            return known[i].words;
    }
    return NULL;
}

static struct finding *find_value(struct object *o, const struct schema_fault_at *at,
                                  struct spot spot)
{
    struct lint *l = o->l;
    const char *place = place_of(l, at), *value = value_of(l, at->node);
    const char *words = at->words;
    struct finding *f;

    if (at->fault == SCHEMA_VALUE_RULE)
        return lint_find(l, rule_of(at), spot, "%s '%s': %s: %s", o->kind, name_of(o->d), place,
                         words);
    if (at->fault == SCHEMA_VALUE_PATTERN && pattern_words(at->words))
        words = pattern_words(at->words);
    f = lint_find(l, rule_of(at), spot, "%s '%s': %s is %s, not %s", o->kind, name_of(o->d), place,
                  value, words);
    if (*at->instead)
        finding_cure(l, f, "write '%s'", at->instead);
    else if (at->fault == SCHEMA_VALUE_TYPE)
        finding_cure(l, f, "write %s", words);
    return f;
}

static struct finding *find_field(struct object *o, const struct schema_fault_at *at,
                                  struct spot spot)
{
    struct lint *l = o->l;
    const char *where = *at->path ? at->path : "the object";
    struct finding *f;

    switch (at->fault) {
    case SCHEMA_FIELD_UNKNOWN:
        f = lint_find(l, rule_of(at), spot, "%s '%s': %s has no field '%s'", o->kind, name_of(o->d),
                      where, at->field);
        say_unknown(o, f, at);
        return f;
    case SCHEMA_FIELD_MISPLACED:
        f = lint_find(l, rule_of(at), spot, "%s '%s': field '%s' is not one of %s but of %s",
                      o->kind, name_of(o->d), at->field, where,
                      check_schema_before(l, at->instead));
        finding_cure(l, f, "move it to '%s'", at->instead);
        return f;
    case SCHEMA_FIELD_RENAMED:
        f = lint_find(l, rule_of(at), spot, "%s '%s': field '%s' of %s is no more%s%s", o->kind,
                      name_of(o->d), at->field, where, *at->instead ? "; now it is " : "",
                      at->instead);
        say_renamed(o, f, at);
        return f;
    default:
        f = lint_find(l, rule_of(at), spot, "%s '%s': %s lacks '%s'", o->kind, name_of(o->d), where,
                      at->field);
        finding_cure(l, f, "add '%s': %s", at->field, at->words);
        return f;
    }
}

/* A class that is named with an apiVersion of old: the version is what a user will look for. */
static struct finding *find_old_class(struct object *o, const struct schema_fault_at *at,
                                      struct spot spot)
{
    const char *version = node_text(node_get(at->map, at->field), "");
    struct finding *f;

    if (at->fault != SCHEMA_FIELD_RENAMED || strcmp(at->field, "apiVersion") != 0 ||
        !strchr(version, '/') || strcmp(strchr(version, '/'), "/v1") == 0)
        return NULL;
    f = lint_find(o->l, RULE_API_VERSION_REMOVED, spot,
                  "%s '%s': %s names apiVersion '%s', which is no longer served, and needs a group",
                  o->kind, name_of(o->d), at->path, version);
    finding_cure(o->l, f, "write 'group: %.*s' instead of apiVersion", (int)strcspn(version, "/"),
                 version);
    return f;
}

static bool is_value_fault(enum schema_fault fault)
{
    return fault != SCHEMA_FIELD_UNKNOWN && fault != SCHEMA_FIELD_MISPLACED &&
           fault != SCHEMA_FIELD_RENAMED && fault != SCHEMA_FIELD_MISSING;
}

/* Namespaces, and the names of Namespaces, are what kustomizations most often put in. */
static bool is_put_in(const struct object *o, const struct schema_fault_at *at)
{
    bool space = at->fault == SCHEMA_FIELD_MISSING && strcmp(at->field, "namespace") == 0;
    bool name = at->fault == SCHEMA_VALUE_NAME && strcmp(o->kind, "Namespace") == 0;

    return (space || name) && part_is_built(o->d);
}

/* Whether the fault is in a word that stands in a template as it will stand in the object. */
static bool is_literal(const struct schema_fault_at *at)
{
    return (at->fault == SCHEMA_VALUE_KEY || at->fault == SCHEMA_VALUE_ENUM ||
            at->fault == SCHEMA_VALUE_LABEL) &&
           *node_text(at->node, "") && !strstr(node_text(at->node, ""), "$(");
}

static void report(void *self, const struct schema_fault_at *at)
{
    struct object *o = self;
    struct spot spot = spot_of(o->d, at->node);
    struct finding *f;

    if (o->partial && (at->fault == SCHEMA_FIELD_MISSING || at->field[0] == '$'))
        return;
    if (o->d->piece->templated && is_value_fault(at->fault) && !is_literal(at))
        return;
    if (is_put_in(o, at))
        return;
    if (o->d->piece->fenced && is_value_fault(at->fault) && strstr(node_text(at->node, ""), " | "))
        return; /* prose that names the values there are */
    f = find_old_class(o, at, spot);
    if (!f)
        f = is_value_fault(at->fault) ? find_value(o, at, spot) : find_field(o, at, spot);
    check_schema_fix(o->l, f, o->d, at);
}

static void find_removed(struct object *o, const struct schema_answer *a)
{
    struct lint *l = o->l;
    const struct document *d = o->d;
    bool same = strcmp(a->instead_kind, d->kind) == 0;
    const struct yaml_node *version = node_get(d->root, "apiVersion");
    const struct yaml_node *kind = node_get(d->root, "kind");
    struct finding *f = lint_find(l, same ? RULE_API_VERSION_REMOVED : RULE_KIND_REMOVED,
                                  spot_of(d, same ? version : kind),
                                  "%s '%s' is of %s, which is not served since %s", d->kind,
                                  name_of(d), d->api_version, a->since);

    if (!*a->instead_kind) {
        finding_cure(l, f, "remove it: no kind came instead");
        return;
    }
    if (same)
        finding_cure(l, f, "write 'apiVersion: %s'", a->instead_version);
    else
        finding_cure(l, f, "write 'apiVersion: %s' and 'kind: %s'", a->instead_version,
                     a->instead_kind);
    fix_replace(l, f, d, version, a->instead_version);
    if (!same)
        fix_replace(l, f, d, kind, a->instead_kind);
}

static void find_unknown(struct object *o, const struct schema_answer *a)
{
    struct lint *l = o->l;
    const struct document *d = o->d;
    struct finding *f;

    if (d->piece->templated && (!*d->kind || !*d->api_version))
        return;
    f = lint_find(l, RULE_KIND_UNKNOWN, spot_of(d, node_get(d->root, "kind")),
                  "%s has no kind '%s'", d->api_version, d->kind);
    if (!*a->instead_kind) {
        finding_cure(l, f, "correct the kind or the apiVersion");
        return;
    }
    finding_cure(l, f, "write 'apiVersion: %s' and 'kind: %s'", a->instead_version,
                 a->instead_kind);
    if (strcmp(a->instead_version, d->api_version) != 0)
        fix_replace(l, f, d, node_get(d->root, "apiVersion"), a->instead_version);
    if (strcmp(a->instead_kind, d->kind) != 0)
        fix_replace(l, f, d, node_get(d->root, "kind"), a->instead_kind);
}

/* A kind is one word; in prose there may be more behind it. */
static bool is_word(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] ==
           '\0';
}

static void check_document(struct lint *l, const struct document *d)
{
    struct object o = {.l = l, .d = d, .kind = d->kind};
    struct schema_answer a;

    if (!*d->api_version || !*d->kind || !is_word(d->kind) || text_is_placeholder(d->api_version))
        return;
    a = schema_ask(l->schemas, d->api_version, d->kind);
    o.source = a.source;
    if (a.known == SCHEMA_REMOVED)
        find_removed(&o, &a);
    else if (a.known == SCHEMA_UNKNOWN_KIND)
        find_unknown(&o, &a);
    if (*a.instead_kind && a.known == SCHEMA_REMOVED)
        o.kind = a.instead_kind;
    if (a.known == SCHEMA_UNKNOWN || a.known == SCHEMA_UNKNOWN_KIND)
        return;
    if (a.known == SCHEMA_REMOVED)
        o.source = schema_ask(l->schemas, a.instead_version, a.instead_kind).source;
    o.partial = d->piece->templated || d->part;
    if (schema_check(l->schemas, d->root, d->api_version, d->kind, report, &o, NULL) < 0)
        l->out_of_memory = true;
}

void check_schema(struct lint *l)
{
    for (size_t i = 0; i < l->system.n_documents; i++)
        check_document(l, l->system.documents[i]);
}
