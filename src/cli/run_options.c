/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the words of `carve run` up to its command. See run_options.h. */
#include "cli/run_options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/bytes.h"

enum {
    KEY_EXPLAIN = 0x200,
    KEY_ALLOW_UNATTACHED,
    KEY_DRIVER_ROOT,
    KEY_SYSFS_ROOT,
    KEY_WAIT,
    WAIT_MAX_MS = 7 * 24 * 3600 * 1000,
    MEMORY_MIN_MIB = 2, /* what the driver takes at once */
};

static const struct argp_option run_argp_options[] = {
    {"gpu", 'g', "GPU", 0,
     "index, UUID, or MIG device (0:1, MIG-...); several as 0,1 or by repeating the option. "
     "Default: "
     "the one with the most room",
     0},
    {"memory", 'm', "SIZE", 0,
     "memory on each GPU: 10Gi or 10GiB (1024 x 1024 x 1024), 10G or 10g (1000 x 1000 x 1000), "
     "500M, "
     "or bytes. The context that CUDA makes is part of it",
     0},
    {"name", 'n', "NAME", 0, "name of the slice; a program that names a slice of yours joins it",
     0},
    {"wait", KEY_WAIT, "TIME", OPTION_ARG_OPTIONAL,
     "wait until there is room, at most TIME (30s, 5m, 1h)", 0},
    {"explain", KEY_EXPLAIN, NULL, 0, "tell what would be done and why; start nothing", 0},
    {"allow-unattached", KEY_ALLOW_UNATTACHED, NULL, 0,
     "start also a program that no limit can get into; it then has none", 0},
    {"output", 'o', "FORMAT", 0, "of --explain: table (default) or json", 1},
    {"driver-root", KEY_DRIVER_ROOT, "DIR", 0, "where the driver's files are (default /)", 2},
    {"sysfs-root", KEY_SYSFS_ROOT, "DIR", OPTION_HIDDEN, "", 2},
    {0},
};

static void add_gpus(struct run_options *o, const char *list, struct argp_state *state)
{
    char *rest, *word;

    if (o->gpu_lists) {
        char *both = NULL;

        if (asprintf(&both, "%s,%s", o->gpu_lists, list) < 0)
            argp_error(state, "out of memory");
        free(o->gpu_lists);
        o->gpu_lists = both;
    } else {
        o->gpu_lists = strdup(list);
    }
    if (!o->gpu_lists)
        argp_error(state, "out of memory");
    o->n_gpus = 0;
    for (rest = o->gpu_lists; rest && (word = strsep(&rest, ","));) {
        if (!*word)
            argp_error(state, "'--gpu %s' names an empty GPU; write 0,1", list);
        if (o->n_gpus == PAGE_DEVICES)
            argp_error(state, "at most %d GPUs can be in one slice", PAGE_DEVICES);
        o->gpus[o->n_gpus++] = word;
    }
}

static void read_memory(struct run_options *o, const char *text, struct argp_state *state)
{
    if (!bytes_read(&o->memory_bytes, text))
        argp_error(
            state,
            "'%s' is no amount of memory; write 10Gi or 10GiB for 10 x 1024^3 bytes, 10G for "
            "10 x 1000^3, 500Mi, or a number of bytes",
            text);
    if (o->memory_bytes == 0)
        argp_error(state,
                   "a limit of 0 leaves nothing to run with; a CUDA context alone needs about "
                   "520 MiB");
    if (o->memory_bytes < (uint64_t)MEMORY_MIN_MIB << 20)
        argp_error(state,
                   "'%s' is %llu bytes, and a GPU's memory is taken by %d MiB at least; a number "
                   "needs its unit: write 10Gi or 10G",
                   text, (unsigned long long)o->memory_bytes, MEMORY_MIN_MIB);
    o->memory = text;
}

static void read_name(struct run_options *o, const char *name, struct argp_state *state)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    if (!*name || strlen(name) >= PAGE_NAME_SIZE || name[strspn(name, allowed)] != '\0')
        argp_error(state, "'%s' is no name for a slice; up to %d of letters, digits, '.', '_', '-'",
                   name, PAGE_NAME_SIZE - 1);
    o->name = name;
}

static void read_wait(struct run_options *o, const char *text, struct argp_state *state)
{
    o->wait = true;
    o->wait_ms = 0;
    if (text && (!text_wait_ms(&o->wait_ms, text, WAIT_MAX_MS) || o->wait_ms == 0))
        argp_error(state,
                   "'%s' is no time to wait; write 30s, 5m or 1h, at most a week, or --wait "
                   "alone for as long as it takes",
                   text);
}

/* All words from here on are the command's. */
static void read_command(struct run_options *o, struct argp_state *state)
{
    const char *first = state->argv[state->next - 1];
    unsigned ms;

    if (o->wait && o->wait_ms == 0 && !state->quoted && text_wait_ms(&ms, first, WAIT_MAX_MS))
        argp_error(state, "'%s' stands where the command begins; write --wait=%s", first, first);
    o->command = &state->argv[state->next - 1];
    state->next = state->argc;
}

static void read_format(struct run_options *o, const char *format, struct argp_state *state)
{
    o->json = strcmp(format, "json") == 0;
    if (!o->json && strcmp(format, "table") != 0)
        argp_error(state, "unknown output format '%s'; there are table and json", format);
    o->format = format;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct run_options *o = state->input;

    switch (key) {
    case 'g':
        add_gpus(o, argument, state);
        return 0;
    case 'm':
        read_memory(o, argument, state);
        return 0;
    case 'n':
        read_name(o, argument, state);
        return 0;
    case KEY_WAIT:
        read_wait(o, argument, state);
        return 0;
    case KEY_EXPLAIN:
        o->explain = true;
        return 0;
    case KEY_ALLOW_UNATTACHED:
        o->allow_unattached = true;
        return 0;
    case 'o':
        read_format(o, argument, state);
        return 0;
    case KEY_DRIVER_ROOT:
        o->driver_root = argument;
        return 0;
    case KEY_SYSFS_ROOT:
        return 0;
    case ARGP_KEY_ARG:
        read_command(o, state);
        return 0;
    case ARGP_KEY_END:
        if (!o->command && !o->explain)
            argp_error(state, "there is no command; write it behind '--'");
        if (o->format && !o->explain)
            argp_error(state, "--output is of --explain; the program's own options go behind it");
        if (!o->memory && !*o->name)
            argp_error(state, "--memory is missing: say how much of the GPU the program may use");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void run_options_read(struct run_options *out, int argc, char **argv)
{
    static const struct argp argp = {
        .options = run_argp_options,
        .parser = parse,
        .args_doc = "-- COMMAND...",
        .doc = "Runs a program with a limit on its GPU memory.",
    };

    *out = (struct run_options){.driver_root = "/", .name = ""};
    (void)argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, out);
}

void run_options_done(struct run_options *o)
{
    free(o->gpu_lists);
    o->gpu_lists = NULL;
}
