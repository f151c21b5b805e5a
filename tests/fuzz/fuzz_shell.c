/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as shell: its commands and words stand where they say. */
#include <stdint.h>
#include <stdlib.h>

#include "../unit/lint/places.h"
#include "base/err.h"
#include "lint/read/shell.h"
#include "lint/read/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lint l;
    struct err e = {0};
    const char *text;
    struct source *s;
    struct piece like = {.kind = PIECE_SHELL, .line = 1};
    struct piece *piece;

    lint_init(&l, NULL, NULL);
    text = arena_copy(&l.arena, (const char *)data, size);
    s = text ? source_add(&l, "f.sh", text, size) : NULL;
    if (!s)
        abort();
    like.source = s;
    like.text = s->text;
    like.size = s->size;
    piece = source_piece(&l, &like);
    if (!piece || shell_read(&l, piece, &e) < 0)
        abort();
    places_check(&l);
    lint_done(&l);
    return 0;
}
