/* SPDX-License-Identifier: Apache-2.0 */
/* Base64: see base64.h. */
#include "api/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(char **out, size_t *out_size, const char *text, struct err *e)
{
    OWN_MEM char *bytes = malloc(strlen(text) / 4 * 3 + 4);
    size_t size = 0;
    uint32_t bits = 0;
    unsigned n_digits = 0, n_padding = 0;

    if (!bytes)
        return err_memory(e);
    for (; *text; text++) {
        int value = value_of(*text);

        if (strchr(" \t\r\n", *text))
            continue;
        if (*text == '=' && ++n_padding <= 2)
            continue;
        if (value < 0 || n_padding > 0)
            return err_set(e, EINVAL, "not base64");
        bits = bits << 6 | (uint32_t)value;
        if (++n_digits % 4 == 0) {
            bytes[size++] = (char)(bits >> 16);
            bytes[size++] = (char)(bits >> 8);
            bytes[size++] = (char)bits;
        }
    }
    if (n_digits % 4 == 1 || (n_padding > 0 && (n_digits + n_padding) % 4 != 0))
        return err_set(e, EINVAL, "not base64: cut off");
    if (n_digits % 4 >= 2)
        bytes[size++] = (char)(n_digits % 4 == 2 ? bits >> 4 : bits >> 10);
    if (n_digits % 4 == 3)
        bytes[size++] = (char)(bits >> 2);
    bytes[size] = '\0';
    *out = TAKE(bytes);
    *out_size = size;
    return 0;
}
