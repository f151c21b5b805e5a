/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door behind which stands how the limits of a slice get into a process. A back end says which
 * programs it can attach and what their environment must hold. Today there is one, preload; those
 * that come (a libcuda in front of the driver's by CDI, MPS limits, a kernel's own limits) are more
 * entries of the table in inject.c.
 */
#ifndef INJECT_INJECT_H
#define INJECT_INJECT_H

#include <stddef.h>

#include "inject/program.h"

struct err;

enum { INJECT_VARIABLES_MAX = 8, INJECT_NAME_SIZE = 32, INJECT_VALUE_SIZE = 8192 };

/* The slice that a process is to be in. Borrows its strings. */
struct inject_slice {
    const char *page;    /* path */
    const char *library; /* path of libcarve.so */
    const char *devices; /* UUIDs with commas between, as CUDA_VISIBLE_DEVICES has them */
};

struct inject_variable {
    char name[INJECT_NAME_SIZE];
    char value[INJECT_VALUE_SIZE];
};

/* What a program's environment must hold beyond what it has. */
struct inject_environment {
    size_t count;
    struct inject_variable variables[INJECT_VARIABLES_MAX];
};

struct inject {
    const char *name;    /* "preload" */
    const char *summary; /* how it works, in a line */

    /* 0, or -ENOTSUP with why this program cannot be attached and what to do instead. */
    int (*check)(const struct program *p, struct err *e);

    /* 0, or -ENOTSUP with why no program could be attached with this library (a path). */
    int (*check_library)(const char *library, struct err *e);

    /* What a program needs to be in the slice. -EINVAL with words if it cannot be said. */
    int (*prepare)(struct inject_environment *out, const struct inject_slice *slice, struct err *e);
};

/* The back ends in the order of preference; the last is followed by NULL. */
const struct inject *const *inject_all(void);

/* The first back end that can attach the program; NULL with the words of the last that cannot. */
const struct inject *inject_choose(const struct program *p, struct err *e);

/* Adds a variable; -E2BIG if there is no room for it. */
int inject_add(struct inject_environment *env, struct err *e, const char *name, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));

#endif
