/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of every verb: see options.h. */
#include "cli/options.h"

#include <stdlib.h>
#include <string.h>

static const char *setting(const char *name, const char *otherwise)
{
    const char *value = secure_getenv(name);

    return value && *value ? value : otherwise;
}

static void choose_view(struct options *o, enum options_view view, struct argp_state *state)
{
    if (o->view != OPTIONS_LIST && o->view != view)
        argp_error(state, "give only one of --profiles, --layouts and --topology");
    o->view = view;
}

static void choose_format(struct options *o, const char *format, struct argp_state *state)
{
    o->json = strcmp(format, "json") == 0;
    if (!o->json && strcmp(format, o->plain) != 0)
        argp_error(state, "unknown output format '%s'; there are %s and json", format, o->plain);
}

static void add_gpu(struct options *o, char *name, struct argp_state *state)
{
    if (!o->takes_gpus)
        argp_error(state, "'%s' is one word too many", name);
    if (o->n_gpus == GPU_MAX)
        argp_error(state, "at most %d GPUs can be named", GPU_MAX);
    o->gpus[o->n_gpus++] = name;
}

/* Options of `carve mig` alone. */
static error_t parse_letter(struct options *o, int key, char *argument)
{
    switch (key) {
    case 'f':
        o->file = argument;
        return 0;
    case 'c':
        o->config = argument;
        return 0;
    case 'l':
        o->label = argument;
        return 0;
    case 'm':
        o->mode_only = true;
        return 0;
    case 's':
        o->skip_reset = true;
        return 0;
    case 'a':
        o->valid_only = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case 'o':
        choose_format(o, argument, state);
        return 0;
    case OPTIONS_KEY_SOCKET:
        o->socket = argument;
        return 0;
    case OPTIONS_KEY_DRIVER_ROOT:
        o->driver_root = argument;
        return 0;
    case OPTIONS_KEY_SYSFS_ROOT:
        o->sysfs_root = argument;
        return 0;
    case OPTIONS_KEY_PROFILES:
        choose_view(o, OPTIONS_PROFILES, state);
        return 0;
    case OPTIONS_KEY_LAYOUTS:
        choose_view(o, OPTIONS_LAYOUTS, state);
        return 0;
    case OPTIONS_KEY_TOPOLOGY:
        choose_view(o, OPTIONS_TOPOLOGY, state);
        return 0;
    case OPTIONS_KEY_DRY_RUN:
        o->dry_run = true;
        return 0;
    case ARGP_KEY_ARG:
        add_gpu(o, argument, state);
        return 0;
    default:
        return parse_letter(o, key, argument);
    }
}

void options_read(struct options *out, const struct options_verb *verb, int argc, char **argv)
{
    const struct argp argp = {
        .options = verb->options, .parser = parse, .args_doc = verb->args_doc, .doc = verb->doc};

    *out = (struct options){
        .plain = verb->plain ? verb->plain : "table",
        .takes_gpus = verb->args_doc != NULL,
        .socket = setting("CARVE_SOCKET", "/run/carve/carved.sock"),
        .driver_root = "/",
        .sysfs_root = "/sys",
        .file = setting("MIG_PARTED_CONFIG_FILE", NULL),
        .config = setting("MIG_PARTED_SELECTED_CONFIG", NULL),
        .label = "current",
    };
    (void)argp_parse(&argp, argc, argv, 0, NULL, out);
}
