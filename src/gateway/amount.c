/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes' quantities in their canonical form for whole numbers: digits and a suffix. Extended
 * resources are always such; an amount with a point or an 'm' is none that a slice could have.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
#include "gateway/amount.h"

#include <stddef.h>
#include <string.h>

/* times ten or times 1024, so often */
struct suffix {
    const char *text;
    int64_t base;
    unsigned power;
};

static const struct suffix suffixes[] = {
    {"", 1, 0},      {"k", 1000, 1},  {"M", 1000, 2},  {"G", 1000, 3},  {"T", 1000, 4},
    {"P", 1000, 5},  {"E", 1000, 6},  {"Ki", 1024, 1}, {"Mi", 1024, 2}, {"Gi", 1024, 3},
    {"Ti", 1024, 4}, {"Pi", 1024, 5}, {"Ei", 1024, 6},
};

static int64_t times(int64_t value, int64_t factor)
{
    int64_t product;

    return __builtin_mul_overflow(value, factor, &product) ? INT64_MAX : product;
}

int64_t amount_whole(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    int64_t value = 0;

    if (digits == 0)
        return -1;
    for (size_t i = 0; i < digits; i++) {
        if (__builtin_add_overflow(times(value, 10), text[i] - '0', &value))
            value = INT64_MAX;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (strcmp(text + digits, suffixes[i].text) != 0)
            continue;
        for (unsigned k = 0; k < suffixes[i].power; k++)
            value = times(value, suffixes[i].base);
        return value;
    }
    return -1;
}
