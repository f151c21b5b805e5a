/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mig-parted's configuration file, version v1: named lists of entries that say which GPUs get which
 * MIG profiles. Strict, as the original: unknown fields are errors. Of a name given twice the last
 * counts, with a warning.
 */
#ifndef CONFIG_MIG_FILE_H
#define CONFIG_MIG_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

struct buf;
struct err;
struct findings;
struct inventory;

/* One profile of an entry, as written: "1g.5gb", "1c.3g.20gb", "1g.5gb+me" or "1g.5gb.me". */
struct mig_count {
    char *profile;
    unsigned count;
    unsigned line, column;
};

/* Owns its arrays. */
struct mig_entry {
    size_t n_filters;
    struct mig_filter {
        uint32_t device;    /* 0x20B010DE */
        uint32_t subsystem; /* 0: any */
    } * filters;            /* none: every GPU */
    bool all_devices;
    size_t n_devices;
    unsigned *devices; /* GPU indexes */
    bool enabled;
    size_t n_counts;
    struct mig_count *counts;
    unsigned line, column;
};

struct mig_config {
    char *name;
    size_t n_entries;
    struct mig_entry *entries;
    unsigned line, column;
};

/* Owns its configurations. */
struct mig_file {
    char *file;
    size_t n_configs;
    struct mig_config *configs;
};

/*
 * Warnings and errors go to f, by place. 0 with *out, also with warnings; -EINVAL when f holds an
 * error, -ENOMEM. e gets the first error's line. Whether a board has the profiles, and room for
 * them, is not asked here.
 */
int mig_file_parse(struct mig_file **out, const char *file, const char *text, size_t size,
                   struct findings *f, struct err *e);
void mig_file_free(struct mig_file *file);
OWN_POINTER(struct mig_file, mig_file_free);

/*
 * The configuration of that name, borrowed from file, or, for NULL, the only one; else -ENOENT
 * naming those there are.
 */
int mig_file_find(const struct mig_config **out, const struct mig_file *file, const char *name,
                  struct err *e);

/* The file's text, YAML or JSON, such as mig_file_parse reads it back. */
void mig_file_write(struct buf *out, const struct mig_file *file, bool json);

/*
 * The state of the node as a mig-parted file with one configuration of that name (such as a node
 * label may have: -EINVAL), YAML or JSON. GPUs with the same state share an entry; filters only
 * where boards differ. A GPU with a fault is left out, in YAML with a comment that says so.
 */
int mig_file_export(struct buf *out, const struct inventory *inv, const char *name, bool json,
                    struct err *e);

/*
 * All names of mig-parted's default configuration ("all-1g.5gb", "all-balanced", …) that have a
 * meaning for the boards of this node, as a file's text, made from their own geometry. New string,
 * free() it.
 */
int mig_file_default(char **out, const struct inventory *inv, struct err *e);

#endif
