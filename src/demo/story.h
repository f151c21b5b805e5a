/* SPDX-License-Identifier: Apache-2.0 */
/* How the demo shows commands and what they say. */
#ifndef DEMO_STORY_H
#define DEMO_STORY_H

struct err;
struct node;

/* Prints a text with a bar before each line; NULL is nothing. */
void story_text(const char *text);

/* Runs `carve WORDS…` and shows it with what it says, which is new in *output unless that is NULL.
 */
int story_carve(struct node *n, const char *const *words, char **output, struct err *e);

#endif
