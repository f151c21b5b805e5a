/* SPDX-License-Identifier: Apache-2.0 */
/* What a new node still lacks before its slices can serve. Reads, and changes nothing. */
#ifndef GATEWAY_READY_MISSING_H
#define GATEWAY_READY_MISSING_H

#include <stdbool.h>

struct gateway;

enum { READY_MISSING_SIZE = 1024 };

struct ready_missing {
    const char *reason; /* one CamelCase word; NULL: nothing is missing */
    bool for_good;      /* it does not come by itself, however long one waits */
    char words[READY_MISSING_SIZE];
};

/* One thing: the first in the order of cause and effect. */
struct ready_missing ready_missing_find(const struct gateway *g);

#endif
