/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `carve catalog`: the offers (an instance type at a price, perhaps cut in one way) that meet what
 * is asked for, and their tables.
 */
#ifndef CLI_OFFERS_H
#define CLI_OFFERS_H

#include "cost/ways.h"

struct err;
struct table;

enum offers_format {
    OFFERS_TABLE,
    OFFERS_JSON,
    OFFERS_CSV,
};

enum offers_sort {
    OFFERS_BY_DEFAULT, /* by slice if slices are asked for, else by price */
    OFFERS_BY_PRICE,
    OFFERS_BY_SLICE,
    OFFERS_BY_MEMORY,
    OFFERS_BY_NAME,
};

enum {
    OFFERS_MAX_FILES = 64,
    OFFERS_MAX_TYPES = 256,
    OFFERS_PART_MIB = 4096, /* of a time-slice whose memory nobody said */
};

/* What is asked for. Borrows from argv. Types without a GPU are shown only by name or family. */
struct offers_query {
    uint64_t memory_mib;             /* of a slice at least; 0: any */
    bool by_name;                    /* that is meant as names have it: a "10gb" has 10 GiB */
    unsigned slices;                 /* a node at least */
    bool mig;                        /* slices are MIG devices */
    bool ways;                       /* each way of cutting, not the best one alone */
    const char *gpu, *family, *arch; /* NULL: any */
    const char *region;
    unsigned purchases; /* bits 1 << enum purchase */
    double max_usd;     /* of a node's hour; 0: any */
    enum offers_sort sort;
    enum offers_format format;
    size_t n_files, n_types;
    const char *files[OFFERS_MAX_FILES], *types[OFFERS_MAX_TYPES];
};

/* Slices are asked for, so that an offer is a way of cutting too. */
bool offers_wants_way(const struct offers_query *q);

struct offer {
    const struct instance_type *type;
    const struct price *price; /* NULL: not known */
    bool has_way;
    struct way way;
    double slice_usd; /* with price and way */
};

/* Sorted, in a new array (free() it). Names that the catalogue does not have are errors. */
int offers_choose(struct offer **out, size_t *out_n, const struct catalog *c,
                  const struct offers_query *q, struct err *e);

/* A whole GPU or a MIG profile that just misses the memory asked for. */
bool offers_near_miss(struct offer *out, const struct catalog *c, const struct offers_query *q);

/* Prices seen more than CATALOG_STALE_DAYS ago, or nobody knows when. */
bool offers_stale(const struct price *p);

/* Each prints and returns an exit code. */
int offers_table(const struct offers_query *q, const struct offer *offers, size_t n);
int offers_ways(const struct catalog *c, const struct offers_query *q, const struct offer *offers,
                size_t n);
int offers_detail(const struct catalog *c, const struct offers_query *q, const struct offer *offers,
                  size_t n);
int offers_json(const struct catalog *c, const struct offers_query *q, const struct offer *offers,
                size_t n);
int offers_csv(const struct offers_query *q, const struct offer *offers, size_t n);

/* Types of which nobody told what a node has (p6e-gb200): their numbers are not 0. */
bool offers_sized(const struct instance_type *t);

/* Cells: a way's memory, '~' before it if by name alone; what n of so many cost; a price or "-". */
void offers_memory_cell(struct table *t, const struct way *w);
void offers_usd_cell(struct table *t, const struct price *p, unsigned slices);

/* Cell: from how many slices in use the way is cheaper than its rival. */
void offers_break_even_cell(struct table *t, const struct way *w, const struct way_rival *rival);

/* "2026-07-20", with a '*' if that is long ago. Returns buffer. */
enum { OFFERS_TEXT_SIZE = 64 };
const char *offers_date(char buffer[OFFERS_TEXT_SIZE], const struct price *p);

#endif
