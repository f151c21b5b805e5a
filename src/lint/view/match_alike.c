/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads that pools cannot tell from each other: see match_index.h. */
#include <stdlib.h>
#include <string.h>

#include "lint/view/match_work.h"
#include "lint/view/view.h"

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static size_t count_pairs(const struct yaml_node *map)
{
    return map && map->kind == YAML_MAP ? map->count : 0;
}

static int compare_selectors(const struct yaml_node *a, const struct yaml_node *b)
{
    size_t n = count_pairs(a);
    int order = compare_numbers(n, count_pairs(b));

    for (size_t i = 0; order == 0 && i < n; i++) {
        order = strcmp(a->pairs[i].key->text, b->pairs[i].key->text);
        if (order == 0)
            order = strcmp(node_text(a->pairs[i].value, ""), node_text(b->pairs[i].value, ""));
    }
    return order;
}

static int compare_requirements(const struct requirement *a, const struct requirement *b)
{
    int order = strcmp(a->key, b->key);

    if (order == 0)
        order = compare_numbers(a->op, b->op);
    if (order == 0)
        order = compare_numbers(a->n_values, b->n_values);
    for (size_t i = 0; order == 0 && i < a->n_values; i++)
        order = strcmp(a->values[i], b->values[i]);
    return order;
}

static int compare_terms(const struct affinity_term *a, const struct affinity_term *b)
{
    int order = compare_numbers(a->n_requirements, b->n_requirements);

    for (size_t i = 0; order == 0 && i < a->n_requirements; i++)
        order = compare_requirements(&a->requirements[i], &b->requirements[i]);
    return order;
}

static int compare_selections(const struct workload *a, const struct workload *b)
{
    int order = compare_selectors(a->node_selector, b->node_selector);

    if (order == 0)
        order = compare_numbers(a->n_affinity, b->n_affinity);
    for (size_t i = 0; order == 0 && i < a->n_affinity; i++)
        order = compare_terms(&a->affinity[i], &b->affinity[i]);
    return order;
}

static int compare_tolerations(const struct toleration *a, const struct toleration *b)
{
    int order = strcmp(a->key, b->key);

    if (order == 0)
        order = strcmp(a->op, b->op);
    if (order == 0)
        order = strcmp(a->value, b->value);
    return order ? order : strcmp(a->effect, b->effect);
}

static int compare_asks(const struct amount *a, const struct amount *b)
{
    int order = strcmp(a->name, b->name);

    return order ? order : (a->count > b->count) - (a->count < b->count);
}

static int compare_pods(const struct workload *a, const struct workload *b)
{
    int order = compare_numbers(a->n_tolerations, b->n_tolerations);

    for (size_t i = 0; order == 0 && i < a->n_tolerations; i++)
        order = compare_tolerations(&a->tolerations[i], &b->tolerations[i]);
    if (order == 0)
        order = compare_numbers(a->n_asks, b->n_asks);
    for (size_t i = 0; order == 0 && i < a->n_asks; i++)
        order = compare_asks(&a->asks[i], &b->asks[i]);
    return order ? order : compare_numbers(a->pods, b->pods);
}

static int compare(const void *left, const void *right)
{
    const struct workload *a = *(struct workload *const *)left;
    const struct workload *b = *(struct workload *const *)right;
    int order = compare_selections(a, b);

    if (order == 0)
        order = compare_pods(a, b);
    return order ? order : (a > b) - (a < b);
}

static void group(struct lint *l, struct match_index *x, struct workload **sorted, size_t n)
{
    struct selection *selection = NULL;
    struct alike *alike = NULL;

    for (size_t i = 0; i < n && !l->out_of_memory; i++) {
        struct workload *w = sorted[i];

        if (i == 0 || compare_selections(sorted[i - 1], w) != 0) {
            selection = view_alloc(l, sizeof *selection);
            alike = NULL;
            if (selection)
                selection->first = w;
        }
        if (selection && (!alike || compare_pods(sorted[i - 1], w) != 0)) {
            alike = view_alloc(l, sizeof *alike);
            if (!alike)
                return;
            alike->first = w;
            alike->selection = selection;
            x->alike_groups[x->n_alikes++] = alike;
        }
        w->alike = alike;
    }
}

void index_make(struct lint *l, struct system *s)
{
    struct match_index *x = view_alloc(l, sizeof *x);
    struct workload **sorted = malloc((s->n_workloads + 1) * sizeof(struct workload *));

    s->index = x;
    if (x) {
        x->scratch = view_alloc(l, (s->n_pools + 1) * sizeof *x->scratch);
        x->alike_groups = view_alloc(l, (s->n_workloads + 1) * sizeof(struct alike *));
        index_read_overlays(l, s);
    }
    l->out_of_memory |= !sorted;
    if (sorted && !l->out_of_memory) {
        for (size_t i = 0; i < s->n_workloads; i++)
            sorted[i] = &s->workloads[i];
        qsort(sorted, s->n_workloads, sizeof(struct workload *), compare);
        group(l, x, sorted, s->n_workloads);
    }
    free(sorted);
}

size_t index_alikes(const struct system *s)
{
    return s->index->n_alikes;
}

struct alike *index_alike(const struct system *s, size_t i)
{
    return s->index->alike_groups[i];
}
