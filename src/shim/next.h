/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that stand behind ours in the order of the libraries: libc's, or those of another
 * preloaded library. May run before the sanitizers do, so it is built without them.
 */
#ifndef SHIM_NEXT_H
#define SHIM_NEXT_H

#include <stdbool.h>

/* What our own functions go on to. Set by next_open, which may be called again and by several
 * threads at once. */
extern void *(*next_dlsym)(void *handle, const char *name) __attribute__((visibility("hidden")));
extern void *(*next_dlvsym)(void *handle, const char *name, const char *version)
    __attribute__((visibility("hidden")));
extern void *(*next_dlmopen)(long space, const char *path, int mode)
    __attribute__((visibility("hidden")));

/* libc's own, for what is asked of the driver: its answer, whoever else stands in the way. */
extern void *(*next_libc_dlsym)(void *handle, const char *name)
    __attribute__((visibility("hidden")));
extern void *(*next_libc_dlvsym)(void *handle, const char *name, const char *version)
    __attribute__((visibility("hidden")));
void next_open(void);

/*
 * For who asks for one of the lookups itself: ours, if `caller` stands before us in the order of
 * lookups, since libc's own would lead it past us; else NULL. Called from entry.S.
 */
void *next_lookup(const char *name, const void *caller);

/* The library at an address; NULL: none. */
struct link_map;
const struct link_map *next_library_at(const void *address);

/* Does the library of `caller` come before ours in the order of lookups? */
bool next_is_before_us(const void *caller);

/* The function of this name behind ours; NULL if there is none. */
void *next_find(const char *name);

/* Is this the library's own name for itself (DT_SONAME)? */
bool next_is_named(const struct link_map *map, const char *soname);

/* Is any library of the process, or the program, linked with this one? */
bool next_needs(const char *soname);

#endif
