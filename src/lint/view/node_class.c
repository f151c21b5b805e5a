/* SPDX-License-Identifier: Apache-2.0 */
/* The view of an EC2NodeClass, or of an AWSNodeTemplate of old. */
#include <string.h>

#include "base/text.h"
#include "lint/view/view.h"

/* Families as an alias spells them, and as amiFamily does. */
static const char *const families[][2] = {
    {"al2023", "AL2023"},
    {"al2", "AL2"},
    {"bottlerocket", "Bottlerocket"},
    {"windows2019", "Windows2019"},
    {"windows2022", "Windows2022"},
    {"windows2025", "Windows2025"},
};

static const char *alias_family(const char *alias)
{
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t length = strlen(families[i][0]);

        if (strncmp(alias, families[i][0], length) == 0 && (alias[length] == '@' || !alias[length]))
            return families[i][1];
    }
    return "";
}

static const char *find_alias(const struct yaml_node *spec)
{
    const struct yaml_node *terms = node_get(spec, "amiSelectorTerms");

    if (!terms || terms->kind != YAML_LIST)
        return "";
    for (size_t i = 0; i < terms->count; i++) {
        const char *alias = node_text(node_get(terms->items[i], "alias"), "");

        if (alias[0])
            return alias;
    }
    return "";
}

void node_class_read(struct lint *l, struct system *s, const struct document *d)
{
    struct node_class *grown;

    if (!document_is(d, "karpenter.k8s.aws", "EC2NodeClass") &&
        !document_is(d, "karpenter.k8s.aws", "AWSNodeTemplate"))
        return;
    grown = view_grow(l, s->classes, s->n_classes, sizeof *grown);
    if (!grown)
        return;
    s->classes = grown;
    grown += s->n_classes++;
    *grown = (struct node_class){.doc = d, .name = d->name, .spec = node_get(d->root, "spec")};
    grown->alias = find_alias(grown->spec);
    grown->family = node_text(node_get(grown->spec, "amiFamily"), alias_family(grown->alias));
}
