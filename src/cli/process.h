/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of a process. */
#ifndef CLI_PROCESS_H
#define CLI_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

enum { PROCESS_NAME_SIZE = 64 };

/* "python3"; "?" if there is no such process to be seen from here. Returns buffer. */
const char *process_name(char buffer[PROCESS_NAME_SIZE], uint32_t pid);

/* Its number in the innermost pid namespace that it is in; 0: it is in ours, or cannot be seen. */
uint32_t process_inside_pid(uint32_t pid);

/* Its parent; 0: it has none, or cannot be seen. */
uint32_t process_parent(uint32_t pid);

/* Its real user; -1: it cannot be seen. */
int64_t process_user(uint32_t pid);

/*
 * Is a process of this user (or of anyone whom we may look at) in the pid namespace of this inode?
 * True also if /proc cannot be read.
 */
bool process_lives_in(uint32_t namespace_inode, uint32_t uid);

#endif
