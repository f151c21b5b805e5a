/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a catalogue, for the files that fill it and look things up in it. */
#ifndef COST_CATALOG_CONTENT_H
#define COST_CATALOG_CONTENT_H

#include "base/arena.h"
#include "cost/catalog.h"

/* Where something was said. File NULL: in the built-in table. Line 0: of the file as a whole. */
struct catalog_place {
    const char *file;
    unsigned line, column; /* column 0: not known */
};

/* Everything that the catalogue knows now; all of it lives in the layers. */
struct catalog_content {
    size_t n_types;
    const struct instance_type **types;   /* the built-in ones first */
    const struct catalog_place *origins;  /* of the types, in the same order */
    const struct instance_type **by_name; /* sorted */
    size_t n_names, n_families, n_sizes, n_regions;
    const char **names, **families, **sizes, **regions; /* sorted, each once */
    size_t n_quotas;
    const struct quota *quotas;
};

/* Memory of what one file said. */
struct catalog_layer {
    struct catalog_layer *next;
    struct arena arena;
};

struct catalog {
    struct catalog_layer *layers;
    struct catalog_content now;
};

/* Makes the sorted lists out of types, their prices and the quotas; false without memory. */
bool catalog_index(struct catalog_content *content, struct arena *arena);

const struct instance_type *catalog_content_find(const struct catalog_content *content,
                                                 const char *name);

/* "FILE:12:3", "FILE:12", "FILE" or "the built-in table". Returns buffer. */
enum { CATALOG_PLACE_SIZE = 160 };
const char *catalog_place_text(char buffer[CATALOG_PLACE_SIZE], const struct catalog_place *place);

#endif
