/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes quantities: a decimal number with a decimal exponent, or a suffix of tens or of twos.
 * Source: Kubernetes apimachinery v0.35, resource.Quantity.
 */
#include <ctype.h>
#include <string.h>

#include "lint/view/system.h"

enum {
    QUANTITY_MAX_DIGITS = 15,
};

static const struct {
    const char *suffix;
    int tens, twos;
} suffixes[] = {
    {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"M", 6, 0},
    {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10}, {"Mi", 0, 20},
    {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
};

/* digits * 10^tens * 2^twos; `more`: further digits were cut off. */
struct number {
    uint64_t digits;
    int tens, twos;
    bool more;
};

/* The number itself; NULL if there is none, else what stands behind it. */
static const char *read_digits(struct number *out, const char *text)
{
    unsigned n_digits = 0;
    bool dot = false, any = false;

    for (; isdigit((unsigned char)*text) || (*text == '.' && !dot); text++) {
        if (*text == '.') {
            dot = true;
            continue;
        }
        any = true;
        if (n_digits == QUANTITY_MAX_DIGITS) {
            out->more |= *text != '0';
            out->tens += !dot;
        } else {
            out->digits = out->digits * 10 + (uint64_t)(*text - '0');
            n_digits += out->digits > 0;
            out->tens -= dot;
        }
        if (out->tens > 1000 || out->tens < -1000)
            return NULL;
    }
    return any ? text : NULL;
}

static bool read_exponent(struct number *out, const char *text)
{
    int sign = 1, value = 0;

    if ((*text != 'e' && *text != 'E') || !text[1])
        return false;
    text++;
    if (*text == '+' || *text == '-')
        sign = *text++ == '-' ? -1 : 1;
    if (!*text)
        return false;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text) || value > 999)
            return false;
        value = value * 10 + (*text - '0');
    }
    out->tens += sign * value;
    return true;
}

static bool read_suffix(struct number *out, const char *text)
{
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (strcmp(suffixes[i].suffix, text) == 0) {
            out->tens += suffixes[i].tens;
            out->twos = suffixes[i].twos;
            return true;
        }
    }
    return read_exponent(out, text);
}

/* Rounded up; what is too large is the largest there is. 15 digits, 60 and 10 bits fit in 128. */
static int64_t round_up(const struct number *number, int64_t unit)
{
    __extension__ unsigned __int128 value = number->digits;
    bool rest = number->more;

    if (value == 0)
        return rest ? 1 : 0;
    value = (value << number->twos) * (uint64_t)unit;
    for (int i = 0; i < number->tens; i++) {
        if (value > INT64_MAX)
            return INT64_MAX;
        value *= 10;
    }
    for (int i = 0; i > number->tens && value > 0; i--) {
        rest |= value % 10 != 0;
        value /= 10;
    }
    return value >= INT64_MAX ? INT64_MAX : (int64_t)value + rest;
}

bool quantity_read(int64_t *out, const char *text, int64_t unit)
{
    struct number number = {0};
    bool negative = *text == '-';
    int64_t value;

    if (*text == '-' || *text == '+')
        text++;
    text = read_digits(&number, text);
    if (!text || !read_suffix(&number, text))
        return false;
    value = round_up(&number, unit);
    *out = negative ? -value : value;
    return true;
}
