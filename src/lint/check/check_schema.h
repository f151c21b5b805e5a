/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults of schemas as findings: which rule, what to say, which edits cure it. Shared by the files
 * of check_schema alone.
 */
#ifndef LINT_CHECK_SCHEMA_H
#define LINT_CHECK_SCHEMA_H

#include "lint/fix/fix.h"
#include "lint/lint.h"
#include "schema/schema.h"

/* Edits and choices for a finding made of a fault; the finding's own words are complete already. */
void check_schema_fix(struct lint *l, struct finding *f, const struct document *d,
                      const struct schema_fault_at *at);

/* check_schema_missing.c: what may be put where a field is missing. */
void check_schema_fix_missing(struct lint *l, struct finding *f, const struct document *d,
                              const struct schema_fault_at *at);

/* check_schema_renamed.c: old fields into what came instead. */
void check_schema_fix_renamed(struct lint *l, struct finding *f, const struct document *d,
                              const struct schema_fault_at *at);

/* The last step of a path, and the path before it ("" if there is none) in the run's arena. */
const char *check_schema_last(const char *path);
const char *check_schema_before(struct lint *l, const char *path);

/* A text as a YAML scalar that stays a text. NULL without memory. */
const char *check_schema_quoted(struct lint *l, const char *text);

#endif
