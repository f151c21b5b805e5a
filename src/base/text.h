/* SPDX-License-Identifier: Apache-2.0 */
/* Text to values and into fixed fields, without the traps of libc's own. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies into a fixed field, always terminated; false if it was cut. */
bool text_copy(char *field, size_t field_size, const char *text);

#define TEXT_COPY(field, text) text_copy((field), sizeof(field), (text))

/* A whole decimal number, nothing before or behind it, at most `max`. */
bool text_uint(uint64_t *out, const char *text, uint64_t max);

/* "30", "30s", "500ms", "5m", "1h" in milliseconds, at most max_ms. */
bool text_wait_ms(unsigned *out, const char *text, unsigned max_ms);

bool text_starts(const char *text, const char *start);

#endif
