/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of gRPC messages in a stream of bytes: see grpc_frame.h. No I/O, no memory. */
#include "kube/grpc_frame.h"

#include <errno.h>

#include "base/err.h"

void grpc_frame_prefix(uint8_t prefix[GRPC_FRAME_PREFIX], size_t size)
{
    prefix[0] = 0;
    prefix[1] = (uint8_t)(size >> 24);
    prefix[2] = (uint8_t)(size >> 16);
    prefix[3] = (uint8_t)(size >> 8);
    prefix[4] = (uint8_t)size;
}

int grpc_frame_read(const uint8_t **message, size_t *length, const uint8_t *bytes, size_t size,
                    size_t max_bytes, struct err *e)
{
    size_t wanted;

    if (size < GRPC_FRAME_PREFIX)
        return 0;
    if (bytes[0] != 0)
        return err_set(e, ENOSYS, "compressed messages are not supported");
    wanted =
        (size_t)bytes[1] << 24 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 8 | (size_t)bytes[4];
    if (wanted > max_bytes)
        return err_set(e, EMSGSIZE, "message of %zu bytes is larger than %zu", wanted, max_bytes);
    if (size - GRPC_FRAME_PREFIX < wanted)
        return 0;
    *message = bytes + GRPC_FRAME_PREFIX;
    *length = wanted;
    return 1;
}
