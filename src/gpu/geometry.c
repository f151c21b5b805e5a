/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pure questions about MIG geometry: find a profile, name one, read the built-in table, compare
 * the table with what a driver told. Layouts of several instances are plan's business.
 */
#include "gpu/geometry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "gpu/mig_table.h"

#define A30 0x20B710DEu

/* Resource names carry '.' where profile names have '+'. */
static bool same_name(const char *profile, const char *name)
{
    for (; *profile && *name; profile++, name++)
        if (*profile != *name && !(*profile == '+' && *name == '.'))
            return false;
    return *profile == *name;
}

const struct gpu_profile *geometry_find(const struct gpu_geometry *g, const char *name)
{
    for (unsigned i = 0; i < g->n_profiles; i++)
        if (same_name(g->profiles[i].name, name))
            return &g->profiles[i];
    return NULL;
}

const struct gpu_profile *geometry_find_id(const struct gpu_geometry *g, unsigned id)
{
    for (unsigned i = 0; i < g->n_profiles; i++)
        if (g->profiles[i].id == id)
            return &g->profiles[i];
    return NULL;
}

static int by_shape(const void *left, const void *right)
{
    const struct gpu_profile *a = left;
    const struct gpu_profile *b = right;

    if (a->slices != b->slices)
        return a->slices < b->slices ? -1 : 1;
    if (a->span_size != b->span_size)
        return a->span_size < b->span_size ? -1 : 1;
    return strcmp(a->name, b->name);
}

void geometry_finish(struct gpu_geometry *g)
{
    g->axis = 0;
    for (unsigned i = 0; i < g->n_profiles; i++) {
        const struct gpu_profile *p = &g->profiles[i];
        unsigned end = 0;

        for (unsigned start = 0; start < 16; start++)
            if (p->span_starts >> start & 1)
                end = start + p->span_size;
        if (end > g->axis)
            g->axis = end;
    }
    qsort(g->profiles, g->n_profiles, sizeof g->profiles[0], by_shape);
}

/* What NVML's enumeration says of a profile beyond its size. */
static const char *attribute(unsigned index)
{
    switch (index) {
    case 7:
    case 8:
        return "+me";
    case 10:
    case 11:
    case 12:
    case 17:
        return "+gfx";
    case 13:
    case 14:
        return "-me";
    case 15:
    case 16:
        return "+me.all";
    default:
        return "";
    }
}

void geometry_name(char out[GPU_PROFILE_NAME_SIZE], const struct gpu_profile *p,
                   uint64_t mem_total_bytes)
{
    uint64_t gib = (mem_total_bytes + (1ull << 30) - 1) >> 30;
    uint64_t mem = p->mem_mib << 20;
    uint64_t eighths = mem_total_bytes ? (8 * mem + mem_total_bytes - 1) / mem_total_bytes : 0;

    (void)snprintf(out, GPU_PROFILE_NAME_SIZE, "%ug.%llugb%s", p->slices,
                   (unsigned long long)((eighths * gib + 4) / 8), attribute(p->index));
}

static struct gpu_profile from_row(const struct mig_table_row *row)
{
    struct gpu_profile p = {
        .id = row->id,
        .index = row->index,
        .slices = row->slices,
        .max_instances = row->max_instances,
        .sm_count = row->sm,
        .copy_engines = row->copy,
        .decoders = row->decode,
        .encoders = row->encode,
        .jpeg_engines = row->jpeg,
        .ofa_engines = row->ofa,
        .mem_mib = row->mem_mib,
        .unknown = row->unknown,
        .p2p = row->p2p,
        .span_size = row->span_size,
        .span_starts = row->span_starts,
    };

    (void)TEXT_COPY(p.name, row->name);
    return p;
}

const char *geometry_table_board(struct gpu_geometry *out, unsigned number)
{
    const struct mig_table_board *board;

    if (number >= mig_table_n_boards)
        return NULL;
    board = &mig_table_boards[number];
    *out = (struct gpu_geometry){.n_profiles = board->count, .from_table = true};
    for (unsigned i = 0; i < board->count; i++)
        out->profiles[i] = from_row(&mig_table_rows[board->first + i]);
    geometry_finish(out);
    return board->key;
}

bool geometry_table(struct gpu_geometry *out, uint32_t device_id)
{
    for (unsigned i = 0; device_id && i < mig_table_n_boards; i++) {
        const struct mig_table_board *board = &mig_table_boards[i];

        for (unsigned j = 0; j < MIG_TABLE_IDS; j++)
            if (board->device_ids[j] == device_id && board->count) {
                (void)geometry_table_board(out, i);
                return true;
            }
    }
    return false;
}

void geometry_correct(struct gpu_geometry *told, uint32_t device_id)
{
    struct gpu_geometry table;

    if (device_id != A30 || !geometry_table(&table, device_id))
        return;
    for (unsigned i = 0; i < told->n_profiles; i++) {
        const struct gpu_profile *known = geometry_find_id(&table, told->profiles[i].id);

        if (known)
            told->profiles[i].max_instances = known->max_instances;
    }
}

/* One comparison on its way through the profiles. */
struct comparison {
    geometry_difference *each;
    void *self;
    unsigned count;
};

static void differ(struct comparison *c, const char *profile, const char *what, uint64_t told,
                   uint64_t table)
{
    char words[160];

    if (told == table)
        return;
    (void)snprintf(words, sizeof words, "profile %s: driver says %llu %s, table %llu", profile,
                   (unsigned long long)told, what, (unsigned long long)table);
    c->each(c->self, words);
    c->count++;
}

static void differ_profile(struct comparison *c, const char *name, const char *who_lacks)
{
    char words[160];

    (void)snprintf(words, sizeof words, "profile %s: %s does not have it", name, who_lacks);
    c->each(c->self, words);
    c->count++;
}

static void compare_numbers(struct comparison *c, const struct gpu_profile *told,
                            const struct gpu_profile *table)
{
    const struct {
        unsigned bit;
        const char *what;
        uint64_t told, table;
    } numbers[] = {
        {GPU_NUMBER_SM, "SMs", told->sm_count, table->sm_count},
        {GPU_NUMBER_COPY, "copy engines", told->copy_engines, table->copy_engines},
        {GPU_NUMBER_DECODE, "decoders", told->decoders, table->decoders},
        {GPU_NUMBER_ENCODE, "encoders", told->encoders, table->encoders},
        {GPU_NUMBER_JPEG, "JPEG engines", told->jpeg_engines, table->jpeg_engines},
        {GPU_NUMBER_OFA, "OFA engines", told->ofa_engines, table->ofa_engines},
    };
    unsigned unknown = told->unknown | table->unknown;
    uint64_t apart = told->mem_mib > table->mem_mib ? told->mem_mib - table->mem_mib
                                                    : table->mem_mib - told->mem_mib;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (!(unknown & numbers[i].bit))
            differ(c, table->name, numbers[i].what, numbers[i].told, numbers[i].table);
    if (!(unknown & GPU_NUMBER_MEM) && apart * 50 > table->mem_mib)
        differ(c, table->name, "MiB", told->mem_mib, table->mem_mib);
}

static void compare_spans(struct comparison *c, const struct gpu_profile *told,
                          const struct gpu_profile *table)
{
    char words[160];

    differ(c, table->name, "as span", told->span_size, table->span_size);
    if (told->span_starts == table->span_starts)
        return;
    (void)snprintf(words, sizeof words,
                   "profile %s: driver says placements 0x%x (bit n: may start at n), table 0x%x",
                   table->name, told->span_starts, table->span_starts);
    c->each(c->self, words);
    c->count++;
}

static void compare_profile(struct comparison *c, const struct gpu_profile *told,
                            const struct gpu_profile *table)
{
    differ(c, table->name, "as id", told->id, table->id);
    differ(c, table->name, "as enumeration index", told->index, table->index);
    differ(c, table->name, "slices", told->slices, table->slices);
    differ(c, table->name, "instances", told->max_instances, table->max_instances);
    compare_numbers(c, told, table);
    compare_spans(c, told, table);
}

unsigned geometry_compare(const struct gpu_geometry *told, const struct gpu_geometry *table,
                          geometry_difference *each, void *self)
{
    struct comparison c = {.each = each, .self = self};

    for (unsigned i = 0; i < table->n_profiles; i++) {
        const struct gpu_profile *mine = geometry_find(told, table->profiles[i].name);

        if (mine)
            compare_profile(&c, mine, &table->profiles[i]);
        else
            differ_profile(&c, table->profiles[i].name, "the driver");
    }
    for (unsigned i = 0; i < told->n_profiles; i++)
        if (!geometry_find(table, told->profiles[i].name))
            differ_profile(&c, told->profiles[i].name, "the table");
    return c.count;
}
