/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts of memory: see bytes.h. */
#include "cli/bytes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { DECIMALS_MAX = 6 };

/* What one of the unit is; 0: there is no such unit. */
static uint64_t unit_bytes(const char *unit)
{
    static const char letters[] = "kmgt";
    const char *letter = *unit ? strchr(letters, *unit | 0x20) : NULL;
    uint64_t step, bytes = 1;

    if (!*unit || strcasecmp(unit, "b") == 0)
        return 1;
    if (!letter)
        return 0;
    unit++;
    step = *unit == 'i' || *unit == 'I' ? 1024 : 1000;
    unit += step == 1024;
    if (*unit && strcasecmp(unit, "b") != 0)
        return 0;
    for (long i = letter - letters; i >= 0; i--)
        bytes *= step;
    return bytes;
}

/* Digits of a number, at most `max` of them; false if there are none or too many. */
static bool read_digits(uint64_t *out, unsigned *out_n, const char **text, unsigned max)
{
    uint64_t value = 0;
    unsigned n = 0;

    for (; **text >= '0' && **text <= '9'; (*text)++) {
        if (n++ == max)
            return false;
        value = value * 10 + (uint64_t)(**text - '0');
    }
    *out = value;
    *out_n = n;
    return n > 0;
}

bool bytes_read(uint64_t *out, const char *text)
{
    uint64_t whole, part = 0, unit, scale = 1, sum;
    unsigned n;

    if (!read_digits(&whole, &n, &text, 18))
        return false;
    if (*text == '.') {
        text++;
        if (!read_digits(&part, &n, &text, DECIMALS_MAX))
            return false;
        for (unsigned i = 0; i < n; i++)
            scale *= 10;
    }
    text += *text == ' ';
    unit = unit_bytes(text);
    if (unit == 0 || (part > 0 && unit == 1))
        return false;
    if (__builtin_mul_overflow(whole, unit, &sum) ||
        __builtin_add_overflow(sum, unit / scale * part + unit % scale * part / scale, &sum))
        return false;
    *out = sum;
    return true;
}

const char *bytes_text(char buffer[BYTES_TEXT_SIZE], uint64_t bytes)
{
    if (bytes >= 1ull << 30)
        (void)snprintf(buffer, BYTES_TEXT_SIZE, "%.1f GiB", (double)bytes / (double)(1ull << 30));
    else if (bytes >= 1ull << 20)
        (void)snprintf(buffer, BYTES_TEXT_SIZE, "%llu MiB", (unsigned long long)(bytes >> 20));
    else if (bytes > 0)
        (void)snprintf(buffer, BYTES_TEXT_SIZE, "%llu bytes", (unsigned long long)bytes);
    else
        (void)snprintf(buffer, BYTES_TEXT_SIZE, "0");
    return buffer;
}
