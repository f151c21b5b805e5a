/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists from an API server, cut into pieces of the input's own choosing. A list that one piece
 * makes must come out the same from many.
 */
#include <stdint.h>
#include <stdlib.h>

#include "api/objects.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t count_nodes(const struct yaml_node *node)
{
    size_t n = 1;

    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++)
        n += count_nodes(node->items[i]);
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++)
        n += 1 + count_nodes(node->pairs[i].value);
    return n;
}

static bool on_object(void *self, struct yaml_doc *object)
{
    size_t *sum = self;

    *sum += count_nodes(object->root);
    yaml_doc_free(object);
    return true;
}

static int feed(size_t *sum, const uint8_t *data, size_t size, size_t piece)
{
    OWN(objects_freep) struct objects *o = NULL;
    OWN_MEM char *more = NULL;
    struct err e = {0};
    int r = objects_open(&o, on_object, sum, &e);

    for (size_t i = 0; r == 0 && i < size; i += piece)
        r = objects_feed(o, data + i, size - i < piece ? size - i : piece, &e);
    return r == 0 ? objects_end(o, &more, &e) : r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t whole = 0, pieces = 0, piece = size > 0 ? (size_t)data[0] % 13 + 1 : 1;
    int r = feed(&whole, data, size, size ? size : 1);
    int again = feed(&pieces, data, size, piece);

    if ((r == 0) != (again == 0) || (r == 0 && whole != pieces))
        abort();
    return 0;
}
