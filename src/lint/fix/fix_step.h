/* SPDX-License-Identifier: Apache-2.0 */
/* What one call of fix.h asked for, and how it is done on what stands laid out for editing. */
#ifndef LINT_FIX_STEP_H
#define LINT_FIX_STEP_H

#include "lint/fix/fix_yaml.h"

enum fix_kind {
    FIX_REPLACE,
    FIX_RENAME,
    FIX_PUT,
    FIX_REMOVE,
    FIX_REMOVE_ITEM,
    FIX_MOVE,
    FIX_COMMENT_OUT,
    FIX_COMMENT_OUT_ITEM,
    FIX_ADD_DOCUMENT,
    FIX_WORD,
    FIX_ADD_WORDS,
    FIX_ADD_COMMAND,
    FIX_WRITE_FILE,
};

/* What a kind does not need is NULL. Texts are the run's. */
struct fix_step {
    enum fix_kind kind;
    const struct document *document;
    const struct yaml_node *node;
    const struct yaml_pair *pair;
    const char *path, *key, *new_path, *new_key;
    const char *text;
    const struct word *word;
    const struct command *command;
    const struct piece *piece;
    bool before;
};

/* FIX_REPLACE to FIX_ADD_DOCUMENT; sets y->failed where it cannot be done. */
void fix_step_yaml(struct fix_yaml *y, const struct fix_step *step);

/* FIX_WORD to FIX_ADD_COMMAND, on a sheet that has all lines of the command; false if not. */
bool fix_step_command(struct sheet *s, const struct fix_step *step);

/* The lines of its file that such a step may touch. */
void fix_step_lines(const struct line_index *index, const struct fix_step *step, unsigned *first,
                    unsigned *last);

/* A text as one word of a shell. */
const char *fix_quote(struct arena *a, const char *text);

#endif
