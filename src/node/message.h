/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all messages of carve.v1.Node need on their way to bytes and back: a pool that everything of
 * one message is taken from and freed with at once, bounded so that a small hostile message cannot
 * grow large in memory. Texts go out and come in as printable UTF-8: whatever is not becomes '?'.
 * Process names, for one, are chosen by those who run in containers; they could drive a terminal,
 * and proto3 clients refuse a whole message for one text that is not UTF-8.
 */
#ifndef NODE_MESSAGE_H
#define NODE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

#include "base/own.h"

struct buf;
struct err;
struct message_block;

enum { MESSAGE_POOL_MAX_BYTES = 32 << 20 };

/* Owns all that was taken from it. */
struct message_pool {
    struct message_block *blocks;
    size_t left_bytes;
    bool no_memory; /* malloc failed */
};

struct message_pool *message_pool_new(void);
void message_pool_free(struct message_pool *pool);
OWN_POINTER(struct message_pool, message_pool_free);

/* Zeroed memory for count things, also for none; NULL: no memory, or the pool's bound. */
void *message_take(struct message_pool *pool, size_t count, size_t size);

/* The same for count pointers, as repeated fields want them. */
static inline void *message_take_pointers(struct message_pool *pool, size_t count)
{
    return message_take(pool, count, sizeof(void *));
}

/*
 * A text to be packed: never NULL. protobuf-c's fields are not const, but packing only reads them.
 */
static inline char *message_text(const char *text)
{
    return text ? (char *)text : (char *)"";
}

/* An array of texts to be packed, in the pool's memory. NULL: no memory. */
char **message_texts(struct message_pool *pool, const char *const *texts, size_t count);

/*
 * Adds the message's bytes to out; the message then points to cleaned texts in the pool. -EMSGSIZE:
 * more than NODE_STATE_MAX_BYTES.
 */
int message_pack(struct buf *out, struct message_pool *pool, ProtobufCMessage *message,
                 struct err *e);

/* The message in these bytes, in the memory of a new pool. -EPROTO: there is none; -ENOMEM. */
int message_unpack(const ProtobufCMessage **out, struct message_pool **out_pool,
                   const ProtobufCMessageDescriptor *type, const void *bytes, size_t size,
                   struct err *e);

#endif
