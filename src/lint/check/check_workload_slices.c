/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slices that GPU pods ask for: MIG profiles that no board of theirs has, and more than one
 * replica of a shared GPU.
 */
#include <string.h>

#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/match_index.h"
#include "lint/view/reach.h"
#include "lint/view/supply.h"

static bool type_has(const struct instance_type *t, const char *profile)
{
    for (size_t i = 0; i < t->n_mig_profiles; i++)
        if (resource_same_profile(profile, t->mig_profiles[i].name))
            return true;
    return t->geometry && geometry_find(t->geometry, profile);
}

/* Profiles of a board, for a message. */
static const char *profiles_of(struct lint *l, const struct instance_type *t)
{
    const char *names[GPU_MAX_PROFILES];
    size_t n = 0;

    for (size_t i = 0; i < t->n_mig_profiles && n < GPU_MAX_PROFILES; i++)
        names[n++] = t->mig_profiles[i].name;
    return match_list(l, names, n);
}

static const struct instance_type *find_owner(const struct lint *l, const char *profile)
{
    const struct instance_type *t;

    for (size_t i = 0; (t = catalog_at(l->catalog, i)); i++)
        if (type_has(t, profile))
            return t;
    return NULL;
}

void check_workload_rename(struct lint *l, struct finding *f, const struct workload *w,
                           const char *from, const char *to)
{
    static const char *const paths[] = {"resources.limits", "resources.requests"};
    const struct yaml_node *container;

    for (size_t i = 0; (container = match_container(w, i, NULL)); i++)
        for (size_t k = 0; k < 2; k++) {
            const struct yaml_pair *pair = node_pair(node_at(container, paths[k]), from);

            if (pair)
                fix_rename(l, f, w->doc, pair, to);
        }
}

static void choose_slice(struct lint *l, struct finding *f, const struct workload *w,
                         const char *name)
{
    const char *to = finding_choose(l, f, name, "the slice that is to be asked for instead");

    if (to)
        check_workload_rename(l, f, w, name, to);
}

/* Whether any board that the pod can get has the profile; *out is one with MIG that lacks it. */
static bool find_board(struct lint *l, const struct workload *w, const char *profile,
                       const struct instance_type **out, const struct pool **pool)
{
    const struct pool *p;
    size_t at = 0, n = 0;

    while ((p = match_next(l, w, &at))) {
        if (p->others || p->types_open)
            return true;
        for (size_t i = 0; i < p->n_types; i++) {
            const struct instance_type *t = p->types[i];

            if (type_has(t, profile))
                return true;
            if (t->mig && !*out)
                *out = t;
        }
        *pool = p;
        n++;
    }
    return n == 0;
}

/* The same, kept for the next pod with that selector. */
static bool some_board_has(struct lint *l, const struct workload *w, const char *profile,
                           const struct instance_type **out, const struct pool **pool)
{
    struct selection *of = w->alike->selection;

    if (!of->profile || strcmp(of->profile, profile) != 0) {
        of->board = NULL;
        of->board_pool = NULL;
        of->some_board = find_board(l, w, profile, &of->board, &of->board_pool);
        of->profile = profile;
    }
    *out = of->board;
    *pool = of->board_pool;
    return of->some_board;
}

/*
 * A name with a part of a GPU instance, or one that media engines are left to, follows from the
 * profile before it; unknown boards may have any.
 */
static bool is_plain(const char *profile)
{
    return strchr(profile, '.') == strrchr(profile, '.') && !strchr(profile, 'c');
}

static void check_profile(struct lint *l, const struct workload *w, const struct amount *a,
                          enum elsewhere elsewhere)
{
    const char *profile = resource_profile(a->name);
    const struct instance_type *board = NULL, *owner;
    const struct pool *p = NULL;
    struct finding *f;

    if (!profile || !is_plain(profile))
        return;
    owner = find_owner(l, profile);
    if (!owner && !l->system.eks)
        return;
    if (!owner) {
        f = lint_find(l, RULE_MIG_PROFILE_BOARD, spot_of(w->doc, a->node),
                      "%s asks for %s, and no board on EC2 has the MIG profile %s",
                      match_workload(l, w), a->name, profile);
    } else {
        if (elsewhere == ELSEWHERE_GROUPS || some_board_has(l, w, profile, &board, &p))
            return;
        if (!board) {
            f = lint_find(l, RULE_MIG_FAMILY, spot_of(w->doc, a->node),
                          "%s asks for %s, and no type that pool '%s' may buy has MIG",
                          match_workload(l, w), a->name, p->name);
            if (elsewhere)
                elsewhere_soften(f);
            match_told(l, w, f, REACH_RESOURCE);
            finding_cure(l, f, "let the pool buy types with that profile, such as %s", owner->name);
            return;
        }
        f = lint_find(l, RULE_MIG_PROFILE_BOARD, spot_of(w->doc, a->node),
                      "%s asks for %s, and the %s of pool '%s' (%s) has no profile %s",
                      match_workload(l, w), a->name, board->gpu_product, p->name, board->name,
                      profile);
        if (elsewhere)
            elsewhere_soften(f);
    }
    match_told(l, w, f, REACH_RESOURCE);
    if (board)
        finding_cure(l, f, "it has %s", profiles_of(l, board));
    choose_slice(l, f, w, a->name);
}

static const struct config_share *find_share(const struct config *c, const char *resource)
{
    for (size_t i = 0; c && i < c->n_shares; i++) {
        const struct config_share *share = &c->shares[i];
        size_t n = strlen(share->name);

        if (share->replicas < 2)
            continue;
        if (c->honor_rename && share->rename && strcmp(share->rename, resource) == 0)
            return share;
        if (strncmp(share->name, resource, n) == 0 &&
            strcmp(resource + n, c->rename_by_default ? ".shared" : "") == 0)
            return share;
    }
    return NULL;
}

/* The configuration that shares the resource in every pool that the pod may go to. */
static const struct config *shared_by(struct lint *l, const struct workload *w,
                                      const char *resource)
{
    const struct system *s = &l->system;
    const struct config *found = NULL;
    const struct pool *p;
    size_t at = 0, n = 0;

    while ((p = match_next(l, w, &at))) {
        const struct plugin_config *c = supply_plugin(s, p);

        n++;
        if (!c || !find_share(c->config, resource))
            return NULL;
        found = c->config;
    }
    if (n == 0 && !index_full(s) && s->n_plugins == 1 && find_share(s->plugins[0].config, resource))
        return s->plugins[0].config;
    return found;
}

static void check_many(struct lint *l, const struct workload *w, const struct yaml_pair *pair)
{
    const struct config *c;
    int64_t count;
    struct finding *f;

    if (!resource_is_gpu(pair->key->text) ||
        !quantity_read(&count, node_text(pair->value, ""), 1) || count < 2)
        return;
    c = shared_by(l, w, pair->key->text);
    if (!c)
        return;
    f = lint_find(
        l, RULE_SHARED_REQUEST_MANY, spot_of(w->doc, pair->value),
        c->fail_requests_greater_than_one
            ? "%s asks for %lld of %s, which is shared: the device plugin refuses more "
              "than one"
            : "%s asks for %lld of %s, which is shared: that may be one GPU as often, and "
              "brings no more time or memory",
        match_workload(l, w), (long long)count, pair->key->text);
    if (!c->fail_requests_greater_than_one && f->severity == SEVERITY_ERROR)
        f->severity = SEVERITY_WARNING;
    finding_cure(l, f, "ask for 1, or for GPUs of a pool that does not share them");
}

void check_workload_slices(struct lint *l, const struct workload *w, enum elsewhere elsewhere)
{
    const struct yaml_node *container;

    for (size_t i = 0; i < w->n_asks && match_buys(w); i++)
        if (w->asks[i].count > 0)
            check_profile(l, w, &w->asks[i], elsewhere);
    for (size_t i = 0; (container = match_container(w, i, NULL)); i++) {
        const struct yaml_node *limits = node_at(container, "resources.limits");

        for (size_t k = 0; limits && limits->kind == YAML_MAP && k < limits->count; k++)
            check_many(l, w, &limits->pairs[k]);
    }
}
