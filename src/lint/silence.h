/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Comments that silence findings: "# carve-lint: ignore RULE[,RULE] [reason]" behind a line or
 * above it, "ignore-file" for a whole file; in Markdown also "<!-- carve-lint: … -->", which above
 * a fence means the whole block.
 */
#ifndef LINT_SILENCE_H
#define LINT_SILENCE_H

struct lint;

/* Marks what comments silence, counts it, and adds findings about comments that are of no use. */
void silence_apply(struct lint *l);

#endif
