/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carve-gateway's command line and environment: one table, an option is also a variable. Command
 * line before environment before preset.
 */
#ifndef GATEWAY_ARGUMENTS_H
#define GATEWAY_ARGUMENTS_H

#include <stdbool.h>

#include "base/log.h"
#include "gateway/gateway.h"

/* Borrows its strings from argv and the environment. */
struct arguments {
    struct gateway_options options;
    bool uninstall; /* delete the DaemonSet instead of running */
    unsigned uninstall_deadline_ms;
    enum log_level log_level;
};

/* Fills o. Prints help, version or a usage error and exits as argp does. */
void arguments_read(struct arguments *o, int argc, char **argv);

#endif
