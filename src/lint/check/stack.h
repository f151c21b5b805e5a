/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the set shows of NVIDIA's stack on the nodes: who installs the device plugin and where,
 * which MIG strategy it runs with, who cuts GPUs. Views for the checks of the plugin, of MIG and of
 * the commands.
 */
#ifndef LINT_STACK_H
#define LINT_STACK_H

#include "lint/lint.h"

/* The first release of a chart, or NULL. */
const struct release *stack_release(const struct system *s, enum chart chart);

/* Whether a value of a release is true or false; `otherwise` if nothing is said. */
bool stack_truth(const struct release *r, const char *path, bool otherwise);

/* The command that applies NVIDIA's static manifest of the device plugin, or NULL. */
const struct command *stack_static_plugin(const struct system *s);

/* A DaemonSet of the set that runs NVIDIA's device plugin, or NULL. */
const struct workload *stack_plugin_daemonset(const struct system *s);

/* The namespace in which the set installs the device plugin; NULL: it does not say. */
const char *stack_plugin_space(const struct system *s);

/* The release that runs the device plugin: its own chart, or the operator with the plugin on. */
const struct release *stack_plugin_release(const struct system *s);

/* "none", "single" or "mixed" as the plugin of the set runs; NULL if that cannot be told. */
const char *stack_strategy(const struct system *s);

/* Whether it is the device plugin's indeed: its keys, its ConfigMap's name or a release say so. */
bool stack_is_config(const struct system *s, const struct plugin_config *p);

/* A ConfigMap's file that by its name is the device plugin's, though no plugin would know it. */
bool stack_is_meant_config(const struct system *s, const struct document *d);

/* A range of a file by another text, as it stands there. */
void stack_edit(struct lint *l, struct finding *f, struct spot spot, const char *text);

#endif
