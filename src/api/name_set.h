/* SPDX-License-Identifier: Apache-2.0 */
/* The names of a collection's objects, marked as they are seen, so that those gone can be told. */
#ifndef API_NAME_SET_H
#define API_NAME_SET_H

#include <stddef.h>

enum { NAME_SET_MAX = 20000 };

struct err;

struct name_set_entry {
    char *key; /* "namespace/name"; NULL: free */
    unsigned round;
};

/* Owns its names. A zeroed struct is an empty set. */
struct name_set {
    struct name_set_entry *entries;
    size_t capacity, count; /* capacity is 0 or a power of two */
    unsigned round;
    size_t first; /* no unseen one stands before it */
};

void name_set_done(struct name_set *s);

/* What is put from here on has been seen. */
void name_set_begin(struct name_set *s);

/* namespace may be "". -EFBIG beyond NAME_SET_MAX. */
int name_set_put(struct name_set *s, const char *namespace, const char *name, struct err *e);
void name_set_remove(struct name_set *s, const char *namespace, const char *name);

/* Takes out one not put since name_set_begin(), "namespace/name" (free() it); NULL: none. */
char *name_set_take_unseen(struct name_set *s);

#endif
