/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a watch, cut into pieces of the input's own choosing: what one piece makes must come
 * out the same from many.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/objects.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t sum_of(const struct yaml_node *node)
{
    size_t sum = 1 + (node->text ? strlen(node->text) : 0);

    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++)
        sum += sum_of(node->items[i]);
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++)
        sum += strlen(node->pairs[i].key->text) + 3 * sum_of(node->pairs[i].value);
    return sum;
}

static bool on_event(void *self, const char *type, struct yaml_doc *object)
{
    size_t *sum = self;

    *sum = *sum * 31 + sum_of(object->root) + strlen(type);
    yaml_doc_free(object);
    return true;
}

static int feed(size_t *sum, const uint8_t *data, size_t size, size_t piece)
{
    static const char *const skip[] = {"status.images", "metadata.managedFields", NULL};
    OWN(objects_freep) struct objects *o = NULL;
    struct err e = {0};
    int r = objects_open_events(&o, on_event, sum, &e);

    if (r == 0)
        objects_skip(o, skip);
    for (size_t i = 0; r == 0 && i < size; i += piece)
        r = objects_feed(o, data + i, size - i < piece ? size - i : piece, &e);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t whole = 0, pieces = 0, piece = size > 0 ? (size_t)data[0] % 13 + 1 : 1;
    int r = feed(&whole, data, size, size ? size : 1);
    int again = feed(&pieces, data, size, piece);

    if (r != again || whole != pieces)
        abort();
    return 0;
}
