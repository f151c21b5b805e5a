/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a document and its maps by their known names and says what is wrong with the rest: unknown
 * keys with the nearest known one, keys in the wrong case, keys given twice, values of the wrong
 * kind. Names match as in Go's JSON: exactly or, where the original does so, in any case.
 */
#ifndef CONFIG_FIELDS_H
#define CONFIG_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "config/yaml.h"

struct err;
struct findings;

enum { FIELDS_MAX = 24 };

/* How a document is read. Borrows the findings. */
struct reading {
    struct findings *f;
    bool strict;        /* what would be a warning is an error */
    bool closed;        /* unknown names are errors also when not strict */
    bool out_of_memory; /* set by whoever could not keep a value */
    /* The full path of a key that is known somewhere, or NULL. May be NULL. */
    const char *(*home)(const char *key);
};

/* The names that a map may have. */
struct fields {
    const char *where; /* for messages: "sharing.timeSlicing"; "" at the top */
    const char *const *names;
    size_t count;  /* at most FIELDS_MAX */
    bool any_case; /* 'timeslicing' is 'timeSlicing', with a warning */
};

/* Reads the text; 0, -ENOMEM with e, or -EINVAL with an error at the place where it ends. */
int fields_open(struct yaml_doc **out, const struct reading *r, const char *file, const char *text,
                size_t size, struct err *e);

/*
 * The root of the document, or NULL if that is a ConfigMap around the file: a warning, or an error
 * if unknown names are. A warning too if a second document follows.
 */
const struct yaml_node *fields_root(const struct reading *r, const struct yaml_doc *doc);

/* The last value of a key, in any case, without a word about it; NULL if there is none. */
const struct yaml_node *fields_peek(const struct yaml_node *map, const char *name);

/*
 * For each name in `found` the pair that counts (the last one) or NULL. Nothing in place of a map
 * is an empty map; anything else is an error and false.
 */
bool fields_read(const struct reading *r, const struct yaml_node *map, const struct fields *known,
                 const struct yaml_pair **found);

/* The pair's value; NULL if there is no pair or nothing in it. */
const struct yaml_node *fields_value(const struct yaml_pair *pair);

/* An error at the node; a warning (an error if strict) at the node. */
void fields_error(const struct reading *r, const struct yaml_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void fields_doubt(const struct reading *r, const struct yaml_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether the node is of that kind; an error if not. `what` names it: "flags.plugin". */
bool fields_expect(const struct reading *r, const struct yaml_node *node, enum yaml_kind kind,
                   const char *what);

/* Whether the node is a text to Go too; an error if not: without quotes 4 and on are none. */
bool fields_text(const struct reading *r, const struct yaml_node *node, const char *what);

/*
 * Values of scalars; false after an error. Quoted numbers and truth values are errors, as in Go.
 * Numbers that only YAML has ("0x10", "010", "1_0", "10.0") are read as Go does, with a warning.
 */
bool fields_truth(bool *out, const struct reading *r, const struct yaml_node *node,
                  const char *what);
bool fields_whole(unsigned *out, const struct reading *r, const struct yaml_node *node,
                  const char *what, unsigned min, unsigned max);

#endif
