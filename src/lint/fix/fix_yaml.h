/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML document that is edited as text: its lines on a sheet, and the tree that was parsed of
 * them, which is thrown away with every change. What the steps of fix.h do with one is built of
 * what stands here. A step that cannot be done sets `failed`, and the finding loses its fix.
 */
#ifndef LINT_FIX_YAML_H
#define LINT_FIX_YAML_H

#include "lint/fix/sheet.h"
#include "lint/read/text.h"

enum { FIX_MAX_DEPTH = 66, FIX_MAX_PATH = 32, FIX_MAX_ITEM = 1 << 20 };

struct fix_yaml {
    struct arena *arena; /* of one finding's ranges */
    struct sheet sheet;
    const struct document *document;
    struct yaml_doc *tree; /* NULL: not parsed since the last change */
    size_t *bytes_left;    /* to parse, of the whole run */
    struct lines tail;     /* further documents behind it */
    bool failed;
};

/* A node and how it is reached: containers from the root on, with the index of the next one. */
struct trail {
    const struct yaml_node *node;
    unsigned depth;
    struct {
        const struct yaml_node *node;
        size_t index;
    } up[FIX_MAX_DEPTH];
};

/* Keys of a path; they may hold dots. "[n]" is an item of a list. */
struct fix_path {
    size_t n;
    const char *keys[FIX_MAX_PATH];
};

/* A text at column 0 with its tree: what is put somewhere. */
struct snippet {
    struct lines lines;
    struct yaml_doc *tree; /* NULL: could not be parsed */
};

/* The lines of a pair or an item in block style. */
struct extent {
    size_t first; /* of the comments above that belong to it */
    size_t start; /* of its key or dash */
    size_t end;   /* behind its last line and the comments that belong to it */
};

/* fix_tree.c: trees and where things stand in them. */
bool fix_parse(struct fix_yaml *y); /* false, and failed, if it is no YAML now */
void fix_changed(struct fix_yaml *y);
bool fix_root(struct fix_yaml *y, struct trail *out);
bool fix_locate(struct fix_yaml *y, struct trail *out, const struct yaml_node *node);
bool fix_locate_pair(struct fix_yaml *y, struct trail *map, size_t *index,
                     const struct yaml_pair *pair);
const struct yaml_node *trail_parent(const struct trail *trail); /* NULL: the root */
bool trail_is_flow(const struct trail *trail); /* inside (or at) brackets or braces */
bool trail_is_shared(const struct trail *trail);
void trail_up(struct trail *trail);
bool trail_down(struct trail *trail, size_t index);
/* As far as the path leads; how many of its keys. */
size_t trail_follow(struct trail *trail, const struct fix_path *path);
/* The last pair of that key in a map itself (not merged into it); SIZE_MAX. */
size_t map_index(const struct yaml_node *map, const char *key);
bool map_is_own(const struct yaml_node *map, size_t index);
size_t map_count_own(const struct yaml_node *map);

struct place place_of(const struct lines *lines, unsigned line, unsigned column);
struct place place_of_end(const struct lines *lines, const struct yaml_node *node);
bool extent_of_pair(struct extent *out, const struct lines *lines, const struct yaml_node *map,
                    size_t index);
bool extent_of_item(struct extent *out, const struct lines *lines, const struct yaml_node *list,
                    size_t index);
/* Whether a pair's key stands behind a dash. */
bool pair_is_behind_dash(const struct lines *lines, const struct yaml_pair *pair);
bool nodes_equal(const struct yaml_node *a, const struct yaml_node *b);

/* fix_snippet.c: texts to put. */
struct snippet snippet_of_text(struct fix_yaml *y, const char *text);
struct snippet snippet_of_lines(struct fix_yaml *y, struct lines lines);
void snippet_done(struct snippet *s);
bool snippet_is_block(const struct snippet *s);
/* By how much its lines below the first must go in to stand below a key. */
unsigned snippet_hang(struct fix_yaml *y, const struct snippet *s);
/* "key: value" with the indentation that the document has. */
struct snippet snippet_pair(struct fix_yaml *y, const char *key, struct snippet *value);
/* One pair of it as lines, with its comments; its value alone with all comments above it. */
struct lines snippet_entry(struct fix_yaml *y, const struct snippet *s, size_t index);
struct snippet snippet_value(struct fix_yaml *y, const struct snippet *s, size_t index);
const char *key_text(struct arena *a, const char *key, bool json);
unsigned fix_indent(struct fix_yaml *y, enum yaml_kind of); /* of lists, or maps, below a key */

/* fix_flow.c: what stands between brackets. */
bool yaml_is_json(const struct fix_yaml *y);
const char *flow_text(struct fix_yaml *y, const struct yaml_node *node, bool json);
void flow_add(struct fix_yaml *y, const struct trail *at, const char *text);
void flow_remove(struct fix_yaml *y, const struct trail *at, size_t index);
/* A pair or item as it was written, on one or more lines. */
const char *flow_source(struct fix_yaml *y, const struct yaml_node *node);

/* fix_put.c: what comes in. */
void put_value(struct fix_yaml *y, const struct trail *at, struct snippet *value);
enum put_manner {
    PUT_REPLACE, /* an old value goes */
    PUT_KEEP,    /* an old value becomes a comment */
};
void put_pairs(struct fix_yaml *y, const struct fix_path *path, struct snippet *pairs,
               enum put_manner manner);

/* fix_take.c: what goes out. */
/* The lines of a pair at column 0, out of its map; the map may be empty (null) then. */
struct lines take_pair(struct fix_yaml *y, const struct trail *map, size_t index);
/* Takes out the pair that holds an empty map at that path, and so on up. */
void take_empty(struct fix_yaml *y, struct fix_path path, bool keep_comments);
void take_item(struct fix_yaml *y, const struct trail *list, size_t index);
void comment_out_pair(struct fix_yaml *y, const struct trail *map, size_t index, const char *why);

void comment_out_item(struct fix_yaml *y, const struct trail *list, size_t index, const char *why);

#endif
