/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of node labels in the making: keys and values, each key once, and what Kubernetes allows
 * in them.
 */
#ifndef GATEWAY_LABELS_LIST_H
#define GATEWAY_LABELS_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

enum {
    LABELS_MAX = 512,      /* a node never has so many; more are left out */
    LABELS_NAME_SIZE = 64, /* 63 characters of a value, or of a key behind its '/', and a NUL */
    LABELS_KEY_SIZE = 253 + 65, /* with the key's prefix */
};

struct label {
    const char *key, *value;
};

/* Owns its texts. Zero-initialised it is empty. */
struct labels {
    struct arena arena;
    size_t count;
    struct label *items;  /* by key, once labels_list_end() was called */
    size_t n_left_out;    /* that Kubernetes would not take, or beyond LABELS_MAX */
    const char *left_out; /* the first of them: "key=value" */
};

void labels_done(struct labels *l);

/* Sets a label, in place of one with this key. */
void labels_put(struct labels *l, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The value, or NULL. */
const char *labels_find(const struct labels *l, const char *key);

/* Leaves out what Kubernetes would refuse and orders the rest. False: no memory. */
bool labels_list_end(struct labels *l);

/* Whether both have the same labels; both have ended. */
bool labels_equal(const struct labels *a, const struct labels *b);

/* "prefix/name" as Kubernetes takes it, without looking at the prefix; and a value. */
bool labels_key_fits(const char *key);
bool labels_value_fits(const char *value);

/*
 * A name of hardware as GPU feature discovery writes it in a value: letters, digits and "-_."
 * stay, blanks become one '-', the rest goes. Cut if it does not fit.
 */
void labels_clean(char *out, size_t size, const char *text);

#endif
