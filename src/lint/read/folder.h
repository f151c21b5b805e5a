/* SPDX-License-Identifier: Apache-2.0 */
/* The files that paths name, in an order that does not depend on the file system. */
#ifndef LINT_FOLDER_H
#define LINT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct err;

/* A file that was found. */
struct found {
    const char *path;
    bool named;          /* not found in a folder */
    const char *problem; /* why it cannot be read, instead of a file; NULL */
};

struct found_files {
    size_t n;
    struct found *items;
    bool more; /* than LINT_MAX_FILES */
};

/*
 * All files that may hold manifests below the paths ("-" stays what it is), each once by device and
 * number. Hidden entries of folders and what a pattern of `exclude` matches are passed over.
 * -ENOMEM, or -ENOENT for a path that is not there. Everything is in the arena.
 */
int folder_find(struct found_files *out, struct arena *arena, char *const *paths, size_t n_paths,
                char *const *exclude, size_t n_exclude, struct err *e);

/* Whether a pattern, in which '*' is any text, matches a path or its end behind a '/'. */
bool folder_matches(const char *pattern, const char *path);

#endif
