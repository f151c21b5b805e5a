/* SPDX-License-Identifier: Apache-2.0 */
/* Status codes and messages: see grpc_status.h. No I/O, no memory. */
#include "kube/grpc_status.h"

#include <errno.h>
#include <stdbool.h>

static const struct {
    const char *name;
    const char *digits;
    int code; /* errno */
} statuses[] = {
    [GRPC_OK] = {"OK", "0", 0},
    [GRPC_CANCELLED] = {"CANCELLED", "1", ECANCELED},
    [GRPC_UNKNOWN] = {"UNKNOWN", "2", EIO},
    [GRPC_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", "3", EINVAL},
    [GRPC_DEADLINE_EXCEEDED] = {"DEADLINE_EXCEEDED", "4", ETIMEDOUT},
    [GRPC_NOT_FOUND] = {"NOT_FOUND", "5", ENOENT},
    [GRPC_ALREADY_EXISTS] = {"ALREADY_EXISTS", "6", EEXIST},
    [GRPC_PERMISSION_DENIED] = {"PERMISSION_DENIED", "7", EPERM},
    [GRPC_RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", "8", ENOSPC},
    [GRPC_FAILED_PRECONDITION] = {"FAILED_PRECONDITION", "9", EBUSY},
    [GRPC_ABORTED] = {"ABORTED", "10", EAGAIN},
    [GRPC_OUT_OF_RANGE] = {"OUT_OF_RANGE", "11", ERANGE},
    [GRPC_UNIMPLEMENTED] = {"UNIMPLEMENTED", "12", ENOSYS},
    [GRPC_INTERNAL] = {"INTERNAL", "13", EIO},
    [GRPC_UNAVAILABLE] = {"UNAVAILABLE", "14", EAGAIN},
    [GRPC_DATA_LOSS] = {"DATA_LOSS", "15", EIO},
    [GRPC_UNAUTHENTICATED] = {"UNAUTHENTICATED", "16", EACCES},
};

enum { N_STATUSES = sizeof statuses / sizeof statuses[0] };

enum grpc_status grpc_status_of_errno(int code)
{
    switch (code) {
    case 0:
        return GRPC_OK;
    case EINVAL:
        return GRPC_INVALID_ARGUMENT;
    case ENOENT:
        return GRPC_NOT_FOUND;
    case EEXIST:
        return GRPC_ALREADY_EXISTS;
    case EPERM:
    case EACCES:
        return GRPC_PERMISSION_DENIED;
    case ENOSPC:
    case ENOMEM:
    case EMSGSIZE:
    case EFBIG:
        return GRPC_RESOURCE_EXHAUSTED;
    case EBUSY: /* the same call again fails again, until somebody has changed something */
        return GRPC_FAILED_PRECONDITION;
    case EAGAIN:
        return GRPC_UNAVAILABLE;
    case ENOSYS:
        return GRPC_UNIMPLEMENTED;
    case ETIMEDOUT:
        return GRPC_DEADLINE_EXCEEDED;
    case ECANCELED:
        return GRPC_CANCELLED;
    case ERANGE:
        return GRPC_OUT_OF_RANGE;
    default:
        return GRPC_INTERNAL;
    }
}

int grpc_status_errno(unsigned status)
{
    return status < N_STATUSES ? statuses[status].code : EIO;
}

const char *grpc_status_name(unsigned status)
{
    return status < N_STATUSES ? statuses[status].name : "status";
}

const char *grpc_status_digits(enum grpc_status status)
{
    return statuses[status].digits;
}

unsigned grpc_status_parse(const uint8_t *text, size_t size)
{
    unsigned status = 0;

    if (size == 0 || size > 4)
        return GRPC_UNKNOWN;
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9')
            return GRPC_UNKNOWN;
        status = status * 10 + (unsigned)(text[i] - '0');
    }
    return status;
}

size_t grpc_status_encode(char *field, size_t field_size, const char *words)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    for (const unsigned char *at = (const unsigned char *)words; *at; at++) {
        bool plain = *at >= ' ' && *at <= '~' && *at != '%';

        if (n + (plain ? 1 : 3) >= field_size)
            break;
        if (plain) {
            field[n++] = (char)*at;
            continue;
        }
        field[n++] = '%';
        field[n++] = hex[*at >> 4];
        field[n++] = hex[*at & 15];
    }
    field[n] = '\0';
    return n;
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

size_t grpc_status_decode(char *field, size_t field_size, const uint8_t *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size && n + 1 < field_size; i++) {
        uint8_t c = text[i];

        if (c == '%' && i + 2 < size && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
            c = (uint8_t)(digit(text[i + 1]) << 4 | digit(text[i + 2]));
            i += 2;
        }
        if (c < ' ' || c == 0x7f)
            c = ' ';
        field[n++] = (char)c;
    }
    field[n] = '\0';
    return n;
}
