/* SPDX-License-Identifier: Apache-2.0 */
/* What reading adds to a run, thing by thing, within the bounds of lint.h. See read.h. */
#ifndef LINT_SOURCE_H
#define LINT_SOURCE_H

#include "lint/lint.h"

/*
 * Each adds one thing to the run and returns it; NULL without memory. What is given is copied but
 * for the texts, which have to live as long as the run.
 */
struct source *source_add(struct lint *l, const char *file, const char *text, size_t size);
struct piece *source_piece(struct lint *l, const struct piece *like);
struct document *source_document(struct lint *l, const struct document *like);
struct command *source_command(struct lint *l, const struct command *like);

/* Keeps a tree until the run's end; false without memory, then it is still the caller's. */
bool source_keep(struct lint *l, struct yaml_doc *tree);

/* Nodes that may still be taken of the run's bound, and taking them. */
size_t source_room(const struct lint *l);
void source_take(struct lint *l, size_t nodes);

/* Tells, once a file, that something in it was passed over for a bound. */
void source_partial(struct lint *l, struct spot spot, const char *what);

/* Ends reading of documents and commands: the run's bound is met. Told once. */
void source_close(struct lint *l, struct spot spot);

/* Keeps what check_text will say. */
void source_fault(struct lint *l, enum rule_id rule, struct spot spot, const char *cure,
                  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
