/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carved's command line and environment: NVIDIA's settings from config's table, and carve's own.
 * Command line before environment; what neither gives comes from the file, then from the defaults.
 */
#ifndef AGENT_ARGUMENTS_H
#define AGENT_ARGUMENTS_H

#include "agent/agent.h"
#include "base/log.h"

enum { ARGUMENTS_MAX_OVERRIDES = 3 * CONFIG_MAX_SETTINGS };

/* Borrows its strings from argv and the environment. agent.overrides points into it: not movable.
 */
struct arguments {
    struct agent_options agent;
    struct config_override overrides[ARGUMENTS_MAX_OVERRIDES];
    char origins[ARGUMENTS_MAX_OVERRIDES][64]; /* "--mig-strategy" of those */
    const char *check_config;                  /* the file to check instead of running, or NULL */
    enum log_level log_level;
    bool network_bar; /* by seccomp, see network_bar.h */
};

/* Fills o. Prints help, version or a usage error and exits as argp does. */
void arguments_read(struct arguments *o, int argc, char **argv);

#endif
