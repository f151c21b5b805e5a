/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of `carve lint`: see lint_options.h. */
#include "cli/lint_options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/report.h"

enum {
    KEY_EXPLAIN = 0x100,
    KEY_RULES,
    KEY_FIX,
    KEY_DIFF,
    KEY_SET,
    KEY_CATALOG,
    KEY_SCHEMAS,
    KEY_REGION,
    KEY_SETTINGS,
    KEY_EXCLUDE,
    KEY_COLOR,
    KEY_STRICT,
    KEY_FAIL_ON,
};

/* clang-format off */
static const struct argp_option table[] = {
    {"output", 'o', "FORMAT", 0, "table (default), json, sarif or github", 1},
    {"color", KEY_COLOR, "WHEN", 0, "auto (default: on a terminal), always or never", 1},
    {"fix", KEY_FIX, NULL, 0, "rewrite what has one right answer", 2},
    {"diff", KEY_DIFF, NULL, 0, "print what --fix would change, and change nothing", 2},
    {"set", KEY_SET, "NAME=VALUE", 0, "make a choice that a fix waits for (repeatable)", 2},
    {"strict", KEY_STRICT, NULL, 0, "as --fail-on warning", 3},
    {"fail-on", KEY_FAIL_ON, "SEVERITY", 0, "exit 1 from error (default), warning or info on", 3},
    {"exclude", KEY_EXCLUDE, "PATTERN", 0, "pass over such files; * stands for anything (repeatable)", 3},
    {"settings", KEY_SETTINGS, "FILE", 0,
     "settings file (default .carve-lint.yaml here or in the folder that is named)", 3},
    {"catalog", KEY_CATALOG, "FILE", 0, "instance types and prices over those built in (repeatable)", 4},
    {"schemas", KEY_SCHEMAS, "FILE", 0, "schemas over those built in (repeatable)", 4},
    {"region", KEY_REGION, "REGION", 0, "of the prices (default us-east-1)", 4},
    {"explain", KEY_EXPLAIN, "RULE", 0, "print the manual page of a rule", 5},
    {"rules", KEY_RULES, NULL, 0, "list all rules", 5},
    {0},
};
/* clang-format on */

/* The word's place in a list; the list has room for all words there are. */
static size_t choose(const char *word, const char *const *words, const char *what,
                     struct argp_state *state)
{
    size_t i = 0;

    while (words[i] && strcmp(words[i], word) != 0)
        i++;
    if (!words[i])
        argp_error(state, "unknown %s '%s'", what, word);
    return i;
}

static void add_choice(struct lint_options *o, char *word, struct argp_state *state)
{
    char *equals = strchr(word, '=');

    if (!equals || equals == word) {
        argp_error(state, "--set wants NAME=VALUE, not '%s'", word);
        return;
    }
    *equals = '\0';
    for (size_t i = 0; i < o->n_choices; i++)
        if (strcmp(o->choices[i].name, word) == 0)
            argp_error(state, "--set gives '%s' twice", word);
    o->choices[o->n_choices++] = (struct choice){.name = word, .value = equals + 1};
}

static bool choose_color(const char *when, struct argp_state *state)
{
    static const char *const names[] = {"auto", "always", "never", NULL};
    size_t chosen = choose(when, names, "color", state);

    return chosen == 1 || (chosen == 0 && report_wants_color(stdout));
}

static error_t parse_list(struct lint_options *o, int key, char *argument)
{
    struct lint_words *list;

    switch (key) {
    case KEY_CATALOG:
        list = &o->catalogs;
        break;
    case KEY_SCHEMAS:
        list = &o->schemas;
        break;
    case KEY_EXCLUDE:
        list = &o->exclude;
        break;
    case ARGP_KEY_ARG:
        list = &o->paths;
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    list->items[list->n++] = argument;
    return 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    static const char *const formats[] = {"table", "json", "sarif", "github", NULL};
    static const char *const severities[] = {"info", "warning", "error", NULL};
    struct lint_options *o = state->input;

    switch (key) {
    case 'o':
        o->format = (enum lint_format)choose(argument, formats, "output format", state);
        return 0;
    case KEY_COLOR:
        o->color = choose_color(argument, state);
        return 0;
    case KEY_FIX:
        o->fix = true;
        return 0;
    case KEY_DIFF:
        o->diff = true;
        return 0;
    case KEY_SET:
        add_choice(o, argument, state);
        return 0;
    case KEY_STRICT:
        o->fail_on = SEVERITY_WARNING;
        return 0;
    case KEY_FAIL_ON:
        o->fail_on = SEVERITY_INFO + (enum severity)choose(argument, severities, "severity", state);
        return 0;
    case KEY_SETTINGS:
        o->settings = argument;
        return 0;
    case KEY_REGION:
        o->region = argument;
        return 0;
    case KEY_EXPLAIN:
        o->explain = argument;
        return 0;
    case KEY_RULES:
        o->list_rules = true;
        return 0;
    default:
        return parse_list(o, key, argument);
    }
}

int lint_options_read(struct lint_options *out, int argc, char **argv, struct err *e)
{
    const struct argp argp = {
        .options = table,
        .parser = parse,
        .args_doc = "[FILE|DIR|-]...",
        .doc = "Finds faults in manifests for GPUs: Kubernetes, Karpenter, the GPU operator, the "
               "device plugin, MIG, Helm values, the commands around them, and all that inside "
               "Markdown. All that is named is one system; without a name it is this folder."
               "\vExit status: 0 no errors, 1 errors, 2 could not do it.",
    };
    size_t n = (size_t)argc;

    *out = (struct lint_options){.fail_on = SEVERITY_ERROR, .color = report_wants_color(stdout)};
    out->paths.items = calloc(n, sizeof(char *));
    out->exclude.items = calloc(n, sizeof(char *));
    out->catalogs.items = calloc(n, sizeof(char *));
    out->schemas.items = calloc(n, sizeof(char *));
    out->choices = calloc(n, sizeof *out->choices);
    if (!out->paths.items || !out->exclude.items || !out->catalogs.items || !out->schemas.items ||
        !out->choices) {
        lint_options_done(out);
        return err_memory(e);
    }
    (void)argp_parse(&argp, argc, argv, 0, NULL, out);
    return 0;
}

void lint_options_done(struct lint_options *o)
{
    free(o->paths.items);
    free(o->exclude.items);
    free(o->catalogs.items);
    free(o->schemas.items);
    free(o->choices);
    *o = (struct lint_options){0};
}
