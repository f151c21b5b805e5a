/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 for people's eyes: characters, how wide a terminal draws them, and which must not reach it.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads one character of at most `size` bytes (size > 0). Bytes that are no UTF-8 come one by one
 * as UTF8_BAD. Returns how many bytes it took.
 */
enum { UTF8_BAD = 0xfffd };
size_t utf8_next(uint32_t *out, const char *text, size_t size);

/* Cells that a terminal gives it: 0, 1 or 2. */
unsigned utf8_cells(uint32_t character);

/*
 * Makes a text harmless in place: bytes that are no UTF-8 and ASCII's control characters become
 * '?'; of C1 controls and marks that turn the direction of writing each byte does.
 */
void utf8_clean(char *text);

/* Whether utf8_clean would leave it. */
bool utf8_harmless(uint32_t character);

#endif
