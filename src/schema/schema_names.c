/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names, label keys and values, annotation keys by Kubernetes' rules: what the metadata of every
 * object may hold.
 */
#include <string.h>

#include "schema/schema_check.h"

enum { LABEL_BYTES = 63, NAME_BYTES = 253, CRONJOB_BYTES = 52, KEY_NAME_BYTES = 63 };

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_letter(char c)
{
    return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_dns_part(const char *text, size_t size)
{
    if (size == 0 || !is_lower(text[0]) || !is_lower(text[size - 1]))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!is_lower(text[i]) && text[i] != '-')
            return false;
    }
    return true;
}

bool verify_is_dns_label(const char *text)
{
    size_t size = strlen(text);

    return size <= LABEL_BYTES && is_dns_part(text, size);
}

static bool is_subdomain(const char *text, size_t size)
{
    size_t part;

    if (size > NAME_BYTES)
        return false;
    for (;; text += part + 1, size -= part + 1) {
        const char *dot = memchr(text, '.', size);

        part = dot ? (size_t)(dot - text) : size;
        if (!is_dns_part(text, part))
            return false;
        if (!dot)
            return true;
    }
}

bool verify_is_dns_subdomain(const char *text)
{
    return is_subdomain(text, strlen(text));
}

/* Letters, digits, '-', '_' and '.', the first and the last a letter or a digit. */
static bool is_name_part(const char *text, size_t size)
{
    if (size == 0 || size > KEY_NAME_BYTES || !is_letter(text[0]) || !is_letter(text[size - 1]))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!is_letter(text[i]) && text[i] != '-' && text[i] != '_' && text[i] != '.')
            return false;
    }
    return true;
}

bool verify_is_label_value(const char *text)
{
    return *text == '\0' || is_name_part(text, strlen(text));
}

bool verify_is_label_key(const char *text)
{
    const char *slash = strchr(text, '/');

    if (slash && !is_subdomain(text, (size_t)(slash - text)))
        return false;
    text = slash ? slash + 1 : text;
    return is_name_part(text, strlen(text));
}

void verify_label_key(struct check *c, const struct yaml_node *map, const char *field,
                      const struct yaml_node *key, const char *what)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_NAME, .node = key, .map = map, .field = field};

    if (!key->text || verify_placeholder(key->text) || verify_is_label_key(key->text))
        return;
    verify_fault(c, at,
                 "%s: an optional domain and '/', then at most 63 letters, digits, '-', '_', '.'",
                 what);
}

void verify_label_value(struct check *c, const struct yaml_node *map, const char *field,
                        const struct yaml_node *value)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_LABEL, .node = value, .map = map, .field = field};

    if (value->kind != YAML_SCALAR || verify_placeholder(value->text) ||
        verify_is_label_value(value->text))
        return;
    verify_fault(c, at,
                 "at most 63 letters, digits, '-', '_', '.', a letter or a digit at both ends");
}

void verify_labels(struct check *c, const struct yaml_node *labels, bool values_too)
{
    if (!labels || labels->kind != YAML_MAP)
        return;
    for (size_t i = 0; i < labels->count; i++) {
        const struct yaml_node *key = labels->pairs[i].key;

        verify_label_key(c, labels, key->text, key, "a label key");
        if (values_too)
            verify_label_value(c, labels, key->text, labels->pairs[i].value);
    }
}

/* Annotation keys are checked in lower case. */
static bool is_annotation_key(const char *text)
{
    char lower[NAME_BYTES + 1 + KEY_NAME_BYTES + 1];
    size_t size = strlen(text);

    if (size >= sizeof lower)
        return false;
    for (size_t i = 0; i <= size; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    return verify_is_label_key(lower);
}

static void check_annotations(struct check *c, const struct yaml_node *map)
{
    if (!map || map->kind != YAML_MAP)
        return;
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_node *key = map->pairs[i].key;
        struct schema_fault_at at = {
            .fault = SCHEMA_VALUE_NAME, .node = key, .map = map, .field = key->text};

        if (!verify_placeholder(key->text) && !is_annotation_key(key->text))
            verify_fault(c, at,
                         "an annotation key: an optional domain and '/', then at most 63 "
                         "letters, digits, '-', '_', '.'");
    }
}

/* What kinds ask of their names that is not a DNS subdomain. */
enum name_rule {
    NAME_SUBDOMAIN,
    NAME_LABEL,
    NAME_PATH, /* all but '/', '%', '.' and '..' */
};

static enum name_rule rule_of(const char *kind)
{
    static const struct {
        const char *kind;
        enum name_rule rule;
    } rules[] = {
        {"Namespace", NAME_LABEL},
        {"Service", NAME_LABEL},
        {"Role", NAME_PATH},
        {"ClusterRole", NAME_PATH},
        {"RoleBinding", NAME_PATH},
        {"ClusterRoleBinding", NAME_PATH},
        {"PodDisruptionBudget", NAME_PATH},
    };

    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (strcmp(rules[i].kind, kind) == 0)
            return rules[i].rule;
    }
    return NAME_SUBDOMAIN;
}

static void check_name(struct check *c, const struct yaml_node *metadata)
{
    const struct yaml_node *node = verify_get(metadata, "name");
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_NAME, .node = node, .map = metadata, .field = "name"};
    const char *name;

    if (!node || node->kind != YAML_SCALAR || verify_placeholder(node->text))
        return;
    name = node->text;
    switch (rule_of(c->kind->kind)) {
    case NAME_LABEL:
        if (!verify_is_dns_label(name))
            verify_fault(c, at,
                         "at most 63 lower case letters, digits and '-', a letter or a digit "
                         "at both ends");
        return;
    case NAME_PATH:
        if (strpbrk(name, "/%") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            verify_fault(c, at, "without '/' and '%%'");
        return;
    case NAME_SUBDOMAIN:
        break;
    }
    if (!verify_is_dns_subdomain(name))
        verify_fault(c, at,
                     "lower case letters, digits, '-' and '.', a letter or a digit at both "
                     "ends, at most 253 in all");
    else if (strcmp(c->kind->kind, "CronJob") == 0 && strlen(name) > CRONJOB_BYTES)
        verify_fault(c, at, "at most 52 characters, as jobs get names made of it");
}

/* A name is wanted unless one is to be generated, which the API server does for a LimitRange. */
static void check_named(struct check *c, const struct yaml_node *metadata)
{
    const struct yaml_node *on = metadata ? metadata : c->root;
    struct schema_fault_at at = {
        .fault = SCHEMA_FIELD_MISSING, .node = on, .map = on, .field = "name"};

    if (verify_get(metadata, "name") || verify_get(metadata, "generateName") ||
        strcmp(c->kind->kind, "LimitRange") == 0)
        return;
    verify_fault(c, at, "the object's name");
}

void verify_metadata(struct check *c, const struct yaml_node *metadata)
{
    const struct yaml_node *space;
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_NAME, .map = metadata, .field = "namespace"};
    size_t size = verify_enter(c, "metadata");

    if (metadata && metadata->kind == YAML_NULL)
        metadata = NULL;
    if (!metadata || metadata->kind == YAML_MAP) {
        check_named(c, metadata);
        check_name(c, metadata);
    }
    space = verify_get(metadata, "namespace");
    if (space && space->kind == YAML_SCALAR && *space->text && !verify_placeholder(space->text) &&
        !verify_is_dns_label(space->text)) {
        at.node = space;
        verify_fault(c, at,
                     "at most 63 lower case letters, digits and '-', a letter or a digit at "
                     "both ends");
    }
    if (metadata) {
        size_t inner = verify_enter(c, "labels");

        verify_labels(c, verify_get(metadata, "labels"), true);
        verify_leave(c, inner);
        inner = verify_enter(c, "annotations");
        check_annotations(c, verify_get(metadata, "annotations"));
        verify_leave(c, inner);
    }
    verify_leave(c, size);
}
