/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about one type's prices: what it costs where, whether it is sold, how old that is. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cost/catalog.h"

const char *purchase_name(enum purchase purchase)
{
    switch (purchase) {
    case PURCHASE_ON_DEMAND:
        return "on-demand";
    case PURCHASE_SPOT:
        return "spot";
    case PURCHASE_COMMITTED:
        return "committed";
    }
    return "";
}

const struct price *catalog_price(const struct instance_type *t, const char *region,
                                  unsigned purchases)
{
    const struct price *found = NULL;

    for (size_t i = 0; i < t->n_prices; i++) {
        const struct price *p = &t->prices[i];

        if ((purchases >> p->purchase & 1) && strcmp(p->region, region) == 0 &&
            (!found || p->usd_per_hour < found->usd_per_hour))
            found = p;
    }
    return found;
}

enum sold catalog_sold(const struct instance_type *t, const char *region, const char *zone)
{
    for (size_t i = 0; i < t->n_absences; i++) {
        const struct absence *a = &t->absences[i];

        if (strcmp(a->region, region) == 0 && (!*a->zone || (zone && strcmp(a->zone, zone) == 0)))
            return SOLD_NO;
    }
    /* That a region sells it says nothing of each of its zones. */
    for (size_t i = 0; i < t->n_prices; i++) {
        const struct price *p = &t->prices[i];

        if (strcmp(p->region, region) == 0 && (!zone || strcmp(p->zone, zone) == 0))
            return SOLD_YES;
    }
    return SOLD_UNKNOWN;
}

/* "us-gov-west-1" of "us-gov-west-1a" and of the local zone "us-gov-west-1-lax-1a". */
bool catalog_zone_region(char out[CATALOG_REGION_SIZE], const char *zone)
{
    size_t words = 0, end = 0;

    for (size_t i = 0; zone[i]; i++) {
        if (zone[i] != '-')
            continue;
        words++;
        if (words >= 2 && isdigit((unsigned char)zone[i + 1])) {
            end = i + 1;
            break;
        }
    }
    while (end > 0 && isdigit((unsigned char)zone[end]))
        end++;
    if (end == 0 || end >= CATALOG_REGION_SIZE ||
        !(islower((unsigned char)zone[end]) || zone[end] == '-'))
        return false;
    memcpy(out, zone, end);
    out[end] = '\0';
    return true;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar, in eras of 400 years from March on. */
static int64_t days(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400, of_era = y % 400;
    int64_t of_year = (153 * (int64_t)((month + 9) % 12) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool digits(unsigned *out, const char *text, size_t n)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        *out = *out * 10 + (unsigned)(text[i] - '0');
    }
    return true;
}

int64_t price_day(const struct price *p)
{
    const char *d = p->date;
    unsigned year, month, day;

    if (!digits(&year, d, 4) || year < 1970 || d[4] != '-')
        return 0;
    if (strcmp(d + 5, "H1") == 0)
        return days(year, 6, 30);
    if (strcmp(d + 5, "H2") == 0)
        return days(year, 12, 31);
    if (!digits(&month, d + 5, 2) || d[7] != '-' || !digits(&day, d + 8, 2) || d[10] || month < 1 ||
        month > 12 || day < 1 || day > 31)
        return 0;
    return days(year, month, day);
}
