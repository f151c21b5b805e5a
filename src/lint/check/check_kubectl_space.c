/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces that kubectl is given: those of a chart that the set installs elsewhere, and those
 * that nothing in the set ever puts anything into.
 */
#include <stdlib.h>
#include <string.h>

#include "lint/check/charts.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/call.h"

/* What the set puts anything into, by name; and of each chart the first release that says where. */
struct spaces {
    size_t n;
    const char **names;
    const struct release *charts[CHART_CARVE + 1];
};

static void add(struct lint *l, struct spaces *in, const char *name)
{
    const char **grown;

    if (!*name)
        return;
    grown = arena_grow(&l->arena, in->names, in->n, sizeof *grown);
    if (!grown) {
        l->out_of_memory = true;
        return;
    }
    in->names = grown;
    in->names[in->n++] = name;
}

/* A namespace that the command makes, or makes things in. */
static void add_command(struct lint *l, struct spaces *in, const struct command *c)
{
    const struct word *w;
    struct call call;

    if (call_read(&call, c, "kubectl")) {
        if (!call_is(&call, "apply", NULL) && !call_is(&call, "create", NULL) &&
            !call_is(&call, "config", NULL) && !call_is(&call, "run", NULL))
            return;
        if (call.n_args > 2)
            add(l, in, call.args[2]->text);
    } else if (!call_read(&call, c, "helm")) {
        return;
    }
    w = call_option(&call, "--namespace", "-n");
    if (w)
        add(l, in, call_value(w));
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void read_spaces(struct lint *l, struct spaces *in)
{
    const struct system *s = &l->system;

    for (size_t i = 0; i < s->n_documents; i++) {
        add(l, in, s->documents[i]->space);
        if (strcmp(s->documents[i]->kind, "Namespace") == 0)
            add(l, in, s->documents[i]->name);
    }
    for (size_t i = 0; i < s->n_releases; i++) {
        const struct release *r = &s->releases[i];

        add(l, in, r->space);
        if (*r->space && !in->charts[r->chart])
            in->charts[r->chart] = r;
    }
    for (size_t i = 0; i < s->n_commands; i++)
        add_command(l, in, s->commands[i]);
    if (in->n > 0)
        qsort(in->names, in->n, sizeof *in->names, by_name);
}

static bool is_used(const struct spaces *in, const char *space)
{
    return in->n > 0 && bsearch(&space, in->names, in->n, sizeof *in->names, by_name);
}

/* Namespaces that clusters have anyway, or that other products are usually in. */
static bool is_known(const char *space)
{
    static const char *const names[] = {
        "default",           "karpenter",    "monitoring",    "prometheus",
        "observability",     "cert-manager", "argocd",        "flux-system",
        "amazon-cloudwatch", "istio-system", "ingress-nginx", "node-feature-discovery",
    };

    if (strncmp(space, "kube-", 5) == 0)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], space) == 0)
            return true;
    return false;
}

/* The release whose chart the namespace is named after, though it is installed elsewhere. */
static const struct release *release_named(const struct spaces *in, const char *space)
{
    const struct release *first = NULL;

    for (size_t i = 0; i < sizeof in->charts / sizeof in->charts[0]; i++) {
        const struct release *r = in->charts[i];
        const struct chart_facts *facts = r ? charts_find(r->chart) : NULL;

        if (facts && (!first || r < first) && strstr(space, facts->name))
            first = r;
    }
    return first;
}

/* The one namespace in which all of the set's GPU workloads are; NULL: none, or many. */
static const char *workload_space(const struct system *s)
{
    const char *all = NULL;

    for (size_t i = 0; i < s->n_workloads; i++) {
        const char *one = *s->workloads[i].space ? s->workloads[i].space : "default";

        if (!s->workloads[i].gpu)
            continue;
        if (all && strcmp(all, one) != 0)
            return NULL;
        all = one;
    }
    return all;
}

/* Whether the call asks after pods in general, by no name and no label. */
static bool is_about_pods(const struct call *call)
{
    const char *what = call->n_args > 1 ? call->args[1]->text : "";

    return (call_is(call, "top", NULL) || call_is(call, "get", NULL) ||
            call_is(call, "describe", NULL)) &&
           call->n_args == 2 && (strcmp(what, "pods") == 0 || strcmp(what, "pod") == 0) &&
           !call_option(call, "--selector", "-l");
}

static void report(struct lint *l, const struct word *w, const char *space, const char *words)
{
    struct finding *f = lint_find(l, RULE_KUBECTL_NAMESPACE_UNKNOWN, w->spot,
                                  "nothing is ever put into the namespace '%s'; %s '%s'",
                                  call_value(w), words, space);

    finding_cure(l, f, "write %s", space);
    fix_word(l, f, w, lint_printf(l, "%.*s%s", (int)call_option_size(w->text), w->text, space));
}

void check_kubectl_space(struct lint *l)
{
    const struct system *s = &l->system;
    const char *home = workload_space(s);
    struct spaces in = {0};
    struct call call;

    if (s->n_commands == 0)
        return;
    read_spaces(l, &in);

    for (size_t i = 0; i < s->n_commands; i++) {
        const struct release *r;
        const struct word *w;
        const char *space;

        if (!call_read(&call, s->commands[i], "kubectl") ||
            !(w = call_option(&call, "--namespace", "-n")) || w->expands)
            continue;
        space = call_value(w);
        if (!*space || text_is_placeholder(space) || strpbrk(space, "$<>{}") || is_known(space) ||
            is_used(&in, space))
            continue;
        r = release_named(&in, space);
        if (r)
            report(l, w, r->space, "the chart is installed into");
        else if (home && is_about_pods(&call))
            report(l, w, home, "the GPU pods are in");
    }
}
