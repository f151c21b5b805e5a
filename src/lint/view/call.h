/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command as the program that it starts sees it: its name, what is an option and what an
 * argument. Made from the words that text.h has; whether the call is right is judged elsewhere.
 */
#ifndef LINT_CALL_H
#define LINT_CALL_H

#include "lint/read/text.h"

enum { CALL_MAX_ARGS = 64 };

/* A call of kubectl, helm or eksctl. args[0] is its first command ("apply"). */
struct call {
    const struct command *command;
    size_t n_args; /* those beyond the bound are left out */
    const struct word *args[CALL_MAX_ARGS];
};

struct lint;

/* Reads a command once, for all calls of call_read() that follow. */
void call_prepare(struct lint *l, struct command *c);

/* Whether the command starts that program (also behind sudo, time and NAME=VALUE). */
bool call_read(struct call *out, const struct command *c, const char *program);

/* Whether its first arguments are these; b may be NULL. */
bool call_is(const struct call *call, const char *a, const char *b);

/* The value of an option under its long or its short name, as command_option; NULL. */
const struct word *call_option(const struct call *call, const char *name, const char *short_name);

/* The text behind the "=" of a word "--name=value", or all of it. */
const char *call_value(const struct word *w);

/* The next value of an option that may be given many times ("-f a -f b"); *at starts at 0. */
const struct word *call_next_option(const struct call *call, const char *name,
                                    const char *short_name, size_t *at);

/* "--name=" of a word that is "--name=value", as a count of characters; 0 for another word. */
size_t call_option_size(const char *text);

/* Whether a comes before b in the same file. */
bool call_before(const struct spot *a, const struct spot *b);

#endif
