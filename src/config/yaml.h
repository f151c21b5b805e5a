/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML (and so JSON) as a tree that remembers where everything stood, over libyaml. Bounded:
 * 64 levels, and 1 MiB and 65,536 nodes unless the caller sets other bounds, an anchored node
 * counted as often as it is used. Anchors become
 * shared nodes; one that contains itself is an error. The first document of a file is read, as
 * Go's libraries do; that there are more is told.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"

struct err;

enum yaml_kind {
    YAML_NULL, /* nothing, ~, null */
    YAML_SCALAR,
    YAML_LIST,
    YAML_MAP,
};

/* How a node was written. */
enum yaml_style {
    YAML_PLAIN,   /* a scalar without quotes: may mean a number or a truth value */
    YAML_SINGLE,  /* 'text' */
    YAML_DOUBLE,  /* "text" */
    YAML_LITERAL, /* | and lines */
    YAML_FOLDED,  /* > and lines */
    YAML_BLOCK,   /* a list or map by indentation */
    YAML_FLOW,    /* [a, b], {a: b} */
};

struct yaml_pair {
    struct yaml_node *key; /* has a text */
    struct yaml_node *value;
};

struct yaml_node {
    enum yaml_kind kind;
    unsigned line, column;         /* from 1; 0: not from a file */
    unsigned end_line, end_column; /* just behind its last character, comments not in it */
    enum yaml_style style;
    bool plain;       /* scalar without quotes: may mean a number or a truth value */
    bool shared;      /* has an anchor that an alias uses: it stands for more than one place */
    unsigned indent;  /* of a block scalar: the columns before its text on every line */
    const char *text; /* of a scalar, also of YAML_NULL as it was written */
    size_t count;     /* of items or pairs */
    struct yaml_node **items;
    struct yaml_pair *pairs; /* in the file's order, duplicates included, << merged behind */
};

/* Owns all nodes. root is never NULL (an empty file is YAML_NULL). */
struct yaml_doc {
    char *file; /* the name for messages */
    struct yaml_node *root;
    unsigned extra_line; /* where a second document begins; 0: there is none */
    size_t n_nodes;      /* an anchored node counted as often as it is used */
    void *arena;
};

/* A place in a file; line 0: the file as a whole. */
struct yaml_place {
    unsigned line, column;
};

/* Errors are "FILE:LINE:COLUMN: words"; -EFBIG beyond the bounds, else -EINVAL or -ENOMEM. */
int yaml_read(struct yaml_doc **out, const char *file, const char *text, size_t size,
              struct err *e);

/* The same with the place of an error beside its words; *place is written in any case. */
int yaml_read_place(struct yaml_doc **out, const char *file, const char *text, size_t size,
                    struct yaml_place *place, struct err *e);

/* Bounds of a document, and where it stands. */
struct yaml_limits {
    size_t max_bytes;
    size_t max_nodes;      /* below 2^32 */
    unsigned lines_before; /* of its file, which every place in it and every error counts in */
};

/* The same with bounds of the caller's. */
int yaml_read_limited(struct yaml_doc **out, const char *file, const char *text, size_t size,
                      const struct yaml_limits *limits, struct yaml_place *place, struct err *e);

/* Not yaml_free: libyaml has a function of that name, which ours would replace. */
void yaml_doc_free(struct yaml_doc *doc);
OWN_POINTER(struct yaml_doc, yaml_doc_free);

/* "null", "~" and the like: what a plain scalar may not be when a text is meant. */
bool yaml_is_null(const char *text);

/* Whether a plain text means true (1) or false (0) in YAML 1.1 ("yes", "off"); else -1. */
int yaml_truth(const char *text);

/* "a map", "a list", "a text", "nothing". */
const char *yaml_kind_name(enum yaml_kind kind);

#endif
