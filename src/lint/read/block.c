/* SPDX-License-Identifier: Apache-2.0 */
/* Texts inside texts: see block.h. */
#include "lint/read/block.h"

#include <string.h>

#include "base/err.h"
#include "lint/read/content.h"
#include "lint/read/document.h"
#include "lint/read/shell.h"
#include "lint/read/source.h"

enum { DEPTH_MAX = 4 };

static unsigned depth_of(const struct piece *piece)
{
    unsigned depth = 0;

    for (; piece->outer && depth < DEPTH_MAX; piece = piece->outer)
        depth++;
    return depth;
}

/* Whether something was left out for the reader's sake: a line of dots. */
static bool is_elided(const char *text, size_t size)
{
    const char *end;

    for (size_t at = 0; at < size; at = (size_t)(end - text) + 1) {
        size_t skip = at;

        end = memchr(text + at, '\n', size - at);
        if (!end)
            end = text + size;
        while (skip < size && strchr(" #-", text[skip]) && text[skip])
            skip++;
        if (size - skip >= 3 &&
            (memcmp(text + skip, "...", 3) == 0 || memcmp(text + skip, "\xe2\x80\xa6", 3) == 0))
            return true;
    }
    return false;
}

static bool is_strict(const struct piece *p, const char *label, size_t label_size)
{
    bool yaml = label_size == 3 ? memcmp(label, "yml", 3) == 0
                                : label_size == 4 && memcmp(label, "yaml", 4) == 0;

    return (yaml || content_is_object(p->text, p->size)) && !is_elided(p->text, p->size);
}

int block_read(struct lint *l, const struct piece *like, const char *label, size_t label_size,
               struct piece **out, struct err *e)
{
    enum content content = content_of_block(label, label_size, like->text, like->size);
    struct origin origin = {.depth = depth_of(like)};
    struct piece *piece;

    if (out)
        *out = NULL;
    if ((content != CONTENT_YAML && content != CONTENT_SHELL) || origin.depth >= DEPTH_MAX)
        return 0;
    if (l->closed)
        return 0;
    piece = source_piece(l, like);
    if (!piece)
        return err_memory(e);
    piece->kind = content == CONTENT_YAML ? PIECE_YAML : PIECE_SHELL;
    if (out)
        *out = piece;
    if (content == CONTENT_SHELL)
        return shell_read(l, piece, e);
    origin.strict = is_strict(piece, label, label_size);
    return document_read(l, piece, &origin, e);
}
