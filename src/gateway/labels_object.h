/* SPDX-License-Identifier: Apache-2.0 */
/* The content of a NodeFeature: whether it is as wanted, and the texts that make it so. Pure. */
#ifndef GATEWAY_LABELS_OBJECT_H
#define GATEWAY_LABELS_OBJECT_H

#include <stdbool.h>

struct buf;
struct labels;
struct labels_owner;
struct yaml_node;

#define LABELS_OBJECT_NAME "nvidia-features-for-" /* the node's name follows */

/* What it is like but for its labels; borrowed. */
struct labels_object {
    const char *node;
    const struct labels_owner *owner;
};

/* Whether GPU feature discovery itself has written it. */
bool labels_object_by_nvidia(const struct yaml_node *object);

/* Whether everything that is wanted is in it; there may be more labels. */
bool labels_object_has(const struct yaml_node *object, const struct labels_object *like,
                       const struct labels *wanted);

/* Whether there are labels in it that are not wanted. */
bool labels_object_has_more(const struct yaml_node *object, const struct labels *wanted);

/* All of it, for an apply. */
void labels_object_write(struct buf *out, const struct labels_object *like,
                         const struct labels *wanted);

/* A merge patch that removes what is not wanted, which an apply leaves if it is of another writer.
 */
void labels_object_write_trim(struct buf *out, const struct yaml_node *object,
                              const struct labels *wanted);

#endif
