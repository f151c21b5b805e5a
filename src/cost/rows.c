/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a file: see rows.h. What they mean together is for merge.c. */
#include "cost/rows.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

#define MAX_USD 1e6 /* an hour; no node costs that */

enum { MAX_DIGITS = 18 };

int rows_init(struct rows *rows, const char *file, struct err *e)
{
    *rows = (struct rows){.layer = calloc(1, sizeof *rows->layer)};
    if (!rows->layer)
        return err_memory(e);
    rows->file = arena_text(&rows->layer->arena, file);
    if (!rows->file) {
        rows_done(rows);
        return err_memory(e);
    }
    return 0;
}

void rows_done(struct rows *rows)
{
    if (rows->layer)
        arena_done(&rows->layer->arena);
    free(rows->layer);
    *rows = (struct rows){0};
}

struct arena *rows_arena(const struct rows *rows)
{
    return &rows->layer->arena;
}

struct catalog_place rows_place(const struct rows *rows, unsigned line, unsigned column)
{
    return (struct catalog_place){rows->file, line, column};
}

int rows_error(struct err *e, const struct catalog_place *place, const char *fmt, ...)
{
    char where[CATALOG_PLACE_SIZE], words[sizeof e->msg];
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(words, sizeof words, fmt, args) < 0)
        words[0] = '\0';
    va_end(args);
    return err_set(e, EINVAL, "%s: %s", catalog_place_text(where, place), words);
}

/* Digits with at most one point, maybe a sign: no exponents or hexadecimals as strtod has them. */
bool rows_usd(double *out, const char *text)
{
    bool negative = *text == '-';
    unsigned digits = 0, points = 0;
    double value = 0, scale = 1;

    for (text += negative; *text; text++) {
        if (*text == '.' && points++ == 0)
            continue;
        if (!isdigit((unsigned char)*text) || (digits == MAX_DIGITS && points == 0))
            return false;
        if (digits == MAX_DIGITS) /* more than a double can tell */
            continue;
        value = value * 10 + (*text - '0');
        scale = points ? scale * 10 : 1;
        digits++;
    }
    *out = (negative ? -value : value) / scale;
    return digits > 0;
}

/* Room for one more row in an array of n; NULL with e filled. */
static void *room(const struct rows *rows, void *array, size_t n, size_t size, struct err *e)
{
    void *grown = arena_grow(rows_arena(rows), array, n, size);

    if (!grown)
        (void)err_memory(e);
    return grown;
}

static int too_many(const struct rows *rows, const char *what, int max, struct err *e)
{
    return err_set(e, E2BIG, "%s: more than %d %s", rows->file, max, what);
}

int rows_add_type(struct rows *rows, const struct type_row *row, struct err *e)
{
    struct type_row *grown;

    if (rows->n_types == CATALOG_MAX_TYPES)
        return too_many(rows, "instance types", CATALOG_MAX_TYPES, e);
    grown = room(rows, rows->types, rows->n_types, sizeof *grown, e);
    if (!grown)
        return -ENOMEM;
    rows->types = grown;
    rows->types[rows->n_types++] = *row;
    return 0;
}

int rows_judge_price(const struct price_row *row, struct err *e)
{
    double usd = row->price.usd_per_hour;

    if (row->percent_off >= 0)
        return row->percent_off < 100
                   ? 0
                   : rows_error(e, &row->place, "%g percent off leaves nothing to pay for '%s'",
                                row->percent_off, row->type);
    if (usd < 0)
        return rows_error(e, &row->place, "'%s' has the negative price %g", row->type, usd);
    if (!isfinite(usd) || usd == 0 || usd > MAX_USD)
        return rows_error(e, &row->place, "'%s' cannot cost %g USD an hour", row->type, usd);
    return 0;
}

int rows_add_price(struct rows *rows, const struct price_row *row, struct err *e)
{
    struct arena *a = rows_arena(rows);
    struct price_row *grown, *kept;
    int r = rows_judge_price(row, e);

    if (r < 0)
        return r;
    if (rows->n_prices == CATALOG_MAX_PRICES)
        return too_many(rows, "prices", CATALOG_MAX_PRICES, e);
    grown = room(rows, rows->prices, rows->n_prices, sizeof *grown, e);
    if (!grown)
        return -ENOMEM;
    rows->prices = grown;
    kept = &rows->prices[rows->n_prices];
    *kept = *row;
    kept->type = arena_text(a, row->type);
    kept->price.region = arena_text(a, row->price.region);
    kept->price.zone = arena_text(a, row->price.zone);
    kept->price.date = arena_text(a, row->price.date);
    kept->price.basis = arena_text(a, row->price.basis);
    if (a->failed)
        return err_memory(e);
    rows->n_prices++;
    return 0;
}

int rows_add_absence(struct rows *rows, const struct absence_row *row, struct err *e)
{
    struct arena *a = rows_arena(rows);
    struct absence_row *grown, *kept;

    if (rows->n_absences == CATALOG_MAX_PRICES)
        return too_many(rows, "places without a type", CATALOG_MAX_PRICES, e);
    grown = room(rows, rows->absences, rows->n_absences, sizeof *grown, e);
    if (!grown)
        return -ENOMEM;
    rows->absences = grown;
    kept = &rows->absences[rows->n_absences];
    *kept = *row;
    kept->type = arena_text(a, row->type);
    kept->absence.region = arena_text(a, row->absence.region);
    kept->absence.zone = arena_text(a, row->absence.zone);
    if (a->failed)
        return err_memory(e);
    rows->n_absences++;
    return 0;
}

int rows_add_quota(struct rows *rows, const struct quota_row *row, struct err *e)
{
    struct arena *a = rows_arena(rows);
    struct quota_row *grown;
    const char **families;
    struct quota *kept;

    if (rows->n_quotas == CATALOG_MAX_QUOTAS)
        return too_many(rows, "quotas", CATALOG_MAX_QUOTAS, e);
    grown = room(rows, rows->quotas, rows->n_quotas, sizeof *grown, e);
    families = arena_array(a, row->quota.n_families, sizeof *families);
    if (!grown || !families)
        return err_memory(e);
    rows->quotas = grown;
    rows->quotas[rows->n_quotas] = *row;
    kept = &rows->quotas[rows->n_quotas].quota;
    kept->region = arena_text(a, row->quota.region);
    for (size_t i = 0; i < row->quota.n_families; i++)
        families[i] = arena_text(a, row->quota.families[i]);
    kept->families = families;
    if (a->failed)
        return err_memory(e);
    rows->n_quotas++;
    return 0;
}
