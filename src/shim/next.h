/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that stand behind ours in the order of the libraries: libc's, or those of another
 * preloaded library. May run before the sanitizers do, so it is built without them.
 */
#ifndef SHIM_NEXT_H
#define SHIM_NEXT_H

#include <stdbool.h>

/* Set by next_open, which may be called again and by several threads at once. */
extern void *(*next_dlsym)(void *handle, const char *name) __attribute__((visibility("hidden")));
extern void *(*next_dlvsym)(void *handle, const char *name, const char *version)
    __attribute__((visibility("hidden")));
extern void *(*next_dlmopen)(long space, const char *path, int mode)
    __attribute__((visibility("hidden")));
void next_open(void);

/* The function of this name behind ours; NULL if there is none. */
void *next_find(const char *name);

/* Is this the library's own name for itself (DT_SONAME)? */
struct link_map;
bool next_is_named(const struct link_map *map, const char *soname);

/* Is any library of the process, or the program, linked with this one? */
bool next_needs(const char *soname);

#endif
