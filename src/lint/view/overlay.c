/* SPDX-License-Identifier: Apache-2.0 */
/* The view of a NodeOverlay, and the order in which Karpenter applies them. */
#include <stdlib.h>
#include <string.h>

#include "lint/view/view.h"

void overlay_read(struct lint *l, struct system *s, const struct document *d)
{
    const struct yaml_node *spec = node_get(d->root, "spec");
    struct overlay *grown;
    int64_t weight;

    if (!document_is(d, "karpenter.sh", "NodeOverlay"))
        return;
    grown = view_grow(l, s->overlays, s->n_overlays, sizeof *grown);
    if (!grown)
        return;
    s->overlays = grown;
    grown += s->n_overlays++;
    *grown = (struct overlay){.doc = d, .name = d->name};
    view_requirements(l, node_get(spec, "requirements"), &grown->requirements,
                      &grown->n_requirements);
    view_amounts(l, node_get(spec, "capacity"), &grown->capacity, &grown->n_capacity);
    grown->price = node_get(spec, "price");
    if (!grown->price)
        grown->price = node_get(spec, "priceAdjustment");
    if (quantity_read(&weight, node_text(node_get(spec, "weight"), "0"), 1) && weight >= 0 &&
        weight <= INT32_MAX)
        grown->weight = (int)weight;
}

static int by_weight(const void *left, const void *right)
{
    const struct overlay *a = left, *b = right;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    return strcmp(b->name, a->name);
}

void overlay_sort(struct system *s)
{
    if (s->n_overlays > 1)
        qsort(s->overlays, s->n_overlays, sizeof *s->overlays, by_weight);
}
