/* SPDX-License-Identifier: Apache-2.0 */
/* Text to values: see text.h. */
#include "base/text.h"

#include <string.h>

bool text_copy(char *field, size_t field_size, const char *text)
{
    size_t size = strlen(text);
    bool fits = size < field_size;

    if (!fits)
        size = field_size - 1;
    memcpy(field, text, size);
    field[size] = '\0';
    return fits;
}

bool text_uint(uint64_t *out, const char *text, uint64_t max)
{
    uint64_t value = 0;

    if (*text == '\0')
        return false;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (value > max)
        return false;
    *out = value;
    return true;
}

bool text_wait_ms(unsigned *out, const char *text, unsigned max_ms)
{
    static const struct {
        const char *name;
        unsigned ms;
    } units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {"m", 60000}, {"h", 3600000}};
    size_t digits = strspn(text, "0123456789");
    char number[16];
    uint64_t value;

    if (digits >= sizeof number)
        return false;
    memcpy(number, text, digits);
    number[digits] = '\0';
    if (!text_uint(&value, number, max_ms))
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(text + digits, units[i].name) != 0 || value > max_ms / units[i].ms)
            continue;
        *out = (unsigned)value * units[i].ms;
        return true;
    }
    return false;
}

bool text_starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}
