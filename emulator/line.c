/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a node file's line: see line.h. */
#include "line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

void line_init(struct line *l, const char *text, const char *label)
{
    *l = (struct line){.label = label, .next = text};
}

bool line_next(struct line *l)
{
    const char *newline;

    if (!l->next || *l->next == '\0')
        return false;
    l->at = l->next;
    newline = strchr(l->at, '\n');
    l->end = newline ? newline : l->at + strlen(l->at);
    l->next = newline ? newline + 1 : NULL;
    l->number++;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool line_more(struct line *l)
{
    while (l->at < l->end && is_blank(*l->at))
        l->at++;
    return l->at < l->end && *l->at != '#';
}

void line_skip(struct line *l)
{
    l->at = l->end;
}

int line_error(const struct line *l, struct err *e, const char *fmt, ...)
{
    char words[256];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    return err_set(e, EINVAL, "%s:%u: %s", l->label, l->number, words);
}

static int take(struct line *l, const char *stop, char *out, size_t size, const char *key,
                struct err *e)
{
    size_t length = (size_t)(stop - l->at);

    if (length >= size)
        return line_error(l, e, "'%s' is longer than %zu characters", key, size - 1);
    memcpy(out, l->at, length);
    out[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
            return line_error(l, e, "control character in '%s'", key);
    }
    l->at = stop;
    return 0;
}

int line_field(struct line *l, char *out, size_t size, const char *key, struct err *e)
{
    const char *stop;

    if (!line_more(l))
        return line_error(l, e, "'%s' has no value", key);
    for (stop = l->at; stop < l->end && !is_blank(*stop) && *stop != '#'; stop++)
        ;
    return take(l, stop, out, size, key, e);
}

int line_rest(struct line *l, char *out, size_t size, const char *key, struct err *e)
{
    const char *stop;

    if (!line_more(l))
        return line_error(l, e, "'%s' has no value", key);
    for (stop = l->at; stop < l->end && *stop != '#'; stop++)
        ;
    while (is_blank(stop[-1]))
        stop--;
    if (take(l, stop, out, size, key, e) < 0)
        return -EINVAL;
    line_skip(l);
    return 0;
}

int line_number(struct line *l, int64_t *out, uint64_t max, const char *key, struct err *e)
{
    char word[24];
    uint64_t value;

    if (line_field(l, word, sizeof word, key, e) < 0)
        return -EINVAL;
    if (!text_uint(&value, word, max))
        return line_error(l, e, "'%s' wants a number up to %llu, not '%s'", key,
                          (unsigned long long)max, word);
    *out = (int64_t)value;
    return 0;
}

int line_number_or_refusal(struct line *l, int64_t *out, const char *key, struct err *e)
{
    char word[24];
    uint64_t value;

    if (line_field(l, word, sizeof word, key, e) < 0)
        return -EINVAL;
    if (strcmp(word, "unsupported") == 0)
        *out = -3;
    else if (text_starts(word, "error-") && text_uint(&value, word + 6, 999) && value > 0)
        *out = -(int64_t)value;
    else if (text_uint(&value, word, INT64_MAX / 1048576))
        *out = (int64_t)value;
    else
        return line_error(l, e, "'%s' wants a number, 'unsupported' or 'error-N', not '%s'", key,
                          word);
    return 0;
}

/* Hexadecimal digits up to `stop`; at most 8. */
static bool hex(const char *text, const char *stop, uint32_t *out)
{
    uint32_t value = 0;

    if (text == stop || stop - text > 8)
        return false;
    for (; text < stop; text++) {
        const char *digits = "0123456789abcdef", *found;

        found = *text ? strchr(digits, *text | 0x20) : NULL;
        if (!found)
            return false;
        value = value << 4 | (uint32_t)(found - digits);
    }
    *out = value;
    return true;
}

int line_hex(struct line *l, uint32_t *out, const char *key, struct err *e)
{
    char word[24];

    if (line_field(l, word, sizeof word, key, e) < 0)
        return -EINVAL;
    if (!text_starts(word, "0x") || !hex(word + 2, word + strlen(word), out))
        return line_error(l, e, "'%s' wants 0x and up to 8 digits, not '%s'", key, word);
    return 0;
}

int line_version(struct line *l, uint32_t *major, uint32_t *minor, const char *key, struct err *e)
{
    char word[24], *dot;
    uint64_t first, second;

    if (line_field(l, word, sizeof word, key, e) < 0)
        return -EINVAL;
    dot = strchr(word, '.');
    if (dot)
        *dot = '\0';
    if (!dot || !text_uint(&first, word, 99) || !text_uint(&second, dot + 1, 99))
        return line_error(l, e, "'%s' wants a version such as 13.0", key);
    *major = (uint32_t)first;
    *minor = (uint32_t)second;
    return 0;
}

int line_bus(struct line *l, uint32_t *domain, uint32_t *bus, uint32_t *device, struct err *e)
{
    char word[24];

    if (line_field(l, word, sizeof word, "bus", e) < 0)
        return -EINVAL;
    if (strlen(word) != 12 || word[4] != ':' || word[7] != ':' || strcmp(word + 10, ".0") != 0 ||
        !hex(word, word + 4, domain) || !hex(word + 5, word + 7, bus) ||
        !hex(word + 8, word + 10, device) || *device > 31)
        return line_error(l, e, "'bus' wants an address such as 0000:10:1c.0, not '%s'", word);
    return 0;
}
