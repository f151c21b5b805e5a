/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files in and out: read with a bound, write by rename so that a reader sees old or new. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

struct err;

/*
 * The whole file as a NUL-terminated string in *out (free() it); "-" is standard input. More than
 * max_bytes is -EFBIG. Works for /proc files, whose size reads 0.
 */
int file_read(char **out, size_t *out_size, const char *path, size_t max_bytes, struct err *e);

/* Writes path atomically: temporary file beside it, fsync, rename. */
int file_write(const char *path, const void *data, size_t size, mode_t mode, struct err *e);

/* Makes the folder and its parents (mode 0755); fine if it is there. */
int file_make_folder(const char *path, struct err *e);

/* "a/b" as a new string (free() it), with exactly one slash between; NULL without memory. */
char *file_join(const char *folder, const char *name);

#endif
