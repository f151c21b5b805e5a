/* SPDX-License-Identifier: Apache-2.0 */
/* Whether LD_PRELOAD reaches a program that is about to be started. */
#ifndef SHIM_EXEC_LOOK_H
#define SHIM_EXEC_LOOK_H

#include <stdbool.h>

/*
 * True: it is certain that it does not (static, another libc or word size, more rights than we).
 * No descriptor left, no right to read: false. Safe in a child of vfork: opens, reads and closes.
 */
bool exec_look_cannot(const char *path);
bool exec_look_cannot_at(int folder, const char *path, int flags); /* as execveat */

/* The same for a name that is searched for in PATH, as execvp does. */
bool exec_look_cannot_found(const char *name);

#endif
