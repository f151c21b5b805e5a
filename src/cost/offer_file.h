/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS's price lists, piece by piece: offer files of EC2 (one region's or all) and what
 * `aws pricing get-products` prints. Taken are on-demand prices of Linux on shared hardware in AWS
 * regions, of types that the catalogue has; kept is no more than those.
 */
#ifndef COST_OFFER_FILE_H
#define COST_OFFER_FILE_H

#include "cost/draft.h"
#include "cost/json_stream.h"
#include "cost/text_map.h"

/* What decides whether a product counts. */
struct offer_product {
    char sku[DRAFT_TEXT_SIZE];
    char type[DRAFT_TEXT_SIZE], region[DRAFT_TEXT_SIZE], place[DRAFT_TEXT_SIZE];
    char system[DRAFT_TEXT_SIZE], tenancy[DRAFT_TEXT_SIZE], software[DRAFT_TEXT_SIZE];
    char capacity[DRAFT_TEXT_SIZE], market[DRAFT_TEXT_SIZE];
};

/* A price of a product. */
struct offer_rate {
    unsigned line;
    char unit[DRAFT_TEXT_SIZE], usd[DRAFT_TEXT_SIZE], date[DRAFT_TEXT_SIZE];
};

/* Borrows rows and catalogue. */
struct offer_file {
    struct rows *rows;
    const struct catalog_content *now;
    struct err *e;
    struct offer_product product;
    struct offer_rate rate;
    char date[DRAFT_TEXT_SIZE]; /* of publication */
    struct text_map skus;       /* of products that count, to the position in: */
    size_t n_sold;
    struct offer_sold {
        const char *type, *region;
    } * sold;
    bool early;      /* a price came before the products: the file must be read once more */
    unsigned record; /* the line of a get-products entry that is read; 0: none */
};

void offer_file_init(struct offer_file *o, struct rows *rows, const struct catalog_content *now,
                     struct err *e);

/* Parts of a listener, for everything below the top of a document. */
bool offer_file_value(struct offer_file *o, const struct json_stream *s, const char *text,
                      size_t size);
bool offer_file_begin(struct offer_file *o, const struct json_stream *s);
bool offer_file_end(struct offer_file *o, const struct json_stream *s);

/* Whether a member of the top belongs to such a document. */
bool offer_file_knows(const char *key);

#endif
