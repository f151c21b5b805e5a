/* SPDX-License-Identifier: Apache-2.0 */
/* Packing and unpacking with a bounded pool: see message.h. */
#include "node/message.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "node/node_state.h"

struct message_block {
    struct message_block *next;
    max_align_t data[];
};

struct message_pool *message_pool_new(void)
{
    struct message_pool *pool = calloc(1, sizeof *pool);

    if (pool)
        pool->left_bytes = MESSAGE_POOL_MAX_BYTES;
    return pool;
}

void message_pool_free(struct message_pool *pool)
{
    for (struct message_block *block = pool ? pool->blocks : NULL, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(pool);
}

void *message_take(struct message_pool *pool, size_t count, size_t size)
{
    struct message_block *block;
    size_t left = pool->left_bytes;

    if (left < sizeof *block || (size > 0 && count > (left - sizeof *block) / size))
        return NULL;
    block = calloc(1, sizeof *block + count * size);
    if (!block) {
        pool->no_memory = true;
        return NULL;
    }
    pool->left_bytes -= sizeof *block + count * size;
    block->next = pool->blocks;
    pool->blocks = block;
    return block->data;
}

char **message_texts(struct message_pool *pool, const char *const *texts, size_t count)
{
    char **out = message_take_pointers(pool, count);

    for (size_t i = 0; out && i < count; i++)
        out[i] = message_text(texts[i]);
    return out;
}

/* How many bytes the printable character here has; 0: it is none, or not UTF-8. */
static size_t character_size(const unsigned char *p)
{
    static const uint32_t least[] = {0, 0, 0xa0, 0x800, 0x10000}; /* U+0080 ... 9F are controls */
    size_t size = *p < 0xc0 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf8 ? 4 : 0;
    uint32_t code = *p & (0x7fU >> size);

    if (*p < 0x80)
        return *p >= 0x20 && *p != 0x7f;
    for (size_t i = 1; i < size; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3fU);
    }
    return code < least[size] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000) ? 0 : size;
}

/* The bytes before the first that is not to go through. */
static size_t clean_size(const char *text)
{
    const unsigned char *start = (const unsigned char *)text, *p = start;

    for (size_t size; (size = character_size(p)) > 0;)
        p += size;
    return (size_t)(p - start);
}

/* Borrowed texts stay as they are: what is to be cleaned is copied. */
static bool clean_text(struct message_pool *pool, char **text)
{
    size_t clean = clean_size(*text), size = strlen(*text);
    char *copy;

    if (clean == size)
        return true;
    copy = message_take(pool, size + 1, 1);
    if (!copy)
        return false;
    memcpy(copy, *text, size);
    for (; clean < size; clean += clean_size(copy + clean))
        copy[clean++] = '?';
    *text = copy;
    return true;
}

static bool clean_message(struct message_pool *pool, ProtobufCMessage *message);

static bool clean_field(struct message_pool *pool, ProtobufCMessage *message,
                        const ProtobufCFieldDescriptor *field)
{
    void *member = (char *)message + field->offset;
    void **items = member;
    size_t count = 1;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        items = *items;
        memcpy(&count, (char *)message + field->quantifier_offset, sizeof count);
    }
    for (size_t i = 0; i < count; i++) {
        char *text = items[i];

        if (field->type == PROTOBUF_C_TYPE_MESSAGE && items[i] && !clean_message(pool, items[i]))
            return false;
        if (field->type == PROTOBUF_C_TYPE_STRING && !clean_text(pool, &text))
            return false;
        items[i] = text;
    }
    return true;
}

/* False: no memory. */
static bool clean_message(struct message_pool *pool, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++)
        if ((type->fields[i].type == PROTOBUF_C_TYPE_MESSAGE ||
             type->fields[i].type == PROTOBUF_C_TYPE_STRING) &&
            !clean_field(pool, message, &type->fields[i]))
            return false;
    return true;
}

int message_pack(struct buf *out, struct message_pool *pool, ProtobufCMessage *message,
                 struct err *e)
{
    size_t size;
    char *room;

    if (!clean_message(pool, message))
        return err_memory(e);
    size = protobuf_c_message_get_packed_size(message);
    if (size > NODE_STATE_MAX_BYTES)
        return err_set(e, EMSGSIZE, "message of %zu bytes, more than %d", size,
                       NODE_STATE_MAX_BYTES);
    room = buf_room(out, size);
    if (!room)
        return buf_check(out, e);
    (void)protobuf_c_message_pack(message, (uint8_t *)room);
    buf_grew(out, size);
    return 0;
}

static void *pool_alloc(void *self, size_t size)
{
    return message_take(self, 1, size);
}

/* Goes with the pool. */
static void pool_free(void *self, void *pointer)
{
    (void)self;
    (void)pointer;
}

int message_unpack(const ProtobufCMessage **out, struct message_pool **out_pool,
                   const ProtobufCMessageDescriptor *type, const void *bytes, size_t size,
                   struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = message_pool_new();
    ProtobufCAllocator allocator = {pool_alloc, pool_free, pool};
    ProtobufCMessage *message;

    if (!pool)
        return err_memory(e);
    message = size > NODE_STATE_MAX_BYTES
                  ? NULL
                  : protobuf_c_message_unpack(type, &allocator, size, bytes);
    if (message && !clean_message(pool, message))
        message = NULL;
    if (!message && pool->no_memory)
        return err_memory(e);
    if (!message)
        return err_set(e, EPROTO, "%zu bytes are no %s, or it is too large", size, type->name);
    *out = message;
    *out_pool = TAKE(pool);
    return 0;
}
