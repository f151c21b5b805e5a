/* SPDX-License-Identifier: Apache-2.0 */
/* The finished parts of a YAML tree, and the plain ways to read one: see yaml.h, yaml_tree.h. */
#include "config/yaml_tree.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "config/yaml.h"

/* Pairs of a map with "<<": merging compares each with each. */
enum { MERGED_MAX = 1024 };

/*
 * Memory of a document, newest block first. Structs fill a block from its front, texts from its
 * back. A block is a quarter of what there is already, so that little stays unused.
 */
struct block {
    struct block *next;
    size_t size, front, back; /* free is what is between front and back */
    size_t before;            /* bytes of the blocks behind it */
    max_align_t data[];
};

enum { BLOCK_MIN_BYTES = 1 << 10, BLOCK_MAX_BYTES = 64 << 10 };

/* The open block if it has room, else a new one. */
static struct block *block_with(struct yaml_doc *doc, size_t size)
{
    struct block *open = doc->arena, *block;
    size_t room = BLOCK_MIN_BYTES;

    if (open && open->back - open->front >= size)
        return open;
    if (open && (open->before + open->size) / 4 > BLOCK_MIN_BYTES)
        room = (open->before + open->size) / 4 & ~(_Alignof(max_align_t) - 1);
    if (room > BLOCK_MAX_BYTES)
        room = BLOCK_MAX_BYTES;
    if (size > SIZE_MAX / 2)
        return NULL;
    if (size > room / 4 * 3) /* large things get a block of their own size */
        room = size;
    block = calloc(1, sizeof *block + room);
    if (!block)
        return NULL;
    block->size = block->back = room;
    if (open && room == size) { /* the open one stays in use */
        block->next = open->next;
        open->next = block;
        return block;
    }
    block->next = open;
    block->before = open ? open->before + open->size : 0;
    doc->arena = block;
    return block;
}

void *yaml_tree_new(struct yaml_doc *doc, size_t size)
{
    size_t rounded = (size + _Alignof(struct yaml_node) - 1) & ~(_Alignof(struct yaml_node) - 1);
    struct block *block = rounded < size ? NULL : block_with(doc, rounded);
    void *out;

    if (!block)
        return NULL;
    out = (char *)block->data + block->front;
    block->front += rounded;
    return out;
}

char *yaml_tree_text(struct yaml_doc *doc, const void *text, size_t size)
{
    struct block *block = block_with(doc, size + 1);
    char *copy;

    if (!block)
        return NULL;
    block->back -= size + 1;
    copy = (char *)block->data + block->back;
    if (size > 0)
        memcpy(copy, text, size);
    return copy;
}

void yaml_tree_share(struct yaml_node *node)
{
    if (node->shared)
        return;
    node->shared = true;
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++)
        yaml_tree_share(node->items[i]);
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
        yaml_tree_share(node->pairs[i].key);
        yaml_tree_share(node->pairs[i].value);
    }
}

/* Passes the line that is next; the column behind its last character that is no space, from 1. */
static unsigned pass_line(struct yaml_lines *lines)
{
    unsigned column = 1, end = 1;

    for (lines->indent = 0;
         lines->at + lines->indent < lines->size && lines->text[lines->at + lines->indent] == ' ';)
        lines->indent++;

    for (; lines->at < lines->size && lines->text[lines->at] != '\n'; lines->at++) {
        unsigned char byte = (unsigned char)lines->text[lines->at];

        column += (byte & 0xc0) != 0x80; /* all bytes of a character but the first are 10xxxxxx */
        if (byte != ' ' && byte != '\t' && byte != '\r')
            end = column;
    }
    lines->at += lines->at < lines->size;
    lines->line++;
    return end;
}

struct yaml_place yaml_lines_end(struct yaml_lines *lines, size_t first, size_t end, bool into)
{
    struct yaml_place place = {0};
    unsigned indent = 0;
    bool found = false;

    while (lines->line < first && lines->at < lines->size)
        (void)pass_line(lines);
    while (lines->line < end + into && lines->at < lines->size) {
        size_t line = lines->line;
        unsigned column = pass_line(lines);

        if (column > 1 || place.line == 0)
            place = (struct yaml_place){lines->before + (unsigned)line + 1, column};
        if (column > 1 && line > first && !found) {
            indent = lines->indent;
            found = true;
        }
    }
    lines->indent = indent;
    return place;
}

void yaml_doc_free(struct yaml_doc *doc)
{
    if (!doc)
        return;
    for (struct block *block = doc->arena, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(doc->file);
    free(doc);
}

bool yaml_is_null(const char *text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

int yaml_truth(const char *text)
{
    static const char *const words[2][11] = {
        {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"},
        {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"},
    };

    for (int truth = 0; truth < 2; truth++)
        for (size_t i = 0; i < 11; i++)
            if (strcmp(text, words[truth][i]) == 0)
                return truth;
    return -1;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
    switch (kind) {
    case YAML_NULL:
        return "nothing";
    case YAML_SCALAR:
        return "a text";
    case YAML_LIST:
        return "a list";
    case YAML_MAP:
        return "a map";
    }
    return "?";
}

static bool is_merge(const struct yaml_pair *pair)
{
    return pair->key->plain && strcmp(pair->key->text, "<<") == 0;
}

static bool has_key(const struct yaml_node *map, const char *text)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, text) == 0)
            return true;
    return false;
}

static int merge_map(struct yaml_node *map, const struct yaml_node *source, struct err *e)
{
    if (source->kind != YAML_MAP)
        return err_set(e, EINVAL, "'<<' merges maps, this is %s", yaml_kind_name(source->kind));
    if (map->count + source->count > MERGED_MAX)
        return err_set(e, EFBIG, "'<<' makes more than %d keys", MERGED_MAX);
    for (size_t i = 0; i < source->count; i++)
        if (!has_key(map, source->pairs[i].key->text))
            map->pairs[map->count++] = source->pairs[i];
    return 0;
}

static int merge_value(struct yaml_node *map, const struct yaml_node *value, struct err *e)
{
    if (value->kind != YAML_LIST)
        return merge_map(map, value, e);
    for (size_t i = 0; i < value->count; i++) {
        int r = merge_map(map, value->items[i], e);

        if (r < 0)
            return r;
    }
    return 0;
}

int yaml_tree_merge(struct yaml_doc *doc, struct yaml_node *map, struct yaml_place *place,
                    struct err *e)
{
    struct yaml_pair *written = map->pairs;
    size_t n_written = map->count, n_merges = 0;

    for (size_t i = 0; i < n_written; i++)
        n_merges += is_merge(&written[i]);
    if (n_merges == 0)
        return 0;
    map->count = 0;
    map->pairs = yaml_tree_new(doc, (n_written + MERGED_MAX) * sizeof *map->pairs);
    if (!map->pairs)
        return err_memory(e);
    for (size_t i = 0; i < n_written; i++)
        if (!is_merge(&written[i]))
            map->pairs[map->count++] = written[i];
    for (size_t i = 0; i < n_written; i++) {
        int r = is_merge(&written[i]) ? merge_value(map, written[i].value, e) : 0;

        if (r < 0) {
            *place = (struct yaml_place){written[i].key->line, written[i].key->column};
            return r;
        }
    }
    return 0;
}

int yaml_read_place(struct yaml_doc **out, const char *file, const char *text, size_t size,
                    struct yaml_place *place, struct err *e)
{
    static const struct yaml_limits limits = {.max_bytes = 1 << 20, .max_nodes = 65536};

    return yaml_read_limited(out, file, text, size, &limits, place, e);
}

int yaml_read(struct yaml_doc **out, const char *file, const char *text, size_t size, struct err *e)
{
    struct yaml_place place;
    struct err inner = {0};
    int r = yaml_read_place(out, file, text, size, &place, &inner);

    if (r == 0)
        return 0;
    if (place.line > 0)
        return err_set(e, inner.code, "%s:%u:%u: %s", file, place.line, place.column, inner.msg);
    return err_set(e, inner.code, "%s: %s", file, inner.msg);
}
