/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that a map has twice. */
#ifndef LINT_DUPLICATE_H
#define LINT_DUPLICATE_H

struct lint;
struct piece;
struct yaml_node;

/* Keeps a fault for each key below root that a key before it in the same map has too. */
void duplicate_find(struct lint *l, const struct piece *piece, const struct yaml_node *root);

#endif
