/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees of documents that are edited, and where things stand in their lines: see fix_yaml.h.
 * Nothing is changed here.
 */
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "lint/fix/fix_yaml.h"
#include "lint/lint.h"

bool fix_parse(struct fix_yaml *y)
{
    struct yaml_limits limits = {.max_bytes = LINT_MAX_DOCUMENT_BYTES, .max_nodes = LINT_MAX_NODES};
    struct yaml_place place;
    struct err e = {0};
    size_t size;
    char *text;

    if (y->failed || y->tree)
        return !y->failed;
    y->failed = true;
    text = lines_text(&y->sheet.lines, &size);
    if (!text || size > *y->bytes_left)
        return false;
    *y->bytes_left -= size;
    if (yaml_read_limited(&y->tree, "", text, size, &limits, &place, &e) < 0)
        return false;
    if (y->tree->extra_line > 0)
        return false;
    y->failed = false;
    return true;
}

void fix_changed(struct fix_yaml *y)
{
    yaml_doc_free(y->tree);
    y->tree = NULL;
}

const struct yaml_node *trail_parent(const struct trail *trail)
{
    return trail->depth > 0 ? trail->up[trail->depth - 1].node : NULL;
}

bool trail_is_flow(const struct trail *trail)
{
    for (unsigned i = 0; i < trail->depth; i++)
        if (trail->up[i].node->style == YAML_FLOW)
            return true;
    return false;
}

bool trail_is_shared(const struct trail *trail)
{
    for (unsigned i = 0; i < trail->depth; i++)
        if (trail->up[i].node->shared)
            return true;
    return trail->node->shared;
}

void trail_up(struct trail *trail)
{
    trail->node = trail->up[--trail->depth].node;
}

bool trail_down(struct trail *trail, size_t index)
{
    const struct yaml_node *node = trail->node;

    if (trail->depth == FIX_MAX_DEPTH || index >= node->count)
        return false;
    trail->up[trail->depth].node = node;
    trail->up[trail->depth++].index = index;
    trail->node = node->kind == YAML_MAP ? node->pairs[index].value : node->items[index];
    return true;
}

bool map_is_own(const struct yaml_node *map, size_t index)
{
    const struct yaml_node *key = map->pairs[index].key;

    if (key->shared || key->line < map->line)
        return false;
    return map->style == YAML_FLOW || key->column == map->column;
}

size_t map_index(const struct yaml_node *map, const char *key)
{
    for (size_t i = map->kind == YAML_MAP ? map->count : 0; i-- > 0;)
        if (map_is_own(map, i) && strcmp(map->pairs[i].key->text, key) == 0)
            return i;
    return SIZE_MAX;
}

size_t map_count_own(const struct yaml_node *map)
{
    size_t n = 0;

    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++)
        n += map_is_own(map, i);
    return n;
}

/* "[2]" in a path is the third item; SIZE_MAX for other keys. */
static size_t item_index(const char *key)
{
    size_t index = 0;

    if (*key != '[')
        return SIZE_MAX;
    for (key++; *key >= '0' && *key <= '9' && index < FIX_MAX_ITEM; key++)
        index = index * 10 + (size_t)(*key - '0');
    return *key == ']' ? index : SIZE_MAX;
}

size_t trail_follow(struct trail *trail, const struct fix_path *path)
{
    size_t n = 0;

    for (; n < path->n; n++) {
        size_t index = trail->node->kind == YAML_LIST ? item_index(path->keys[n])
                                                      : map_index(trail->node, path->keys[n]);

        if (index == SIZE_MAX || !trail_down(trail, index))
            break;
    }
    return n;
}

static bool starts_behind(const struct yaml_node *node, unsigned line, unsigned column)
{
    return node->line > line || (node->line == line && node->column > column);
}

/*
 * The child that holds a place: the last that starts at or before it. Children that an alias
 * stands for start before their container and are no place.
 */
static size_t child_at(const struct yaml_node *node, unsigned line, unsigned column)
{
    const struct yaml_node *best = NULL;
    size_t found = SIZE_MAX;

    for (size_t i = 0; (node->kind == YAML_MAP || node->kind == YAML_LIST) && i < node->count;
         i++) {
        const struct yaml_node *child =
            node->kind == YAML_MAP ? node->pairs[i].value : node->items[i];

        if (node->kind == YAML_MAP && !map_is_own(node, i))
            continue;
        if (starts_behind(node, child->line, child->column) || starts_behind(child, line, column))
            continue;
        if (best && !starts_behind(child, best->line, best->column))
            continue;
        best = child;
        found = i;
    }
    return found;
}

static bool is_at(const struct yaml_node *node, unsigned line, unsigned column)
{
    return node->line == line && node->column == column;
}

/* The line and column where something of the run's tree is in the present one. */
static bool find_now(struct fix_yaml *y, const struct yaml_node *node, unsigned *line,
                     unsigned *column)
{
    const struct piece *piece = y->document->piece;
    const struct line *now;
    struct place at;

    if (node->line == 0 ||
        !sheet_find(&y->sheet, piece->line + node->line - 1, piece->indent + node->column, &at))
        return false;
    now = y->sheet.lines.at[at.line];
    *line = (unsigned)at.line + 1;
    *column = byte_to_column(now->text, now->size, at.byte);
    return true;
}

/* The node of the present tree that stands where one of the run went. */
bool fix_locate(struct fix_yaml *y, struct trail *out, const struct yaml_node *node)
{
    unsigned line, column;

    if (!fix_parse(y))
        return false;
    *out = (struct trail){.node = y->tree->root};
    if (node == y->document->yaml->root)
        return true;
    y->failed = true;
    if (!find_now(y, node, &line, &column))
        return false;
    while (!is_at(out->node, line, column) || out->node->kind != node->kind) {
        size_t index = child_at(out->node, line, column);

        if (index == SIZE_MAX || !trail_down(out, index))
            return false;
    }
    y->failed = false;
    return true;
}

static size_t key_at(const struct yaml_node *map, unsigned line, unsigned column)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++)
        if (map_is_own(map, i) && is_at(map->pairs[i].key, line, column))
            return i;
    return SIZE_MAX;
}

bool fix_locate_pair(struct fix_yaml *y, struct trail *map, size_t *index,
                     const struct yaml_pair *pair)
{
    unsigned line, column;

    if (!fix_parse(y))
        return false;
    *map = (struct trail){.node = y->tree->root};
    y->failed = true;
    if (!find_now(y, pair->key, &line, &column))
        return false;
    for (;;) {
        *index = key_at(map->node, line, column);
        if (*index != SIZE_MAX)
            break;
        *index = child_at(map->node, line, column);
        if (*index == SIZE_MAX || !trail_down(map, *index))
            return false;
    }
    y->failed = false;
    return true;
}

bool fix_root(struct fix_yaml *y, struct trail *out)
{
    return fix_locate(y, out, y->document->root);
}

struct place place_of(const struct lines *lines, unsigned line, unsigned column)
{
    struct place place = {.line = line - 1};

    if (place.line >= lines->n)
        return (struct place){.line = lines->n > 0 ? lines->n - 1 : 0,
                              .byte = lines->n > 0 ? lines->at[lines->n - 1]->size : 0};
    place.byte = column_to_byte(lines->at[place.line]->text, lines->at[place.line]->size, column);
    return place;
}

struct place place_of_end(const struct lines *lines, const struct yaml_node *node)
{
    return place_of(lines, node->end_line, node->end_column);
}

/* Comments right above a line at the same column. */
static size_t comments_above(const struct lines *lines, size_t start, size_t indent)
{
    while (start > 0 && line_is_comment(lines->at[start - 1]) &&
           line_indent(lines->at[start - 1]) == indent)
        start--;
    return start;
}

/* Comments right below a thing that are further right than it. */
static size_t comments_below(const struct lines *lines, size_t end, size_t indent)
{
    while (end < lines->n && line_is_comment(lines->at[end]) &&
           line_indent(lines->at[end]) > indent)
        end++;
    return end;
}

/* What stands in front of a byte: blanks (0), blanks and dashes (1), something else (-1). */
static int before(const struct line *line, size_t byte)
{
    int found = 0;

    for (size_t i = 0; i < byte && i < line->size; i++) {
        if (line->text[i] == '-' && i + 1 < line->size && line->text[i + 1] == ' ')
            found = 1;
        else if (line->text[i] != ' ')
            return -1;
    }
    return found;
}

bool pair_is_behind_dash(const struct lines *lines, const struct yaml_pair *pair)
{
    struct place key = place_of(lines, pair->key->line, pair->key->column);

    return before(lines->at[key.line], key.byte) == 1;
}

/* The line behind a value; an alias stands elsewhere, and its value with it. */
static size_t end_of(const struct lines *lines, const struct yaml_node *value, size_t start)
{
    size_t end = value->end_line;

    if (value->line < start + 1 || end < start + 1)
        end = start + 1;
    return end > lines->n ? lines->n : end;
}

bool extent_of_pair(struct extent *out, const struct lines *lines, const struct yaml_node *map,
                    size_t index)
{
    const struct yaml_pair *pair = &map->pairs[index];
    struct place key = place_of(lines, pair->key->line, pair->key->column);
    int kind = lines->n > 0 ? before(lines->at[key.line], key.byte) : -1;

    if (kind < 0 || map->style == YAML_FLOW)
        return false;
    out->start = key.line;
    out->first = kind == 0 ? comments_above(lines, key.line, key.byte) : key.line;
    out->end = comments_below(lines, end_of(lines, pair->value, key.line), key.byte);
    return true;
}

/* The line of an item's dash; SIZE_MAX if the dashes are not as they should be. */
static size_t dash_of(const struct lines *lines, const struct yaml_node *list, size_t index)
{
    struct place dash = place_of(lines, list->line, list->column);
    size_t n = 0, found = SIZE_MAX;

    for (size_t i = dash.line; i < lines->n && i < list->end_line; i++) {
        const struct line *line = lines->at[i];

        if (dash.byte >= line->size || line->text[dash.byte] != '-' ||
            (dash.byte + 1 < line->size && line->text[dash.byte + 1] != ' ') ||
            (i > dash.line && line_indent(line) != dash.byte))
            continue;
        if (n++ == index)
            found = i;
    }
    return n == list->count ? found : SIZE_MAX;
}

bool extent_of_item(struct extent *out, const struct lines *lines, const struct yaml_node *list,
                    size_t index)
{
    size_t start, indent;

    if (list->style == YAML_FLOW || index >= list->count)
        return false;
    start = dash_of(lines, list, index);
    indent = place_of(lines, list->line, list->column).byte;
    if (start == SIZE_MAX || line_indent(lines->at[start]) != indent)
        return false;
    out->start = start;
    out->first = comments_above(lines, start, indent);
    out->end = comments_below(lines, end_of(lines, list->items[index], start), indent);
    return true;
}

static bool maps_equal(const struct yaml_node *a, const struct yaml_node *b)
{
    for (size_t i = 0; i < a->count; i++) {
        const struct yaml_node *other = node_get(b, a->pairs[i].key->text);

        if (!other || !nodes_equal(a->pairs[i].value, other))
            return false;
    }
    return true;
}

bool nodes_equal(const struct yaml_node *a, const struct yaml_node *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == YAML_MAP)
        return maps_equal(a, b);
    for (size_t i = 0; a->kind == YAML_LIST && i < a->count; i++)
        if (!nodes_equal(a->items[i], b->items[i]))
            return false;
    return a->kind != YAML_SCALAR || (a->plain == b->plain && strcmp(a->text, b->text) == 0);
}
