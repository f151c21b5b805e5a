/* SPDX-License-Identifier: Apache-2.0 */
/* What only the files that read releases share: adding values. */
#ifndef LINT_RELEASE_H
#define LINT_RELEASE_H

#include "lint/view/view.h"

enum {
    RELEASE_MAX_VALUES = 4096,
    RELEASE_MAX_LOOKUPS = 1024, /* releases of which values files are looked for in the set */
};

/* Where values come from: a command's word, or a document. */
struct release_origin {
    const struct word *word;
    const struct document *doc;
    struct spot spot; /* of values without a document */
};

/* A new release at the end of the system's; NULL without memory. */
struct release *release_add(struct lint *l, struct system *s, const char *reference);

/* The chart that a reference, or a chart's name, means. */
enum chart release_chart(const char *reference);

/* The leaves of a tree, the path before them given ("" at the root). */
void release_values_tree(struct lint *l, struct release *r, const struct release_origin *o,
                         const char *path, const struct yaml_node *node);

/* A tree in a text that is thrown away: the values' texts are copied. False if it is none. */
bool release_values_text(struct lint *l, struct release *r, const struct release_origin *o,
                         const char *path, const char *text);

/* "a.b=c,d.e=f" of --set and --set-string; "a.b=JSON" of --set-json; one pair, not split. */
void release_values_set(struct lint *l, struct release *r, const struct release_origin *o,
                        const char *text);
void release_values_json(struct lint *l, struct release *r, const struct release_origin *o,
                         const char *text);
void release_values_one(struct lint *l, struct release *r, const struct release_origin *o,
                        const char *path, const char *text);

#endif
