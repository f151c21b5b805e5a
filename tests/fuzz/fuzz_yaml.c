/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as YAML: an error with words, or a tree that keeps the bounds it promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "config/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nodes of the tree written out; a merged map has the pairs of what it merges beside its own. */
static size_t walk(const struct yaml_node *node, unsigned depth)
{
    size_t count = 1;

    if (depth > 64 || node->line == 0)
        abort();
    if (node->kind == YAML_SCALAR && !node->text)
        abort();
    for (size_t i = 0; i < node->count && node->kind == YAML_LIST; i++)
        count += walk(node->items[i], depth + 1);
    for (size_t i = 0; i < node->count && node->kind == YAML_MAP; i++) {
        if (!node->pairs[i].key->text)
            abort();
        count += 1 + walk(node->pairs[i].value, depth + 1);
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err e = {0};
    int r = yaml_read(&doc, "f", (const char *)data, size, &e);

    if ((r == 0) != (doc != NULL) || (r < 0) != (e.msg[0] != '\0'))
        abort();
    if (doc && walk(doc->root, 1) > 65536)
        abort();
    return 0;
}
