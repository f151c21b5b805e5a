/* SPDX-License-Identifier: Apache-2.0 */
/* gRPC's status codes and their messages on the wire, against errno and words. */
#ifndef KUBE_GRPC_STATUS_H
#define KUBE_GRPC_STATUS_H

#include <stddef.h>
#include <stdint.h>

/* https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
enum grpc_status {
    GRPC_OK,
    GRPC_CANCELLED,
    GRPC_UNKNOWN,
    GRPC_INVALID_ARGUMENT,
    GRPC_DEADLINE_EXCEEDED,
    GRPC_NOT_FOUND,
    GRPC_ALREADY_EXISTS,
    GRPC_PERMISSION_DENIED,
    GRPC_RESOURCE_EXHAUSTED,
    GRPC_FAILED_PRECONDITION,
    GRPC_ABORTED,
    GRPC_OUT_OF_RANGE,
    GRPC_UNIMPLEMENTED,
    GRPC_INTERNAL,
    GRPC_UNAVAILABLE,
    GRPC_DATA_LOSS,
    GRPC_UNAUTHENTICATED,
};

/* The status of a positive errno; INTERNAL for those that have none of their own. */
enum grpc_status grpc_status_of_errno(int code);

/* The positive errno of a status, 0 for OK; EIO for INTERNAL, UNKNOWN and unheard-of ones. */
int grpc_status_errno(unsigned status);

/* "UNAVAILABLE"; "status" for an unheard-of one. */
const char *grpc_status_name(unsigned status);

/* The status as the header says it, "14": static. */
const char *grpc_status_digits(enum grpc_status status);

/* A header's value as a status; UNKNOWN if it is no number. */
unsigned grpc_status_parse(const uint8_t *text, size_t size);

/*
 * grpc-message: bytes outside printable ASCII, and '%', become %XX. Writes at most field_size - 1
 * bytes and a NUL, never half of a %XX; returns the length.
 */
size_t grpc_status_encode(char *field, size_t field_size, const char *words);

/* The way back, which keeps what is no %XX and turns control characters into spaces. */
size_t grpc_status_decode(char *field, size_t field_size, const uint8_t *text, size_t size);

#endif
