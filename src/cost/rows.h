/* SPDX-License-Identifier: Apache-2.0 */
/* What a file says, with the places where it says so, before any of it counts. */
#ifndef COST_ROWS_H
#define COST_ROWS_H

#include "cost/catalog_content.h"

struct err;

/* A type; what the file does not tell is 0 or "". */
struct type_row {
    struct instance_type type;
    struct catalog_place place;
};

struct price_row {
    const char *type;
    struct price price;
    double percent_off; /* of the on-demand price; below 0: the price itself is given */
    bool optional;      /* of a family: left out where the on-demand price is not known */
    struct catalog_place place;
};

struct absence_row {
    const char *type;
    struct absence absence;
    struct catalog_place place;
};

struct quota_row {
    struct quota quota;
    struct catalog_place place;
};

/* Owns its rows through the layer, whose memory becomes the catalogue's if they count. */
struct rows {
    struct catalog_layer *layer;
    const char *file; /* in the arena */
    size_t n_types, n_prices, n_absences, n_quotas;
    struct type_row *types;
    struct price_row *prices;
    struct absence_row *absences;
    struct quota_row *quotas;
};

int rows_init(struct rows *rows, const char *file, struct err *e);
void rows_done(struct rows *rows);

struct arena *rows_arena(const struct rows *rows);
struct catalog_place rows_place(const struct rows *rows, unsigned line, unsigned column);

/*
 * Each keeps copies of the row's texts, but those of a type are the caller's to keep. -E2BIG beyond
 * the catalogue's bounds; a price must be a number above 0.
 */
int rows_judge_price(const struct price_row *row, struct err *e);
int rows_add_type(struct rows *rows, const struct type_row *row, struct err *e);
int rows_add_price(struct rows *rows, const struct price_row *row, struct err *e);
int rows_add_absence(struct rows *rows, const struct absence_row *row, struct err *e);
int rows_add_quota(struct rows *rows, const struct quota_row *row, struct err *e);

/* A price as files write it: "0.8048000000"; false if it is not a plain number. */
bool rows_usd(double *out, const char *text);

/* err_set with the place in front. */
int rows_error(struct err *e, const struct catalog_place *place, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
