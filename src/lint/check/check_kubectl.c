/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names that kubectl is given against what the set makes: kinds, objects, labels and namespaces.
 * Only what the set itself creates or installs is judged; anything else may be in the cluster.
 */
#include <string.h>

#include "config/suggest.h"
#include "lint/check/charts.h"
#include "lint/check/checks.h"
#include "lint/check/files.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/call.h"

enum {
    MAX_NAMES = 64,
    MAX_LOOKED_AT = 2048, /* commands and documents that may make what a name means */
};

static const struct {
    const char *kind, *words[4]; /* the first is what a cure writes */
} kinds[] = {
    {"Deployment", {"deployment", "deployments", "deploy"}},
    {"DaemonSet", {"daemonset", "daemonsets", "ds"}},
    {"StatefulSet", {"statefulset", "statefulsets", "sts"}},
    {"Job", {"job", "jobs"}},
    {"CronJob", {"cronjob", "cronjobs", "cj"}},
    {"Pod", {"pod", "pods", "po"}},
    {"NodePool", {"nodepool", "nodepools"}},
    {"EC2NodeClass", {"ec2nodeclass", "ec2nodeclasses", "ec2nc"}},
};

/* The kind that a word of a command means ("deployments.apps"), or NULL. */
static const char *kind_of(const char *word, size_t size)
{
    const char *dot = memchr(word, '.', size);
    size_t length = dot ? (size_t)(dot - word) : size;

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        for (size_t k = 0; k < 4 && kinds[i].words[k]; k++)
            if (strlen(kinds[i].words[k]) == length &&
                strncmp(kinds[i].words[k], word, length) == 0)
                return kinds[i].kind;
    return NULL;
}

static const char *word_of(const char *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].kind, kind) == 0)
            return kinds[i].words[0];
    return kind;
}

/* A name in a command with the kind it stands for. */
struct named {
    const char *kind;
    const struct word *kind_word; /* "daemonset", or "daemonset/x" */
    const struct word *word;      /* the name's, maybe the same */
    const char *name;
};

/* The names that a call is about; returns how many. */
static size_t read_names(struct named out[MAX_NAMES], const struct call *call, size_t first)
{
    const char *kind = NULL;
    const struct word *kind_word = NULL;
    size_t n = 0;

    for (size_t i = first; i < call->n_args && n < MAX_NAMES; i++) {
        const struct word *w = call->args[i];
        const char *slash = strchr(w->text, '/');

        if (slash) {
            const char *own = kind_of(w->text, (size_t)(slash - w->text));

            if (own)
                out[n++] = (struct named){own, w, w, slash + 1};
        } else if (!kind_word) {
            kind = kind_of(w->text, strlen(w->text));
            kind_word = w;
        } else if (kind) {
            out[n++] = (struct named){kind, kind_word, w, w->text};
        }
    }
    return n;
}

/* Whether the set installs that chart. */
static bool installs(const struct system *s, const char *chart)
{
    for (size_t i = 0; i < s->n_releases; i++) {
        const struct chart_facts *facts = charts_find(s->releases[i].chart);

        if (facts && strcmp(facts->name, chart) == 0)
            return true;
    }
    return false;
}

/* Whether a pool refers to a class of that name, wherever it is. */
static bool is_class_of_pool(const struct system *s, const char *name)
{
    for (size_t i = 0; i < s->n_pools; i++)
        if (strcmp(s->pools[i].class_name, name) == 0)
            return true;
    return false;
}

/* The kind under which the set's charts or manifests have the name, though not the wanted one. */
static const char *other_kind(const struct system *s, const char *kind, const char *name)
{
    const char *other = NULL;

    if (strcmp(kind, "EC2NodeClass") == 0 && is_class_of_pool(s, name))
        return NULL;
    for (size_t i = 0; i < s->n_documents; i++) {
        const struct document *d = s->documents[i];

        if (strcmp(d->name, name) != 0 || !kind_of(word_of(d->kind), strlen(word_of(d->kind))))
            continue;
        if (strcmp(d->kind, kind) == 0)
            return NULL;
        other = d->kind;
    }
    for (const struct chart_object *o = chart_objects; o->chart; o++) {
        if (strcmp(o->name, name) != 0 || !installs(s, o->chart))
            continue;
        if (strcmp(o->kind, kind) == 0)
            return NULL;
        other = o->kind;
    }
    return other;
}

static void wrong_kind(struct lint *l, const struct named *n, const char *kind)
{
    const char *text = n->kind_word->text, *slash = strchr(text, '/');
    struct finding *f =
        lint_find(l, RULE_KUBECTL_KIND_WRONG, n->kind_word->spot, "'%s' is no %s but a %s", n->name,
                  word_of(n->kind), word_of(kind));

    finding_cure(l, f, "write %s", word_of(kind));
    fix_word(l, f, n->kind_word, lint_printf(l, "%s%s", word_of(kind), slash ? slash : ""));
}

/* Whether a pod's name may come from a workload: "trainer-0", "web-7d4b9-x2k". */
static bool may_be_pod_of(const struct system *s, const char *name)
{
    for (size_t i = 0; i < s->n_workloads; i++) {
        size_t size = strlen(s->workloads[i].name);

        if (size > 0 && strncmp(name, s->workloads[i].name, size) == 0 &&
            (name[size] == '-' || !name[size]))
            return true;
    }
    for (size_t i = 0; i < s->n_documents && i < MAX_LOOKED_AT; i++) {
        const struct document *d = s->documents[i];
        size_t size = strlen(d->name);

        /* Kinds of others make pods too. */
        if (strchr(d->api_version, '.') && size > 0 && strncmp(name, d->name, size) == 0)
            return true;
    }
    for (size_t i = 0; i < s->n_commands && i < MAX_LOOKED_AT; i++) {
        struct call call;

        if (call_read(&call, s->commands[i], "kubectl") && call_is(&call, "run", NULL) &&
            call.n_args > 1 && strncmp(call.args[1]->text, name, strlen(name)) == 0)
            return true;
    }
    return false;
}

static bool is_system_space(const char *space)
{
    return strncmp(space, "kube-", 5) == 0 || strcmp(space, "karpenter") == 0 ||
           strstr(space, "gpu-operator") || strstr(space, "nvidia");
}

/* Whether a file of that name is applied that is not in the set: the object may be in it. */
static bool may_be_in_file(const struct system *s, const char *name)
{
    size_t size = strlen(name);
    struct call call;

    for (size_t i = 0; i < s->n_commands && i < MAX_LOOKED_AT; i++) {
        const struct word *w;
        size_t at = 0;

        if (!call_read(&call, s->commands[i], "kubectl") ||
            !(call_is(&call, "apply", NULL) || call_is(&call, "create", NULL)))
            continue;
        while ((w = call_next_option(&call, "--filename", "-f", &at))) {
            const char *base = files_base(call_value(w));

            if (strncmp(base, name, size) == 0 && (base[size] == '.' || base[size] == '\0'))
                return true;
        }
    }
    return false;
}

/* Whether the set makes objects of that kind; *known: one of that name; its names for a guess. */
static size_t names_of_kind(const struct system *s, const char *kind, const char *name,
                            const char *names[MAX_NAMES], bool *known)
{
    size_t n = 0;

    *known = false;
    for (size_t i = 0; i < s->n_documents; i++) {
        const struct document *d = s->documents[i];

        if (strcmp(d->kind, kind) != 0 || !*d->name)
            continue;
        *known |= strcmp(d->name, name) == 0 || text_is_placeholder(d->name);
        if (n < MAX_NAMES)
            names[n++] = d->name;
    }
    for (const struct chart_object *o = chart_objects; o->chart; o++)
        *known |= strcmp(o->name, name) == 0;
    for (size_t i = 0; i < s->n_releases; i++)
        *known |= *s->releases[i].name &&
                  strncmp(name, s->releases[i].name, strlen(s->releases[i].name)) == 0;
    return n;
}

static void check_name(struct lint *l, const struct call *call, const struct named *n)
{
    const struct word *space = call_option(call, "--namespace", "-n");
    const char *names[MAX_NAMES], *choice, *near;
    bool known;
    size_t count = names_of_kind(&l->system, n->kind, n->name, names, &known);
    struct finding *f;

    if (count == 0 || known || may_be_in_file(&l->system, n->name) ||
        (space && is_system_space(call_value(space))) ||
        (strcmp(n->kind, "EC2NodeClass") == 0 && is_class_of_pool(&l->system, n->name)) ||
        (strcmp(n->kind, "Pod") == 0 && may_be_pod_of(&l->system, n->name)))
        return;
    near = suggest_find(n->name, names, count);
    f = lint_find(l, RULE_KUBECTL_OBJECT_UNKNOWN, n->word->spot,
                  "nothing here makes a %s '%s'%s%s%s", word_of(n->kind), n->name,
                  near ? "; there is '" : "", near ? near : "", near ? "'" : "");
    finding_cure(l, f, "create it, or name one that there is");
    choice = finding_choose(l, f, n->name, "the object that is meant");
    if (choice && n->word == n->kind_word)
        fix_word(l, f, n->word, lint_printf(l, "%s/%s", word_of(n->kind), choice));
    else if (choice)
        fix_word(l, f, n->word, choice);
}

/* Whether an object can be called so at all; "..." stands for another name. */
static bool is_name(const char *text)
{
    return *text && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(text) &&
           *text != '.' && *text != '-';
}

static void check_names(struct lint *l, const struct call *call, size_t first)
{
    struct named names[MAX_NAMES];
    size_t n =
        command_has(call->command, "--ignore-not-found") ? 0 : read_names(names, call, first);

    for (size_t i = 0; i < n; i++) {
        const char *other;

        if (names[i].word->expands || text_is_placeholder(names[i].name) || !is_name(names[i].name))
            continue;
        other = other_kind(&l->system, names[i].kind, names[i].name);
        if (other && strcmp(other, "Pod") != 0 && strcmp(names[i].kind, "Pod") != 0)
            wrong_kind(l, &names[i], other);
        else if (!other)
            check_name(l, call, &names[i]);
    }
}

/* Whether objects of the set carry the label "key=value". */
static bool is_label(const struct system *s, const char *key, const char *value)
{
    for (size_t i = 0; i < s->n_workloads; i++) {
        const struct yaml_node *labels = node_get(s->workloads[i].pod_meta, "labels");
        const struct yaml_node *own = node_at(s->workloads[i].doc->root, "metadata.labels");

        if (strcmp(node_text(node_get(labels, key), ""), value) == 0 ||
            strcmp(node_text(node_get(own, key), ""), value) == 0)
            return true;
    }
    return false;
}

/* The label of an installed chart that "key=value" is nearly, or NULL. *known: it is one. */
static const char *near_label(const struct system *s, const char *selector, bool *known)
{
    const char *value = strchr(selector, '=') + 1, *near = NULL;
    size_t key = (size_t)(value - selector);

    *known = false;
    for (const struct chart_object *o = chart_objects; o->chart; o++) {
        const char *own = o->label + key;

        if (!installs(s, o->chart) || strncmp(o->label, selector, key) != 0)
            continue;
        *known |= strcmp(own, value) == 0;
        if (!near && (strstr(value, own) || suggest_find(value, &own, 1)))
            near = o->label;
    }
    return near;
}

static void check_selector(struct lint *l, const struct call *call)
{
    const struct word *w = call_option(call, "--selector", "-l");
    const char *text = w ? call_value(w) : "", *equals = strchr(text, '='), *near;
    struct finding *f;
    bool known;

    if (!equals || w->expands || strpbrk(text, ",!()") || equals == text || equals[1] == '=')
        return;
    near = near_label(&l->system, text, &known);
    if (!near || known ||
        is_label(&l->system, lint_printf(l, "%.*s", (int)(equals - text), text), equals + 1))
        return;
    f = lint_find(l, RULE_KUBECTL_SELECTOR_UNKNOWN, w->spot,
                  "no object of the chart has the label '%s': the selector finds nothing", text);
    finding_cure(l, f, "write %s", near);
    fix_word(l, f, w, lint_printf(l, "%.*s%s", (int)call_option_size(w->text), w->text, near));
}

void check_kubectl(struct lint *l)
{
    static const struct {
        const char *a, *b;
        size_t first; /* the argument with which names begin */
    } verbs[] = {
        {"get", NULL, 1},     {"describe", NULL, 1},  {"scale", NULL, 1}, {"delete", NULL, 1},
        {"rollout", NULL, 2}, {"autoscale", NULL, 1}, {"edit", NULL, 1},  {"logs", NULL, 1},
    };
    struct call call;

    for (size_t i = 0; i < l->system.n_commands; i++) {
        if (!call_read(&call, l->system.commands[i], "kubectl"))
            continue;
        for (size_t k = 0; k < sizeof verbs / sizeof *verbs; k++)
            if (call_is(&call, verbs[k].a, verbs[k].b))
                check_names(l, &call, verbs[k].first);
        check_selector(l, &call);
    }
}
