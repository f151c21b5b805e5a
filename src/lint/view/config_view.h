/* SPDX-License-Identifier: Apache-2.0 */
/* What plugin_view.c and mig_view.c share: a configuration file's text as its parser wants it. */
#ifndef LINT_CONFIG_VIEW_H
#define LINT_CONFIG_VIEW_H

#include "lint/view/config_text.h"
#include "lint/view/view.h"

/* The document's part of its piece, every character where it was; NULL without memory. */
const char *config_view_text(struct lint *l, const struct document *d);

/* The notes' places in the file; none of a templated text's. */
void config_view_place(const struct document *d, struct config_notes *notes);

/*
 * Calls `each` with a document for every text among the releases' values of which the path begins
 * like this, unless it is one already. "config.map." leaves the file's name behind it.
 */
typedef void config_view_each(struct lint *l, struct system *s, const struct document *d);
void config_view_values(struct lint *l, struct system *s, const char *path, enum chart chart,
                        config_view_each *each);

#endif
