/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as Markdown: its blocks and commands stand where they say. */
#include <stdint.h>
#include <stdlib.h>

#include "../unit/lint/places.h"
#include "base/err.h"
#include "lint/read/markdown.h"
#include "lint/read/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lint l;
    struct err e = {0};
    const char *text;
    struct source *s;

    lint_init(&l, NULL, NULL);
    text = arena_copy(&l.arena, (const char *)data, size);
    s = text ? source_add(&l, "f.md", text, size) : NULL;
    if (!s || markdown_read(&l, s, &e) < 0)
        abort();
    places_check(&l);
    lint_done(&l);
    return 0;
}
