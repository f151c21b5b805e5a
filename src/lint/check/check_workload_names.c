/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containers ask for: resource names that nothing offers, and amounts that the API server
 * refuses or that are no devices. Source: Kubernetes v1.35, validation of extended resources.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "lint/check/check_parts.h"
#include "lint/rules_list.h"
#include "lint/view/match.h"
#include "lint/view/reach.h"

/* "4g.20gb" out of "4g.20gb", "mig-4g-20gb", "4g20GB", with ".me" or "+me"; "" if it is none. */
static const char *read_profile(struct lint *l, const char *text)
{
    const char *slices, *memory, *rest;
    size_t n_slices, n_memory;

    if (strncasecmp(text, "mig-", 4) == 0 || strncasecmp(text, "mig_", 4) == 0)
        text += 4;
    slices = text;
    n_slices = strspn(slices, "0123456789");
    text = slices + n_slices;
    if (n_slices == 0 || n_slices > 2 || tolower((unsigned char)*text) != 'g')
        return "";
    text++;
    text += *text == '.' || *text == '-' || *text == '_';
    memory = text;
    n_memory = strspn(memory, "0123456789");
    rest = memory + n_memory;
    if (n_memory == 0 || n_memory > 3 || strncasecmp(rest, "gb", 2) != 0)
        return "";
    rest += 2;
    if (*rest && *rest != '.' && *rest != '+' && *rest != '-')
        return "";
    return lint_printf(l, "%.*sg.%.*sgb%s%s", (int)n_slices, slices, (int)n_memory, memory,
                       *rest ? "." : "", *rest ? rest + 1 : "");
}

/* Other spellings of the whole GPU. */
static bool is_gpu_misspelt(const char *name)
{
    static const char *const names[] = {"gpu",
                                        "gpus",
                                        "nvidia.com/gpus",
                                        "nvidia/gpu",
                                        "nvidia.com.gpu",
                                        "nvidia.com/nvidia-gpu",
                                        "nvidia-gpu",
                                        "nvidia.gpu",
                                        "nvidia.com/gpu-count",
                                        "nvidia.com/gpu.count",
                                        "alpha.kubernetes.io/nvidia-gpu",
                                        "nvidia.com/GPU",
                                        "kubernetes.io/gpu"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(names[i], name) == 0)
            return strcmp(name, "nvidia.com/gpu") != 0;
    return strcasecmp(name, "nvidia.com/gpu") == 0 && strcmp(name, "nvidia.com/gpu") != 0;
}

/* A name that a plugin's configuration gives. */
static bool is_renamed(const struct config *c, const char *name)
{
    for (size_t k = 0; k < c->n_shares; k++)
        if (c->shares[k].rename && strcmp(c->shares[k].rename, name) == 0)
            return true;
    for (size_t k = 0; k < c->n_gpu_patterns; k++)
        if (strcmp(c->gpu_patterns[k].name, name) == 0)
            return true;
    for (size_t k = 0; k < c->n_mig_patterns; k++)
        if (strcmp(c->mig_patterns[k].name, name) == 0)
            return true;
    return false;
}

/* A name that a plugin's configuration or an overlay of the set gives on purpose. */
static bool is_declared(const struct system *s, const char *name)
{
    for (size_t i = 0; i < s->n_overlays; i++)
        for (size_t k = 0; k < s->overlays[i].n_capacity; k++)
            if (strcmp(s->overlays[i].capacity[k].name, name) == 0)
                return true;
    for (size_t i = 0; i < s->n_plugins; i++)
        if (s->plugins[i].config && is_renamed(s->plugins[i].config, name))
            return true;
    return false;
}

/* The right name of what is meant; NULL if the name is right or nobody knows. */
static const char *meant_name(struct lint *l, const char *name)
{
    static const char prefix[] = "nvidia.com/";
    const char *profile;

    if (is_gpu_misspelt(name))
        return "nvidia.com/gpu";
    profile = read_profile(l, text_starts(name, prefix) ? name + strlen(prefix) : name);
    if (!profile[0])
        return NULL;
    profile = lint_printf(l, "nvidia.com/mig-%s", profile);
    return strcmp(profile, name) == 0 ? NULL : profile;
}

static void check_name(struct lint *l, const struct workload *w, const struct yaml_pair *pair)
{
    const char *name = pair->key->text, *meant = meant_name(l, name);
    struct finding *f;

    if (!meant || is_declared(&l->system, name))
        return;
    f = lint_find(l, RULE_RESOURCE_NAME_UNKNOWN, spot_of(w->doc, pair->key),
                  "no device plugin offers '%s': pods of %s stay pending for ever", name,
                  match_workload(l, w));
    match_told(l, w, f, REACH_RESOURCE);
    finding_cure(l, f, "the resource is called %s", meant);
    fix_rename(l, f, w->doc, pair, meant);
}

static bool is_extended_gpu(const char *name)
{
    return resource_is_gpu(name) && strchr(name, '/');
}

static void check_fraction(struct lint *l, const struct workload *w, const struct yaml_pair *pair)
{
    const char *text = node_text(pair->value, "");
    int64_t whole, milli;
    struct finding *f;

    if (!text[0] || text_is_placeholder(text) || !quantity_read(&whole, text, 1) ||
        !quantity_read(&milli, text, 1000) || milli == whole * 1000)
        return;
    f = lint_find(l, RULE_RESOURCE_AMOUNT, spot_of(w->doc, pair->value),
                  "%s asks for %s of %s: devices come whole, and the API server refuses the pod",
                  match_workload(l, w), text, pair->key->text);
    finding_cure(l, f, "ask for 1, of a slice where a whole GPU is too much");
    fix_replace(l, f, w->doc, pair->value, lint_printf(l, "%lld", (long long)whole));
}

/* Requests of devices need limits, and the same ones. */
static void check_pair(struct lint *l, const struct workload *w, const struct yaml_pair *request,
                       const struct yaml_node *limit, const char *path)
{
    const char *wanted = node_text(request->value, ""), *most = node_text(limit, "");
    struct finding *f;

    if (text_is_placeholder(wanted) || text_is_placeholder(most) || strcmp(wanted, most) == 0)
        return;
    if (!limit) {
        f = lint_find(l, RULE_RESOURCE_AMOUNT, spot_of(w->doc, request->key),
                      "%s requests %s and sets no limit: the API server refuses the pod",
                      match_workload(l, w), request->key->text);
        finding_cure(l, f, "write it under limits; requests may be left out");
        fix_put(l, f, w->doc, path, request->key->text, wanted);
        return;
    }
    f = lint_find(l, RULE_RESOURCE_AMOUNT, spot_of(w->doc, request->value),
                  "%s requests %s of %s and limits it to %s: both must be the same",
                  match_workload(l, w), wanted, request->key->text, most);
    finding_cure(l, f, "make them equal");
}

static void check_container(struct lint *l, const struct workload *w,
                            const struct yaml_node *container, const char *path)
{
    const struct yaml_node *limits = node_at(container, "resources.limits");
    const struct yaml_node *requests = node_at(container, "resources.requests");

    for (size_t i = 0; limits && limits->kind == YAML_MAP && i < limits->count; i++) {
        check_name(l, w, &limits->pairs[i]);
        if (is_extended_gpu(limits->pairs[i].key->text))
            check_fraction(l, w, &limits->pairs[i]);
    }
    for (size_t i = 0; requests && requests->kind == YAML_MAP && i < requests->count; i++) {
        const struct yaml_pair *pair = &requests->pairs[i];

        check_name(l, w, pair);
        if (!is_extended_gpu(pair->key->text))
            continue;
        check_fraction(l, w, pair);
        check_pair(l, w, pair, node_get(limits, pair->key->text), path);
    }
}

void check_workload_names(struct lint *l, const struct workload *w)
{
    const struct yaml_node *init = node_get(w->pod, "initContainers");
    size_t n_init = init && init->kind == YAML_LIST ? init->count : 0;
    const struct yaml_node *container;
    bool starts;

    for (size_t i = 0; (container = match_container(w, i, &starts)); i++)
        check_container(l, w, container,
                        lint_printf(l, "%s.%s[%zu].resources.limits", w->pod_path,
                                    starts ? "initContainers" : "containers",
                                    starts ? i : i - n_init));
}
