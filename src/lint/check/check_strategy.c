/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of resources that pods ask for against those that the device plugin gives its slices: by
 * its MIG strategy, and by renaming of shared GPUs.
 */
#include <string.h>

#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"

static const char gpu_resource[] = "nvidia.com/gpu", shared_resource[] = "nvidia.com/gpu.shared";

/* Writes another strategy where the set says the old one, or where it would say it. */
static void put_mixed(struct lint *l, struct finding *f)
{
    const struct system *s = &l->system;
    const struct release *r = stack_plugin_release(s);
    bool is_operator = r && r->chart == CHART_GPU_OPERATOR;
    const char *path = is_operator ? "mig.strategy" : "migStrategy";
    const struct helm_value *v = r ? release_value(r, path) : NULL;

    if (v && v->doc && v->pair)
        fix_replace(l, f, v->doc, v->pair->value, "mixed");
    else if (v && v->word && !strchr(v->word->text, ','))
        fix_word(l, f, v->word,
                 lint_printf(l, "%s%s=mixed",
                             strncmp(v->word->text, "--set=", 6) == 0 ? "--set=" : "", path));
    else if (!v && s->n_plugins > 0 && !is_operator)
        for (size_t i = 0; i < s->n_plugins; i++)
            fix_put(l, f, s->plugins[i].doc, "flags", "migStrategy", "mixed");
    else if (!v && r && r->command)
        fix_add_words(l, f, r->command, lint_printf(l, "--set %s=mixed", path));
}

/* Whether some pod asks for whole GPUs, which another strategy would change for it. */
static bool asks(const struct system *s, const char *resource)
{
    for (size_t i = 0; i < s->n_workloads; i++)
        for (size_t k = 0; k < s->workloads[i].n_asks; k++)
            if (strcmp(s->workloads[i].asks[k].name, resource) == 0)
                return true;
    return false;
}

static void check_slice(struct lint *l, const struct workload *w, const struct amount *ask,
                        const char *strategy)
{
    bool single = strcmp(strategy, "single") == 0;
    struct finding *f;

    if (!ask->pair || (!single && strcmp(strategy, "none") != 0))
        return;
    f = lint_find(l, RULE_STRATEGY_RESOURCE, spot_of(w->doc, ask->pair->key),
                  single ? "'%s' is never there: with MIG strategy single all slices are called %s"
                         : "'%s' is never there: with MIG strategy none all GPUs are called %s",
                  ask->name, gpu_resource);
    finding_cure(l, f, "set the strategy to mixed%s", single ? ", or ask for nvidia.com/gpu" : "");
    if (!single || !asks(&l->system, gpu_resource))
        put_mixed(l, f);
}

/* Whether a plugin of the set may advertise shared GPUs under their own name. */
static bool may_rename(const struct system *s)
{
    const struct release *r = stack_plugin_release(s);

    if (!r && !stack_static_plugin(s))
        return true;
    if (r && (r->values_open || r->chart == CHART_CARVE))
        return true;
    for (size_t i = 0; i < s->n_plugins; i++)
        if (!s->plugins[i].config || s->plugins[i].config->rename_by_default)
            return true;
    if (s->n_plugins > 0)
        return false;
    return r && (release_value(r, "config.name") || release_value(r, "devicePlugin.config.name"));
}

static void check_shared(struct lint *l, const struct workload *w, const struct amount *ask)
{
    const struct system *s = &l->system;
    struct finding *f;

    if (!ask->pair || may_rename(s))
        return;
    f = lint_find(l, RULE_STRATEGY_RESOURCE, spot_of(w->doc, ask->pair->key),
                  "'%s' is never there: no plugin of the set renames what it shares", ask->name);
    finding_cure(l, f, "set renameByDefault: true in sharing.timeSlicing");
    if (s->n_plugins == 1 && node_at(s->plugins[0].doc->root, "sharing.timeSlicing") &&
        !asks(s, gpu_resource))
        fix_put(l, f, s->plugins[0].doc, "sharing.timeSlicing", "renameByDefault", "true");
}

void check_strategy(struct lint *l)
{
    const struct system *s = &l->system;
    const char *strategy = stack_strategy(s);

    for (size_t i = 0; i < s->n_workloads; i++) {
        for (size_t k = 0; k < s->workloads[i].n_asks; k++) {
            const struct amount *ask = &s->workloads[i].asks[k];

            if (strategy && resource_profile(ask->name))
                check_slice(l, &s->workloads[i], ask, strategy);
            else if (strcmp(ask->name, shared_resource) == 0)
                check_shared(l, &s->workloads[i], ask);
        }
    }
}
