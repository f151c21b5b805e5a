/* SPDX-License-Identifier: Apache-2.0 */
/* Names of resources, and the file's block `resources` that gives them to GPUs and MIG devices. */
#ifndef CONFIG_CONFIG_RESOURCES_H
#define CONFIG_CONFIG_RESOURCES_H

#include <stddef.h>

struct config;
struct config_pattern;
struct reading;
struct yaml_node;

/*
 * The full name ("nvidia.com/gpu") for one with or without its prefix, as a new string; NULL
 * after an error (or, with r->out_of_memory, without memory). `what` names the field.
 */
char *config_resources_name(struct reading *r, const struct yaml_node *node, const char *what);

/* The block `resources` (NULL: none). Judged always, kept only if the configuration honors it. */
void config_resources_read(struct config *c, struct reading *r, const struct yaml_node *block);

void config_resources_free(struct config_pattern *patterns, size_t count);

#endif
