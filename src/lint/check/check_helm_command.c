/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helm's own commands: repositories that nobody adds, two commands in one line, --force, values
 * files that nobody has. What the values say is check_helm.c's.
 */
#include <string.h>

#include "lint/check/charts.h"
#include "lint/check/checks.h"
#include "lint/check/files.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/call.h"

/* Whether a `helm repo add NAME` stands anywhere in the set, even one that is written wrongly. */
static bool adds_repository(const struct system *s, const char *name, size_t size)
{
    struct call call;

    for (size_t i = 0; i < s->n_commands; i++)
        if (call_read(&call, s->commands[i], "helm") && call_is(&call, "repo", "add") &&
            call.n_args > 2 && strlen(call.args[2]->text) == size &&
            memcmp(call.args[2]->text, name, size) == 0)
            return true;
    return false;
}

/* "nvdp" of "nvdp/nvidia-device-plugin"; 0 for a folder, an address, a chart of another form. */
static size_t repository_size(const char *reference)
{
    const char *slash = strchr(reference, '/');

    if (!slash || slash == reference || strchr(slash + 1, '/') || strchr(reference, ':') ||
        reference[0] == '.' || reference[0] == '~' || strstr(reference, ".tgz"))
        return 0;
    return (size_t)(slash - reference);
}

/* Whether an earlier release already has the finding about the same repository. */
static bool said_before(const struct system *s, const struct release *r, size_t size)
{
    for (const struct release *other = s->releases; other < r; other++)
        if (other->command && charts_find(other->chart) &&
            repository_size(other->reference) == size &&
            memcmp(other->reference, r->reference, size) == 0)
            return true;
    return false;
}

static void check_repository(struct lint *l, const struct release *r)
{
    size_t size = repository_size(r->reference);
    const char *known = NULL, *url = charts_repository(r->chart, &known);
    struct finding *f;

    if (!r->command || !url || size == 0 || text_is_placeholder(r->reference) ||
        command_option(r->command, "--repo") || command_has(r->command, "--reuse-values") ||
        adds_repository(&l->system, r->reference, size) || said_before(&l->system, r, size))
        return;
    f = lint_find(l, RULE_HELM_REPO_MISSING, r->spot,
                  "nothing adds the repository '%.*s' before '%s' is taken from it", (int)size,
                  r->reference, r->reference);
    finding_cure(l, f, "run helm repo add %.*s %s first", (int)size, r->reference, url);
    fix_add_command(
        l, f, r->command, true,
        lint_printf(l, "helm repo add %.*s %s\nhelm repo update", (int)size, r->reference, url));
}

/* The argument with which a second command begins that was meant to stand on its own, or NULL. */
static const struct word *second_command(const struct call *call)
{
    static const char *const programs[] = {"helm", "kubectl", "eksctl", "aws"};

    for (size_t i = 4; i < call->n_args; i++)
        for (size_t k = 0; k < sizeof programs / sizeof *programs; k++)
            if (strcmp(call->args[i]->text, programs[k]) == 0)
                return call->args[i];
    return NULL;
}

static void check_repo_add(struct lint *l, const struct call *call)
{
    const struct word *second = second_command(call);
    struct finding *f;

    if (call->n_args == 4 || call->n_args < 3)
        return;
    for (size_t i = 0; i < call->n_args; i++)
        if (call->args[i]->expands)
            return;
    f = lint_find(l, RULE_HELM_REPO_ADD_ARGUMENTS, call->command->spot,
                  "helm repo add takes a name and an address, not %zu arguments: it fails and adds "
                  "nothing",
                  call->n_args - 2);
    if (!second || second != call->args[4]) {
        finding_cure(l, f, "write helm repo add NAME URL");
        return;
    }
    finding_cure(l, f, "'%s' begins a second command: put && before it", second->text);
    stack_edit(l, f,
               (struct spot){second->spot.source, second->spot.line, second->spot.column,
                             second->spot.line, second->spot.column},
               "&& ");
}

static void check_force(struct lint *l, const struct call *call)
{
    const struct command *c = call->command;
    struct finding *f;

    if (!call_is(call, "upgrade", NULL))
        return;
    for (size_t i = 0; i < c->n_words; i++) {
        if (strcmp(c->words[i].text, "--force") != 0)
            continue;
        f = lint_find(l, RULE_HELM_FORCE, c->words[i].spot,
                      "helm upgrade --force deletes objects and makes them anew: the plugin "
                      "restarts under running pods, and new GPU pods find no device meanwhile");
        finding_cure(l, f, "drop --force");
        fix_word(l, f, &c->words[i], "");
    }
}

static void check_values_files(struct lint *l, const struct call *call)
{
    const struct word *w;
    size_t at = 0;

    if (!call_is(call, "install", NULL) && !call_is(call, "upgrade", NULL) &&
        !call_is(call, "template", NULL))
        return;
    while ((w = call_next_option(call, "--values", "-f", &at))) {
        const char *file = call_value(w), *choice;
        struct finding *f;

        if (w->expands || !*file || files_can_be(l, call->command, file))
            continue;
        f = lint_find(l, RULE_HELM_VALUES_FILE_MISSING, w->spot,
                      "no file '%s' is here: helm stops with an error", file);
        finding_cure(l, f, "write the file beside this one, or name the one that is meant");
        choice = finding_choose(l, f, files_base(file), "the values file's path");
        if (choice)
            fix_word(l, f, w,
                     lint_printf(l, "%.*s%s", (int)call_option_size(w->text), w->text, choice));
    }
}

/* Charts of GPUs and of Karpenter; others are nobody's business here. */
static bool is_ours(const struct system *s, const struct command *c)
{
    for (size_t i = 0; i < s->n_releases; i++)
        if (s->releases[i].command == c)
            return s->releases[i].chart != CHART_OTHER;
    return false;
}

void check_helm_command(struct lint *l)
{
    const struct system *s = &l->system;
    struct call call;

    for (size_t i = 0; i < s->n_releases; i++)
        check_repository(l, &s->releases[i]);
    for (size_t i = 0; i < s->n_commands; i++) {
        if (!call_read(&call, s->commands[i], "helm"))
            continue;
        if (call_is(&call, "repo", "add")) {
            check_repo_add(l, &call);
        } else if (is_ours(s, s->commands[i])) {
            check_force(l, &call);
            check_values_files(l, &call);
        }
    }
}
