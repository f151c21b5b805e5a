/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors: a negative errno for code, words for people, in a fixed-size struct on the caller's
 * stack, so that reporting works when memory is gone and nothing can leak.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

/* Zero-initialised means "nothing wrong". */
struct err {
    int code;      /* positive errno */
    char msg[504]; /* lower case, no period, cut when too long */
};

/* Fills e (which may be NULL) and returns -code. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of code behind the message. */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "words: " before the message in e; returns -e->code. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The error for malloc's NULL. */
int err_memory(struct err *e);

#endif
