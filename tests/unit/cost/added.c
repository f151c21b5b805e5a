/* SPDX-License-Identifier: Apache-2.0 */
/* Puts files over the catalogue: see added.h. */
#include "added.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test.h"

int added_open(void **state)
{
    static struct added f;
    int fd;

    f = (struct added){.path = "/tmp/carve-catalog-XXXXXX"};
    fd = mkstemp(f.path);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(catalog_open(&f.c, &f.e), 0);
    *state = &f;
    return 0;
}

int added_close(void **state)
{
    struct added *f = *state;

    catalog_free(f->c);
    (void)unlink(f->path);
    return 0;
}

static int added_try(struct added *f, const char *text)
{
    FILE *file = fopen(f->path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    f->e = (struct err){0};
    return catalog_add(f->c, f->path, &f->e);
}

void added_takes(struct added *f, const char *text)
{
    if (added_try(f, text) < 0)
        fail_msg("%s", f->e.msg);
}

void added_refuses(struct added *f, const char *text, const char *words)
{
    const struct instance_type *before = catalog_at(f->c, 0);

    if (added_try(f, text) == 0)
        fail_msg("taken: %s", text);
    if (!strstr(f->e.msg, words))
        fail_msg("'%s' is not in: %s", words, f->e.msg);
    assert_ptr_equal(catalog_at(f->c, 0), before);
}

double added_usd(const struct added *f, const char *type, const char *region,
                 enum purchase purchase)
{
    const struct price *p = catalog_price(catalog_find(f->c, type), region, 1u << purchase);

    return p ? p->usd_per_hour : -1;
}

bool added_near(double a, double b)
{
    return fabs(a - b) < 1e-9;
}
