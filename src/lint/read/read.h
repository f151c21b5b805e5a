/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, folders and standard input into sources, pieces, documents and commands. What a text is
 * follows from its content: Markdown with fences, shell, YAML or JSON, values of a chart. A text
 * that cannot be read becomes a finding, never a failure of the run.
 */
#ifndef LINT_READ_H
#define LINT_READ_H

#include "lint/lint.h"

/*
 * Reads what the paths name ("-": standard input); of folders all files that may hold manifests,
 * each once, also where links make loops. `exclude` are '*'-patterns of paths. -ENOMEM, or -ENOENT
 * for a path that was named and is not there.
 */
int read_paths(struct lint *l, char *const *paths, size_t n_paths, char *const *exclude,
               size_t n_exclude, struct err *e);

/* One text as if it were that file. The text is copied. -ENOMEM. */
int read_text(struct lint *l, const char *file, const char *text, size_t size, struct err *e);

/* One object that somebody else parsed (the run keeps it until its end). -ENOMEM. */
int read_object(struct lint *l, const char *file, struct yaml_doc *object, struct err *e);

#endif
