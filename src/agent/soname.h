/* SPDX-License-Identifier: Apache-2.0 */
/* The name under which the dynamic linker looks for a library: DT_SONAME of a 64-bit ELF file. */
#ifndef AGENT_SONAME_H
#define AGENT_SONAME_H

#include <stddef.h>

enum { SONAME_SIZE = 256 };

/*
 * Finds the name in a file's bytes; NULL if that is no library with a name. Trusts nothing in the
 * file. Source of the format: the System V gABI, chapters 4 and 5.
 */
const char *soname_find(char buffer[SONAME_SIZE], const unsigned char *bytes, size_t size);

/* The same for the file at a path. */
const char *soname_read(char buffer[SONAME_SIZE], const char *path);

#endif
