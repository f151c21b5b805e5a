/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a maximum given at init. Once an append fails (memory, maximum) the
 * buffer stays failed and empty, so a writer may append without checks and ask once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

/* Owns its bytes. A NUL that is not counted always follows them once something was appended. */
struct buf {
    char *data;
    size_t size;
    size_t capacity;
    size_t max;
    bool failed;
};

void buf_init(struct buf *b, size_t max_bytes);
void buf_done(struct buf *b);
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *data, size_t size);
void buf_text(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first `size` bytes. */
void buf_consume(struct buf *b, size_t size);

/* Room for `size` more bytes at the end, or NULL; buf_grew() then says how many were filled. */
char *buf_room(struct buf *b, size_t size);
void buf_grew(struct buf *b, size_t size);

/* 0, or -EFBIG with words. */
int buf_check(const struct buf *b, struct err *e);

/* Gives the bytes away as a NUL-terminated string (free() it); NULL if the buffer failed. */
char *buf_take(struct buf *b);

#endif
