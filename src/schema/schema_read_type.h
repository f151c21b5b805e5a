/* SPDX-License-Identifier: Apache-2.0 */
/* Reading one type of the text form; see data/schemas/README.md. */
#ifndef SCHEMA_SCHEMA_READ_TYPE_H
#define SCHEMA_SCHEMA_READ_TYPE_H

#include "schema/schema_read.h"

/* What a type may name by number; it lives in the arena. */
struct schema_tables {
    struct arena *arena;
    size_t n_patterns, n_enums, n_objects;
    struct schema_pattern **patterns;
    struct schema_enum **enums;
    struct schema_object **objects; /* the last one is still open, and is not to be named */
};

/* Each reads at *at and moves it behind what it read. */
bool schema_number_read(const char **at, int64_t *out);
bool schema_index_read(const char **at, size_t count, size_t *out);
bool schema_type_read(struct schema_tables *s, const char **at, struct schema_type *t);

#endif
