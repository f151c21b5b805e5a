/* SPDX-License-Identifier: Apache-2.0 */
/* A catalogue and a file that is put over it. */
#ifndef TESTS_UNIT_COST_ADDED_H
#define TESTS_UNIT_COST_ADDED_H

#include <stdbool.h>

#include "base/err.h"
#include "cost/ways.h"

struct added {
    struct catalog *c;
    char path[64];
    struct err e;
};

int added_open(void **state);

int added_close(void **state);

void added_takes(struct added *f, const char *text);

/* The words stand in the error, and nothing changes. */
void added_refuses(struct added *f, const char *text, const char *words);

double added_usd(const struct added *f, const char *type, const char *region,
                 enum purchase purchase);

bool added_near(double a, double b);

#endif
