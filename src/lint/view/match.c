/* SPDX-License-Identifier: Apache-2.0 */
/* Questions between the views that several checks ask: see match.h. */
#include "lint/view/match.h"

#include <string.h>

#include "base/text.h"
#include "lint/view/match_index.h"
#include "lint/view/pool_types.h"

enum { LIST_MAX = 6 }; /* items that a message names */

const char *match_list(struct lint *l, const char *const *items, size_t n)
{
    size_t shown = n > LIST_MAX ? LIST_MAX : n;
    const char *text = "";

    for (size_t i = 0; i < shown; i++) {
        const char *glue = i == 0 ? "" : i + 1 == n ? " and " : ", ";

        text = lint_printf(l, "%s%s%s", text, glue, items[i]);
    }
    return n > shown ? lint_printf(l, "%s and %zu more", text, n - shown) : text;
}

const char *match_flow(struct lint *l, const char *commas)
{
    const char *text = "";

    for (const char *at = commas; *at;) {
        size_t length = strcspn(at, ", ");

        if (length > 0)
            text = lint_printf(l, "%s%s%.*s", text, text[0] ? ", " : "", (int)length, at);
        at += length;
        at += strspn(at, ", ");
    }
    return lint_printf(l, "[%s]", text);
}

/* Whether a list parted by commas has the text. */
static bool commas_have(const char *commas, const char *text)
{
    size_t n = strlen(text);

    for (const char *at = commas; *at;) {
        size_t length = strcspn(at, ", ");

        if (length == n && n > 0 && strncmp(at, text, n) == 0)
            return true;
        at += length;
        at += strspn(at, ", ");
    }
    return false;
}

static size_t count_commas(const char *commas)
{
    size_t n = 0;

    for (const char *at = commas; *at;) {
        n += strcspn(at, ", ") > 0;
        at += strcspn(at, ", ");
        at += strspn(at, ", ");
    }
    return n;
}

void match_fix_values(struct lint *l, struct finding *f, const struct document *d,
                      const struct yaml_node *list, const char *commas)
{
    size_t kept = 0;

    for (size_t i = 0; list->kind == YAML_LIST && i < list->count; i++)
        kept += commas_have(commas, node_text(list->items[i], ""));
    if (kept == 0 || kept != count_commas(commas)) {
        fix_replace(l, f, d, list, match_flow(l, commas));
        return;
    }
    for (size_t i = 0; i < list->count; i++)
        if (!commas_have(commas, node_text(list->items[i], "")))
            fix_remove_item(l, f, d, list, i);
}

/* Keys whose values a node gets only when it is launched; any pool may have any. */
static bool open_key(const char *key)
{
    static const char *const keys[] = {
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "kubernetes.io/arch",
        "topology.kubernetes.io/zone",
        "topology.kubernetes.io/region",
        "topology.k8s.aws/zone-id",
        "karpenter.sh/capacity-type",
        "karpenter.sh/initialized",
        "karpenter.sh/registered",
        "node.kubernetes.io/windows-build",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "failure-domain.beta.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (strcmp(keys[i], key) == 0)
            return true;
    return text_starts(key, "karpenter.k8s.aws/capacity-reservation") ||
           text_starts(key, "karpenter.k8s.aws/placement-group");
}

/* Any value that the pool's own requirement leaves open. */
static bool meets_requirement(const struct requirement *r, const struct requirement *own)
{
    if (own->op != OPERATOR_IN)
        return true;
    for (size_t i = 0; i < own->n_values; i++)
        if (text_is_placeholder(own->values[i]) || requirement_meets(r, own->values[i]))
            return true;
    return false;
}

bool match_pool(const struct requirement *r, const struct pool *p)
{
    const char *label;
    char value[CATALOG_LABEL_SIZE];

    if (strcmp(r->key, "karpenter.sh/nodepool") == 0)
        return requirement_meets(r, p->name) || text_is_placeholder(p->name);
    label = pool_label(p, r->key);
    if (label)
        return text_is_placeholder(label) || requirement_meets(r, label);
    for (size_t i = 0; i < p->n_requirements; i++)
        if (strcmp(p->requirements[i].key, r->key) == 0 &&
            !meets_requirement(r, &p->requirements[i]))
            return false;
    for (size_t i = 0; i < p->n_types && pool_types_label(r->key); i++)
        if (catalog_label(value, p->types[i], r->key) && requirement_meets(r, value))
            return true;
    for (size_t i = 0; i < p->n_requirements; i++)
        if (strcmp(p->requirements[i].key, r->key) == 0)
            return true;
    if (open_key(r->key) || catalog_label_open(r->key))
        return true;
    if (p->types_open && text_starts(r->key, "karpenter.k8s.aws/"))
        return true;
    if (p->types_open && strcmp(r->key, "node.kubernetes.io/instance-type") == 0)
        return true;
    return requirement_meets(r, NULL);
}

bool match_gpu_pool(const struct pool *p)
{
    return p->gpu && !p->others && !p->fixed;
}

static bool selects_labels(struct lint *l, const struct workload *w, const struct pool *p)
{
    const struct yaml_node *map = w->node_selector;

    (void)l;
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++) {
        const char *value = node_text(map->pairs[i].value, "");
        struct requirement r = {.key = map->pairs[i].key->text, .op = OPERATOR_IN, .n_values = 1};

        r.values = &value;
        if (!match_pool(&r, p))
            return false;
    }
    return true;
}

bool match_selects(struct lint *l, const struct workload *w, const struct pool *p)
{
    if (!selects_labels(l, w, p))
        return false;
    if (w->n_affinity == 0)
        return true;
    for (size_t i = 0; i < w->n_affinity; i++) {
        size_t met = 0;

        while (met < w->affinity[i].n_requirements &&
               match_pool(&w->affinity[i].requirements[met], p))
            met++;
        if (met == w->affinity[i].n_requirements)
            return true;
    }
    return false;
}

bool match_tolerates(const struct workload *w, const struct pool *p, const struct taint **out)
{
    for (size_t i = 0; i < p->n_taints; i++) {
        const struct taint *t = &p->taints[i];

        if (strcmp(t->effect, "PreferNoSchedule") == 0 || text_is_placeholder(t->value) ||
            taint_tolerated(t, w->tolerations, w->n_tolerations))
            continue;
        if (out)
            *out = t;
        return false;
    }
    return true;
}

bool match_serves(struct lint *l, const struct workload *w, const struct pool *p)
{
    return p->gpu && match_selects(l, w, p);
}

const struct pool *match_next(struct lint *l, const struct workload *w, size_t *index)
{
    struct pool_list serves = index_serves(l, w);

    /* A walk that has begun comes to its end: what it finds must not be half of it. */
    if (*index >= serves.n || (!index_try(&l->system, 1) && *index == 0))
        return NULL;
    return &l->system.pools[serves.pools[(*index)++]];
}

bool match_buys(const struct workload *w)
{
    return w->gpu && w->ask && strcmp(w->kind, "DaemonSet") != 0;
}

bool match_overlay_pool(const struct overlay *o, const struct pool *p)
{
    for (size_t i = 0; i < o->n_requirements; i++)
        if (!pool_types_label(o->requirements[i].key) && !match_pool(&o->requirements[i], p))
            return false;
    return true;
}

bool match_overlay(const struct overlay *o, const struct pool *p, const struct instance_type *t)
{
    for (size_t i = 0; i < o->n_requirements; i++) {
        const struct requirement *r = &o->requirements[i];

        if (pool_types_label(r->key) ? !pool_types_meets(r, t) : !match_pool(r, p))
            return false;
    }
    return true;
}

const struct amount *match_given(const struct system *s, const struct pool *p,
                                 const struct instance_type *t, const char *resource)
{
    struct overlay_walk walk = index_overlays(s, p);
    const struct overlay *o;

    while ((o = index_next_overlay(s, &walk)))
        for (size_t k = 0; k < o->n_capacity; k++)
            if (strcmp(o->capacity[k].name, resource) == 0 && match_overlay(o, p, t))
                return &o->capacity[k];
    return NULL;
}

const struct requirement *match_requirement(const struct pool *p, const char *key)
{
    for (size_t i = 0; i < p->n_requirements; i++)
        if (strcmp(p->requirements[i].key, key) == 0)
            return &p->requirements[i];
    return NULL;
}

bool match_capacity_type(const struct pool *p, const char *type)
{
    const struct requirement *r = match_requirement(p, "karpenter.sh/capacity-type");
    const char *label = node_text(node_get(p->labels, "karpenter.sh/capacity-type"), "");

    if (r)
        return requirement_meets(r, type);
    return strcmp(label, type) == 0;
}

bool match_editable(const struct pool *p, const char *path)
{
    const struct yaml_node *node = node_at(p->doc->root, path);

    return strcmp(p->doc->kind, "NodePool") == 0 && fix_possible(p->doc) && node &&
           node->kind == YAML_MAP;
}

static const struct yaml_node *item(const struct yaml_node *list, size_t index)
{
    return list && list->kind == YAML_LIST && index < list->count ? list->items[index] : NULL;
}

const struct yaml_node *match_container(const struct workload *w, size_t index, bool *starts)
{
    const struct yaml_node *init = node_get(w->pod, "initContainers");
    const struct yaml_node *found = item(init, index);

    if (starts)
        *starts = found != NULL;
    if (found)
        return found;
    if (init && init->kind == YAML_LIST)
        index -= init->count;
    return item(node_get(w->pod, "containers"), index);
}

const char *match_workload(struct lint *l, const struct workload *w)
{
    return lint_printf(l, "%s '%s'", w->kind, w->name);
}

void match_told(struct lint *l, const struct workload *w, const struct finding *f, unsigned faults)
{
    if (f->severity == SEVERITY_ERROR)
        l->system.workloads[w - l->system.workloads].told |= faults;
}

struct spot match_spot(const struct document *d, const struct yaml_node *node)
{
    const struct yaml_node *name = node_at(d->root, "metadata.name");

    if (node)
        return spot_of(d, node);
    return name ? spot_of(d, name) : spot_of_document(d);
}
