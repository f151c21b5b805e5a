/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What fields an object may have: condensed schemas of Kubernetes, Karpenter, the GPU operator and
 * their kin, facts alone, built in from data/schemas and replaceable by the user's own. Checks
 * fields, types, enumerations, patterns, bounds and the rules that CRDs state in CEL (by name,
 * in C: schema_rules.c).
 */
#ifndef SCHEMA_SCHEMA_H
#define SCHEMA_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"
#include "config/yaml.h"

struct err;
struct schema_type;

/* Owns everything in it. */
struct schema_set;

int schema_open(struct schema_set **out, struct err *e); /* the built-in ones */
int schema_add(struct schema_set *s, const char *file,
               struct err *e); /* tools/gen-schemas' output */
void schema_free(struct schema_set *s);
OWN_POINTER(struct schema_set, schema_free);

enum { SCHEMA_MAX_FAULTS = 1000 };

/* What is known of an apiVersion and kind. */
enum schema_known {
    SCHEMA_KNOWN,        /* has fields to check */
    SCHEMA_REMOVED,      /* was, and is no longer served: instead, since */
    SCHEMA_UNKNOWN_KIND, /* the group and version are known completely, and have no such kind */
    SCHEMA_UNKNOWN,      /* somebody else's: nothing to say */
};
struct schema_answer {
    enum schema_known known;
    const char *instead_version, *instead_kind; /* "karpenter.sh/v1", "NodePool"; "" */
    const char *since;                          /* "Karpenter 1.1.0"; "" */
    bool cluster_scoped;
    const char *source; /* "Karpenter 1.14.1" */
};
struct schema_answer schema_ask(const struct schema_set *s, const char *api_version,
                                const char *kind);

enum schema_fault {
    SCHEMA_FIELD_UNKNOWN,   /* no such field here */
    SCHEMA_FIELD_MISPLACED, /* but it is one at `instead` (a path from the root) */
    SCHEMA_FIELD_RENAMED,   /* was one in an old version; now at `instead`, or gone if "" */
    SCHEMA_FIELD_MISSING,   /* required; node is the map that lacks it */
    SCHEMA_VALUE_TYPE,      /* a text where a list is meant, …; words say what is meant */
    SCHEMA_VALUE_ENUM,
    SCHEMA_VALUE_PATTERN,
    SCHEMA_VALUE_BOUNDS, /* too long, too many, too small */
    SCHEMA_VALUE_RULE,   /* a rule between fields */
    SCHEMA_VALUE_NAME,   /* not a legal name of an object or of something in it, or no legal key */
    SCHEMA_VALUE_LABEL,  /* not a legal label value */
    SCHEMA_VALUE_KEY,    /* not a key that Karpenter allows in requirements and template labels */
};

/* One fault. Texts are borrowed for the call. */
struct schema_fault_at {
    enum schema_fault fault;
    const struct schema_type *type; /* of what is wanted there; NULL: not one type */
    const struct yaml_node *node;   /* key or value that is at fault; the map that lacks */
    const struct yaml_node *map;    /* that holds it; NULL for the root */
    const char *path;               /* of the map, dots between, [n] in lists: "spec.template" */
    const char *field;              /* the key in it */
    bool emptied;        /* an unknown map of which fields belong elsewhere: each is reported too */
    const char *words;   /* "must be one of In, NotIn, …": what is expected */
    const char *instead; /* path, or the nearest name or value; "" */
};
typedef void schema_report(void *self, const struct schema_fault_at *fault);

/*
 * Checks an object, one of a removed version against what came instead of it. Values that hold
 * placeholders are passed over. Unknown kinds: nothing. At most SCHEMA_MAX_FAULTS are reported.
 * -ENOMEM is the only failure.
 */
int schema_check(const struct schema_set *s, const struct yaml_node *root, const char *api_version,
                 const char *kind, schema_report *report, void *self, struct err *e);

/* "a text", "a list", "a whole number": what a value of that type is. */
const char *schema_type_name(const struct schema_type *t);

/* What a scalar means once it is JSON: the text "80" is none, the plain 80 is a number. */
enum schema_scalar {
    SCHEMA_SCALAR_NULL,
    SCHEMA_SCALAR_TRUTH,
    SCHEMA_SCALAR_WHOLE,
    SCHEMA_SCALAR_FRACTION,
    SCHEMA_SCALAR_TEXT,
};
enum schema_scalar schema_scalar(const struct yaml_node *node);

#endif
