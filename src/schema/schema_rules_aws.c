/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CRD of EC2NodeClass states as rules between fields (CEL): selector terms, role and
 * profile, alias and family, disks, tags, kubelet settings, network interfaces.
 */
#include <string.h>

#include "base/text.h"
#include "config/suggest.h"
#include "schema/schema_check.h"

static bool is_list(const struct yaml_node *node)
{
    return node && node->kind == YAML_LIST;
}

static bool is_map(const struct yaml_node *node)
{
    return node && node->kind == YAML_MAP;
}

/* How many of the NULL-ended fields the map has; the first of them in *first. */
static size_t count_of(const struct yaml_node *map, const char *const *fields, const char **first)
{
    size_t n = 0;

    for (; *fields; fields++) {
        if (!verify_get(map, *fields))
            continue;
        if (n++ == 0 && first)
            *first = *fields;
    }
    return n;
}

/* Tags in which neither key nor value is empty. */
static void check_tag_texts(struct check *c, const struct yaml_node *tags)
{
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .map = tags};

    for (size_t i = 0; is_map(tags) && i < tags->count; i++) {
        const struct yaml_pair *p = &tags->pairs[i];

        at.node = p->key;
        at.field = p->key->text;
        if (!*p->key->text || (p->value->kind == YAML_SCALAR && !*p->value->text))
            verify_fault(c, at, "tags have neither empty keys nor empty values");
    }
}

/* The selectors: which fields a term may have, and which of them must stand alone. */
struct selector {
    const char *path;
    const char *fields[6]; /* one of these at least */
    const char *alone[3];  /* each of these with nothing beside it, but */
    const char *beside;    /* this is counted too; NULL */
};

static void check_term(struct check *c, const struct selector *s, const struct yaml_node *list,
                       const struct yaml_node *term)
{
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .node = term, .map = list};
    const char *first = "";
    size_t n = count_of(term, s->fields, &first);
    size_t others = n + (s->beside && verify_get(term, s->beside) ? 1 : 0);

    if (n == 0)
        verify_fault(c, at, "a term needs one of %s, %s%s%s", s->fields[0], s->fields[1],
                     s->fields[2] ? ", " : "", s->fields[2] ? s->fields[2] : "");
    for (size_t i = 0; s->alone[i] && others > 1; i++) {
        if (!verify_get(term, s->alone[i]))
            continue;
        at.node = verify_get(term, s->alone[i]);
        at.map = term;
        at.field = s->alone[i];
        verify_fault(c, at, "%s stands alone in a term", s->alone[i]);
        break;
    }
    check_tag_texts(c, verify_get(term, "tags"));
}

static void check_selectors(struct check *c)
{
    static const struct selector selectors[] = {
        {"spec.subnetSelectorTerms", {"tags", "id"}, {"id"}, NULL},
        {"spec.securityGroupSelectorTerms", {"tags", "id", "name"}, {"id", "name"}, NULL},
        {"spec.amiSelectorTerms",
         {"alias", "id", "name", "tags", "ssmParameter"},
         {"alias", "id"},
         "owner"},
        {"spec.capacityReservationSelectorTerms",
         {"tags", "id", "instanceMatchCriteria"},
         {"id"},
         "ownerID"},
    };

    for (size_t s = 0; s < sizeof selectors / sizeof selectors[0]; s++) {
        const struct yaml_node *list = verify_go(c, selectors[s].path);

        for (size_t i = 0; is_list(list) && i < list->count; i++) {
            size_t before = verify_enter_item(c, i);

            if (is_map(list->items[i]))
                check_term(c, &selectors[s], list, list->items[i]);
            verify_leave(c, before);
        }
    }
}

/* Families of aliases, and the amiFamily that goes with each. */
static const char *const alias_families[] = {"al2",         "al2023",      "bottlerocket",
                                             "windows2019", "windows2022", "windows2025"};
static const char *const ami_families[] = {"AL2",         "AL2023",      "Bottlerocket",
                                           "Windows2019", "Windows2022", "Windows2025"};
enum { N_FAMILIES = sizeof alias_families / sizeof alias_families[0] };

static void check_alias(struct check *c, const struct yaml_node *spec, const struct yaml_node *term,
                        const struct yaml_node *alias)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_RULE, .node = alias, .map = term, .field = "alias", .instead = ""};
    const char *text = alias->kind == YAML_SCALAR ? alias->text : "";
    const char *family = verify_text(spec, "amiFamily");
    size_t size = strcspn(text, "@"), which = N_FAMILIES;
    char name[32] = "";

    if (verify_placeholder(text))
        return;
    if (size < sizeof name)
        memcpy(name, text, size);
    for (size_t i = 0; i < N_FAMILIES; i++) {
        if (strcmp(alias_families[i], name) == 0)
            which = i;
    }
    if (size == 0 || text[size] != '@' || !text[size + 1]) {
        verify_fault(c, at, "an alias has the form family@version, such as al2023@v20260101");
        return;
    }
    if (which == N_FAMILIES) {
        at.instead = suggest_find(name, alias_families, N_FAMILIES);
        verify_fault(c, at,
                     "the family of an alias is one of al2, al2023, bottlerocket, windows2019, "
                     "windows2022, windows2025");
        return;
    }
    if (which >= 3 && strcmp(text + size + 1, "latest") != 0)
        verify_fault(c, at, "windows families have only the version 'latest'");
    if (*family && !verify_placeholder(family) && strcmp(family, "Custom") != 0 &&
        strcmp(family, ami_families[which]) != 0) {
        at.node = verify_get(spec, "amiFamily");
        at.map = spec;
        at.field = "amiFamily";
        at.instead = ami_families[which];
        verify_fault(c, at, "with the alias '%s' amiFamily is %s or Custom", text,
                     ami_families[which]);
    }
}

static void check_images(struct check *c)
{
    const struct yaml_node *list = verify_go(c, "spec.amiSelectorTerms");
    const struct yaml_node *spec = verify_get(c->root, "spec");
    const struct yaml_node *alias = NULL;
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .map = list};

    if (!is_list(list) || list->count == 0)
        return;
    for (size_t i = 0; i < list->count; i++) {
        const struct yaml_node *found = verify_get(list->items[i], "alias");
        size_t before = verify_enter_item(c, i);

        if (found)
            check_alias(c, spec, list->items[i], found);
        alias = found ? found : alias;
        verify_leave(c, before);
    }
    at.node = alias ? alias : list;
    if (alias && list->count > 1)
        verify_fault(c, at, "a term with an alias is the only term; there are %zu", list->count);
    if (!alias && !verify_get(spec, "amiFamily")) {
        verify_leave(c, 0);
        (void)verify_enter(c, "spec");
        at = (struct schema_fault_at){
            .fault = SCHEMA_FIELD_MISSING, .node = spec, .map = spec, .field = "amiFamily"};
        verify_fault(c, at, "the family, as no term of amiSelectorTerms has an alias");
    }
}

static void check_role(struct check *c)
{
    const struct yaml_node *spec = verify_go(c, "spec");
    struct schema_fault_at at = {.map = spec, .field = "role"};

    if (!is_map(spec))
        return;
    if (verify_get(spec, "role") && verify_get(spec, "instanceProfile")) {
        at.fault = SCHEMA_VALUE_RULE;
        at.node = verify_get(spec, "instanceProfile");
        at.field = "instanceProfile";
        verify_fault(c, at, "role and instanceProfile exclude each other");
    } else if (!verify_get(spec, "role") && !verify_get(spec, "instanceProfile")) {
        at.fault = SCHEMA_FIELD_MISSING;
        at.node = spec;
        verify_fault(c, at, "the nodes' IAM role, or instanceProfile");
    }
}

static void check_disks(struct check *c)
{
    const struct yaml_node *list = verify_go(c, "spec.blockDeviceMappings");
    const struct yaml_node *root = NULL;

    for (size_t i = 0; is_list(list) && i < list->count; i++) {
        const struct yaml_node *item = list->items[i], *ebs = verify_get(item, "ebs");
        struct schema_fault_at at = {
            .fault = SCHEMA_VALUE_RULE, .node = ebs, .map = item, .field = "ebs"};
        size_t before = verify_enter_item(c, i);

        if (is_map(ebs) && !verify_get(ebs, "snapshotID") && !verify_get(ebs, "volumeSize"))
            verify_fault(c, at, "ebs needs volumeSize or snapshotID");
        if (is_map(ebs) && verify_get(ebs, "volumeInitializationRate") &&
            !*verify_text(ebs, "snapshotID"))
            verify_fault(c, at, "volumeInitializationRate needs snapshotID");
        at.node = verify_get(item, "rootVolume");
        at.field = "rootVolume";
        if (at.node && yaml_truth(verify_text(item, "rootVolume")) == 1) {
            if (root)
                verify_fault(c, at, "only one disk is the rootVolume, and line %u has it",
                             root->line);
            root = at.node;
        }
        verify_leave(c, before);
    }
}

static void check_tags(struct check *c)
{
    static const char *const taken[] = {"eks:eks-cluster-name", "karpenter.sh/nodepool",
                                        "karpenter.sh/nodeclaim", "karpenter.k8s.aws/ec2nodeclass"};
    const struct yaml_node *tags = verify_go(c, "spec.tags");

    for (size_t i = 0; is_map(tags) && i < tags->count; i++) {
        const char *key = tags->pairs[i].key->text;
        struct schema_fault_at at = {
            .fault = SCHEMA_VALUE_RULE, .node = tags->pairs[i].key, .map = tags, .field = key};
        bool refused = !*key || text_starts(key, "kubernetes.io/cluster");

        for (size_t k = 0; k < sizeof taken / sizeof taken[0]; k++)
            refused = refused || strcmp(taken[k], key) == 0;
        if (refused)
            verify_fault(c, at, "%s",
                         *key ? "Karpenter and EKS set this tag themselves"
                              : "tags have no empty keys");
    }
}

/* Maps of the kubelet's settings that know only some keys. */
static void check_kubelet_keys(struct check *c)
{
    static const char *const signals[] = {"memory.available",   "nodefs.available",
                                          "nodefs.inodesFree",  "imagefs.available",
                                          "imagefs.inodesFree", "pid.available"};
    static const char *const reserved[] = {"cpu", "memory", "ephemeral-storage", "pid"};
    static const struct {
        const char *path;
        const char *const *keys;
        size_t n;
    } maps[] = {
        {"spec.kubelet.evictionHard", signals, 6},
        {"spec.kubelet.evictionSoft", signals, 6},
        {"spec.kubelet.evictionSoftGracePeriod", signals, 6},
        {"spec.kubelet.kubeReserved", reserved, 4},
        {"spec.kubelet.systemReserved", reserved, 4},
    };

    for (size_t m = 0; m < sizeof maps / sizeof maps[0]; m++) {
        const struct yaml_node *map = verify_go(c, maps[m].path);

        for (size_t i = 0; is_map(map) && i < map->count; i++) {
            const struct yaml_pair *p = &map->pairs[i];
            struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE,
                                         .node = p->key,
                                         .map = map,
                                         .field = p->key->text,
                                         .instead = ""};
            bool known = verify_placeholder(p->key->text);

            for (size_t k = 0; k < maps[m].n; k++)
                known = known || strcmp(maps[m].keys[k], p->key->text) == 0;
            if (!known) {
                at.instead = suggest_find(p->key->text, maps[m].keys, maps[m].n);
                verify_fault(c, at, "keys here are %s, %s and the like", maps[m].keys[0],
                             maps[m].keys[1]);
            }
            at.node = p->value;
            if (maps[m].n == 4 && p->value->kind == YAML_SCALAR && p->value->text[0] == '-')
                verify_fault(c, at, "the quantity is negative");
        }
    }
}

static void check_soft(struct check *c, const char *has, const char *needs)
{
    const struct yaml_node *kubelet = verify_go(c, "spec.kubelet");
    const struct yaml_node *one = verify_get(kubelet, has), *other = verify_get(kubelet, needs);

    for (size_t i = 0; is_map(one) && i < one->count; i++) {
        struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE,
                                     .node = one->pairs[i].key,
                                     .map = one,
                                     .field = one->pairs[i].key->text};

        if (!verify_get(other, one->pairs[i].key->text))
            verify_fault(c, at, "%s needs the same signal", needs);
    }
}

static void check_kubelet(struct check *c)
{
    const struct yaml_node *kubelet = verify_go(c, "spec.kubelet");
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE,
                                 .map = kubelet,
                                 .node = verify_get(kubelet, "imageGCHighThresholdPercent"),
                                 .field = "imageGCHighThresholdPercent"};
    uint64_t high, low;

    if (at.node && text_uint(&high, verify_text(kubelet, "imageGCHighThresholdPercent"), 100) &&
        text_uint(&low, verify_text(kubelet, "imageGCLowThresholdPercent"), 100) && high <= low)
        verify_fault(c, at, "it must be more than imageGCLowThresholdPercent (%llu)",
                     (unsigned long long)low);
    check_kubelet_keys(c);
    check_soft(c, "evictionSoft", "evictionSoftGracePeriod");
    check_soft(c, "evictionSoftGracePeriod", "evictionSoft");
}

static bool same_text(const struct yaml_node *a, const struct yaml_node *b, const char *field)
{
    return strcmp(verify_text(a, field), verify_text(b, field)) == 0;
}

static void check_interfaces(struct check *c)
{
    enum { MOST = 150 };
    const struct yaml_node *list = verify_go(c, "spec.networkInterfaces");
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .node = list, .map = list};
    bool primary = false;

    if (!is_list(list) || list->count == 0 || list->count > MOST)
        return;
    for (size_t i = 0; i < list->count; i++) {
        const struct yaml_node *one = list->items[i];

        primary = primary || (strcmp(verify_text(one, "deviceIndex"), "0") == 0 &&
                              strcmp(verify_text(one, "networkCardIndex"), "0") == 0 &&
                              strcmp(verify_text(one, "interfaceType"), "interface") == 0);
        for (size_t j = 0; j < i; j++) {
            const struct yaml_node *two = list->items[j];
            bool efa = strcmp(verify_text(one, "interfaceType"), "efa-only") == 0 &&
                       same_text(one, two, "interfaceType");

            if (!same_text(one, two, "networkCardIndex") ||
                (!efa && !same_text(one, two, "deviceIndex")))
                continue;
            at.node = one;
            verify_fault(c, at,
                         "each pair of networkCardIndex and deviceIndex may be there once, and "
                         "one efa-only interface a card; see item %zu",
                         j + 1);
            break;
        }
    }
    at.node = list;
    if (!primary)
        verify_fault(c, at,
                     "one interface must have interfaceType 'interface', deviceIndex 0 and "
                     "networkCardIndex 0");
}

static void check_small_rules(struct check *c)
{
    static const char *const timeouts[] = {"tcpEstablishedTimeout", "udpStreamTimeout",
                                           "udpTimeout", NULL};
    static const char *const groups[] = {"name", "id", NULL};
    const struct yaml_node *node = verify_go(c, "spec.connectionTracking");
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .node = node};

    if (is_map(node) && count_of(node, timeouts, NULL) == 0)
        verify_fault(c, at, "it needs one of tcpEstablishedTimeout, udpStreamTimeout, udpTimeout");
    node = verify_go(c, "spec.placementGroupSelector");
    at.node = node;
    if (is_map(node) && count_of(node, groups, NULL) != 1)
        verify_fault(c, at, "it needs either name or id");
}

void verify_aws(struct check *c)
{
    if (strcmp(c->kind->kind, "EC2NodeClass") != 0)
        return;
    check_selectors(c);
    check_images(c);
    check_role(c);
    check_disks(c);
    check_tags(c);
    check_kubelet(c);
    check_interfaces(c);
    check_small_rules(c);
}
