/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON into a buf, one value after the other; commas, colons, quotes and escapes are its
 * business. `key` is the member's name inside an object, NULL inside an array or at the top.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

/* Borrows the buf. Nesting deeper than 32 fails the buf. */
struct json {
    struct buf *out;
    unsigned depth;
    unsigned indent;      /* spaces a level; 0 writes one line */
    uint32_t has_members; /* bit n: something was written at depth n */
};

void json_init(struct json *j, struct buf *out, unsigned indent);
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);
void json_string(struct json *j, const char *key, const char *text); /* NULL text: null */
void json_int(struct json *j, const char *key, int64_t number);
void json_uint(struct json *j, const char *key, uint64_t number);
void json_real(struct json *j, const char *key, double number); /* not finite: null */
void json_bool(struct json *j, const char *key, bool value);

#endif
