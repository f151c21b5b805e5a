/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of YAML into documents. */
#ifndef LINT_DOCUMENT_H
#define LINT_DOCUMENT_H

#include "lint/lint.h"

/* Where the texts of a piece come from. */
struct origin {
    const struct document *outer; /* the ConfigMap that holds it; NULL */
    const char *key;              /* and the key in it */
    unsigned depth;               /* texts inside texts */
    bool strict;                  /* what is no YAML is a fault; else it is something else */
};

/* Reads all documents of a piece, each alone. What goes wrong is kept as a fault. -ENOMEM. */
int document_read(struct lint *l, struct piece *piece, const struct origin *origin, struct err *e);

/* Adds an object that is there as a tree, and the objects inside it. -ENOMEM. */
int document_add(struct lint *l, const struct piece *piece, const struct yaml_doc *yaml,
                 const struct yaml_node *root, const struct origin *origin, struct err *e);

/* Reads the texts inside a document that are files of their own. -ENOMEM. */
int document_read_inner(struct lint *l, const struct document *d, unsigned depth, struct err *e);

#endif
