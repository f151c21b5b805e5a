/* SPDX-License-Identifier: Apache-2.0 */
/* JSON writer: see json.h. Bytes that are no UTF-8 are the caller's business and pass through. */
#include "base/json.h"

#include <inttypes.h>
#include <math.h>

#include "base/buf.h"

void json_init(struct json *j, struct buf *out, unsigned indent)
{
    *j = (struct json){.out = out, .indent = indent};
}

static void quoted(struct buf *out, const char *text)
{
    buf_char(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if (*p == '\n')
            buf_text(out, "\\n");
        else if (*p < 0x20 || *p == 0x7f)
            buf_printf(out, "\\u%04x", *p);
        else
            buf_char(out, (char)*p);
    }
    buf_char(out, '"');
}

static void new_line(struct json *j)
{
    if (j->indent > 0)
        buf_printf(j->out, "\n%*s", (int)(j->depth * j->indent), "");
}

static void begin(struct json *j, const char *key)
{
    uint32_t bit = UINT32_C(1) << j->depth;

    if (j->has_members & bit)
        buf_char(j->out, ',');
    j->has_members |= bit;
    if (j->depth > 0)
        new_line(j);
    if (key) {
        quoted(j->out, key);
        buf_text(j->out, j->indent > 0 ? ": " : ":");
    }
}

static void open_level(struct json *j, const char *key, char bracket)
{
    begin(j, key);
    buf_char(j->out, bracket);
    if (j->depth == 31) {
        j->out->failed = true;
        return;
    }
    j->depth++;
    j->has_members &= ~(UINT32_C(1) << j->depth);
}

static void close_level(struct json *j, char bracket)
{
    bool any = j->has_members & (UINT32_C(1) << j->depth);

    if (j->out->failed) /* perhaps for its depth, which was not counted then */
        return;
    j->depth--;
    if (any)
        new_line(j);
    buf_char(j->out, bracket);
    if (j->depth == 0 && j->indent > 0)
        buf_char(j->out, '\n');
}

void json_object(struct json *j, const char *key)
{
    open_level(j, key, '{');
}

void json_object_end(struct json *j)
{
    close_level(j, '}');
}

void json_array(struct json *j, const char *key)
{
    open_level(j, key, '[');
}

void json_array_end(struct json *j)
{
    close_level(j, ']');
}

void json_string(struct json *j, const char *key, const char *text)
{
    begin(j, key);
    if (text)
        quoted(j->out, text);
    else
        buf_text(j->out, "null");
}

void json_int(struct json *j, const char *key, int64_t number)
{
    begin(j, key);
    buf_printf(j->out, "%" PRId64, number);
}

void json_uint(struct json *j, const char *key, uint64_t number)
{
    begin(j, key);
    buf_printf(j->out, "%" PRIu64, number);
}

/* Nine digits are more than prices and shares have, and hide what binary fractions do to them. */
void json_real(struct json *j, const char *key, double number)
{
    begin(j, key);
    if (isfinite(number))
        buf_printf(j->out, "%.9g", number);
    else
        buf_text(j->out, "null");
}

void json_bool(struct json *j, const char *key, bool value)
{
    begin(j, key);
    buf_text(j->out, value ? "true" : "false");
}
