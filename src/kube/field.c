/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf's wire format: see field.h. */
#include "kube/field.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5, MAX_VARINT = 10 };

static bool take_varint(uint64_t *out, struct field_reader *r)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < MAX_VARINT && i < r->size; i++) {
        value |= (uint64_t)(r->bytes[i] & 0x7f) << (7 * i);
        if (r->bytes[i] & 0x80)
            continue;
        r->bytes += i + 1;
        r->size -= i + 1;
        *out = value;
        return true;
    }
    return false;
}

static bool take_bytes(struct field *f, struct field_reader *r, uint64_t size)
{
    if (size > r->size)
        return false;
    f->bytes = r->bytes;
    f->size = (size_t)size;
    r->bytes += size;
    r->size -= (size_t)size;
    return true;
}

static bool take_value(struct field *f, struct field_reader *r, unsigned type)
{
    uint64_t size;

    switch (type) {
    case VARINT:
        return take_varint(&f->number_value, r);
    case FIXED64:
        return take_bytes(f, r, 8);
    case FIXED32:
        return take_bytes(f, r, 4);
    case BYTES:
        f->is_bytes = true;
        return take_varint(&size, r) && take_bytes(f, r, size);
    default: /* groups have been out of use since proto2 */
        return false;
    }
}

int field_next(struct field *out, struct field_reader *reader)
{
    struct field f = {0};
    uint64_t key;

    if (reader->size == 0)
        return 0;
    if (!take_varint(&key, reader) || key >> 3 == 0 || key >> 3 > UINT32_MAX >> 3)
        return -EBADMSG;
    f.number = (uint32_t)(key >> 3);
    if (!take_value(&f, reader, key & 7))
        return -EBADMSG;
    *out = f;
    return 1;
}

struct field_reader field_view(const struct field *f)
{
    return (struct field_reader){.bytes = f->bytes, .size = f->size};
}

static size_t print_varint(uint8_t bytes[MAX_VARINT], uint64_t value)
{
    size_t n = 0;

    for (; value > 0x7f; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    return n;
}

static void put_varint(struct buf *out, uint64_t value)
{
    uint8_t bytes[MAX_VARINT];

    buf_add(out, bytes, print_varint(bytes, value));
}

static void put_key(struct buf *out, uint32_t number, unsigned type)
{
    put_varint(out, (uint64_t)number << 3 | type);
}

void field_put_element(struct buf *out, uint32_t number, const char *text)
{
    size_t size = strlen(text);

    put_key(out, number, BYTES);
    put_varint(out, size);
    buf_add(out, text, size);
}

void field_put_text(struct buf *out, uint32_t number, const char *text)
{
    if (*text)
        field_put_element(out, number, text);
}

void field_put_uint(struct buf *out, uint32_t number, uint64_t value)
{
    if (value == 0)
        return;
    put_key(out, number, VARINT);
    put_varint(out, value);
}

void field_put_bool(struct buf *out, uint32_t number, bool value)
{
    field_put_uint(out, number, value);
}

size_t field_begin(struct buf *out, uint32_t number)
{
    put_key(out, number, BYTES);
    buf_char(out, 0); /* its length, if that is less than 128; field_end() makes more room */
    return out->size;
}

void field_end(struct buf *out, size_t start)
{
    uint8_t bytes[MAX_VARINT];
    size_t size, n;

    if (out->failed)
        return;
    size = out->size - start;
    n = print_varint(bytes, size);
    if (n > 1) {
        if (!buf_room(out, n - 1))
            return;
        memmove(out->data + start + n - 1, out->data + start, size);
        buf_grew(out, n - 1);
    }
    memcpy(out->data + start - 1, bytes, n);
}
