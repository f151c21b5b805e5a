/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One check of one object, as its parts share it: where it is, to whom faults go. The walk over
 * fields is schema_check.c; what it calls for values, names, homes of misplaced fields, and for
 * the rules that no schema states is in files of its own.
 */
#ifndef SCHEMA_SCHEMA_CHECK_H
#define SCHEMA_SCHEMA_CHECK_H

#include "schema/schema.h"
#include "schema/schema_read.h"

enum {
    CHECK_PATH_BYTES = 512,
    CHECK_MAX_DEPTH = 64, /* of the document */
    CHECK_MAX_HOMES = 64, /* places that misplaced fields should have, remembered */
    CHECK_HOME_BYTES = 128,
};

struct check {
    const struct schema_set *set;
    const struct schema_kind *kind;
    const struct yaml_node *root;
    schema_report *report;
    void *self;
    size_t n_faults, depth;
    char path[CHECK_PATH_BYTES]; /* of the map or list that is being looked at */
    size_t path_size;
    size_t n_homes;
    char homes[CHECK_MAX_HOMES][CHECK_HOME_BYTES];
};

/* The path, one step longer; verify_leave takes back what verify_enter gave. */
size_t verify_enter(struct check *c, const char *field);
size_t verify_enter_item(struct check *c, size_t index);
void verify_leave(struct check *c, size_t size);

/* Whether the current path ends so. */
bool verify_ends(const struct check *c, const char *end);

/* Reports a fault at the current path. The words are a format. */
void verify_fault(struct check *c, struct schema_fault_at fault, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Fields of maps: NULL where nothing (or null) is written. */
const struct yaml_node *verify_get(const struct yaml_node *map, const char *key);
const char *verify_text(const struct yaml_node *map, const char *key); /* "" */

/* The node at a path of keys from the root, or NULL; the check's path is set to it. */
const struct yaml_node *verify_go(struct check *c, const char *path);

/* Whether a value still waits to be filled in ("${NAME}", "<name>", "{{ }}"). */
bool verify_placeholder(const char *text);

/* schema_check.c: a value of a field of a map against its type. */
void verify_value(struct check *c, const struct schema_type *t, const struct yaml_node *map,
                  const char *field, const struct yaml_node *value);

/* schema_value.c: a scalar against its type. */
void verify_scalar(struct check *c, const struct schema_type *t, const struct yaml_node *map,
                   const char *field, const struct yaml_node *value);
bool verify_pattern(struct schema_pattern *p, const char *text); /* true if it cannot be told */
bool verify_quantity(const char *whole);

/* schema_names.c: metadata, and the texts that name things. */
void verify_metadata(struct check *c, const struct yaml_node *metadata);
void verify_labels(struct check *c, const struct yaml_node *labels, bool values_too);
void verify_label_value(struct check *c, const struct yaml_node *map, const char *field,
                        const struct yaml_node *value);
bool verify_is_label_value(const char *text);
bool verify_is_label_key(const char *text);
bool verify_is_dns_label(const char *text);
bool verify_is_dns_subdomain(const char *text);
void verify_label_key(struct check *c, const struct yaml_node *map, const char *field,
                      const struct yaml_node *key, const char *what);

/* schema_place.c: what an unknown field may have meant. Always reports. */
void verify_unknown_field(struct check *c, const struct schema_object *o,
                          const struct yaml_node *map, const struct yaml_pair *pair);
/* Reports a field that an old version had, or used otherwise where any key is allowed; else false.
 */
bool verify_renamed(struct check *c, const struct yaml_node *map, const struct yaml_pair *pair);
/* Whether something that is elsewhere now should be at or under that path. */
bool verify_has_home(const struct check *c, const char *path);
/* Whether the map has an old field that this one came instead of. */
bool verify_replaced(const struct check *c, const struct yaml_node *map, const char *name);

/* The rules between fields, of all kinds that have any. */
void verify_karpenter(struct check *c); /* schema_rules.c */
void verify_aws(struct check *c);       /* schema_rules_aws.c */
void verify_pods(struct check *c);      /* schema_pods.c */
void verify_objects(struct check *c);   /* schema_objects.c */

/* schema_keys.c: which keys Karpenter allows in requirements (of overlays: fewer) and labels. */
void verify_requirement_key(struct check *c, const struct yaml_node *map, const char *field,
                            const struct yaml_node *key);

#endif
