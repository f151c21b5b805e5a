/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of fix.h that edit YAML, in terms of fix_yaml.h. */
#include "lint/fix/fix_step.h"

#include <stdint.h>
#include <string.h>

static bool read_path(struct fix_yaml *y, struct fix_path *out, const char *path)
{
    out->n = 0;
    while (*path) {
        size_t size = *path == '[' ? strcspn(path, ".") : strcspn(path, ".[");

        if (out->n == FIX_MAX_PATH || size == 0)
            goto failed;
        out->keys[out->n] = arena_copy(y->arena, path, size);
        if (!out->keys[out->n++])
            goto failed;
        path += size;
        path += *path == '.';
    }
    return true;

failed:
    y->failed = true;
    return false;
}

/* Follows a path to its end; false (and no failure) if something on it is not there. */
static bool follow(struct fix_yaml *y, struct trail *out, const struct fix_path *path)
{
    return fix_root(y, out) && trail_follow(out, path) == path->n;
}

static void replace(struct fix_yaml *y, const struct fix_step *step)
{
    struct snippet value = snippet_of_text(y, step->text);
    struct trail at;

    if (!y->failed && fix_locate(y, &at, step->node))
        put_value(y, &at, &value);
    snippet_done(&value);
}

static void rename_key(struct fix_yaml *y, const struct trail *map, size_t index, const char *name)
{
    const struct yaml_node *key = map->node->pairs[index].key;
    bool quoted = key->style == YAML_DOUBLE || key->style == YAML_SINGLE;
    const char *text = key_text(y->arena, name, quoted);

    size_t there = map_index(map->node, name);

    if (!text || trail_is_shared(map) || (there != SIZE_MAX && there != index)) {
        y->failed = true;
        return;
    }
    sheet_replace(&y->sheet, place_of(&y->sheet.lines, key->line, key->column),
                  place_of_end(&y->sheet.lines, key), text);
    fix_changed(y);
}

static void put(struct fix_yaml *y, const struct fix_step *step)
{
    struct snippet value = snippet_of_text(y, step->text);
    struct snippet pair = snippet_pair(y, step->key, &value);
    struct fix_path path;

    if (!y->failed && read_path(y, &path, step->path))
        put_pairs(y, &path, &pair, PUT_REPLACE);
    snippet_done(&value);
    snippet_done(&pair);
}

static void remove_pair(struct fix_yaml *y, const struct fix_step *step)
{
    struct fix_path path;
    struct trail map;
    size_t index;

    if (!read_path(y, &path, step->path) || !follow(y, &map, &path))
        return;
    index = map_index(map.node, step->key);
    if (index == SIZE_MAX)
        return;
    (void)take_pair(y, &map, index);
    take_empty(y, path, false);
}

/* Takes an item out, or makes a comment of it. */
static void end_item(struct fix_yaml *y, const struct fix_step *step)
{
    struct trail at;
    size_t index;

    if (!fix_locate(y, &at, step->node))
        return;
    if (at.depth == 0 || trail_parent(&at)->kind != YAML_LIST) {
        y->failed = true;
        return;
    }
    index = at.up[at.depth - 1].index;
    trail_up(&at);
    if (step->kind == FIX_REMOVE_ITEM)
        take_item(y, &at, index);
    else
        comment_out_item(y, &at, index, step->text);
}

static void comment_out(struct fix_yaml *y, const struct fix_step *step)
{
    struct trail map;
    size_t index;

    if (fix_locate_pair(y, &map, &index, step->pair))
        comment_out_pair(y, &map, index, step->text);
}

/* Gives the pair of a snippet another key. */
static void rename_snippet(struct fix_yaml *y, struct snippet *s, const char *name)
{
    const struct yaml_node *key = s->tree->root->pairs[0].key;
    struct place from = place_of(&s->lines, key->line, key->column);
    struct place to = place_of_end(&s->lines, key);
    const char *text = key_text(y->arena, name, false);

    if (!text || strcmp(key->text, name) == 0)
        return;
    line_splice(y->arena, s->lines.at[from.line], from.byte, to.byte - from.byte, text);
    snippet_done(s);
    *s = snippet_of_lines(y, s->lines);
}

static bool same_path(const struct fix_path *a, const struct fix_path *b)
{
    for (size_t i = 0; i < a->n && i < b->n; i++)
        if (strcmp(a->keys[i], b->keys[i]) != 0)
            return false;
    return a->n == b->n;
}

static void move(struct fix_yaml *y, const struct fix_step *step)
{
    struct fix_path path, new_path;
    struct snippet pair;
    struct trail map;
    size_t index;

    if (!read_path(y, &path, step->path) || !read_path(y, &new_path, step->new_path))
        return;
    if (!follow(y, &map, &path) || (index = map_index(map.node, step->key)) == SIZE_MAX) {
        y->failed = true;
        return;
    }
    if (same_path(&path, &new_path) && map_index(map.node, step->new_key) == SIZE_MAX) {
        rename_key(y, &map, index, step->new_key);
        return;
    }
    pair = snippet_of_lines(y, take_pair(y, &map, index));
    if (!y->failed && pair.tree->root->kind == YAML_MAP && pair.tree->root->count == 1)
        rename_snippet(y, &pair, step->new_key);
    put_pairs(y, &new_path, &pair, PUT_KEEP);
    take_empty(y, path, true);
    snippet_done(&pair);
}

/* Kept aside: what stands behind the document would be in the way of parsing it. */
static void add_document(struct fix_yaml *y, const struct fix_step *step)
{
    struct snippet document = snippet_of_text(y, step->text);

    if (!fix_parse(y) || y->tree->root->style == YAML_FLOW)
        y->failed = true;
    if (y->failed)
        return;
    lines_insert_line(&y->tail, y->tail.n, line_new(y->arena, "---", 3));
    lines_insert(&y->tail, y->tail.n, &document.lines);
    snippet_done(&document);
}

void fix_step_yaml(struct fix_yaml *y, const struct fix_step *step)
{
    struct trail map;
    size_t index;

    switch (step->kind) {
    case FIX_REPLACE:
        replace(y, step);
        break;
    case FIX_RENAME:
        if (fix_locate_pair(y, &map, &index, step->pair))
            rename_key(y, &map, index, step->key);
        break;
    case FIX_PUT:
        put(y, step);
        break;
    case FIX_REMOVE:
        remove_pair(y, step);
        break;
    case FIX_REMOVE_ITEM:
    case FIX_COMMENT_OUT_ITEM:
        end_item(y, step);
        break;
    case FIX_MOVE:
        move(y, step);
        break;
    case FIX_COMMENT_OUT:
        comment_out(y, step);
        break;
    default:
        add_document(y, step);
        break;
    }
}
