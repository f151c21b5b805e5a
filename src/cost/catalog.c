/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue: built in, indexed, asked. Files are laid over it in catalog_add.c. */
#include "cost/catalog.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "config/suggest.h"
#include "cost/catalog_content.h"
#include "cost/catalog_table.h"
#include "cost/text_map.h"
#include "gpu/geometry.h"

const char *catalog_place_text(char buffer[CATALOG_PLACE_SIZE], const struct catalog_place *place)
{
    if (!place->file)
        (void)snprintf(buffer, CATALOG_PLACE_SIZE, "the built-in table");
    else if (place->line == 0)
        (void)snprintf(buffer, CATALOG_PLACE_SIZE, "%.120s", place->file);
    else if (place->column == 0)
        (void)snprintf(buffer, CATALOG_PLACE_SIZE, "%.120s:%u", place->file, place->line);
    else
        (void)snprintf(buffer, CATALOG_PLACE_SIZE, "%.120s:%u:%u", place->file, place->line,
                       place->column);
    return buffer;
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int by_type_name(const void *left, const void *right)
{
    const struct instance_type *const *a = left, *const *b = right;

    return strcmp((*a)->name, (*b)->name);
}

/* Sorts and drops what is there twice; returns how many are left. */
static size_t sort_names(const char **names, size_t n)
{
    size_t kept = 0;

    if (n == 0)
        return 0;
    qsort(names, n, sizeof *names, by_text);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || strcmp(names[i], names[kept - 1]) != 0)
            names[kept++] = names[i];
    return kept;
}

static bool index_regions(struct catalog_content *c, struct arena *arena)
{
    struct text_map known = {0};

    for (size_t t = 0; t < c->n_types; t++) {
        const struct instance_type *type = c->types[t];

        for (size_t i = 0; i < type->n_prices + type->n_absences; i++) {
            const char *region = i < type->n_prices ? type->prices[i].region
                                                    : type->absences[i - type->n_prices].region;

            if (text_map_find(&known, region))
                continue;
            c->regions = arena_grow(arena, c->regions, c->n_regions, sizeof *c->regions);
            if (!c->regions || !text_map_add(&known, arena, region, 0))
                return false;
            c->regions[c->n_regions++] = region;
        }
    }
    c->n_regions = sort_names(c->regions, c->n_regions);
    return true;
}

bool catalog_index(struct catalog_content *c, struct arena *arena)
{
    c->by_name = arena_array(arena, c->n_types + 1, sizeof(void *));
    c->names = arena_array(arena, c->n_types + 1, sizeof *c->names);
    c->families = arena_array(arena, c->n_types + 1, sizeof *c->families);
    c->sizes = arena_array(arena, c->n_types + 1, sizeof *c->sizes);
    c->regions = NULL;
    c->n_regions = 0;
    if (!c->by_name || !c->names || !c->families || !c->sizes || !index_regions(c, arena))
        return false;
    for (size_t i = 0; i < c->n_types; i++) {
        c->by_name[i] = c->types[i];
        c->names[i] = c->types[i]->name;
        c->families[i] = c->types[i]->family;
        c->sizes[i] = c->types[i]->size;
    }
    qsort(c->by_name, c->n_types, sizeof(void *), by_type_name);
    c->n_names = sort_names(c->names, c->n_types);
    c->n_families = sort_names(c->families, c->n_types);
    c->n_sizes = sort_names(c->sizes, c->n_types);
    return true;
}

/* The geometries of the table's boards, each once. */
static bool add_geometries(struct instance_type *types, size_t n, struct arena *arena)
{
    struct gpu_geometry g;
    const char *key;

    for (unsigned number = 0; (key = geometry_table_board(&g, number)); number++) {
        struct gpu_geometry *kept = NULL;

        for (size_t i = 0; i < n; i++) {
            if (!types[i].board || strcmp(types[i].board, key) != 0 || g.n_profiles == 0)
                continue;
            if (!kept) {
                kept = arena_alloc(arena, sizeof *kept);
                if (!kept)
                    return false;
                *kept = g;
            }
            types[i].geometry = kept;
        }
    }
    return true;
}

static bool fill(struct catalog_content *c, struct arena *arena)
{
    size_t n = catalog_table_n_types;
    struct instance_type *types = arena_array(arena, n, sizeof *types);

    c->n_types = n;
    c->types = arena_array(arena, n, sizeof(void *));
    c->origins = arena_array(arena, n, sizeof *c->origins);
    if (!types || !c->types || !c->origins)
        return false;
    for (size_t i = 0; i < n; i++) {
        types[i] = catalog_table_types[i];
        c->types[i] = &types[i];
    }
    return add_geometries(types, n, arena) && catalog_index(c, arena);
}

int catalog_open(struct catalog **out, struct err *e)
{
    OWN(catalog_freep) struct catalog *c = calloc(1, sizeof *c);

    if (!c)
        return err_memory(e);
    c->layers = calloc(1, sizeof *c->layers);
    if (!c->layers || !fill(&c->now, &c->layers->arena))
        return err_memory(e);
    *out = TAKE(c);
    return 0;
}

void catalog_free(struct catalog *c)
{
    struct catalog_layer *next;

    if (!c)
        return;
    for (struct catalog_layer *layer = c->layers; layer; layer = next) {
        next = layer->next;
        arena_done(&layer->arena);
        free(layer);
    }
    free(c);
}

const struct instance_type *catalog_content_find(const struct catalog_content *content,
                                                 const char *name)
{
    const struct instance_type like = {.name = name}, *key = &like;
    const struct instance_type **found =
        bsearch(&key, content->by_name, content->n_types, sizeof(void *), by_type_name);

    return found ? *found : NULL;
}

const struct instance_type *catalog_find(const struct catalog *c, const char *name)
{
    return catalog_content_find(&c->now, name);
}

const struct instance_type *catalog_at(const struct catalog *c, size_t index)
{
    return index < c->now.n_types ? c->now.types[index] : NULL;
}

const char *catalog_date(const struct catalog *c)
{
    (void)c;
    return catalog_table_date;
}

static bool has(const char *const *names, size_t n, const char *name)
{
    return n > 0 && bsearch(&name, names, n, sizeof name, by_text);
}

bool catalog_has_family(const struct catalog *c, const char *family)
{
    return has(c->now.families, c->now.n_families, family);
}

bool catalog_has_region(const struct catalog *c, const char *region)
{
    return has(c->now.regions, c->now.n_regions, region);
}

bool catalog_has_size(const struct catalog *c, const char *size)
{
    return has(c->now.sizes, c->now.n_sizes, size);
}

const char *catalog_nearest_type(const struct catalog *c, const char *name)
{
    return suggest_find(name, c->now.names, c->now.n_names);
}

const char *catalog_nearest_family(const struct catalog *c, const char *family)
{
    return suggest_find(family, c->now.families, c->now.n_families);
}

const char *catalog_nearest_region(const struct catalog *c, const char *region)
{
    return suggest_find(region, c->now.regions, c->now.n_regions);
}

static bool counts(const struct quota *q, const struct instance_type *t)
{
    char category[CATALOG_LABEL_SIZE] = "";

    (void)catalog_label(category, t, "karpenter.k8s.aws/instance-category");
    for (size_t i = 0; i < q->n_families; i++)
        if (strcmp(q->families[i], t->family) == 0 || strcmp(q->families[i], category) == 0)
            return true;
    return false;
}

const struct quota *catalog_quota(const struct catalog *c, const struct instance_type *t,
                                  const char *region, enum purchase purchase)
{
    const struct quota *found = NULL;

    for (size_t i = 0; i < c->now.n_quotas; i++) {
        const struct quota *q = &c->now.quotas[i];

        if (q->purchase == purchase && strcmp(q->region, region) == 0 && counts(q, t) &&
            (!found || q->vcpus < found->vcpus))
            found = q;
    }
    return found;
}
