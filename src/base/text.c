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

bool text_starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}
