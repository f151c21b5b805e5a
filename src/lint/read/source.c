/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of a run that reading fills: see source.h. */
#include "lint/read/source.h"

#include <string.h>

#include "lint/read/template.h"

/* Puts a copy of a thing at the end of a list of pointers; NULL without memory. */
static void *add(struct lint *l, void *list, size_t *n, const void *thing, size_t size)
{
    void ***array = list;
    void **grown = arena_grow(&l->arena, *array, *n, sizeof(void *));
    void *copy = grown ? arena_copy(&l->arena, thing, size) : NULL;

    if (!copy) {
        l->out_of_memory = true;
        return NULL;
    }
    grown[(*n)++] = copy;
    *array = grown;
    return copy;
}

struct source *source_add(struct lint *l, const char *file, const char *text, size_t size)
{
    static const char mark[] = "\xef\xbb\xbf";
    struct source like = {.file = arena_text(&l->arena, file), .text = text, .size = size};
    const char *line;

    if (!like.file) {
        l->out_of_memory = true;
        return NULL;
    }
    if (size >= 3 && memcmp(text, mark, 3) == 0) {
        like.bom = true;
        like.text += 3;
        like.size -= 3;
    }
    line = like.size ? memchr(like.text, '\n', like.size) : NULL;
    like.crlf = line && line > like.text && line[-1] == '\r';
    like.has_template = template_has(like.text, like.size);
    l->n_text_bytes += size;
    return add(l, &l->sources, &l->n_sources, &like, sizeof like);
}

struct piece *source_piece(struct lint *l, const struct piece *like)
{
    return add(l, &l->pieces, &l->n_pieces, like, sizeof *like);
}

struct document *source_document(struct lint *l, const struct document *like)
{
    return add(l, &l->system.documents, &l->system.n_documents, like, sizeof *like);
}

struct command *source_command(struct lint *l, const struct command *like)
{
    return add(l, &l->system.commands, &l->system.n_commands, like, sizeof *like);
}

bool source_keep(struct lint *l, struct yaml_doc *tree)
{
    struct yaml_doc **grown =
        arena_grow(&l->arena, l->trees, l->n_trees, sizeof(struct yaml_doc *));

    if (!grown) {
        l->out_of_memory = true;
        return false;
    }
    l->trees = grown;
    l->trees[l->n_trees++] = tree;
    return true;
}

/* What is left of the memory, in nodes; the rest of what a node costs is in the checks. */
size_t source_room(const struct lint *l)
{
    enum { NODE_BYTES = 96 };
    size_t most = LINT_MAX_BYTES > l->n_text_bytes ? (LINT_MAX_BYTES - l->n_text_bytes) : 0;

    most /= NODE_BYTES;
    if (most > LINT_MAX_NODES)
        most = LINT_MAX_NODES;
    if (most < LINT_MIN_NODES)
        most = LINT_MIN_NODES;
    return !l->closed && most > l->n_nodes ? most - l->n_nodes : 0;
}

void source_take(struct lint *l, size_t nodes)
{
    l->n_nodes += nodes;
}

void source_partial(struct lint *l, struct spot spot, const char *what)
{
    const struct fault *last = l->n_faults ? &l->faults[l->n_faults - 1] : NULL;

    l->system.partial = true;
    if (last && last->rule == RULE_FILE_TOO_LARGE && last->spot.source == spot.source)
        return;
    source_fault(l, RULE_FILE_TOO_LARGE, spot, "split it, or lint it alone", "%s", what);
}

void source_close(struct lint *l, struct spot spot)
{
    if (l->closed)
        return;
    l->closed = true;
    l->system.partial = true;
    source_fault(l, RULE_FILE_TOO_LARGE, spot, "lint fewer files at a time",
                 "nothing from here on is checked: there are more than %zu values in all files",
                 l->n_nodes);
}

void source_fault(struct lint *l, enum rule_id rule, struct spot spot, const char *cure,
                  const char *fmt, ...)
{
    struct fault *grown, fault = {.rule = rule, .spot = spot, .cure = cure};
    va_list args;

    if (l->n_faults > LINT_MAX_FINDINGS)
        return;
    va_start(args, fmt);
    fault.message = arena_vprintf(&l->arena, fmt, args);
    va_end(args);
    grown = arena_grow(&l->arena, l->faults, l->n_faults, sizeof *grown);
    if (!grown || !fault.message) {
        l->out_of_memory = true;
        return;
    }
    l->faults = grown;
    l->faults[l->n_faults++] = fault;
}
