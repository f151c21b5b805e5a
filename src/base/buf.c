/* SPDX-License-Identifier: Apache-2.0 */
/* Growing byte buffer: see buf.h. */
#include "base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = (struct buf){.max = max_bytes};
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
    b->size = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

static void fail(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->size = b->capacity = 0;
    b->failed = true;
}

char *buf_room(struct buf *b, size_t size)
{
    size_t wanted, capacity;
    char *data;

    if (b->failed)
        return NULL;
    if (size > b->max || b->size > b->max - size) {
        fail(b);
        return NULL;
    }
    wanted = b->size + size + 1;
    if (wanted <= b->capacity)
        return b->data + b->size;
    capacity = b->capacity ? b->capacity : 64;
    while (capacity < wanted)
        capacity *= 2;
    data = realloc(b->data, capacity);
    if (!data) {
        fail(b);
        return NULL;
    }
    b->data = data;
    b->capacity = capacity;
    return data + b->size;
}

void buf_grew(struct buf *b, size_t size)
{
    b->size += size;
    b->data[b->size] = '\0';
}

void buf_add(struct buf *b, const void *data, size_t size)
{
    char *room = buf_room(b, size);

    if (!room)
        return;
    if (size > 0)
        memcpy(room, data, size);
    buf_grew(b, size);
}

void buf_text(struct buf *b, const char *text)
{
    buf_add(b, text, strlen(text));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    char *room;
    int size;

    va_start(args, fmt);
    va_copy(again, args);
    size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    room = size < 0 ? NULL : buf_room(b, (size_t)size);
    if (room) {
        (void)vsnprintf(room, (size_t)size + 1, fmt, again);
        buf_grew(b, (size_t)size);
    }
    va_end(again);
}

void buf_consume(struct buf *b, size_t size)
{
    if (size == 0)
        return;
    memmove(b->data, b->data + size, b->size - size);
    b->size -= size;
    b->data[b->size] = '\0';
}

int buf_check(const struct buf *b, struct err *e)
{
    if (!b->failed)
        return 0;
    return err_set(e, EFBIG, "out of memory or more than %zu bytes", b->max);
}

char *buf_take(struct buf *b)
{
    char *data;

    if (!b->data)
        buf_add(b, "", 0);
    if (b->failed)
        return NULL;
    data = b->data;
    b->data = NULL;
    b->size = b->capacity = 0;
    return data;
}
