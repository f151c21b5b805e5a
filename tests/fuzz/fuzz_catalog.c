/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file over the catalogue: refused, nothing changed, or taken, and taken again. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "cost/ways.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct catalog *c)
{
    const struct instance_type *t;

    for (size_t i = 0; (t = catalog_at(c, i)); i++) {
        struct way ways[WAYS_MAX];
        size_t n = ways_list(ways, t, 4096);

        if (catalog_find(c, t->name) != t || !catalog_has_family(c, t->family) || n > WAYS_MAX)
            abort();
        for (size_t p = 0; p < t->n_prices; p++) {
            struct way_rival rival;

            if (!(t->prices[p].usd_per_hour > 0) ||
                catalog_sold(t, t->prices[p].region, NULL) == SOLD_NO ||
                !catalog_has_region(c, t->prices[p].region))
                abort();
            for (size_t w = 0; i > 75 && p < 4 && w < n; w++)
                (void)way_rival(&rival, c, t, &ways[w], &t->prices[p]);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWN(catalog_freep) struct catalog *c = NULL;
    OWN_FD int fd = memfd_create("catalogue", MFD_CLOEXEC);
    const struct instance_type *before;
    struct err e = {0};
    char path[32];

    if (fd < 0 || write(fd, data, size) != (ssize_t)size || catalog_open(&c, &e) < 0)
        return 0;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    before = catalog_at(c, 0);
    if (catalog_add(c, path, &e) < 0) {
        if (catalog_at(c, 0) != before || e.code == 0 || !*e.msg)
            abort();
        return 0;
    }
    check(c);
    if (catalog_add(c, path, &e) < 0)
        abort();
    check(c);
    return 0;
}
