/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of every verb: which options there are and what they set. A verb lists those
 * that it takes, in words of its own where they mean something of its own.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "gpu/gpu.h"

/* What to tell of the GPUs. */
enum options_view {
    OPTIONS_LIST,
    OPTIONS_PROFILES,
    OPTIONS_LAYOUTS,
    OPTIONS_TOPOLOGY,
};

/* Strings are borrowed from argv and the environment. */
struct options {
    const char *plain; /* the verb's format that is not json */
    bool takes_gpus;   /* the verb does */
    bool json;
    const char *socket;      /* of carved */
    const char *driver_root; /* where the driver's files are, to read it directly */
    const char *sysfs_root;
    size_t n_gpus; /* named; 0: all */
    char *gpus[GPU_MAX];
    enum options_view view;
    const char *file;   /* mig-parted's; NULL: the default configuration of this node; "-": stdin */
    const char *config; /* of the file; NULL: the only one */
    const char *label;  /* of what is exported */
    bool dry_run, mode_only, skip_reset, valid_only;
};

/* Keys of options that have no letter. */
enum {
    OPTIONS_KEY_SOCKET = 0x100,
    OPTIONS_KEY_DRIVER_ROOT,
    OPTIONS_KEY_SYSFS_ROOT,
    OPTIONS_KEY_PROFILES,
    OPTIONS_KEY_LAYOUTS,
    OPTIONS_KEY_TOPOLOGY,
    OPTIONS_KEY_DRY_RUN,
};

/* Entries of a verb's table. */
/* clang-format off */
#define OPTIONS_OUTPUT \
    {"output", 'o', "FORMAT", 0, "table (default) or json", 1}
#define OPTIONS_NODE \
    {"socket", OPTIONS_KEY_SOCKET, "PATH", 0, \
     "carved's socket (CARVE_SOCKET; default /run/carve/carved.sock)", 2}, \
    {"driver-root", OPTIONS_KEY_DRIVER_ROOT, "DIR", 0, \
     "where the driver's files are when it is read directly (default /)", 2}, \
    {"sysfs-root", OPTIONS_KEY_SYSFS_ROOT, "DIR", 0, "sysfs, likewise (default /sys)", 2}
#define OPTIONS_MIG_FILE \
    {"config-file", 'f', "FILE", 0, \
     "mig-parted's configuration file, - for standard input (MIG_PARTED_CONFIG_FILE; without it " \
     "the default configurations of this node's boards)", 0}
#define OPTIONS_MIG_CONFIG \
    {"selected-config", 'c', "NAME", 0, \
     "which of its configurations (MIG_PARTED_SELECTED_CONFIG; default the only one)", 0}
/* clang-format on */

/* What a verb takes. */
struct options_verb {
    const struct argp_option *options;
    const char *args_doc; /* of words that name GPUs; NULL: there are none */
    const char *doc;
    const char *plain; /* the output format beside json; NULL: "table" */
};

/* Defaults, environment, then argv; wrong usage ends the process. */
void options_read(struct options *out, const struct options_verb *verb, int argc, char **argv);

#endif
