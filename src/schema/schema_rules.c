/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Karpenter's CRDs state as rules between fields (CEL), and what its controller refuses later:
 * requirements, taints, budgets, static pools, overlays. Lists are looked for in their old and
 * wrong places too, so that one run finds everything.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/suggest.h"
#include "schema/schema_check.h"

enum { MOST_TAINTS = 100 };

static bool is_kind(const struct check *c, const char *kind)
{
    return strcmp(c->kind->kind, kind) == 0 &&
           strncmp(c->kind->api_version, "karpenter.sh/", 13) == 0;
}

static bool is_comparison(const char *operator)
{
    return strcmp(operator, "Gt") == 0 || strcmp(operator, "Lt") == 0 ||
           strcmp(operator, "Gte") == 0 || strcmp(operator, "Lte") == 0;
}

/* Values that Karpenter knows beforehand, of a key that has such. */
struct known_values {
    const char *key;
    const char *values[3];
    size_t n;
    const char *meant[2][2]; /* what people write: what it is called */
};

static void check_known_value(struct check *c, const struct known_values *known,
                              const struct yaml_node *values, const struct yaml_node *value)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_ENUM, .node = value, .map = values, .instead = ""};

    if (value->kind != YAML_SCALAR || verify_placeholder(value->text))
        return;
    for (size_t i = 0; i < known->n; i++)
        if (strcmp(known->values[i], value->text) == 0)
            return;
    for (size_t i = 0; i < 2; i++)
        if (strcmp(known->meant[i][0], value->text) == 0)
            at.instead = known->meant[i][1];
    if (!*at.instead)
        at.instead = suggest_find(value->text, known->values, known->n);
    verify_fault(c, at, "one of %s, %s%s%s", known->values[0], known->values[1],
                 known->n > 2 ? ", " : "", known->n > 2 ? known->values[2] : "");
}

static void check_known_values(struct check *c, const char *key, const struct yaml_node *values)
{
    static const struct known_values known[] = {
        {"karpenter.sh/capacity-type", {"spot", "on-demand", "reserved"}, 3, {{"", ""}, {"", ""}}},
        {"kubernetes.io/arch", {"amd64", "arm64"}, 2, {{"x86_64", "amd64"}, {"aarch64", "arm64"}}},
        {"kubernetes.io/os", {"linux", "windows"}, 2, {{"", ""}, {"", ""}}},
        {"karpenter.k8s.aws/instance-tenancy", {"default", "dedicated"}, 2, {{"", ""}, {"", ""}}},
    };

    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++)
        for (size_t i = 0; strcmp(known[k].key, key) == 0 && i < values->count; i++)
            check_known_value(c, &known[k], values, values->items[i]);
}

static void check_values(struct check *c, const struct yaml_node *item, const char *operator,
                         const struct yaml_node * values)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_RULE, .node = values ? values : item, .map = item, .field = "values"};
    size_t n = values && values->kind == YAML_LIST ? values->count : 0;
    bool overlay = is_kind(c, "NodeOverlay");
    uint64_t number, least = 0;

    if (values && values->kind != YAML_LIST)
        return;
    if (n == 0 && (strcmp(operator, "In") == 0 || (overlay && strcmp(operator, "NotIn") == 0)))
        verify_fault(c, at, "operator %s needs at least one value", operator);
    if (is_comparison(operator) &&
        (n != 1 ||
         (values->items[0]->kind == YAML_SCALAR && !verify_placeholder(values->items[0]->text) &&
          !text_uint(&number, values->items[0]->text, INT64_MAX))))
        verify_fault(c, at, "operator %s needs exactly one whole number of at least 0", operator);
    if (strcmp(operator, "In") == 0 && text_uint(&least, verify_text(item, "minValues"), 50) &&
        n > 0 && n < least) {
        at.node = verify_get(item, "minValues");
        at.field = "minValues";
        verify_fault(c, at, "minValues %llu needs as many values; there are %zu",
                     (unsigned long long)least, n);
    }
}

static void check_requirement(struct check *c, const struct yaml_node *item)
{
    const struct yaml_node *key = verify_get(item, "key"), *values = verify_get(item, "values");
    const char *operator= verify_text(item, "operator");

    if (item->kind != YAML_MAP)
        return;
    if (key)
        verify_requirement_key(c, item, "key", key);
    check_values(c, item, operator, values);
    if (!values || values->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < values->count; i++)
        verify_label_value(c, values, "", values->items[i]);
    if (key && key->kind == YAML_SCALAR && strcmp(operator, "In") == 0)
        check_known_values(c, key->text, values);
}

static void check_requirements(struct check *c, const char *path)
{
    const struct yaml_node *list = verify_go(c, path);

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        size_t before = verify_enter_item(c, i);

        check_requirement(c, list->items[i]);
        verify_leave(c, before);
    }
}

/* The taints of a node by key and effect, over the lists that have been seen. */
struct taints {
    size_t n;
    const struct yaml_node *seen[MOST_TAINTS];
};

static void check_taints(struct check *c, struct taints *t, const char *path)
{
    const struct yaml_node *list = verify_go(c, path);

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const struct yaml_node *item = list->items[i];
        const char *key = verify_text(item, "key"), *effect = verify_text(item, "effect");
        struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .node = item, .map = list};

        for (size_t j = 0; *key && j < t->n; j++) {
            if (t->seen[j] == item || strcmp(verify_text(t->seen[j], "key"), key) != 0 ||
                strcmp(verify_text(t->seen[j], "effect"), effect) != 0)
                continue;
            verify_fault(c, at,
                         "taint '%s' with effect '%s' is there already (line %u): key and "
                         "effect may be together once in taints and startupTaints",
                         key, effect, t->seen[j]->line);
            break;
        }
        if (t->n < MOST_TAINTS)
            t->seen[t->n++] = item;
    }
}

static void check_budgets(struct check *c)
{
    const struct yaml_node *list = verify_go(c, "spec.disruption.budgets");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const struct yaml_node *item = list->items[i];
        struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .node = item, .map = list};

        if (item->kind == YAML_MAP &&
            !verify_get(item, "schedule") != !verify_get(item, "duration"))
            verify_fault(c, at, "a budget with %s needs %s too",
                         verify_get(item, "schedule") ? "schedule" : "duration",
                         verify_get(item, "schedule") ? "duration" : "schedule");
    }
}

/* A pool of a fixed number of nodes. */
static void check_static(struct check *c)
{
    const struct yaml_node *spec = verify_go(c, "spec");
    const struct yaml_node *limits = verify_get(spec, "limits");
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .map = spec};

    if (!verify_get(spec, "replicas"))
        return;
    if (verify_get(spec, "weight")) {
        at.node = verify_get(spec, "weight");
        at.field = "weight";
        verify_fault(c, at, "a pool with replicas has no weight");
    }
    if (limits && limits->kind == YAML_MAP && limits->count > 0 &&
        (limits->count > 1 || !verify_get(limits, "nodes"))) {
        at.node = limits;
        at.field = "limits";
        verify_fault(c, at, "a pool with replicas can have only limits.nodes");
    }
}

static void check_template_labels(struct check *c, const char *path)
{
    const struct yaml_node *labels = verify_go(c, path);

    if (!labels || labels->kind != YAML_MAP)
        return;
    verify_labels(c, labels, true);
    for (size_t i = 0; i < labels->count; i++)
        verify_requirement_key(c, labels, labels->pairs[i].key->text, labels->pairs[i].key);
}

static void check_pool(struct check *c)
{
    static const char *const places[] = {"spec.template.spec.", "spec.", "spec.constraints."};
    static const char *const labels[] = {"spec.template.metadata.labels", "spec.labels",
                                         "spec.constraints.labels"};
    struct taints taints = {0};
    char path[CHECK_HOME_BYTES];

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        (void)TEXT_COPY(path, places[i]);
        (void)text_copy(path + strlen(places[i]), sizeof path - strlen(places[i]), "requirements");
        check_requirements(c, path);
        (void)text_copy(path + strlen(places[i]), sizeof path - strlen(places[i]), "taints");
        check_taints(c, &taints, path);
        (void)text_copy(path + strlen(places[i]), sizeof path - strlen(places[i]), "startupTaints");
        check_taints(c, &taints, path);
        check_template_labels(c, labels[i]);
    }
    check_budgets(c);
    check_static(c);
}

static void check_overlay(struct check *c)
{
    const struct yaml_node *spec = verify_go(c, "spec");
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE,
                                 .map = spec,
                                 .field = "price",
                                 .node = verify_get(spec, "price")};

    if (at.node && verify_get(spec, "priceAdjustment"))
        verify_fault(c, at, "price and priceAdjustment exclude each other");
    check_requirements(c, "spec.requirements");
}

void verify_karpenter(struct check *c)
{
    struct taints taints = {0};

    if (is_kind(c, "NodePool")) {
        check_pool(c);
    } else if (is_kind(c, "NodeOverlay")) {
        check_overlay(c);
    } else if (is_kind(c, "NodeClaim")) {
        check_requirements(c, "spec.requirements");
        check_taints(c, &taints, "spec.taints");
        check_taints(c, &taints, "spec.startupTaints");
    }
}
