/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIG configurations that the set wishes for, by label, command or value, against those that there
 * are, and the slices that pods ask for against those that come of them. Whether a pool's boards
 * can do what its label says is check_pool_mig.c's.
 */
#include <string.h>

#include "config/suggest.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/mig_default.h"
#include "lint/view/supply.h"

enum {
    MAX_WISHES = 256,
    MAX_NAMES = 512,
    MAX_PROFILES = 64, /* of which it is kept whether they are made; others are asked again */
};

static const char wish_label[] = "nvidia.com/mig.config";

/* What somebody wishes nodes to be cut into. */
struct wish {
    const char *name;
    struct spot spot;
    const struct pool *pool; /* whose nodes; NULL: any */
    const struct word *word; /* "nvidia.com/mig.config=NAME", or NULL */
    const struct document *doc;
    const struct yaml_node *node; /* or the value in a document */
};

struct wishes {
    size_t n;
    struct wish items[MAX_WISHES];
    size_t n_profiles; /* that were asked for */
    struct {
        const char *name;
        bool made;
    } profiles[MAX_PROFILES];
};

static void add_wish(struct wishes *w, const struct wish *wish)
{
    if (w->n < MAX_WISHES && wish->name && *wish->name)
        w->items[w->n++] = *wish;
}

/* Wishes of labels in the pools' templates. */
static void wishes_of_pools(const struct system *s, struct wishes *w)
{
    for (size_t i = 0; i < s->n_pools; i++) {
        const struct pool *p = &s->pools[i];
        const struct yaml_node *node = node_get(p->labels, wish_label);
        const char *name = pool_label(p, wish_label);

        for (size_t k = 0; !node && k < p->n_requirements; k++)
            if (strcmp(p->requirements[k].key, wish_label) == 0)
                node = p->requirements[k].node;
        if (name && node)
            add_wish(w, &(struct wish){name, spot_of(p->doc, node), p, NULL, p->doc,
                                       node->kind == YAML_SCALAR ? node : NULL});
    }
}

/* Those of `kubectl label node` and of operators' values. */
static void wishes_of_commands(const struct system *s, struct wishes *w)
{
    size_t size = sizeof wish_label - 1;

    for (size_t i = 0; i < s->n_commands; i++) {
        const struct command *c = s->commands[i];

        for (size_t k = 0; command_has(c, "label") && k < c->n_words; k++)
            if (strncmp(c->words[k].text, wish_label, size) == 0 && c->words[k].text[size] == '=')
                add_wish(w, &(struct wish){.name = c->words[k].text + size + 1,
                                           .spot = c->words[k].spot,
                                           .word = &c->words[k]});
    }
    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];
        const struct helm_value *v =
            r->chart == CHART_GPU_OPERATOR ? release_value(r, "migManager.config.default") : NULL;

        if (v)
            add_wish(w, &(struct wish){.name = v->text, .spot = v->spot});
    }
}

static const struct instance_type *mig_type_at(const struct lint *l, const struct wish *w, size_t i)
{
    if (w->pool && !w->pool->types_open && w->pool->n_types > 0)
        return i < w->pool->n_types ? w->pool->types[i] : NULL;
    return catalog_at(l->catalog, i);
}

/* Whether a configuration may be there that the set does not show. */
static bool hidden_configs(const struct system *s)
{
    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];
        const struct helm_value *name = release_value(r, "migManager.config.name");
        bool found = false;

        if (r->chart == CHART_CARVE || (r->chart == CHART_GPU_OPERATOR && r->values_open))
            return true;
        if (r->chart != CHART_GPU_OPERATOR || !name || !*name->text)
            continue;
        for (size_t k = 0; k < s->n_migs; k++)
            found |= s->migs[k].holder && strcmp(s->migs[k].holder->name, name->text) == 0;
        if (!found && strcmp(name->text, "default-mig-parted-config") != 0)
            return true;
    }
    return false;
}

/* Whether a configuration of that name is known for any board. */
static bool is_known(struct lint *l, const char *name)
{
    const struct instance_type *t;

    for (size_t i = 0; (t = catalog_at(l->catalog, i)); i++) {
        struct mig_yield yield;

        if (!t->mig)
            continue;
        mig_yield_make(l, &yield, &l->system, name, t);
        if (yield.state != MIG_YIELD_NO_CONFIG && yield.state != MIG_YIELD_NO_MIG)
            return true;
    }
    return false;
}

/* The known name that is nearest, or NULL. */
static const char *near_config(struct lint *l, const char *name)
{
    const char *names[MAX_NAMES];
    const struct instance_type *t;
    size_t n = 0;

    for (size_t i = 0; i < l->system.n_migs; i++)
        for (size_t k = 0; l->system.migs[i].file && k < l->system.migs[i].file->n_configs; k++)
            if (n < MAX_NAMES)
                names[n++] = l->system.migs[i].file->configs[k].name;
    for (size_t i = 0; (t = catalog_at(l->catalog, i)); i++) {
        const struct mig_file *file = t->mig ? mig_default_file(l, t) : NULL;

        for (size_t k = 0; file && k < file->n_configs; k++)
            if (n < MAX_NAMES)
                names[n++] = file->configs[k].name;
    }
    return suggest_find(name, names, n);
}

static void choose_config(struct lint *l, struct finding *f, const struct wish *w)
{
    const char *choice = finding_choose(l, f, "mig-config", "a MIG configuration");

    if (choice && w->word)
        fix_word(l, f, w->word, lint_printf(l, "%s=%s", wish_label, choice));
    else if (choice && w->node)
        fix_replace(l, f, w->doc, w->node, choice);
}

/* A configuration that other boards have and the pool's lack. */
static void check_boards(struct lint *l, const struct wish *w)
{
    const struct pool *p = w->pool;

    for (size_t i = 0; p && !p->types_open && i < p->n_types; i++) {
        const struct instance_type *t = p->types[i];
        struct mig_yield yield;
        struct finding *f;

        if (!t->mig)
            continue;
        mig_yield_make(l, &yield, &l->system, w->name, t);
        if (yield.state != MIG_YIELD_NO_CONFIG && yield.state != MIG_YIELD_NO_PROFILE)
            continue;
        f = lint_find(l, RULE_MIG_PROFILE_BOARD, w->spot,
                      "pool '%s' wants the MIG configuration '%s', which the %s of %s cannot have: "
                      "the MIG manager fails there and cuts nothing",
                      p->name, w->name, t->gpu_product, t->name);
        finding_cure(l, f, "name a configuration with profiles of that board");
        choose_config(l, f, w);
        return;
    }
}

static void check_wish(struct lint *l, const struct wish *w)
{
    const char *near;
    struct finding *f;

    if (text_is_placeholder(w->name) || strpbrk(w->name, "$<{"))
        return;
    if (is_known(l, w->name)) {
        check_boards(l, w);
        return;
    }
    near = near_config(l, w->name);
    f = lint_find(l, RULE_MIG_CONFIG_UNKNOWN, w->spot,
                  "no MIG configuration is called '%s'%s%s%s: the MIG manager fails and cuts "
                  "nothing",
                  w->name, near ? "; there is '" : "", near ? near : "", near ? "'" : "");
    finding_cure(l, f, "name one of mig-parted's, or add it to the set");
    choose_config(l, f, w);
}

/* Whether the wish makes slices of that profile on a board that it may mean. */
static bool makes(struct lint *l, const struct wish *w, const char *profile)
{
    const struct instance_type *t;

    for (size_t i = 0; (t = mig_type_at(l, w, i)); i++) {
        struct mig_yield yield;

        if (!t->mig)
            continue;
        mig_yield_make(l, &yield, &l->system, w->name, t);
        for (size_t k = 0; yield.state == MIG_YIELD_OK && k < yield.n; k++)
            if (resource_same_profile(yield.items[k].profile, profile))
                return true;
    }
    return false;
}

/* Whether a file of the set has the profile in one of its configurations. */
static bool file_has(const struct system *s, const char *profile)
{
    for (size_t i = 0; i < s->n_migs; i++) {
        if (!s->migs[i].file)
            return true;
        for (size_t k = 0; k < s->migs[i].file->n_configs; k++) {
            const struct mig_config *c = &s->migs[i].file->configs[k];

            for (size_t e = 0; e < c->n_entries; e++)
                for (size_t m = 0; m < c->entries[e].n_counts; m++)
                    if (resource_same_profile(c->entries[e].counts[m].profile, profile))
                        return true;
        }
    }
    return false;
}

/* Whether GPUs are cut by hand, or by what is in the nodes' images. */
static bool cut_elsewhere(const struct system *s)
{
    for (size_t i = 0; i < s->n_commands; i++)
        for (size_t k = 0; k < s->commands[i]->n_words; k++)
            if (strcmp(s->commands[i]->words[k].text, "mig") == 0 ||
                strstr(s->commands[i]->words[k].text, "mig-parted"))
                return true;
    for (size_t i = 0; i < s->n_classes; i++)
        if (strcmp(s->classes[i].family, "Bottlerocket") == 0 ||
            strstr(node_text(node_get(s->classes[i].spec, "userData"), ""), "mig"))
            return true;
    return false;
}

static bool has_mig_type(const struct pool *p)
{
    for (size_t i = 0; i < p->n_types; i++)
        if (p->types[i]->mig)
            return true;
    return false;
}

static void not_produced(struct lint *l, const struct workload *w, const struct amount *ask,
                         const struct wishes *wishes)
{
    const char *profile = resource_profile(ask->name), *choice;
    struct spot spot = ask->pair ? spot_of(w->doc, ask->pair->key) : spot_of_document(w->doc);
    struct finding *f = lint_find(l, RULE_SLICE_NOT_PRODUCED, spot,
                                  "%s '%s' asks for slices %s, and %s", w->kind, w->name, profile,
                                  wishes->n ? "no MIG configuration of the set makes any"
                                            : "nothing in the set cuts GPUs");

    finding_cure(l, f,
                 "label the pool's nodes %s with a configuration that makes them, and let the "
                 "GPU operator's MIG manager apply it",
                 wish_label);
    if (wishes->n)
        return;
    choice = finding_choose(l, f, "mig-config", "a MIG configuration");
    for (size_t i = 0; choice && i < l->system.n_pools; i++)
        if (has_mig_type(&l->system.pools[i]) &&
            strcmp(l->system.pools[i].doc->kind, "NodePool") == 0)
            fix_put(l, f, l->system.pools[i].doc, "spec.template.metadata.labels", wish_label,
                    choice);
}

/* Whether any wish makes slices of that profile. */
static bool is_made(struct lint *l, struct wishes *w, const char *profile)
{
    bool made = file_has(&l->system, profile);

    for (size_t i = 0; i < w->n_profiles; i++)
        if (strcmp(w->profiles[i].name, profile) == 0)
            return w->profiles[i].made;
    for (size_t i = 0; i < w->n && !made; i++)
        made = text_is_placeholder(w->items[i].name) || makes(l, &w->items[i], profile) ||
               !is_known(l, w->items[i].name); /* told of by check_wish */
    if (w->n_profiles < MAX_PROFILES) {
        w->profiles[w->n_profiles].name = profile;
        w->profiles[w->n_profiles++].made = made;
    }
    return made;
}

static void check_asks(struct lint *l, struct wishes *wishes)
{
    const struct system *s = &l->system;

    if ((wishes->n == 0 && (s->n_pools == 0 || !s->has_plugin)) || cut_elsewhere(s) ||
        hidden_configs(s) || s->partial)
        return;
    for (size_t i = 0; i < s->n_workloads; i++) {
        const struct workload *w = &s->workloads[i];

        for (size_t k = 0; k < w->n_asks; k++) {
            const char *profile = resource_profile(w->asks[k].name);

            if (profile && !is_made(l, wishes, profile))
                not_produced(l, w, &w->asks[k], wishes);
        }
    }
}

/* Whether something of the set acts on the label: the operator's MIG manager, ours, another one. */
static bool has_manager(const struct system *s)
{
    for (size_t i = 0; i < s->n_releases; i++)
        if (s->releases[i].chart == CHART_CARVE ||
            (s->releases[i].chart == CHART_GPU_OPERATOR &&
             (s->releases[i].values_open ||
              stack_truth(&s->releases[i], "migManager.enabled", true))))
            return true;
    for (size_t i = 0; i < s->n_documents; i++)
        if (document_is(s->documents[i], "nvidia.com", "ClusterPolicy"))
            return true;
    for (size_t i = 0; i < s->n_workloads; i++)
        if (strstr(s->workloads[i].name, "mig-manager") || strstr(s->workloads[i].name, "carve"))
            return true;
    return false;
}

/* Only where the set shows how the stack is installed. */
static void check_manager(struct lint *l, const struct wishes *wishes)
{
    const struct system *s = &l->system;
    struct finding *f;

    if (wishes->n == 0 || (!stack_plugin_release(s) && !stack_static_plugin(s)) || has_manager(s) ||
        cut_elsewhere(s) || strcmp(wishes->items[0].name, "all-disabled") == 0)
        return;
    f = lint_find(l, RULE_MIG_MANAGER_MISSING, wishes->items[0].spot,
                  "nothing in the set acts on %s=%s: the device plugin alone cuts no GPU",
                  wish_label, wishes->items[0].name);
    finding_cure(l, f,
                 "install the GPU operator, of which the MIG manager does, in place of the "
                 "plugin's chart");
}

void check_mig(struct lint *l)
{
    struct wishes *w = arena_alloc(&l->arena, sizeof *w);

    if (!w) {
        l->out_of_memory = true;
        return;
    }
    wishes_of_pools(&l->system, w);
    wishes_of_commands(&l->system, w);
    for (size_t i = 0; i < w->n && !hidden_configs(&l->system); i++)
        check_wish(l, &w->items[i]);
    check_asks(l, w);
    check_manager(l, w);
}
