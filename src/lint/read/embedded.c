/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files inside documents: the values of a ConfigMap, and anywhere else texts of many lines that
 * have the words of a file we know. Declared in document.h; what they mean is system.c's business.
 */
#include <errno.h>
#include <string.h>

#include "lint/read/content.h"
#include "lint/read/document.h"
#include "lint/read/source.h"

enum { DEPTH_MAX = 4 };

struct inner {
    struct lint *l;
    const struct document *outer;
    unsigned depth;
    struct err *e;
};

/* A text of a literal block keeps its lines; any other stands where its value does. */
static struct piece piece_of(const struct document *d, const struct yaml_node *node)
{
    const struct piece *outer = d->piece;
    struct piece p = {.kind = PIECE_YAML,
                      .source = outer->source,
                      .text = node->text,
                      .size = strlen(node->text),
                      .loose = outer->loose,
                      .templated = outer->templated,
                      .expands = outer->expands,
                      .outer = outer};

    p.line = outer->line;
    p.indent = outer->indent;
    if (outer->loose)
        return p;
    p.line += node->line > 0 ? node->line - 1 : 0;
    if (node->style == YAML_LITERAL) {
        p.line++;
        p.indent += node->indent;
    } else {
        p.loose = true;
        p.indent += node->column > 0 ? node->column - 1 : 0;
    }
    return p;
}

static int read_text_at(const struct inner *in, const char *key, const struct yaml_node *node)
{
    struct piece like = piece_of(in->outer, node);
    struct origin origin = {.outer = in->outer,
                            .key = key,
                            .depth = in->depth + 1,
                            .strict = content_is_known(node->text, like.size)};
    struct piece *piece = source_piece(in->l, &like);

    return piece ? document_read(in->l, piece, &origin, in->e) : -ENOMEM;
}

/* Every value of a ConfigMap's data may be a file. */
static int read_data(const struct inner *in, const struct yaml_node *data)
{
    for (size_t i = 0; data && data->kind == YAML_MAP && i < data->count; i++) {
        const struct yaml_node *value = data->pairs[i].value;
        int r;

        if (value->kind != YAML_SCALAR || !content_is_values(value->text, strlen(value->text)))
            continue;
        r = read_text_at(in, data->pairs[i].key->text, value);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_chart_values(const struct document *d, const char *key)
{
    return strcmp(key, "values") == 0 && strcmp(d->kind, "Application") == 0;
}

/* Texts of many lines, wherever they stand: values of charts hold the plugin's files. */
static int read_below(const struct inner *in, const char *key, const struct yaml_node *node)
{
    int r = 0;

    if (node->kind == YAML_SCALAR && strchr(node->text, '\n')) {
        size_t size = strlen(node->text);

        if (content_is_values(node->text, size) &&
            (content_is_known(node->text, size) || is_chart_values(in->outer, key)))
            return read_text_at(in, key, node);
    }
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count && r == 0; i++)
        r = read_below(in, key, node->items[i]);
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count && r == 0; i++)
        r = read_below(in, node->pairs[i].key->text, node->pairs[i].value);
    return r;
}

int document_read_inner(struct lint *l, const struct document *d, unsigned depth, struct err *e)
{
    struct inner in = {l, d, depth, e};

    if (depth >= DEPTH_MAX)
        return 0;
    if (strcmp(d->kind, "ConfigMap") == 0)
        return read_data(&in, node_get(d->root, "data"));
    return read_below(&in, "", d->root);
}
