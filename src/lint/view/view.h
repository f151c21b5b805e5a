/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only the files that make the views of system.h share: growing lists, and the readers of the
 * parts that many kinds of objects have. What is written wrongly is left out: the schema's check
 * tells of it.
 */
#ifndef LINT_VIEW_H
#define LINT_VIEW_H

#include "lint/lint.h"

enum {
    VIEW_MAX_ENTRIES = 4096, /* of one list or map that a view takes over */
    VIEW_MAX_DEPTH = 32,     /* of Helm values */
};

/* Room for one more in a list of the run's; NULL without memory, which the run then knows. */
void *view_grow(struct lint *l, void *array, size_t n, size_t size);
void *view_alloc(struct lint *l, size_t size);

/* A list of {key, operator, values}, put behind those that are there. */
void view_requirements(struct lint *l, const struct yaml_node *list, struct requirement **items,
                       size_t *n);
/* A map of labels as requirements In with one value each. */
void view_selector(struct lint *l, const struct yaml_node *map, struct requirement **items,
                   size_t *n);
void view_taints(struct lint *l, const struct yaml_node *list, struct taint **items, size_t *n);
/* A map of resources. A placeholder's amount is 1. */
void view_amounts(struct lint *l, const struct yaml_node *map, struct amount **items, size_t *n);

/* One kind of object or command each; what they do not know they pass over. */
void pool_read(struct lint *l, struct system *s, const struct document *d);
void node_class_read(struct lint *l, struct system *s, const struct document *d);
void overlay_read(struct lint *l, struct system *s, const struct document *d);
void workload_read(struct lint *l, struct system *s, const struct document *d);
void release_read_command(struct lint *l, struct system *s, const struct command *c);
void release_read(struct lint *l, struct system *s, const struct document *d);
/* Values files that no release names, once all releases are read. */
void release_read_values(struct lint *l, struct system *s, const struct document *d);
void plugin_view_read(struct lint *l, struct system *s, const struct document *d);
void mig_view_read(struct lint *l, struct system *s, const struct document *d);

/* What needs several views: classes of pools, the overlays' order, which configurations are used.
 */
void pool_link(struct lint *l, struct system *s);
void overlay_sort(struct system *s);
void plugin_view_link(struct system *s);

/* Files in the values of releases: a plugin's and mig-parted's. */
void plugin_view_read_values(struct lint *l, struct system *s);
void mig_view_read_values(struct lint *l, struct system *s);

/* Whether it is the DaemonSet of a device plugin, by an image. */
bool plugin_view_is_daemon(const struct workload *w);

/* Whether an object without a kind is such a file, by its keys. */
bool plugin_view_is(const struct document *d);
bool mig_view_is(const struct document *d);

#endif
