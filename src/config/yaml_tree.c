/* SPDX-License-Identifier: Apache-2.0 */
/* The finished parts of a YAML tree: see yaml.h and yaml_tree.h. */
#include "config/yaml_tree.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "config/yaml.h"

/* Pairs of a map with "<<": merging compares each with each. */
enum { MERGED_MAX = 1024 };

/* Every allocation of a document, newest first. */
struct block {
    struct block *next;
    max_align_t data[];
};

void *yaml_tree_new(struct yaml_doc *doc, size_t size)
{
    struct block *block = calloc(1, sizeof *block + size);

    if (!block)
        return NULL;
    block->next = doc->arena;
    doc->arena = block;
    return block->data;
}

char *yaml_tree_text(struct yaml_doc *doc, const void *text, size_t size)
{
    char *copy = yaml_tree_new(doc, size + 1);

    if (copy && size > 0)
        memcpy(copy, text, size);
    return copy;
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
