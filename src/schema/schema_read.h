/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condensed schemas in memory, and the reader of their text form, which data/schemas/README.md
 * describes. All of it lives in the set's arena.
 */
#ifndef SCHEMA_SCHEMA_READ_H
#define SCHEMA_SCHEMA_READ_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

struct err;

enum {
    SCHEMA_MAX_BYTES = 8 << 20,   /* of one file */
    SCHEMA_MAX_ITEMS = 1 << 18,   /* patterns, enumerations, objects, fields, kinds: each */
    SCHEMA_MAX_PATTERN = 512,     /* characters */
    SCHEMA_MAX_REPEATS = 1 << 12, /* the counted repeats of a pattern, multiplied */
    SCHEMA_MAX_NESTING = 16,      /* of lists and maps within one type */
};

enum schema_atom {
    SCHEMA_ANY,
    SCHEMA_TEXT,
    SCHEMA_BYTES, /* base64 */
    SCHEMA_WHOLE,
    SCHEMA_NUMBER,
    SCHEMA_TRUTH,
    SCHEMA_QUANTITY,      /* text or number */
    SCHEMA_WHOLE_OR_TEXT, /* a whole number, or a text with a pattern */
    SCHEMA_OBJECT,
    SCHEMA_META, /* Kubernetes' metadata, from whichever file defines it */
    SCHEMA_LIST,
    SCHEMA_MAP,
};

struct schema_pattern {
    const char *text;
    regex_t compiled; /* at its first use */
    bool tried, usable;
};

struct schema_enum {
    size_t n;
    const char **values;
};

struct schema_type {
    enum schema_atom atom;
    const struct schema_type *inner;    /* of lists and maps */
    const struct schema_object *object; /* of objects */
    struct schema_pattern *pattern;     /* NULL: none */
    const struct schema_enum *choices;  /* NULL: any */
    bool has_low, has_high, unique;
    int64_t low, high;   /* of numbers */
    size_t fewest, most; /* characters, items or keys; most SIZE_MAX: no bound */
    size_t n_keys;       /* of a list: the fields that tell its items apart */
    const char **keys;
};

struct schema_field {
    const char *name;
    bool required;
    struct schema_type type;
};

struct schema_object {
    bool open; /* fields that are not here are kept too */
    size_t n_fields;
    const struct schema_field *fields; /* sorted by name */
};

struct schema_kind {
    const char *api_version, *kind;
    bool cluster;
    const struct schema_object *object; /* NULL: its name alone is known */
    const char *source;
};

struct schema_removed {
    const char *api_version, *kind;
    const char *instead_version, *instead_kind; /* "": nothing */
    const char *since;
    const char *source;
};

/* A field that was in an old version, or that is often put in a wrong place. */
struct schema_rename {
    const char *kind, *from;
    const char *to; /* a path; "KIND:path" in another object; "": gone */
    bool moved;     /* the same field in another place */
};

struct schema_set {
    struct arena arena;
    size_t n_kinds, n_removed, n_renames, n_complete, n_patterns;
    struct schema_kind *kinds; /* what is read later counts: searched from the end */
    struct schema_removed *removed;
    struct schema_rename *renames;
    const char **complete; /* groups of which every kind is known; "v1" is the core group */
    struct schema_pattern **patterns;
    const struct schema_object *meta;
};

/* The built-in data. */
extern const char schema_data[];
extern const size_t schema_data_size;

/*
 * Adds what a text holds; `file` is for messages. -EINVAL with "FILE:LINE: words", -EFBIG, -ENOMEM.
 * After a failure the set is good for nothing but schema_free.
 */
int schema_read(struct schema_set *s, const char *file, const char *text, size_t size,
                struct err *e);

/* schema.c; NULL: there is none. */
const struct schema_kind *schema_kind_find(const struct schema_set *s, const char *api_version,
                                           const char *kind);
const struct schema_removed *schema_removed_find(const struct schema_set *s,
                                                 const char *api_version, const char *kind);

const struct schema_field *schema_field_find(const struct schema_object *o, const char *name);

#endif
