/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that are put into a document: parsed, made pairs of, taken apart. See fix_yaml.h. Lines
 * that came from the document stay the same lines, so that they are found again.
 */
#include <string.h>

#include "base/err.h"
#include "lint/fix/fix_yaml.h"
#include "lint/lint.h"

struct snippet snippet_of_lines(struct fix_yaml *y, struct lines lines)
{
    struct yaml_limits limits = {.max_bytes = LINT_MAX_DOCUMENT_BYTES, .max_nodes = LINT_MAX_NODES};
    struct snippet s = {.lines = lines};
    struct yaml_place place;
    struct err e = {0};
    size_t size;
    char *text = lines_text(&lines, &size);

    if (!text || size > *y->bytes_left || lines.n == 0) {
        y->failed = true;
        return s;
    }
    *y->bytes_left -= size;
    if (yaml_read_limited(&s.tree, "", text, size, &limits, &place, &e) < 0)
        y->failed = true;
    return s;
}

struct snippet snippet_of_text(struct fix_yaml *y, const char *text)
{
    struct lines lines = lines_of(y->arena, text);

    if (lines.n == 0)
        lines = lines_of(y->arena, "\"\"");
    return snippet_of_lines(y, lines);
}

void snippet_done(struct snippet *s)
{
    yaml_doc_free(s->tree);
    s->tree = NULL;
}

bool snippet_is_block(const struct snippet *s)
{
    const struct yaml_node *root = s->tree->root;

    return (root->kind == YAML_MAP || root->kind == YAML_LIST) && root->style != YAML_FLOW;
}

/* How far a document indents: maps in maps, and lists in maps, whichever come first. */
struct indent {
    unsigned map, list;
    bool list_seen;
};

static void learn(struct indent *indent, const struct yaml_node *node, const struct yaml_node *in)
{
    if (node->style == YAML_FLOW || node->shared || node->column < in->column ||
        node->column - in->column > 8)
        return;
    if (node->kind == YAML_MAP && indent->map == 0 && node->column > in->column)
        indent->map = node->column - in->column;
    if (node->kind == YAML_LIST && !indent->list_seen) {
        indent->list_seen = true;
        indent->list = node->column - in->column;
    }
}

static void learn_all(struct indent *indent, const struct yaml_node *node)
{
    bool is_map = node->kind == YAML_MAP;

    if (!is_map && node->kind != YAML_LIST)
        return;
    for (size_t i = 0; i < node->count && (indent->map == 0 || !indent->list_seen); i++) {
        const struct yaml_node *child = is_map ? node->pairs[i].value : node->items[i];

        if (child->shared)
            continue;
        if (is_map && node->style != YAML_FLOW)
            learn(indent, child, node);
        learn_all(indent, child);
    }
}

static struct indent indent_of(struct fix_yaml *y)
{
    struct indent indent = {0};

    if (fix_parse(y))
        learn_all(&indent, y->tree->root);
    if (indent.map == 0)
        indent.map = 2;
    if (!indent.list_seen)
        indent.list = indent.map;
    return indent;
}

unsigned fix_indent(struct fix_yaml *y, enum yaml_kind of)
{
    struct indent indent = indent_of(y);

    return of == YAML_LIST ? indent.list : indent.map;
}

static bool is_plain_key(const char *key)
{
    static const char fine[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";

    if (!*key || strspn(key, fine) != strlen(key) || yaml_is_null(key) || yaml_truth(key) >= 0)
        return false;
    return (key[0] >= 'a' && key[0] <= 'z') || (key[0] >= 'A' && key[0] <= 'Z') || key[0] == '_';
}

/* As JSON writes it, which is YAML too. */
static const char *quoted(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, 6 * strlen(text) + 3), *at = out;
    static const char hex[] = "0123456789abcdef";

    if (!out)
        return NULL;
    *at++ = '"';
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = *text;
        } else if (c == '\n') {
            *at++ = '\\';
            *at++ = 'n';
        } else if (c < 0x20 || c == 0x7f) {
            memcpy(at, "\\u00", 4);
            at[4] = hex[c >> 4];
            at[5] = hex[c & 15];
            at += 6;
        } else {
            *at++ = *text;
        }
    }
    *at++ = '"';
    return out;
}

const char *key_text(struct arena *a, const char *key, bool json)
{
    return json || !is_plain_key(key) ? quoted(a, key) : key;
}

unsigned snippet_hang(struct fix_yaml *y, const struct snippet *s)
{
    for (size_t i = s->tree->root->line; i < s->lines.n; i++)
        if (!line_is_blank(s->lines.at[i]) && line_indent(s->lines.at[i]) == 0)
            return fix_indent(y, YAML_MAP);
    return 0;
}

struct snippet snippet_pair(struct fix_yaml *y, const char *key, struct snippet *value)
{
    const char *name = key_text(y->arena, key, false), *head;
    struct lines lines = value->lines;
    struct snippet pair;

    if (y->failed || !value->tree || !name) {
        snippet_done(value);
        return (struct snippet){.lines = {.arena = y->arena}};
    }
    if (snippet_is_block(value)) {
        lines_indent(&lines, 0, fix_indent(y, value->tree->root->kind));
        head = arena_printf(y->arena, "%s:", name);
        if (head)
            lines_insert_line(&lines, 0, line_new(y->arena, head, strlen(head)));
    } else {
        lines_indent(&lines, value->tree->root->line, snippet_hang(y, value));
        head = arena_printf(y->arena, "%s: ", name);
        if (head)
            line_splice(y->arena, lines.at[value->tree->root->line - 1], 0, 0, head);
    }
    snippet_done(value);
    pair = snippet_of_lines(y, lines);
    return pair;
}

struct lines snippet_entry(struct fix_yaml *y, const struct snippet *s, size_t index)
{
    struct lines entry = {.arena = y->arena};
    struct extent extent;

    if (!extent_of_pair(&extent, &s->lines, s->tree->root, index)) {
        y->failed = true;
        return entry;
    }
    lines_insert(&entry, 0,
                 &(struct lines){.n = extent.end - extent.first, .at = s->lines.at + extent.first});
    return entry;
}

/* The comment behind a key or a value, as a line; NULL. */
static struct line *comment_behind(struct fix_yaml *y, const struct line *line, size_t byte)
{
    const char *hash = byte < line->size ? memchr(line->text + byte, '#', line->size - byte) : NULL;
    char *text;

    if (!hash || hash == line->text || (hash[-1] != ' ' && hash[-1] != '\t'))
        return NULL;
    text = arena_copy(y->arena, hash, (size_t)(line->text + line->size - hash));
    return text ? line_new(y->arena, text, strlen(text)) : NULL;
}

/* A value that begins on its key's line: its range alone, and the comment behind it. */
static struct lines inline_value(struct fix_yaml *y, const struct snippet *s,
                                 const struct yaml_node *value)
{
    struct place from = place_of(&s->lines, value->line, value->column);
    struct place to = place_of_end(&s->lines, value);
    const struct line *last = s->lines.at[to.line];
    struct lines lines = {.arena = y->arena};
    bool is_text = value->style == YAML_LITERAL || value->style == YAML_FOLDED;

    lines_insert_line(&lines, 0, is_text ? NULL : comment_behind(y, last, to.byte));
    for (size_t i = from.line; i <= to.line; i++) {
        const struct line *line = s->lines.at[i];
        size_t start = i == from.line ? from.byte : 0, end = i == to.line ? to.byte : line->size;
        char *text = arena_copy(y->arena, line->text + start, end > start ? end - start : 0);

        if (text)
            lines_insert_line(&lines, lines.n, line_new(y->arena, text, strlen(text)));
    }
    return lines;
}

struct snippet snippet_value(struct fix_yaml *y, const struct snippet *s, size_t index)
{
    const struct yaml_pair *pair = &s->tree->root->pairs[index];
    const struct yaml_node *value = pair->value;
    struct lines lines = snippet_entry(y, s, index), out = {.arena = y->arena};
    struct place key = place_of_end(&s->lines, pair->key);
    size_t above = 0;

    if (y->failed)
        return (struct snippet){.lines = out};
    while (above < lines.n && line_is_comment(lines.at[above]))
        above++;
    if (value->line > pair->key->line) {
        lines_insert_line(&out, 0, comment_behind(y, s->lines.at[key.line], key.byte));
        lines_insert(&out, out.n,
                     &(struct lines){.n = lines.n - above - 1, .at = lines.at + above + 1});
        lines_indent(&out, 0, -(long)(value->column - 1));
    } else if (value->kind == YAML_NULL && !*value->text) {
        out = lines_of(y->arena, "null");
    } else {
        out = inline_value(y, s, value);
    }
    lines.n = above;
    lines_insert(&out, 0, &lines);
    return snippet_of_lines(y, out);
}
