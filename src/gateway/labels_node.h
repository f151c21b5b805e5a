/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels as the node object shows them: which are there, whose they are, and the patches that make
 * a difference. Pure.
 *
 * Ours are those that the API server has in metadata.managedFields for our server-side apply; of
 * the Node Feature Discovery (NFD) those that its annotation lists.
 */
#ifndef GATEWAY_LABELS_NODE_H
#define GATEWAY_LABELS_NODE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct labels;
struct yaml_node;

enum { LABELS_NODE_PATCH_MAX = 256 << 10 };

/* Whether all wanted labels are on the node. */
bool labels_node_shows(const struct yaml_node *node, const struct labels *wanted);

/* Whether NFD says that it has put all of them there. */
bool labels_node_by_nfd(const struct yaml_node *node, const struct labels *wanted);

/* Our entry in the node's managedFields. */
struct labels_node_owned {
    ptrdiff_t entry; /* its place; -1: there is none */
    bool lacks;      /* a wanted label is not in it */
    bool excess;     /* a label in it is not wanted */
};
struct labels_node_owned labels_node_owned(const struct yaml_node *node,
                                           const struct labels *wanted);

/* The apply of exactly these labels (NULL: none) on the node of this name. */
void labels_node_write_apply(struct buf *out, const char *name, const struct labels *wanted);

/*
 * Gives up what we own without a change of the labels: a JSON patch that takes our entry out of
 * managedFields, and is refused if that is not the one at this place any more.
 */
void labels_node_write_release(struct buf *out, ptrdiff_t entry);

/*
 * A merge patch that removes labels that only GPU feature discovery or we write, that are not
 * wanted (NULL: none is) and that NFD does not list. False, and nothing written: there are none.
 */
bool labels_node_write_leftovers(struct buf *out, const struct yaml_node *node,
                                 const struct labels *wanted);

#endif
