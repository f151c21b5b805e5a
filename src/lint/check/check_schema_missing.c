/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields that are missing: put where there is one right answer (what the rest of the set says), or
 * where the user chose one.
 */
#include <string.h>
#include <strings.h>

#include "lint/check/check_schema.h"

static bool is_pool(const struct document *d)
{
    return strcmp(d->kind, "NodePool") == 0 || strcmp(d->kind, "Provisioner") == 0;
}

static bool is_class(const struct document *d)
{
    return strcmp(d->kind, "EC2NodeClass") == 0 || strcmp(d->kind, "AWSNodeTemplate") == 0;
}

/* The only class of the set, or the one that the user chose; NULL: to be chosen. */
static const char *class_name(struct lint *l, struct finding *f)
{
    if (l->system.n_classes == 1 && *l->system.classes[0].name)
        return l->system.classes[0].name;
    return finding_choose(l, f, "node-class", "the EC2NodeClass for pools that name none");
}

static void fix_reference(struct lint *l, struct finding *f, const struct document *d)
{
    const char *name = class_name(l, f), *quoted = name ? check_schema_quoted(l, name) : NULL;
    const char *text = quoted ? arena_printf(&l->arena,
                                             "group: karpenter.k8s.aws\nkind: EC2NodeClass\n"
                                             "name: %s",
                                             quoted)
                              : NULL;

    if (text)
        fix_put(l, f, d, "spec.template.spec", "nodeClassRef", text);
}

/* Groups of the kinds of node classes that there are. */
static const char *group_of(const char *kind)
{
    static const struct {
        const char *kind, *group;
    } groups[] = {
        {"", "karpenter.k8s.aws"},
        {"EC2NodeClass", "karpenter.k8s.aws"},
        {"AWSNodeTemplate", "karpenter.k8s.aws"},
        {"NodeClass", "eks.amazonaws.com"},
        {"AKSNodeClass", "karpenter.azure.com"},
        {"KWOKNodeClass", "karpenter.kwok.sh"},
    };

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (strcmp(groups[i].kind, kind) == 0)
            return groups[i].group;
    }
    return NULL;
}

static const char *kind_of(const char *group)
{
    if (!*group || strcmp(group, "karpenter.k8s.aws") == 0)
        return "EC2NodeClass";
    return strcmp(group, "eks.amazonaws.com") == 0 ? "NodeClass" : NULL;
}

static void fix_reference_field(struct lint *l, struct finding *f, const struct document *d,
                                const struct schema_fault_at *at)
{
    const char *group = node_text(node_get(at->map, "group"), "");
    const char *version = node_text(node_get(at->map, "apiVersion"), "");
    const char *value = NULL;

    if (strcmp(at->field, "group") == 0 && !*version)
        value = group_of(node_text(node_get(at->map, "kind"), ""));
    else if (strcmp(at->field, "kind") == 0)
        value = kind_of(group);
    else if (strcmp(at->field, "name") == 0)
        value = class_name(l, f);
    if (value)
        value = check_schema_quoted(l, value);
    if (value)
        fix_put(l, f, d, at->path, at->field, value);
}

/* Which amiFamily goes with an alias. */
static bool family_fits(const char *family, const char *alias)
{
    size_t size = strcspn(alias, "@");

    return !*family || strcmp(family, "Custom") == 0 ||
           (strlen(family) == size && strncasecmp(family, alias, size) == 0);
}

static void fix_images(struct lint *l, struct finding *f, const struct document *d,
                       const struct schema_fault_at *at)
{
    const char *alias = finding_choose(l, f, "ami-alias", "the image, such as al2023@v20260101");
    const char *text;

    if (!alias || strpbrk(alias, "\" :#\n"))
        return;
    text = arena_printf(&l->arena, "- alias: %s", alias);
    if (!text)
        return;
    if (!family_fits(node_text(node_get(at->map, "amiFamily"), ""), alias))
        fix_remove(l, f, d, at->path, "amiFamily");
    fix_put(l, f, d, at->path, at->field, text);
}

static void fix_class(struct lint *l, struct finding *f, const struct document *d,
                      const struct schema_fault_at *at)
{
    const char *value, *quoted;

    if (strcmp(at->field, "amiSelectorTerms") == 0) {
        fix_images(l, f, d, at);
        return;
    }
    if (strcmp(at->field, "role") == 0)
        value = finding_choose(l, f, "node-role", "the IAM role of the nodes");
    else if (strcmp(at->field, "amiFamily") == 0)
        value = finding_choose(l, f, "ami-family", "AL2023, Bottlerocket or Custom");
    else if (strstr(at->field, "SelectorTerms"))
        value = finding_choose(l, f, "cluster", "the cluster's name, as in karpenter.sh/discovery");
    else
        return;
    quoted = value ? check_schema_quoted(l, value) : NULL;
    if (quoted && strstr(at->field, "SelectorTerms"))
        quoted = arena_printf(&l->arena, "- tags:\n    karpenter.sh/discovery: %s", quoted);
    if (quoted)
        fix_put(l, f, d, at->path, at->field, quoted);
}

/* A selector of all labels that the template has, as the API server once made it by itself. */
static void fix_selector(struct lint *l, struct finding *f, const struct document *d)
{
    const struct yaml_node *labels = node_at(d->root, "spec.template.metadata.labels");
    const char *text = "matchLabels:";

    if (!labels || labels->kind != YAML_MAP || labels->count == 0)
        return;
    for (size_t i = 0; i < labels->count; i++) {
        const char *key = check_schema_quoted(l, labels->pairs[i].key->text);
        const char *value = check_schema_quoted(l, node_text(labels->pairs[i].value, ""));

        text = key && value ? arena_printf(&l->arena, "%s\n  %s: %s", text, key, value) : NULL;
        if (!text)
            return;
    }
    fix_put(l, f, d, "spec", "selector", text);
}

void check_schema_fix_missing(struct lint *l, struct finding *f, const struct document *d,
                              const struct schema_fault_at *at)
{
    const char *policy;

    if (strchr(at->path, '['))
        return;
    if (is_pool(d) && strcmp(at->field, "nodeClassRef") == 0) {
        fix_reference(l, f, d);
    } else if (is_pool(d) && strcmp(check_schema_last(at->path), "nodeClassRef") == 0) {
        fix_reference_field(l, f, d, at);
    } else if (is_pool(d) && strcmp(at->field, "consolidateAfter") == 0) {
        fix_put(l, f, d, at->path, at->field, "0s"); /* what it is where nothing is written */
    } else if (is_class(d) && strcmp(at->path, "spec") == 0) {
        fix_class(l, f, d, at);
    } else if (strcmp(at->field, "restartPolicy") == 0) {
        policy = finding_choose(l, f, "restart-policy", "OnFailure or Never, of a job's pods");
        if (policy && (strcmp(policy, "OnFailure") == 0 || strcmp(policy, "Never") == 0))
            fix_put(l, f, d, at->path, at->field, policy);
    } else if (strcmp(at->path, "spec") == 0 && strcmp(at->field, "selector") == 0) {
        fix_selector(l, f, d);
    }
}
