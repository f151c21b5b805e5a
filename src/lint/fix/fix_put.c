/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes into a document: values in the place of others, pairs at the end of maps, items at
 * the end of lists. See fix_yaml.h.
 */
#include <stdint.h>
#include <string.h>

#include "lint/fix/fix_yaml.h"

/* The comments among lines, put above a line and indented as it is. */
static void put_comments(struct fix_yaml *y, const struct lines *from, size_t at)
{
    struct lines comments = {.arena = y->arena};
    size_t indent = line_indent(y->sheet.lines.at[at]);

    for (size_t i = 0; i < from->n; i++)
        if (line_is_comment(from->at[i]))
            lines_insert_line(&comments, comments.n, from->at[i]);
    for (size_t i = 0; i < comments.n; i++)
        lines_indent(&(struct lines){.arena = y->arena, .n = 1, .at = &comments.at[i]}, 0,
                     (long)indent - (long)line_indent(comments.at[i]));
    lines_insert(&y->sheet.lines, at, &comments);
}

/*
 * A text in quotes stays in such, but for what would mean something else in them: numbers, truth,
 * nothing.
 */
static void keep_quotes(struct fix_yaml *y, const struct yaml_node *old, struct snippet *value)
{
    const struct yaml_node *root = value->tree->root;
    const char *quote = old->style == YAML_SINGLE ? "'" : "\"", *text;

    if (old->kind != YAML_SCALAR || (old->style != YAML_SINGLE && old->style != YAML_DOUBLE) ||
        root->kind != YAML_SCALAR || root->style != YAML_PLAIN || value->lines.n != 1 ||
        yaml_truth(root->text) >= 0 || strpbrk(root->text, "\"'\\") ||
        strspn(root->text, "+-.0123456789eExXabcdefABCDEFoO_:") == strlen(root->text))
        return;
    text = arena_printf(y->arena, "%s%s%s", quote, root->text, quote);
    if (!text)
        return;
    snippet_done(value);
    *value = snippet_of_text(y, text);
}

/* Takes the first n lines off. */
static struct lines split(struct lines *lines, size_t n)
{
    struct lines head = {.arena = lines->arena};

    lines_insert(&head, 0, &(struct lines){.n = n, .at = lines->at});
    lines->at += n;
    lines->n -= n;
    lines->room = lines->n;
    return head;
}

/*
 * Puts lines at a place in a line, the first behind what stands there and the others below,
 * indented by so much.
 */
static void put_lines(struct fix_yaml *y, struct place at, const char *before, struct lines lines,
                      size_t indent)
{
    struct line *line = y->sheet.lines.at[at.line];
    struct lines head;
    const char *text;

    if (lines.n == 0)
        return;
    head = split(&lines, 1);
    text = arena_printf(y->arena, "%s%.*s", before, (int)head.at[0]->size, head.at[0]->text);
    if (text)
        line_splice(y->arena, line, at.byte, 0, text);
    lines_indent(&lines, 0, (long)indent);
    lines_insert(&y->sheet.lines, at.line + 1, &lines);
}

static void remove_range(struct fix_yaml *y, struct place from, const struct yaml_node *node)
{
    struct place to = place_of_end(&y->sheet.lines, node);

    if (to.line > from.line || (to.line == from.line && to.byte > from.byte))
        sheet_replace(&y->sheet, from, to, "");
}

/* Between brackets everything is on one line, unless it is a text as it was written. */
static void put_in_flow(struct fix_yaml *y, const struct trail *at, const struct snippet *value)
{
    struct place from = place_of(&y->sheet.lines, at->node->line, at->node->column);
    struct place to = place_of_end(&y->sheet.lines, at->node);
    bool json = yaml_is_json(y);
    const char *text = NULL;

    if (value->lines.n == 1 && !json && !snippet_is_block(value))
        text = arena_copy(y->arena, value->lines.at[0]->text, value->lines.at[0]->size);
    else
        text = flow_text(y, value->tree->root, json);
    if (text && at->node->kind == YAML_NULL && !*at->node->text)
        text = arena_printf(y->arena, " %s", text);
    if (!text)
        y->failed = true;
    else
        sheet_replace(&y->sheet, from, to, text);
}

/* The place behind the colon of a pair's key; false for keys of the odd kinds. */
static bool colon_of(const struct fix_yaml *y, const struct yaml_pair *pair, struct place *out)
{
    struct place at = place_of_end(&y->sheet.lines, pair->key);
    const struct line *line = y->sheet.lines.at[at.line];

    while (at.byte < line->size && line->text[at.byte] == ' ')
        at.byte++;
    if (at.byte >= line->size || line->text[at.byte] != ':')
        return false;
    at.byte++;
    *out = at;
    return true;
}

static void put_in_pair(struct fix_yaml *y, const struct trail *at, struct snippet *value)
{
    const struct yaml_node *map = trail_parent(at), *old = at->node;
    const struct yaml_pair *pair = &map->pairs[at->up[at->depth - 1].index];
    const struct yaml_node *root = value->tree->root;
    size_t column = map->column - 1;
    struct place colon;
    struct lines above;

    if (!colon_of(y, pair, &colon)) {
        y->failed = true;
        return;
    }
    column += old->style != YAML_FLOW && old->kind == root->kind && old->line > pair->key->line
                  ? old->column - map->column
                  : fix_indent(y, root->kind);
    if (old->line > pair->key->line)
        (void)lines_cut(&y->sheet.lines, colon.line + 1, old->end_line - colon.line - 1);
    else
        remove_range(y, colon, old);
    if (snippet_is_block(value)) {
        lines_indent(&value->lines, 0, (long)column);
        lines_insert(&y->sheet.lines, colon.line + 1, &value->lines);
        return;
    }
    column = map->column - 1 + snippet_hang(y, value);
    above = split(&value->lines, root->line - 1);
    put_lines(y, colon, " ", value->lines, column);
    put_comments(y, &above, colon.line);
}

/* An item of a list, or the document as a whole. */
static void put_in_item(struct fix_yaml *y, const struct trail *at, struct snippet *value)
{
    const struct yaml_node *old = at->node;
    struct place from = place_of(&y->sheet.lines, old->line, old->column);
    size_t column = from.byte;
    bool empty = old->kind == YAML_NULL && !*old->text && at->depth > 0;

    remove_range(y, from, old);
    put_lines(y, from, empty ? " " : "", value->lines, column + empty);
}

void put_value(struct fix_yaml *y, const struct trail *at, struct snippet *value)
{
    const struct yaml_node *parent = trail_parent(at);

    if (y->failed || !value->tree || trail_is_shared(at) ||
        (!parent && at->node->kind == YAML_NULL)) {
        y->failed = true;
        return;
    }
    keep_quotes(y, at->node, value);
    if (y->failed)
        return;
    if (trail_is_flow(at))
        put_in_flow(y, at, value);
    else if (parent && parent->kind == YAML_MAP)
        put_in_pair(y, at, value);
    else
        put_in_item(y, at, value);
    fix_changed(y);
}

/* One pair, at the end of a map that does not have its key. */
static void add_pair(struct fix_yaml *y, const struct trail *map, struct snippet *from,
                     size_t index)
{
    const struct yaml_pair *pair = &from->tree->root->pairs[index];
    struct lines entry = {.arena = y->arena};
    struct extent extent = {0};
    bool json = yaml_is_json(y);
    const char *text;

    if (map->node->style == YAML_FLOW) {
        text = flow_text(y, pair->value, json);
        if (text)
            text =
                arena_printf(y->arena, "%s: %s", key_text(y->arena, pair->key->text, json), text);
        if (text)
            flow_add(y, map, text);
        return;
    }
    entry = snippet_entry(y, from, index);
    for (size_t i = map->node->count; i-- > 0 && extent.end == 0;)
        if (map_is_own(map->node, i) && !extent_of_pair(&extent, &y->sheet.lines, map->node, i))
            y->failed = true;
    if (y->failed || extent.end == 0) {
        y->failed = true;
        return;
    }
    lines_indent(&entry, 0, (long)map->node->column - 1);
    lines_insert(&y->sheet.lines, extent.end, &entry);
    fix_changed(y);
}

static bool has_item(const struct yaml_node *list, const struct yaml_node *item)
{
    for (size_t i = 0; i < list->count; i++)
        if (nodes_equal(list->items[i], item))
            return true;
    return false;
}

/* Items that are there already are left out; their comments come. */
static struct lines new_items(struct fix_yaml *y, const struct yaml_node *list,
                              const struct snippet *from)
{
    const struct yaml_node *root = from->tree->root;
    struct lines lines = {.arena = y->arena};
    struct extent extent;
    size_t next = 0;

    for (size_t i = 0; i < root->count; i++) {
        if (!extent_of_item(&extent, &from->lines, root, i)) {
            y->failed = true;
            return lines;
        }
        if (!has_item(list, root->items[i]))
            continue;
        lines_insert(&lines, lines.n,
                     &(struct lines){.n = extent.start - next, .at = from->lines.at + next});
        next = extent.end;
    }
    lines_insert(&lines, lines.n,
                 &(struct lines){.n = from->lines.n - next, .at = from->lines.at + next});
    return lines;
}

/* Items written between brackets, as items with dashes. */
static struct lines items_of_flow(struct fix_yaml *y, const struct yaml_node *list,
                                  const struct snippet *from)
{
    const struct yaml_node *root = from->tree->root;
    struct lines lines = {.arena = y->arena};

    for (size_t i = 0; i < from->lines.n && i + 1 < root->line; i++)
        lines_insert_line(&lines, lines.n, from->lines.at[i]);
    for (size_t i = 0; i < root->count; i++) {
        const char *text =
            has_item(list, root->items[i]) ? NULL : flow_text(y, root->items[i], false);

        if (text)
            text = arena_printf(y->arena, "- %s", text);
        if (text)
            lines_insert_line(&lines, lines.n, line_new(y->arena, text, strlen(text)));
    }
    return lines;
}

static void add_to_flow(struct fix_yaml *y, const struct trail *list, const struct snippet *from)
{
    const struct yaml_node *root = from->tree->root;
    bool json = yaml_is_json(y);
    const char *text = "";
    size_t line = list->node->line - 1;

    for (size_t i = 0; i < root->count && text; i++) {
        const char *item;

        if (has_item(list->node, root->items[i]))
            continue;
        item = flow_text(y, root->items[i], json);
        text = item ? arena_printf(y->arena, "%s%s%s", text, *text ? ", " : "", item) : NULL;
    }
    if (!text)
        y->failed = true;
    else if (*text)
        flow_add(y, list, text);
    put_comments(y, &from->lines, line);
    fix_changed(y);
}

static void add_items(struct fix_yaml *y, const struct trail *list, struct snippet *from)
{
    struct extent extent;
    struct lines items;

    if (list->node->style == YAML_FLOW) {
        if (list->node->count == 0 && !trail_is_flow(list))
            put_value(y, list, from);
        else
            add_to_flow(y, list, from);
        return;
    }
    if (!extent_of_item(&extent, &y->sheet.lines, list->node, list->node->count - 1)) {
        y->failed = true;
        return;
    }
    items = from->tree->root->style == YAML_FLOW ? items_of_flow(y, list->node, from)
                                                 : new_items(y, list->node, from);
    lines_indent(&items, 0, (long)list->node->column - 1);
    lines_insert(&y->sheet.lines, extent.end, &items);
    fix_changed(y);
}

static bool is_empty(const struct yaml_node *node)
{
    return node->kind == YAML_NULL || (node->kind == YAML_MAP && node->count == 0);
}

/* A pair whose key is there: merged into what is there, or in its place. */
static void merge_pair(struct fix_yaml *y, const struct fix_path *path, const struct trail *old,
                       struct snippet *from, size_t index, enum put_manner manner)
{
    const struct yaml_node *value = from->tree->root->pairs[index].value;
    const struct yaml_node *map = trail_parent(old);
    size_t old_index = old->up[old->depth - 1].index;
    struct snippet alone;

    if (nodes_equal(old->node, value)) {
        struct lines entry = snippet_entry(y, from, index);

        if (map->style != YAML_FLOW)
            put_comments(y, &entry, map->pairs[old_index].key->line - 1);
        fix_changed(y);
        return;
    }
    if (manner == PUT_KEEP && map->style != YAML_FLOW && !is_empty(old->node) &&
        !pair_is_behind_dash(&y->sheet.lines, &map->pairs[old_index]) &&
        (old->node->kind != value->kind || value->kind == YAML_SCALAR)) {
        struct lines entry = snippet_entry(y, from, index);
        struct extent extent;
        struct trail up;

        if (!extent_of_pair(&extent, &y->sheet.lines, map, old_index)) {
            y->failed = true;
            return;
        }
        lines_indent(&entry, 0, (long)map->column - 1);
        lines_insert(&y->sheet.lines, extent.end, &entry);
        fix_changed(y);
        if (fix_parse(y) && fix_root(y, &up) && trail_follow(&up, path) == path->n)
            comment_out_pair(y, &up, old_index, NULL);
        return;
    }
    alone = snippet_value(y, from, index);
    if (!y->failed && value->kind == YAML_LIST && old->node->kind == YAML_LIST) {
        add_items(y, old, &alone);
    } else if (!y->failed && value->kind == YAML_MAP && old->node->kind == YAML_MAP &&
               !is_empty(old->node) && path->n < FIX_MAX_PATH) {
        struct fix_path deeper = *path;

        deeper.keys[deeper.n++] = from->tree->root->pairs[index].key->text;
        put_pairs(y, &deeper, &alone, manner);
    } else if (!y->failed) {
        put_value(y, old, &alone);
    }
    snippet_done(&alone);
}

/* Between brackets a map has no lines: it is made one that has, with the same pairs. */
static bool open_map(struct fix_yaml *y, struct snippet *s)
{
    const struct yaml_node *root = s->tree->root;
    struct lines lines = {.arena = y->arena};

    if (root->kind != YAML_MAP)
        return false;
    if (root->style != YAML_FLOW)
        return true;
    for (size_t i = 0; i < s->lines.n && i + 1 < root->line; i++)
        lines_insert_line(&lines, lines.n, s->lines.at[i]);
    for (size_t i = 0; i < root->count; i++) {
        const char *text = flow_text(y, root->pairs[i].value, false);
        const char *key = key_text(y->arena, root->pairs[i].key->text, false);

        text = text && key ? arena_printf(y->arena, "%s: %s", key, text) : NULL;
        if (text)
            lines_insert_line(&lines, lines.n, line_new(y->arena, text, strlen(text)));
    }
    snippet_done(s);
    *s = snippet_of_lines(y, lines);
    return s->tree && s->tree->root->kind == YAML_MAP;
}

static void put_all(struct fix_yaml *y, const struct fix_path *path, struct snippet *pairs,
                    enum put_manner manner)
{
    for (size_t i = 0; i < pairs->tree->root->count && !y->failed; i++) {
        struct trail at;
        size_t index;

        if (!fix_root(y, &at) || trail_follow(&at, path) != path->n || at.node->kind != YAML_MAP ||
            trail_is_shared(&at)) {
            y->failed = true;
            return;
        }
        index = map_index(at.node, pairs->tree->root->pairs[i].key->text);
        if (index == SIZE_MAX)
            add_pair(y, &at, pairs, i);
        else if (trail_down(&at, index))
            merge_pair(y, path, &at, pairs, i, manner);
    }
}

void put_pairs(struct fix_yaml *y, const struct fix_path *path, struct snippet *pairs,
               enum put_manner manner)
{
    struct fix_path there = *path;
    struct trail at;

    if (y->failed || !pairs->tree || !open_map(y, pairs) || pairs->tree->root->count == 0 ||
        !fix_root(y, &at)) {
        y->failed = true;
        return;
    }
    there.n = trail_follow(&at, path);
    for (size_t i = path->n; i > there.n && !y->failed; i--)
        *pairs = snippet_pair(y, path->keys[i - 1], pairs);
    /* Parsing may have made a new tree. */
    if (y->failed || !fix_root(y, &at) || trail_follow(&at, &there) != there.n)
        y->failed = true;
    else if (is_empty(at.node) && !(trail_is_flow(&at) && at.node->kind == YAML_MAP))
        put_value(y, &at, pairs);
    else
        put_all(y, &there, pairs, manner);
}
