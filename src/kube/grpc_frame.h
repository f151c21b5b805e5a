/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The five bytes before each gRPC message: one flag (1: compressed), four of length, big endian.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
#ifndef KUBE_GRPC_FRAME_H
#define KUBE_GRPC_FRAME_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

enum { GRPC_FRAME_PREFIX = 5 };

/* Writes the prefix of a message of that size. */
void grpc_frame_prefix(uint8_t prefix[GRPC_FRAME_PREFIX], size_t size);

/*
 * Looks at the first message of `size` bytes: 1 and its place in *message and *length if it is
 * whole, 0 if more bytes are needed, -EMSGSIZE if it is larger than max_bytes (known from the
 * prefix alone), -ENOSYS if it is compressed.
 */
int grpc_frame_read(const uint8_t **message, size_t *length, const uint8_t *bytes, size_t size,
                    size_t max_bytes, struct err *e);

#endif
