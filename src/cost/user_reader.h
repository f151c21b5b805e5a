/* SPDX-License-Identifier: Apache-2.0 */
/* What the sections of the user's own file have in common: how their values are read and judged. */
#ifndef COST_USER_READER_H
#define COST_USER_READER_H

#include "config/fields.h"
#include "cost/rows.h"

enum { USER_MAX_WORDS = 64 };

/* Borrows everything. */
struct user_reader {
    struct reading r;
    struct rows *rows;
    const struct catalog_content *now;
    const char *date; /* of prices without one of their own */
    struct err *e;    /* of the first failure that is not a finding */
    int failed;
};

/* One text or a list of them, with their places. */
struct words {
    size_t n;
    const struct yaml_node *items[USER_MAX_WORDS];
};

/* The types that an entry is about. */
struct subject {
    struct words types, families, regions;
    const struct yaml_node *zone;
};

/* pairs: type, family, region, zone. All of these are false after a finding. */
bool user_reader_subject(struct subject *out, struct user_reader *u, const struct yaml_node *entry,
                         const struct yaml_pair *const pairs[4]);
bool user_reader_number(double *out, struct user_reader *u, const struct yaml_pair *pair,
                        const char *what);
bool user_reader_text(const char **out, struct user_reader *u, const struct yaml_pair *pair,
                      const char *what);
bool user_reader_date(const char **out, struct user_reader *u, const struct yaml_pair *pair);
bool user_reader_purchase(enum purchase *out, struct user_reader *u, const struct yaml_pair *pair);

/* Types of the catalogue, then those of the file; NULL past the last. */
const struct instance_type *user_reader_type(const struct user_reader *u, size_t i);
bool user_reader_is_about(const struct subject *s, const struct instance_type *t);

struct catalog_place user_reader_place(const struct user_reader *u, const struct yaml_node *node);

/* An entry of `types`, in user_types.c. */
void user_types_read(struct user_reader *u, const struct yaml_node *entry);

#endif
