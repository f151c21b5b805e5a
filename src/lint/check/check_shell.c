/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands around GPU nodes: MIG geometry changed under running pods, columns that print <none>,
 * clean-up in the wrong order. Names in commands are check_kubectl.c's.
 */
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/call.h"

enum { MAX_TEXT = 16 << 10 }; /* of a word that is written anew */

static const char mig_label[] = "nvidia.com/mig.config=";

/* The word that sets the label of the wished MIG configuration, or NULL. */
static const struct word *mig_relabel(const struct call *call)
{
    if (!call_is(call, "label", NULL))
        return NULL;
    for (size_t i = 1; i < call->n_args; i++)
        if (strncmp(call->args[i]->text, mig_label, sizeof mig_label - 1) == 0)
            return call->args[i];
    return NULL;
}

static bool scales_to_none(const struct call *call)
{
    const struct word *replicas = call_option(call, "--replicas", "");

    return call_is(call, "scale", NULL) && replicas && strcmp(call_value(replicas), "0") == 0;
}

/* Whether the node is emptied between an earlier command and this one. */
static bool is_drained(const struct system *s, const struct command *from, const struct command *to)
{
    struct call call;

    for (size_t i = 0; i < s->n_commands; i++) {
        const struct command *c = s->commands[i];

        if (!call_before(&c->spot, &to->spot) || (from && !call_before(&from->spot, &c->spot)) ||
            !call_read(&call, c, "kubectl"))
            continue;
        if (call_is(&call, "drain", NULL) || call_is(&call, "cordon", NULL) ||
            call_is(&call, "taint", NULL) || call_is(&call, "delete", NULL) ||
            scales_to_none(&call))
            return true;
    }
    return false;
}

static void check_relabel(struct lint *l, const struct call *call, const struct command *before)
{
    const struct word *wish = mig_relabel(call);
    const struct word *node = call->n_args > 2 ? call->args[2] : NULL;
    const char *name;
    struct finding *f;

    if (!wish || is_drained(&l->system, before, call->command))
        return;
    f = lint_find(l, RULE_MIG_RELABEL_UNDRAINED, wish->spot,
                  "the node is cut anew (%s) with its pods on it: the MIG manager does not move "
                  "them, and fails while one holds a GPU",
                  wish->text + sizeof mig_label - 1);
    finding_cure(l, f,
                 "drain the node first, and let it in again once mig.config.state is success");
    if (!node || node == wish || strchr(node->text, '=') || strchr(node->text, '/') ||
        call_option(call, "--selector", "-l"))
        return;
    name = node->expands ? lint_printf(l, "\"%s\"", node->text) : node->text;
    fix_add_command(
        l, f, call->command, true,
        lint_printf(l, "kubectl drain %s --ignore-daemonsets --delete-emptydir-data", name));
    fix_add_command(l, f, call->command, false,
                    lint_printf(l,
                                "kubectl wait node %s --timeout=15m --for=jsonpath="
                                "'{.metadata.labels.nvidia\\.com/mig\\.config\\.state}'=success\n"
                                "kubectl uncordon %s",
                                name, name));
}

/* How far a resource's name goes that has dots without a backslash, from where it begins. */
static size_t name_size(const char *text)
{
    size_t size = 0;

    while (isalnum((unsigned char)text[size]) || strchr("./-_", text[size] ? text[size] : ' '))
        size++;
    while (size > 0 && text[size - 1] == '.')
        size--;
    return size;
}

/* The path with the dots of every nvidia.com name escaped, in quotes; NULL if there is none. */
static const char *escape_columns(struct lint *l, const char *text)
{
    static const char domain[] = "nvidia.com/";
    OWN(buf_done) struct buf out;
    bool found = false;

    buf_init(&out, MAX_TEXT);
    while (*text) {
        size_t size = strncmp(text, domain, sizeof domain - 1) == 0 ? name_size(text) : 0;

        found |= size > 0;
        if (size == 0)
            buf_char(&out, *text++);
        for (; size > 0; size--, text++)
            buf_printf(&out, *text == '.' ? "\\%c" : "%c", *text);
    }
    return found && !out.failed ? lint_printf(l, "%s", out.data) : NULL;
}

static void check_columns(struct lint *l, const struct call *call)
{
    const struct word *w = call_option(call, "--output", "-o");
    const char *text = w ? call_value(w) : "", *equals = strchr(text, '='), *escaped;
    struct finding *f;
    size_t size;

    if (!equals ||
        (strncmp(text, "custom-columns=", 15) != 0 && strncmp(text, "jsonpath=", 9) != 0))
        return;
    escaped = escape_columns(l, equals + 1);
    if (!escaped || strstr(text, "['nvidia.com") || strstr(text, "[\"nvidia.com"))
        return;
    f = lint_find(l, RULE_KUBECTL_COLUMNS_UNESCAPED, w->spot,
                  "the dots in a resource's name end a step of the path: the column prints <none>");
    finding_cure(l, f, "put a backslash before each dot of the name and quotes around it all");
    size = call_option_size(w->text) + (size_t)(equals + 1 - text);
    if (!w->expands)
        fix_word(l, f, w, lint_printf(l, "%.*s%s", (int)size, w->text, escaped));
}

static void check_top(struct lint *l, const struct call *call)
{
    bool gpu = false;
    struct finding *f;

    for (size_t i = 0; i < l->system.n_workloads; i++)
        gpu |= l->system.workloads[i].gpu;
    if (!gpu || !call_is(call, "top", NULL))
        return;
    f = lint_find(l, RULE_KUBECTL_TOP_GPU, call->command->spot,
                  "kubectl top shows CPU and memory, and nothing of GPUs");
    finding_cure(l, f, "look at dcgm-exporter's metrics, or carve ps on the node");
}

/* Whether something takes Karpenter's nodes away before the command. */
static bool deletes_nodes(const struct system *s, const struct command *before)
{
    struct call call;

    for (size_t i = 0; i < s->n_commands; i++)
        if (call_before(&s->commands[i]->spot, &before->spot) &&
            call_read(&call, s->commands[i], "kubectl") && call_is(&call, "delete", NULL))
            for (size_t k = 1; k < call.n_args; k++)
                if (strncmp(call.args[k]->text, "node", 4) == 0)
                    return true;
    return false;
}

/* Whether a pool stands in the same file, or in one of its folder. */
static bool has_pool(const struct system *s, const struct source *source)
{
    const char *slash = strrchr(source->file, '/');
    size_t folder = slash ? (size_t)(slash - source->file) + 1 : 0;

    for (size_t i = 0; i < s->n_pools; i++) {
        const char *file = s->pools[i].doc->piece->source->file;

        if (strncmp(file, source->file, folder) == 0 && !strchr(file + folder, '/'))
            return true;
    }
    return false;
}

static void check_cleanup(struct lint *l, const struct call *call)
{
    struct finding *f;

    if (!call_is(call, "delete", "cluster") || !has_pool(&l->system, call->command->spot.source) ||
        deletes_nodes(&l->system, call->command))
        return;
    f = lint_find(l, RULE_CLEANUP_ORDER, call->command->spot,
                  "the cluster goes before the nodes that Karpenter bought: nobody is left to "
                  "terminate them, and they go on costing money");
    finding_cure(l, f, "delete the NodePools and wait for their nodes first");
    fix_add_command(l, f, call->command, true,
                    "kubectl delete nodepools --all --wait\n"
                    "kubectl wait nodeclaims --all --for=delete --timeout=15m");
}

void check_shell(struct lint *l)
{
    const struct command *relabeled = NULL;
    struct call call;

    for (size_t i = 0; i < l->system.n_commands; i++) {
        const struct command *c = l->system.commands[i];

        if (call_read(&call, c, "eksctl"))
            check_cleanup(l, &call);
        if (!call_read(&call, c, "kubectl"))
            continue;
        check_relabel(l, &call,
                      relabeled && relabeled->spot.source == c->spot.source ? relabeled : NULL);
        if (mig_relabel(&call))
            relabeled = c;
        check_columns(l, &call);
        check_top(l, &call);
    }
}
