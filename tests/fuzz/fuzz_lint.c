/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a file for lint: read and judged, with every place where it says it is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/lint/places.h"
#include "base/err.h"
#include "base/own.h"
#include "lint/read/read.h"
#include "schema/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"f.yaml", "f.md", "f.sh", "f.txt", "f.json"};
    static struct catalog *catalog;
    static struct schema_set *schemas;
    struct lint l;
    struct err e = {0};

    if (!catalog && (catalog_open(&catalog, &e) < 0 || schema_open(&schemas, &e) < 0))
        abort();
    if (size == 0)
        return 0;
    lint_init(&l, catalog, schemas);
    if (read_text(&l, names[data[0] % 5], (const char *)data + 1, size - 1, &e) < 0)
        abort();
    places_check(&l);
    if (lint_run(&l, &e) < 0)
        abort();
    lint_done(&l);
    return 0;
}
