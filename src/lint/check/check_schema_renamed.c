/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of Karpenter's old versions into what came instead of them: lifetimes in seconds, nested
 * limits, references with an apiVersion, selectors as maps.
 */
#include <string.h>

#include "lint/check/check_schema.h"

static const char node_class_group[] = "karpenter.k8s.aws", node_class_kind[] = "EC2NodeClass";

/* Moves "spec.FIELD: 30" to a duration of seconds elsewhere. */
static bool move_seconds(struct lint *l, struct finding *f, const struct document *d,
                         const struct schema_fault_at *at, const char *path, const char *key)
{
    const struct yaml_node *value = node_get(at->map, at->field);
    const char *text = node_text(value, ""), *made;

    if (!*text || text[strspn(text, "0123456789")] != '\0')
        return false;
    made = arena_printf(&l->arena, "%ss", text);
    if (!made)
        return false;
    fix_replace(l, f, d, value, made);
    fix_move(l, f, d, at->path, at->field, path, key);
    return true;
}

static void fix_consolidation(struct lint *l, struct finding *f, const struct document *d,
                              const struct schema_fault_at *at)
{
    int enabled = yaml_truth(node_text(node_get(node_get(at->map, at->field), "enabled"), ""));

    if (enabled < 0)
        return;
    fix_remove(l, f, d, at->path, at->field);
    fix_put(l, f, d, "spec.disruption", "consolidationPolicy",
            enabled ? "WhenEmptyOrUnderutilized" : "WhenEmpty");
    fix_put(l, f, d, "spec.disruption", "consolidateAfter", enabled ? "0s" : "Never");
}

/* The fields of a nested map one level up. */
static void fix_limits(struct lint *l, struct finding *f, const struct document *d,
                       const struct schema_fault_at *at)
{
    const struct yaml_node *map = node_get(at->map, at->field);

    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
        fix_move(l, f, d, "spec.limits.resources", map->pairs[i].key->text, "spec.limits",
                 map->pairs[i].key->text);
}

static void fix_reference(struct lint *l, struct finding *f, const struct document *d,
                          const struct schema_fault_at *at)
{
    const struct yaml_node *map = node_get(at->map, at->field);

    if (!map || map->kind != YAML_MAP || strchr(at->path, '['))
        return;
    fix_move(l, f, d, at->path, at->field, check_schema_before(l, at->instead),
             check_schema_last(at->instead));
    if (node_get(map, "apiVersion"))
        fix_remove(l, f, d, at->instead, "apiVersion");
    fix_put(l, f, d, at->instead, "group", node_class_group);
    fix_put(l, f, d, at->instead, "kind", node_class_kind);
}

/* "apiVersion: karpenter.k8s.aws/v1" becomes "group: karpenter.k8s.aws". */
static void fix_group(struct lint *l, struct finding *f, const struct document *d,
                      const struct schema_fault_at *at)
{
    const struct yaml_pair *pair = node_pair(at->map, at->field);
    const char *version = pair ? node_text(pair->value, "") : "", *group;

    if (!strchr(version, '/'))
        return;
    group = arena_copy(&l->arena, version, strcspn(version, "/"));
    if (!group)
        return;
    if (node_get(at->map, "group")) {
        if (!strchr(at->path, '['))
            fix_remove(l, f, d, at->path, at->field);
        return;
    }
    fix_replace(l, f, d, pair->value, group);
    fix_rename(l, f, d, pair, "group");
}

/* One old selector as terms: a list of ids or names, else one term of tags. */
struct terms {
    const char *text;
    bool failed;
};

static void add_term(struct lint *l, struct terms *t, const char *field, const char *value,
                     size_t size)
{
    const char *copy = arena_copy(&l->arena, value, size);
    const char *quoted = copy ? check_schema_quoted(l, copy) : NULL;

    t->text = quoted ? arena_printf(&l->arena, "%s%s- %s: %s", t->text, *t->text ? "\n" : "", field,
                                    quoted)
                     : NULL;
    t->failed = !t->text;
}

/* "a,b" under aws-ids and its like: a term for each. */
static void add_list(struct lint *l, struct terms *t, const char *field, const char *list)
{
    for (;;) {
        size_t size;

        list += strspn(list, " ");
        size = strcspn(list, ",");
        if (size > 0 && !t->failed)
            add_term(l, t, field, list, size);
        if (list[size] == '\0')
            return;
        list += size + 1;
    }
}

static const char *id_field(const char *key)
{
    if (strcmp(key, "aws-ids") == 0 || strcmp(key, "aws::ids") == 0)
        return "id";
    return strcmp(key, "aws::name") == 0 ? "name" : NULL;
}

/* The terms for a selector map; NULL where they cannot be told. */
static const char *terms_of(struct lint *l, const struct yaml_node *map)
{
    struct terms t = {.text = ""};
    const char *tags = "";

    for (size_t i = 0; i < map->count && !t.failed; i++) {
        const char *key = map->pairs[i].key->text, *value = node_text(map->pairs[i].value, "");
        const char *field = id_field(key), *shown, *quoted;

        if (field && map->count == 1) {
            add_list(l, &t, field, value);
            continue;
        }
        if (field || strncmp(key, "aws::", 5) == 0 || strchr(value, ','))
            return NULL; /* several values of one tag: one term each, or all of them */
        shown = check_schema_quoted(l, key);
        quoted = check_schema_quoted(l, value);
        tags =
            shown && quoted ? arena_printf(&l->arena, "%s\n    %s: %s", tags, shown, quoted) : NULL;
        if (!tags)
            return NULL;
    }
    if (t.failed || *t.text)
        return t.failed ? NULL : t.text;
    return *tags ? arena_printf(&l->arena, "- tags:%s", tags) : NULL;
}

static void fix_selector(struct lint *l, struct finding *f, const struct document *d,
                         const struct schema_fault_at *at)
{
    const struct yaml_pair *pair = node_pair(at->map, at->field);
    const char *terms;

    if (!pair || pair->value->kind != YAML_MAP || pair->value->count == 0)
        return;
    terms = terms_of(l, pair->value);
    if (!terms)
        return;
    fix_replace(l, f, d, pair->value, terms);
    fix_rename(l, f, d, pair, check_schema_last(at->instead));
}

void check_schema_fix_renamed(struct lint *l, struct finding *f, const struct document *d,
                              const struct schema_fault_at *at)
{
    const char *field = at->field;

    if (strcmp(field, "ttlSecondsAfterEmpty") == 0) {
        if (move_seconds(l, f, d, at, "spec.disruption", "consolidateAfter"))
            fix_put(l, f, d, "spec.disruption", "consolidationPolicy", "WhenEmpty");
    } else if (strcmp(field, "ttlSecondsUntilExpired") == 0) {
        (void)move_seconds(l, f, d, at, "spec.template.spec", "expireAfter");
    } else if (strcmp(field, "expireAfter") == 0) {
        fix_move(l, f, d, at->path, field, "spec.template.spec", field);
    } else if (strcmp(field, "consolidation") == 0) {
        fix_consolidation(l, f, d, at);
    } else if (strcmp(field, "resources") == 0) {
        fix_limits(l, f, d, at);
    } else if (strcmp(field, "providerRef") == 0 || strcmp(field, "machineTemplateRef") == 0) {
        fix_reference(l, f, d, at);
    } else if (strcmp(field, "apiVersion") == 0) {
        fix_group(l, f, d, at);
    } else if (strcmp(check_schema_before(l, at->instead), "spec") == 0 &&
               strstr(at->instead, "SelectorTerms")) {
        fix_selector(l, f, d, at);
    }
}
