/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out of a document: pairs and items with their comments, maps that became empty, and
 * pairs that become comments themselves. See fix_yaml.h.
 */
#include <stdint.h>
#include <string.h>

#include "lint/fix/fix_yaml.h"

static size_t next_own(const struct yaml_node *map, size_t index)
{
    for (size_t i = index + 1; i < map->count; i++)
        if (map_is_own(map, i))
            return i;
    return SIZE_MAX;
}

/*
 * The first pair of an item goes: the dash goes over to the next pair's line, whose comments stay
 * above it. Without a next pair an empty map stays.
 */
static void hand_dash_over(struct fix_yaml *y, const struct yaml_node *map, size_t index)
{
    struct lines *lines = &y->sheet.lines;
    const struct yaml_node *key = map->pairs[index].key;
    struct place from = place_of(lines, key->line, key->column), to;
    size_t next = next_own(map, index);
    const char *dash = arena_copy(y->arena, lines->at[from.line]->text, from.byte);

    if (!dash) {
        y->failed = true;
        return;
    }
    line_splice(y->arena, lines->at[from.line], 0, from.byte, "");
    if (next == SIZE_MAX) {
        dash = arena_printf(y->arena, "%s{}", dash);
        if (dash)
            lines_insert_line(lines, from.line, line_new(y->arena, dash, strlen(dash)));
        return;
    }
    to = place_of(lines, map->pairs[next].key->line, map->pairs[next].key->column);
    line_splice(y->arena, lines->at[to.line], 0, to.byte, dash);
}

/* The lines of a pair, with how many of them are above its key. */
static struct lines take_lines(struct fix_yaml *y, const struct yaml_node *map, size_t index)
{
    struct lines *lines = &y->sheet.lines;
    const struct yaml_node *key = map->pairs[index].key;
    struct extent extent;
    struct lines taken = {.arena = y->arena};
    bool behind;

    if (!extent_of_pair(&extent, lines, map, index)) {
        y->failed = true;
        return taken;
    }
    behind = pair_is_behind_dash(lines, &map->pairs[index]);
    if (behind) {
        size_t before = lines->n;

        hand_dash_over(y, map, index);
        extent.first += lines->n - before;
        extent.end += lines->n - before;
    }
    taken = lines_cut(lines, extent.first, extent.end - extent.first);
    lines_indent(&taken, behind ? 1 : 0, -(long)(key->column - 1));
    return taken;
}

struct lines take_pair(struct fix_yaml *y, const struct trail *map, size_t index)
{
    struct lines taken = {.arena = y->arena};

    if (y->failed || trail_is_shared(map) || map->node->pairs[index].value->shared) {
        y->failed = true;
        return taken;
    }
    if (map->node->style == YAML_FLOW || trail_is_flow(map)) {
        const struct yaml_pair *pair = &map->node->pairs[index];
        const char *key = key_text(y->arena, pair->key->text, false);
        const char *text = pair->value->kind == YAML_NULL ? "null" : flow_source(y, pair->value);

        text = key && text ? arena_printf(y->arena, "%s: %s", key, text) : NULL;
        if (text)
            taken = lines_of(y->arena, text);
        flow_remove(y, map, index);
    } else {
        taken = take_lines(y, map->node, index);
    }
    fix_changed(y);
    return taken;
}

/* What is left of a pair that went: its comments, put back where it was. */
static void put_back_comments(struct fix_yaml *y, const struct lines *taken, size_t at,
                              size_t indent)
{
    struct lines comments = {.arena = y->arena};

    for (size_t i = 0; i < taken->n; i++) {
        struct line *line = taken->at[i];
        const char *hash = memchr(line->text, '#', line->size);

        if (!hash)
            continue;
        if (!line_is_comment(line)) {
            hash = arena_copy(y->arena, hash, (size_t)(line->text + line->size - hash));
            line = hash ? line_new(y->arena, hash, strlen(hash)) : NULL;
        }
        lines_insert_line(&comments, comments.n, line);
    }
    for (size_t i = 0; i < comments.n; i++)
        lines_indent(&(struct lines){.arena = y->arena, .n = 1, .at = &comments.at[i]}, 0,
                     (long)indent - (long)line_indent(comments.at[i]));
    lines_insert(&y->sheet.lines, at, &comments);
}

void take_empty(struct fix_yaml *y, struct fix_path path, bool keep_comments)
{
    while (path.n > 0 && !y->failed) {
        struct extent extent = {0};
        struct lines taken;
        struct trail at;
        size_t index, indent;

        if (!fix_root(y, &at) || trail_follow(&at, &path) != path.n)
            return;
        if (!(at.node->kind == YAML_NULL || (at.node->kind == YAML_MAP && at.node->count == 0)))
            return;
        trail_up(&at);
        index = map_index(at.node, path.keys[path.n - 1]);
        indent = at.node->column - 1;
        if (at.node->style != YAML_FLOW)
            (void)extent_of_pair(&extent, &y->sheet.lines, at.node, index);
        taken = take_pair(y, &at, index);
        if (keep_comments && extent.end > 0 && !y->failed)
            put_back_comments(y, &taken, extent.first, indent);
        path.n--;
    }
}

void take_item(struct fix_yaml *y, const struct trail *list, size_t index)
{
    struct extent extent;

    if (y->failed || trail_is_shared(list)) {
        y->failed = true;
        return;
    }
    if (list->node->style == YAML_FLOW || trail_is_flow(list)) {
        flow_remove(y, list, index);
    } else if (list->node->count == 1) {
        struct snippet none = snippet_of_text(y, "[]");

        put_value(y, list, &none);
        snippet_done(&none);
    } else if (extent_of_item(&extent, &y->sheet.lines, list->node, index)) {
        (void)lines_cut(&y->sheet.lines, extent.first, extent.end - extent.first);
    } else {
        y->failed = true;
    }
    fix_changed(y);
}

static void insert_comment(struct fix_yaml *y, size_t at, size_t indent, const char *text)
{
    const char *line = arena_printf(y->arena, "%*s# %s", (int)indent, "", text);

    if (line)
        lines_insert_line(&y->sheet.lines, at, line_new(y->arena, line, strlen(line)));
}

static void comment_lines(const struct lines *lines, size_t start, size_t end, size_t column)
{
    for (size_t i = start; i < end; i++) {
        struct line *line = lines->at[i];
        size_t indent = line_indent(line), at = indent < column ? indent : column;

        if (!line_is_blank(line) && !line_is_comment(line))
            line_splice(lines->arena, line, at, 0, "# ");
    }
}

/* Lines that were taken come back above a line, as comments. */
static void put_back_as_comment(struct fix_yaml *y, struct lines *taken, struct place at,
                                const char *why)
{
    size_t line = at.line, indent = at.byte;

    lines_indent(taken, 0, (long)indent);
    comment_lines(taken, 0, taken->n, indent);
    lines_insert(&y->sheet.lines, line, taken);
    if (why)
        insert_comment(y, line, indent, why);
}

/* A pair that has its lines for itself between braces, but for a comma behind it. */
static bool has_own_lines(const struct fix_yaml *y, const struct yaml_pair *pair)
{
    const struct lines *lines = &y->sheet.lines;
    struct place from = place_of(lines, pair->key->line, pair->key->column);
    struct place to = place_of_end(lines, pair->value);
    const struct line *end = lines->at[to.line];

    if (line_indent(lines->at[from.line]) != from.byte)
        return false;
    while (to.byte < end->size && strchr(" \t,", end->text[to.byte]))
        to.byte++;
    return to.byte >= end->size || end->text[to.byte] == '#';
}

static void comment_out_flow(struct fix_yaml *y, const struct trail *map, size_t index,
                             const char *why)
{
    const struct yaml_pair *pair = &map->node->pairs[index];
    struct place from = place_of(&y->sheet.lines, pair->key->line, pair->key->column);
    size_t indent = from.byte, line = from.line;
    struct lines taken;
    struct place at;

    if (pair->value->kind != YAML_NULL && has_own_lines(y, pair)) {
        comment_lines(&y->sheet.lines, line, pair->value->end_line, indent);
        if (why)
            insert_comment(y, line, indent, why);
        return;
    }
    at.line = map->node->line - 1;
    at.byte = line_indent(y->sheet.lines.at[at.line]);
    taken = take_pair(y, map, index);
    if (!y->failed)
        put_back_as_comment(y, &taken, at, why);
}

/* The pair is the first of an item, or the only one of its map. */
static void comment_out_odd(struct fix_yaml *y, const struct trail *map, size_t index,
                            const char *why)
{
    size_t column = map->node->column - 1;
    struct place at = {.line = map->node->pairs[index].key->line - 1};
    bool behind = pair_is_behind_dash(&y->sheet.lines, &map->node->pairs[index]);
    struct trail up = *map;
    struct lines taken;

    if (!behind && map->depth > 0 && map_count_own(map->node) == 1) {
        struct place key;

        trail_up(&up);
        if (up.node->kind != YAML_MAP || up.node->style == YAML_FLOW) {
            y->failed = true;
            return;
        }
        key = place_of_end(&y->sheet.lines, up.node->pairs[map->up[map->depth - 1].index].key);
        key.byte++;
        sheet_replace(&y->sheet, key, key, " {}");
    }
    if (!behind) {
        struct extent extent;

        if (!extent_of_pair(&extent, &y->sheet.lines, map->node, index)) {
            y->failed = true;
            return;
        }
        comment_lines(&y->sheet.lines, extent.start, extent.end, column);
        if (why)
            insert_comment(y, extent.start, column, why);
        return;
    }
    at.byte = line_indent(y->sheet.lines.at[at.line]);
    taken = take_pair(y, map, index);
    if (!y->failed)
        put_back_as_comment(y, &taken, at, why);
}

void comment_out_pair(struct fix_yaml *y, const struct trail *map, size_t index, const char *why)
{
    if (y->failed || trail_is_shared(map) || map->node->pairs[index].value->shared) {
        y->failed = true;
        return;
    }
    if (map->node->style == YAML_FLOW || trail_is_flow(map))
        comment_out_flow(y, map, index, why);
    else if (map->depth == 0 && map_count_own(map->node) == 1)
        y->failed = true; /* nothing would be left */
    else
        comment_out_odd(y, map, index, why);
    fix_changed(y);
}

void comment_out_item(struct fix_yaml *y, const struct trail *list, size_t index, const char *why)
{
    const struct yaml_node *item = list->node->items[index];
    struct place at = {.line = list->node->line - 1};
    struct extent extent;

    if (y->failed || trail_is_shared(list) || item->shared) {
        y->failed = true;
        return;
    }
    if (list->node->style == YAML_FLOW || trail_is_flow(list)) {
        struct lines taken = lines_of(y->arena, flow_source(y, item));

        at.byte = line_indent(y->sheet.lines.at[at.line]);
        flow_remove(y, list, index);
        put_back_as_comment(y, &taken, at, why);
    } else if (list->node->count > 1 &&
               extent_of_item(&extent, &y->sheet.lines, list->node, index)) {
        at.byte = list->node->column - 1;
        comment_lines(&y->sheet.lines, extent.start, extent.end, at.byte);
        if (why)
            insert_comment(y, extent.start, at.byte, why);
    } else {
        y->failed = true;
    }
    fix_changed(y);
}
