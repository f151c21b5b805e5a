/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AWS's command line prints, piece by piece: `ec2 describe-instance-types` and
 * `ec2 describe-spot-price-history`. Price lists are for offer_file.h.
 */
#ifndef COST_AWS_H
#define COST_AWS_H

#include "cost/draft.h"
#include "cost/json_stream.h"
#include "cost/text_map.h"

/* One instance type while it is read. */
struct aws_type {
    struct draft draft;
    unsigned line;
    unsigned gpu_kinds;
    bool other_arch; /* has architectures, and none of them is Kubernetes' amd64 or arm64 */
    bool no_nvme;
    unsigned interfaces, addresses, default_card; /* of the instance; of each interface */
    unsigned card, card_interfaces, default_interfaces;
    double card_gbps, gbps;
};

/* One spot price. */
struct aws_spot {
    unsigned line;
    char type[DRAFT_TEXT_SIZE], zone[DRAFT_TEXT_SIZE], product[DRAFT_TEXT_SIZE];
    char time[DRAFT_TEXT_SIZE], usd[DRAFT_TEXT_SIZE];
};

/* Borrows rows and catalogue. */
struct aws {
    struct rows *rows;
    const struct catalog_content *now;
    struct err *e;
    struct aws_type type;
    struct aws_spot spot;
    struct text_map spots; /* "TYPE ZONE" to the position in: */
    size_t n_latest;
    struct aws_latest {
        size_t row;
        const char *time;
    } * latest;
    size_t n_spots_unknown; /* of types that the catalogue does not have */
};

void aws_init(struct aws *aws, struct rows *rows, const struct catalog_content *now, struct err *e);

/* Parts of a listener, for what is below "InstanceTypes" and "SpotPriceHistory". */
bool aws_value(struct aws *aws, const struct json_stream *s, const char *text);
bool aws_begin(struct aws *aws, const struct json_stream *s);
bool aws_end(struct aws *aws, const struct json_stream *s);

#endif
