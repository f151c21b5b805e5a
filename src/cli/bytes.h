/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts of memory as people write and read them. */
#ifndef CLI_BYTES_H
#define CLI_BYTES_H

#include <stdbool.h>
#include <stdint.h>

enum { BYTES_TEXT_SIZE = 32 };

/*
 * "10Gi", "2GiB", "1.5Ti": powers of 1024; "500M", "10g", "2GB": powers of 1000; "1048576": bytes.
 * False for anything else, and for what does not fit.
 */
bool bytes_read(uint64_t *out, const char *text);

/* "10.0 GiB", "512 MiB", "100 bytes". Returns buffer. */
const char *bytes_text(char buffer[BYTES_TEXT_SIZE], uint64_t bytes);

#endif
