/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protobuf's wire format, one field at a time: for messages that are large or come from outside,
 * so that nothing is allocated before its size was checked. Small ones use the generated code.
 * https://protobuf.dev/programming-guides/encoding/
 */
#ifndef KUBE_FIELD_H
#define KUBE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Bytes of a message, borrowed; fields are taken off the front. */
struct field_reader {
    const uint8_t *bytes;
    size_t size;
};

/* One field: `number_value` of a varint or fixed field, `bytes` and `size` of the others. */
struct field {
    uint32_t number;
    bool is_bytes;
    uint64_t number_value;
    const uint8_t *bytes;
    size_t size;
};

/* 1 and the next field, 0 at the end, -EBADMSG if that is no protobuf. */
int field_next(struct field *out, struct field_reader *reader);

/* The inside of a field as a message of its own. */
struct field_reader field_view(const struct field *f);

/* Writers; as in proto3, 0, false and "" are not written. */
void field_put_text(struct buf *out, uint32_t number, const char *text);
void field_put_uint(struct buf *out, uint32_t number, uint64_t value);
void field_put_bool(struct buf *out, uint32_t number, bool value);

/* As field_put_text, written even if it is "": an element of a repeated field. */
void field_put_element(struct buf *out, uint32_t number, const char *text);

/* A message inside: what is written between the two. `begin` returns what `end` wants. */
size_t field_begin(struct buf *out, uint32_t number);
void field_end(struct buf *out, size_t start);

#endif
