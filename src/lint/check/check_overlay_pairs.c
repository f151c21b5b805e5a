/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Overlays against each other and against the switch that turns them on. Karpenter compares an
 * overlay with the last one applied alone, so here all pairs are looked at.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/pool_types.h"

enum { MAX_OVERLAYS = 512 }; /* more are not compared with each other */

/* Whether two requirements on one key can both be met by some value. */
static bool meet_together(const struct requirement *a, const struct requirement *b)
{
    const struct requirement *in = a->op == OPERATOR_IN ? a : b, *other = in == a ? b : a;

    if (in->op != OPERATOR_IN)
        return true;
    for (size_t i = 0; i < in->n_values; i++)
        if (text_is_placeholder(in->values[i]) || requirement_meets(other, in->values[i]))
            return true;
    return false;
}

/* Offers differ by zone and capacity type, which part prices but not capacity. */
static bool is_offer_key(const char *key)
{
    return strcmp(key, "karpenter.sh/capacity-type") == 0 || strncmp(key, "topology.", 9) == 0;
}

static bool keys_meet(const struct overlay *a, const struct overlay *b, bool offers)
{
    for (size_t i = 0; i < a->n_requirements; i++)
        for (size_t k = 0; k < b->n_requirements; k++) {
            const struct requirement *x = &a->requirements[i], *y = &b->requirements[k];

            if (strcmp(x->key, y->key) != 0 || (is_offer_key(x->key) && !offers))
                continue;
            if (!meet_together(x, y))
                return false;
        }
    return true;
}

static bool type_meets(const struct overlay *o, const struct instance_type *t)
{
    for (size_t i = 0; i < o->n_requirements; i++)
        if (!pool_types_meets(&o->requirements[i], t))
            return false;
    return true;
}

/* A type that both change: in a pool of the set, or, without pools, in the catalogue. */
static const struct instance_type *find_common(const struct lint *l, const struct overlay *a,
                                               const struct overlay *b, const struct pool **pool)
{
    const struct system *s = &l->system;
    const struct instance_type *t;

    for (size_t i = 0; i < s->n_pools; i++)
        for (size_t k = 0; k < s->pools[i].n_types && match_overlay_pool(a, &s->pools[i]) &&
                           match_overlay_pool(b, &s->pools[i]);
             k++) {
            t = s->pools[i].types[k];
            *pool = &s->pools[i];
            if (match_overlay(a, *pool, t) && match_overlay(b, *pool, t))
                return t;
        }
    *pool = NULL;
    for (size_t i = 0; s->n_pools == 0 && (t = catalog_at(l->catalog, i)); i++)
        if (type_meets(a, t) && type_meets(b, t))
            return t;
    return NULL;
}

static const char *common_resource(const struct overlay *a, const struct overlay *b)
{
    for (size_t i = 0; i < a->n_capacity; i++)
        for (size_t k = 0; k < b->n_capacity; k++)
            if (strcmp(a->capacity[i].name, b->capacity[k].name) == 0)
                return a->capacity[i].name;
    return NULL;
}

/* a comes before b: of one weight the later name is applied first. */
static void check_pair(struct lint *l, const struct overlay *a, const struct overlay *b)
{
    const char *what = common_resource(a, b);
    const struct instance_type *t;
    const struct pool *p;
    struct finding *f;

    if (!what && a->price && b->price)
        what = "the price";
    /* One of them is a copy of the other, in prose for instance. */
    if (strcmp(a->name, b->name) == 0)
        return;
    if (!what || !keys_meet(a, b, common_resource(a, b) == NULL))
        return;
    t = find_common(l, a, b, &p);
    if (!t)
        return;
    f = lint_find(l, RULE_OVERLAY_CONFLICT, match_spot(b->doc, NULL),
                  "overlays '%s' and '%s' both set %s of %s%s%s%s with weight %d: all of '%s' is "
                  "rejected or lost",
                  a->name, b->name, what, t->name, p ? " in pool '" : "", p ? p->name : "",
                  p ? "'" : "", a->weight, b->name);
    finding_cure(l, f, "give one a higher weight, or requirements that no type meets with both");
}

static bool turns_on(const char *text)
{
    return strstr(text, "NodeOverlay=true") != NULL;
}

/* What a release of Karpenter says of the gate: 1 on, 0 off, -1 nobody can tell. */
static int gate(const struct release *r)
{
    const struct helm_value *v = release_value(r, "settings.featureGates.nodeOverlay");

    if (v && !text_is_placeholder(v->text))
        return strcmp(v->text, "true") == 0;
    for (size_t i = 0; i < r->n_values; i++)
        if (turns_on(r->values[i].text))
            return 1;
    return r->values_open || v ? -1 : 0;
}

static void check_gate(struct lint *l)
{
    const struct system *s = &l->system;
    const struct release *r = NULL;
    int is = -1;
    struct finding *f;

    if (s->n_overlays == 0)
        return;
    for (size_t i = 0; i < s->n_releases; i++)
        if (s->releases[i].chart == CHART_KARPENTER)
            r = &s->releases[i];
    if (r)
        is = gate(r);
    if (is == 1)
        return;
    if (is == 0) {
        f = lint_find(l, RULE_OVERLAY_GATE_OFF, r->spot,
                      "this Karpenter ignores NodeOverlays such as '%s': the feature gate "
                      "nodeOverlay is off",
                      s->overlays[0].name);
        finding_cure(l, f, "set settings.featureGates.nodeOverlay to true");
        if (r->command && !release_value(r, "settings.featureGates.nodeOverlay"))
            fix_add_words(l, f, r->command, "--set settings.featureGates.nodeOverlay=true");
        return;
    }
    f = lint_find(l, RULE_OVERLAY_GATE, match_spot(s->overlays[0].doc, NULL),
                  "NodeOverlays such as '%s' count only where Karpenter's feature gate nodeOverlay "
                  "is on, which these files do not tell",
                  s->overlays[0].name);
    finding_cure(l, f, "set settings.featureGates.nodeOverlay=true in Karpenter's chart");
}

void check_overlay_pairs(struct lint *l)
{
    const struct system *s = &l->system;

    for (size_t i = 0; i < s->n_overlays && s->n_overlays <= MAX_OVERLAYS; i++)
        for (size_t k = i + 1; k < s->n_overlays; k++)
            if (s->overlays[i].weight == s->overlays[k].weight)
                check_pair(l, &s->overlays[i], &s->overlays[k]);
    check_gate(l);
}
