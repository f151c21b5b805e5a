/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EC2NodeClasses that GPU pools use: that there is one, which image it boots, and who can reach
 * the instance's metadata. Their disks are check_class_disk.c's.
 */
#include <string.h>

#include "base/text.h"
#include "lint/check/check_class.h"
#include "lint/check/checks.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"

const struct pool *class_gpu_pool(const struct lint *l, const struct node_class *c)
{
    for (size_t i = 0; i < l->system.n_pools; i++)
        if (l->system.pools[i].class == c && l->system.pools[i].gpu && !l->system.pools[i].others)
            return &l->system.pools[i];
    return NULL;
}

bool class_editable(const struct node_class *c)
{
    return c->spec && c->spec->kind == YAML_MAP && strcmp(c->doc->kind, "EC2NodeClass") == 0 &&
           fix_possible(c->doc);
}

static const struct yaml_node *class_ref(const struct pool *p)
{
    const struct yaml_node *ref = node_get(p->template_spec, "nodeClassRef");

    return ref ? ref : node_at(p->doc->root, "spec.nodeClassRef");
}

static bool names_ec2_class(const struct pool *p)
{
    const char *kind = node_text(node_get(class_ref(p), "kind"), "EC2NodeClass");

    return p->class_name[0] && !p->class && !p->foreign_class &&
           !text_is_placeholder(p->class_name) && strcmp(kind, "EC2NodeClass") == 0;
}

static const char *new_class(struct lint *l, const struct pool *p, const char *role,
                             const char *cluster, const char *alias)
{
    return lint_printf(l,
                       "apiVersion: karpenter.k8s.aws/v1\n"
                       "kind: EC2NodeClass\n"
                       "metadata:\n"
                       "  name: %s\n"
                       "spec:\n"
                       "  role: %s\n"
                       "  amiSelectorTerms:\n"
                       "    - alias: %s\n"
                       "  subnetSelectorTerms:\n"
                       "    - tags:\n"
                       "        karpenter.sh/discovery: %s\n"
                       "  securityGroupSelectorTerms:\n"
                       "    - tags:\n"
                       "        karpenter.sh/discovery: %s\n"
                       "  blockDeviceMappings:\n"
                       "    - deviceName: /dev/xvda\n"
                       "      rootVolume: true\n"
                       "      ebs:\n"
                       "        volumeSize: 100Gi\n"
                       "        volumeType: gp3\n"
                       "        encrypted: true\n"
                       "        deleteOnTermination: true\n",
                       p->class_name, role, alias, cluster, cluster);
}

static void check_missing(struct lint *l, const struct pool *p)
{
    const struct yaml_node *name = node_get(class_ref(p), "name");
    const char *role, *cluster, *alias;
    struct finding *f;

    f = lint_find(l, RULE_CLASS_MISSING, match_spot(p->doc, name),
                  "pool '%s' needs the EC2NodeClass '%s', which is not among these files", p->name,
                  p->class_name);
    finding_cure(l, f, "check the class too, or let --fix write one");
    role = finding_choose(l, f, "node-role", "the IAM role of the nodes");
    cluster =
        finding_choose(l, f, "cluster", "the cluster's name, as in karpenter.sh/discovery tags");
    alias = finding_choose(l, f, "ami-alias", "the image, such as al2023@v20250920");
    if (role && cluster && alias)
        fix_add_document(l, f, p->doc, new_class(l, p, role, cluster, alias));
}

static void check_missing_classes(struct lint *l)
{
    const struct system *s = &l->system;

    for (size_t i = 0; i < s->n_pools && !s->partial; i++) {
        bool told = false;

        if (!s->pools[i].gpu || !names_ec2_class(&s->pools[i]))
            continue;
        for (size_t k = 0; k < i && !told; k++)
            told = s->pools[k].gpu && strcmp(s->pools[k].class_name, s->pools[i].class_name) == 0;
        if (!told)
            check_missing(l, &s->pools[i]);
    }
}

static bool hop_limit_is_one(const struct node_class *c)
{
    const char *limit = node_text(node_at(c->spec, "metadataOptions.httpPutResponseHopLimit"), "1");

    return strcmp(limit, "1") == 0;
}

/* Whether a scalar below the node names the metadata service's address. */
static bool asks_metadata(const struct yaml_node *node, unsigned depth)
{
    if (!node || depth == 0)
        return false;
    if (node->kind == YAML_SCALAR)
        return strstr(node->text, "http://169.254.169.254") ||
               strstr(node->text, "169.254.169.254/latest");
    if (node->kind == YAML_LIST)
        for (size_t i = 0; i < node->count; i++)
            if (asks_metadata(node->items[i], depth - 1))
                return true;
    if (node->kind == YAML_MAP)
        for (size_t i = 0; i < node->count; i++)
            if (asks_metadata(node->pairs[i].value, depth - 1))
                return true;
    return false;
}

static void check_hops(struct lint *l, const struct workload *w)
{
    const struct pool *p;
    size_t at = 0;

    if (strcmp(node_text(node_get(w->pod, "hostNetwork"), ""), "true") == 0 ||
        !(asks_metadata(node_get(w->pod, "containers"), 16)))
        return;
    while ((p = match_next(l, w, &at))) {
        struct finding *f;

        if (!p->class || !hop_limit_is_one(p->class))
            continue;
        f = lint_find(l, RULE_IMDS_HOP_LIMIT, match_spot(w->doc, NULL),
                      "%s asks the instance's metadata service, which on nodes of class '%s' "
                      "answers the host's network alone (hop limit 1)",
                      match_workload(l, w), p->class->name);
        finding_cure(l, f, "use hostNetwork: true, or metadataOptions.httpPutResponseHopLimit: 2");
        if (class_editable(p->class))
            fix_put(l, f, p->class->doc, "spec.metadataOptions", "httpPutResponseHopLimit", "2");
        return;
    }
}

static bool brings_plugin(const struct release *r)
{
    const struct helm_value *v;

    if (r->chart == CHART_DEVICE_PLUGIN || r->chart == CHART_CARVE)
        return true;
    if (r->chart != CHART_GPU_OPERATOR)
        return false;
    v = release_value(r, "devicePlugin.enabled");
    return !v ? !r->values_open : strcmp(v->text, "false") != 0;
}

/* Whether the chart's own values keep its pods off the pool's nodes, or may. */
static bool stays_off(struct lint *l, const struct release *r, const struct pool *p)
{
    static const char selector[] = "nodeSelector.";
    const char *deploy = pool_label(p, "carve.dev/deploy");

    if (r->chart == CHART_CARVE && deploy && strcmp(deploy, "false") == 0)
        return true;
    for (size_t i = 0; i < r->n_values; i++) {
        const char *path = r->values[i].path, *label;
        char *key, *to;

        if (strncmp(path, "affinity", 8) == 0)
            return true;
        if (strncmp(path, selector, sizeof selector - 1) != 0)
            continue;
        key = to = arena_text(&l->arena, path + sizeof selector - 1);
        for (const char *from = key; from && *from; from++)
            if (*from != '\\')
                *to++ = *from;
        if (key)
            *to = '\0';
        label = key ? pool_label(p, key) : NULL;
        if (!label || strcmp(label, r->values[i].text) != 0)
            return true;
    }
    return false;
}

/* Whether a line of TOML is "key = false". */
static bool switches_off(const char *line, const char *key)
{
    size_t length = strlen(key);

    if (strncmp(line, key, length) != 0)
        return false;
    line += length + strspn(line + length, " \t");
    if (*line != '=')
        return false;
    line++;
    return text_starts(line + strspn(line, " \t"), "false");
}

/* Whether the class' settings, which are TOML, switch Bottlerocket's own plugin off. */
static bool own_plugin_is_off(const struct node_class *c)
{
    static const char setting[] = "settings.kubelet-device-plugins.nvidia.enabled";
    const char *key = setting; /* its name in the table at hand, NULL: it is not of this one */

    for (const char *at = node_text(node_get(c->spec, "userData"), ""); *at;) {
        size_t table;

        at += strspn(at, " \t\r\n");
        if (*at == '[') {
            table = strcspn(++at, "]\n");
            key = strncmp(at, setting, table) == 0 && setting[table] == '.' ? setting + table + 1
                                                                            : NULL;
        } else if (key && switches_off(at, key)) {
            return true;
        }
        at += strcspn(at, "\n");
    }
    return false;
}

static void check_bottlerocket(struct lint *l, const struct node_class *c, const struct pool *p)
{
    for (size_t i = 0; i < l->system.n_releases; i++) {
        const struct release *r = &l->system.releases[i];
        struct finding *f;

        if (!brings_plugin(r) || stays_off(l, r, p))
            continue;
        f = lint_find(l, RULE_BOTTLEROCKET_PLUGIN, r->spot,
                      "nodes of pool '%s' run Bottlerocket, which has a device plugin built in: "
                      "this chart's is a second one for the same GPUs (class '%s')",
                      p->name, c->name);
        finding_cure(
            l, f,
            "keep the chart off these nodes, or switch Bottlerocket's own off in userData: "
            "settings.kubelet-device-plugins.nvidia.enabled = false (1.63.0 or newer)");
        return;
    }
}

void check_class(struct lint *l)
{
    check_missing_classes(l);
    for (size_t i = 0; i < l->system.n_classes; i++) {
        const struct node_class *c = &l->system.classes[i];
        const struct pool *p = class_gpu_pool(l, c);

        check_class_image(l, c, p);
        if (!p)
            continue;
        check_class_disk(l, c, p);
        if (strcmp(c->family, "Bottlerocket") == 0 && !own_plugin_is_off(c))
            check_bottlerocket(l, c, p);
    }
    for (size_t i = 0; i < l->system.n_workloads; i++)
        check_hops(l, &l->system.workloads[i]);
}
