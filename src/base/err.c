/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: see err.h. Cutting a message that is too long is on purpose. */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int __attribute__((format(printf, 3, 0)))
fill(struct err *e, int code, const char *fmt, va_list args)
{
    if (!e)
        return -code;
    e->code = code;
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, args);
    return -code;
}

int err_set(struct err *e, int code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)fill(e, code, fmt, args);
    va_end(args);
    return -code;
}

int err_errno(struct err *e, int code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)fill(e, code, fmt, args);
    va_end(args);
    if (e) {
        size_t used = strlen(e->msg);
        (void)snprintf(e->msg + used, sizeof e->msg - used, ": %s", strerror(code));
    }
    return -code;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    char inner[sizeof e->msg];
    va_list args;
    size_t used;

    if (!e)
        return -EIO;
    memcpy(inner, e->msg, sizeof inner);
    va_start(args, fmt);
    (void)vsnprintf(e->msg, sizeof e->msg, fmt, args);
    va_end(args);
    used = strlen(e->msg);
    (void)snprintf(e->msg + used, sizeof e->msg - used, ": %s", inner);
    return -e->code;
}

int err_memory(struct err *e)
{
    return err_set(e, ENOMEM, "out of memory");
}
