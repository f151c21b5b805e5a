/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edits of findings, in terms of YAML and of commands: what is added is indented as its
 * surroundings are, comments and order stay. Each adds to the finding's edits. Texts are YAML that
 * starts at column 0 and may have many lines ("- key: a\n  effect: NoSchedule").
 * A document in a loose piece or with a template in it gets no edits: the calls do nothing there.
 *
 * Several calls for one finding work one after the other, each on what those before it made, so
 * that two of them may need the same new map. Nodes, pairs, indexes and words are always those of
 * the run, whatever was moved meanwhile. One call that cannot be done (its path leads through a
 * list other than by "items[2]", the node is shared by aliases) takes the whole fix away.
 */
#ifndef LINT_FIX_H
#define LINT_FIX_H

#include "lint/finding.h"

/* Puts another value in a value's place. */
void fix_replace(struct lint *l, struct finding *f, const struct document *d,
                 const struct yaml_node *node, const char *yaml);
void fix_rename(struct lint *l, struct finding *f, const struct document *d,
                const struct yaml_pair *pair, const char *key);

/*
 * Adds `key: yaml` at the end of the map at path ("spec.template.spec"; "" is the root), making
 * the maps of the path that are missing. Where the key is there already its value is replaced,
 * but a list that is there gets the new items at its end, and a map the new keys.
 */
void fix_put(struct lint *l, struct finding *f, const struct document *d, const char *path,
             const char *key, const char *yaml);

/* Takes the pair out, with the comments that belong to it; a map that becomes empty goes too. */
void fix_remove(struct lint *l, struct finding *f, const struct document *d, const char *path,
                const char *key);

/* Takes an item out of a list (of block or flow style). */
void fix_remove_item(struct lint *l, struct finding *f, const struct document *d,
                     const struct yaml_node *list, size_t index);

/*
 * Moves a pair with its comments to be key `new_key` of the map at new_path, merged as fix_put
 * does if something is there.
 */
void fix_move(struct lint *l, struct finding *f, const struct document *d, const char *path,
              const char *key, const char *new_path, const char *new_key);

/*
 * Makes comments of a pair's or an item's lines, so that nothing that was written is lost. `why`
 * is a line above them; NULL: none.
 */
void fix_comment_out(struct lint *l, struct finding *f, const struct document *d,
                     const struct yaml_pair *pair, const char *why);
void fix_comment_out_item(struct lint *l, struct finding *f, const struct document *d,
                          const struct yaml_node *list, size_t index, const char *why);

/* A further document behind this one, in the same piece. */
void fix_add_document(struct lint *l, struct finding *f, const struct document *d,
                      const char *yaml);

/*
 * Words of a command. The text is what the program shall see: it is quoted as the shell needs it,
 * in the old word's manner. An empty one takes the word out (and the backslash-newline it leaves).
 */
void fix_word(struct lint *l, struct finding *f, const struct word *word, const char *text);
/* Further words at the command's end, as the shell reads them ("--version 1.2.3"). */
void fix_add_words(struct lint *l, struct finding *f, const struct command *c, const char *words);

/* A whole command line (or more, by newlines) before or behind a command. */
void fix_add_command(struct lint *l, struct finding *f, const struct command *c, bool before,
                     const char *text);

/*
 * Turns a piece of YAML that is a fenced block into a here-document that writes `file`, so that
 * a later `kubectl apply -f file` finds it.
 */
void fix_write_file(struct lint *l, struct finding *f, const struct piece *piece, const char *file);

/* Whether edits can be made in this document at all. */
bool fix_possible(const struct document *d);

/*
 * The plain ranges of all that a finding's calls asked for, in the order of the text, none over
 * another; NULL if it cannot be done. Costs a parse of the documents: only for who prints or
 * applies them.
 */
const struct edit *fix_ranges(struct lint *l, const struct finding *f);

#endif
