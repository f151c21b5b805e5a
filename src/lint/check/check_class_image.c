/* SPDX-License-Identifier: Apache-2.0 */
/* The image that an EC2NodeClass boots: that it joins, has a driver, and does not change alone. */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_class.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

/* Makes an alias the only term, as Karpenter wants it. Where terms lack, another rule puts them. */
static void choose_alias(struct lint *l, struct finding *f, const struct node_class *c)
{
    const char *alias = finding_choose(l, f, "ami-alias", "the image, such as al2023@v20250920");
    const struct yaml_node *terms = node_get(c->spec, "amiSelectorTerms");

    if (!alias || !class_editable(c))
        return;
    if (terms)
        fix_replace(l, f, c->doc, terms, lint_printf(l, "- alias: %s", alias));
    if (node_get(c->spec, "amiFamily"))
        fix_remove(l, f, c->doc, "spec", "amiFamily");
}

static void check_custom(struct lint *l, const struct node_class *c)
{
    const struct yaml_node *data = node_get(c->spec, "userData");
    struct finding *f;

    if (strcmp(c->family, "Custom") != 0 || node_text(data, "")[0])
        return;
    f = lint_find(l, RULE_AMI_CUSTOM_WITHOUT_USERDATA,
                  match_spot(c->doc, node_get(c->spec, "amiFamily")),
                  "class '%s' has amiFamily Custom and no userData: Karpenter writes none, so its "
                  "nodes never join the cluster",
                  c->name);
    finding_cure(l, f, "name an EKS image by an alias, or write the userData that joins");
    choose_alias(l, f, c);
}

static void check_al2(struct lint *l, const struct node_class *c)
{
    const struct yaml_node *family = node_get(c->spec, "amiFamily");
    struct finding *f;

    if (strcmp(c->family, "AL2") != 0)
        return;
    f = lint_find(l, RULE_AMI_AL2_RETIRED,
                  match_spot(c->doc, family ? family : node_get(c->spec, "amiSelectorTerms")),
                  "class '%s' boots Amazon Linux 2, of which there are no images for Kubernetes "
                  "1.33 and later",
                  c->name);
    finding_cure(l, f, "use an alias al2023@VERSION");
    choose_alias(l, f, c);
}

static void check_latest(struct lint *l, const struct node_class *c, const struct pool *p)
{
    const char *version = strchr(c->alias, '@');
    struct finding *f;

    if (!p || !version || strcmp(version, "@latest") != 0 || text_starts(c->alias, "windows"))
        return;
    f = lint_find(l, RULE_AMI_LATEST, match_spot(c->doc, node_get(c->spec, "amiSelectorTerms")),
                  "class '%s' boots '%s': every image that AWS releases replaces all nodes of pool "
                  "'%s'",
                  c->name, c->alias, p->name);
    finding_cure(l, f, "name a version, such as al2023@v20250920");
    choose_alias(l, f, c);
}

/* Names of EKS images without a driver: there is one with it for each. */
static bool lacks_driver(const char *text)
{
    static const char *const words[] = {
        "amazon-eks-node-al2023-x86_64-standard",
        "amazon-eks-node-al2023-arm64-standard",
        "amazon-linux-2023/x86_64/standard",
        "amazon-linux-2023/arm64/standard",
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(text, words[i]))
            return true;
    if (strstr(text, "bottlerocket") && strstr(text, "k8s-"))
        return !strstr(text, "nvidia");
    return strstr(text, "amazon-eks-node-1.") || strstr(text, "/amazon-linux-2/recommended");
}

static void check_driver(struct lint *l, const struct node_class *c, const struct pool *p)
{
    static const char *const keys[] = {"name", "ssmParameter"};
    const struct yaml_node *terms = node_get(c->spec, "amiSelectorTerms");
    struct finding *f;

    if (!p || !terms || terms->kind != YAML_LIST || terms->count != 1)
        return;
    for (size_t i = 0; i < 2; i++) {
        const struct yaml_node *term = node_get(terms->items[0], keys[i]);

        if (!lacks_driver(node_text(term, "")))
            continue;
        f = lint_find(l, RULE_AMI_WITHOUT_DRIVER, match_spot(c->doc, term),
                      "the image '%s' of class '%s' has no NVIDIA driver, and pool '%s' buys GPUs",
                      node_text(term, ""), c->name, p->name);
        finding_cure(l, f, "an alias picks the image with the driver for types with GPUs");
        choose_alias(l, f, c);
    }
}

void check_class_image(struct lint *l, const struct node_class *c, const struct pool *p)
{
    check_custom(l, c);
    check_al2(l, c);
    check_latest(l, c, p);
    check_driver(l, c, p);
}
