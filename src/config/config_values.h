/* SPDX-License-Identifier: Apache-2.0 */
/* The values of config.h's settings on their way from file and overrides into a config. */
#ifndef CONFIG_CONFIG_VALUES_H
#define CONFIG_CONFIG_VALUES_H

#include "config/config.h"
#include "config/yaml.h"

struct reading;

/* The value of a setting, judged by its kind. Borrows from the document and the overrides. */
struct config_given {
    bool is_set;
    const char *origin;  /* of an override; NULL: from the file */
    struct yaml_node at; /* the value with its place */
    unsigned bits;       /* of choices, or 1 << truth */
};

/* By the table's order. */
struct config_values {
    struct config_given items[CONFIG_MAX_SETTINGS];
};

/* The file's blocks `flags` and `imex`; NULL where the file has none. */
void config_values_read(struct config_values *v, const struct reading *r,
                        const struct yaml_node *flags, const struct yaml_node *imex);
void config_values_override(struct config_values *v, const struct reading *r,
                            const struct config_override *overrides, size_t count);

/* Refuses what carve cannot do and writes the rest to the configuration. */
void config_values_apply(struct config *c, struct reading *r, const struct config_values *v);

/* Bits of the NULL-ended choices named by a scalar ("a,b") or list; false after an error. */
bool config_values_choices(unsigned *out, const struct reading *r, const struct yaml_node *node,
                           const char *what, const char *const *choices);

#endif
