/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tolerations of GPU pods against the taints of the pools that they may go to. A pod whose pools
 * are not among the files is not judged.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/match_index.h"
#include "lint/view/reach.h"

enum { MAX_TOLERATIONS = 64 }; /* of a pod, or a pool's taints, that are looked at */

#define GPU_TOLERATION "- key: nvidia.com/gpu\n  operator: Exists\n  effect: NoSchedule"

/* A toleration of the taint's key that means another value. */
static const struct toleration *near_miss(const struct workload *w, const struct taint *t)
{
    for (size_t i = 0; i < w->n_tolerations; i++)
        if (strcmp(w->tolerations[i].key, t->key) == 0 &&
            strcmp(w->tolerations[i].op, "Exists") != 0)
            return &w->tolerations[i];
    return NULL;
}

static const char *write_taint(struct lint *l, const struct taint *t)
{
    return lint_printf(l, "%s%s%s:%s", t->key, t->value[0] ? "=" : "", t->value, t->effect);
}

/* The tolerations that it lacks for a pool, as items of a list. */
static const char *lacking(struct lint *l, const struct workload *w, const struct pool *p)
{
    const char *text = "";

    for (size_t i = 0; i < p->n_taints && i < MAX_TOLERATIONS; i++) {
        const struct taint *t = &p->taints[i];

        if (strcmp(t->effect, "PreferNoSchedule") == 0 || near_miss(w, t) ||
            taint_tolerated(t, w->tolerations, w->n_tolerations))
            continue;
        text = lint_printf(l, "%s%s- key: %s\n  operator: Exists\n  effect: %s", text,
                           text[0] ? "\n" : "", t->key, t->effect);
    }
    return text;
}

/* Pools of one taint each are all the same to a pod; else the user must say which is meant. */
static const struct pool *choose_pool(struct lint *l, struct finding *f, const struct workload *w,
                                      const struct pool *first, bool alike)
{
    const struct pool *p;
    const char *name;
    size_t at = 0;

    if (alike)
        return first;
    name = finding_choose(l, f, "pool", "the NodePool that the pod is meant for");
    while (name && (p = match_next(l, w, &at)))
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static struct finding *tell_not_tolerating(struct lint *l, const struct workload *w,
                                           const struct pool *p, const struct taint *t, bool alike)
{
    const char *items;
    struct finding *f;

    f = lint_find(l, RULE_POD_NOT_TOLERATING, match_spot(w->doc, w->ask->node),
                  "%s asks for %s and does not tolerate the taint %s of pool '%s': it stays "
                  "pending for ever",
                  match_workload(l, w), w->ask->name, write_taint(l, t), p->name);
    finding_cure(l, f, "add the toleration {key: %s, operator: Exists, effect: %s}", t->key,
                 t->effect);
    p = choose_pool(l, f, w, p, alike);
    items = p ? lacking(l, w, p) : "";
    if (items[0])
        fix_put(l, f, w->doc, w->pod_path, "tolerations", items);
    return f;
}

static bool same_taint(const struct taint *a, const struct taint *b)
{
    return strcmp(a->key, b->key) == 0 && strcmp(a->effect, b->effect) == 0;
}

/* The first pool of those that alike pods may go to, if they tolerate none of them. */
static const struct alike *find_untolerated(struct lint *l, const struct workload *w)
{
    struct alike *of = w->alike;
    const struct taint *taint = NULL;
    const struct pool *p;
    size_t at = 0;

    if (of->taints_known)
        return of;
    of->taints_known = of->same_taints = true;
    while ((p = match_next(l, w, &at))) {
        if (match_tolerates(w, p, &taint)) {
            of->untolerated = NULL;
            return of;
        }
        if (!of->untolerated) {
            of->untolerated = p;
            of->taint = taint;
        }
        of->same_taints = of->same_taints && same_taint(taint, of->taint) &&
                          p->n_taints == of->untolerated->n_taints;
    }
    return of;
}

/* True if the pod tolerates no pool that it may go to, and a finding says so. */
static bool check_all(struct lint *l, const struct workload *w, enum elsewhere elsewhere)
{
    const struct alike *of = find_untolerated(l, w);
    struct finding *f;

    if (!of->untolerated || text_is_placeholder(of->taint->key))
        return false;
    f = tell_not_tolerating(l, w, of->untolerated, of->taint, of->same_taints);
    if (elsewhere)
        elsewhere_soften(f);
    match_told(l, w, f, REACH_TAINT);
    return true;
}

static bool is_open(const struct pool *p)
{
    for (size_t i = 0; i < p->n_taints; i++)
        if (strcmp(p->taints[i].effect, "PreferNoSchedule") != 0)
            return false;
    return !p->others;
}

/* The first pool without taints that pods with that selector may go to; NULL. */
static const struct pool *find_open(struct lint *l, const struct workload *w)
{
    struct selection *of = w->alike->selection;
    const struct pool *p = NULL;
    size_t at = 0;

    if (of->open_known)
        return of->open;
    while ((p = match_next(l, w, &at)) && !is_open(p))
        ;
    of->open_known = true;
    of->open = p;
    return p;
}

/* A pod that runs only because its pool has no taint yet. */
static void check_lucky(struct lint *l, const struct workload *w)
{
    static const struct taint usual = {
        .key = "nvidia.com/gpu", .value = "", .effect = "NoSchedule"};
    const struct pool *p;
    struct finding *f;

    if (taint_tolerated(&usual, w->tolerations, w->n_tolerations) || near_miss(w, &usual))
        return;
    p = find_open(l, w);
    if (!p)
        return;
    f = lint_find(l, RULE_GPU_POD_WITHOUT_TOLERATION, match_spot(w->doc, w->ask->node),
                  "%s asks for %s and does not tolerate nvidia.com/gpu: once the GPU nodes of "
                  "pool '%s' have their taint, it stays pending",
                  match_workload(l, w), w->ask->name, p->name);
    finding_cure(l, f, "add the toleration {key: nvidia.com/gpu, operator: Exists}");
    fix_put(l, f, w->doc, w->pod_path, "tolerations", GPU_TOLERATION);
}

/* A taint of that key in the pools; *same if one has the toleration's value too. */
static const struct taint *find_taint(const struct system *s, const struct toleration *t,
                                      bool *same)
{
    const struct taint *found = NULL;

    *same = false;
    for (size_t i = 0; i < s->n_pools && !*same; i++)
        for (size_t k = 0; k < s->pools[i].n_taints; k++) {
            const struct taint *taint = &s->pools[i].taints[k];

            if (strcmp(taint->key, t->key) != 0)
                continue;
            found = taint;
            *same = *same || strcmp(taint->value, t->value) == 0 ||
                    text_is_placeholder(taint->value) || text_is_placeholder(t->value);
        }
    return found;
}

static void check_value(struct lint *l, const struct workload *w, const struct toleration *t)
{
    const struct yaml_node *op = node_get(t->node, "operator"), *value = node_get(t->node, "value");
    const struct taint *taint;
    bool same;
    struct finding *f;

    if (!t->key[0] || strcmp(t->op, "Exists") == 0)
        return;
    if (!index_try(&l->system, l->system.n_pools / 8))
        return;
    taint = find_taint(&l->system, t, &same);
    if (!taint || same)
        return;
    f = lint_find(l, RULE_TOLERATION_VALUE, spot_of(w->doc, t->node),
                  "%s tolerates '%s' with the value '%s', but the taint has the value '%s'",
                  match_workload(l, w), t->key, t->value, taint->value);
    finding_cure(l, f, "write operator: Exists, or the taint's value");
    if (value)
        fix_replace(l, f, w->doc, value, lint_printf(l, "\"%s\"", taint->value));
    else if (op)
        fix_replace(l, f, w->doc, op, "Exists");
}

/* Programs that make a node's GPUs usable, or measure them, by a word of their image. */
static const struct {
    const char *image, *without;
} daemons[] = {
    {"k8s-device-plugin", "its GPUs are never offered"},
    {"gpu-feature-discovery", "its nodes get no GPU labels"},
    {"node-feature-discovery", "its nodes get no labels of hardware"},
    {"k8s-mig-manager", "its GPUs are never cut"},
    {"dcgm-exporter", "its GPUs are not measured"},
    {"carved", "its GPUs are never offered"},
};

static const char *daemon_without(const struct workload *w)
{
    const struct yaml_node *container;

    for (size_t i = 0; (container = match_container(w, i, NULL)); i++)
        for (size_t k = 0; k < sizeof daemons / sizeof daemons[0]; k++)
            if (strstr(node_text(node_get(container, "image"), ""), daemons[k].image))
                return daemons[k].without;
    return NULL;
}

/* A program of the node's that the pool's taint keeps off it. */
static void check_daemon(struct lint *l, const struct workload *w)
{
    const char *without = daemon_without(w), *items;
    const struct taint *taint = NULL;
    const struct pool *p;
    size_t at = 0;
    struct finding *f;

    while (without && (p = match_next(l, w, &at))) {
        if (p->others || match_tolerates(w, p, &taint))
            continue;
        f = lint_find(l, RULE_DAEMON_NOT_TOLERATING, match_spot(w->doc, NULL),
                      "%s does not tolerate the taint %s of pool '%s': %s", match_workload(l, w),
                      write_taint(l, taint), p->name, without);
        finding_cure(l, f, "add the toleration {key: %s, operator: Exists}", taint->key);
        items = lacking(l, w, p);
        if (items[0])
            fix_put(l, f, w->doc, w->pod_path, "tolerations", items);
        return;
    }
}

void check_workload_taints(struct lint *l, const struct workload *w, enum elsewhere elsewhere)
{
    if (strcmp(w->kind, "DaemonSet") == 0) {
        check_daemon(l, w);
        return;
    }
    if (!w->ask)
        return;
    if (elsewhere == ELSEWHERE_GROUPS || !check_all(l, w, elsewhere))
        check_lucky(l, w);
    for (size_t i = 0; i < w->n_tolerations && i < MAX_TOLERATIONS; i++)
        check_value(l, w, &w->tolerations[i]);
}
