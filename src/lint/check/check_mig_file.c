/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mig-parted's files: what their reader refuses, and geometries that fit on no board at all. The
 * same of the lists of slices in files that were only meant as configurations.
 */
#include <string.h>

#include "base/err.h"
#include "gpu/geometry.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "plan/mig_plan.h"
#include "plan/mig_profile.h"
#include "plan/place.h"

enum {
    MAX_SLICES = 7, /* compute slices of the biggest board */
    MAX_DEPTH = 16,
};

static bool found_one(void *self, const unsigned *starts, const struct room *room)
{
    (void)starts;
    (void)room;
    *(bool *)self = true;
    return false;
}

enum board_fit {
    BOARD_LACKS, /* a profile */
    BOARD_FULL,  /* has them all, but no room for them together */
    BOARD_FITS,
};

/* Whether a board takes the instances. */
static enum board_fit fit_board(const struct gpu_geometry *g, const struct mig_count *counts,
                                size_t n)
{
    struct mig_want wants[GPU_MAX_INSTANCES] = {0};
    unsigned n_wants = 0;
    bool fits = false, full = false;

    for (size_t i = 0; i < n; i++) {
        const struct gpu_profile *p;
        struct err e = {0};
        unsigned slices;

        if (mig_profile_find(&p, &slices, g, counts[i].profile, &e) < 0)
            return BOARD_LACKS;
        for (unsigned k = 0; k < counts[i].count; k++) {
            full |= n_wants == GPU_MAX_INSTANCES;
            if (full)
                break;
            wants[n_wants++].profile = p;
        }
    }
    if (full)
        return BOARD_FULL;
    place_sort(wants, n_wants);
    place_each(g, wants, n_wants, found_one, &fits);
    return fits ? BOARD_FITS : BOARD_FULL;
}

/* Compute instances may share a GPU instance: their sum says nothing. */
static bool is_plain(const struct mig_count *counts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr(counts[i].profile, 'c') &&
            strchr(counts[i].profile, 'c') < strchr(counts[i].profile, 'g'))
            return false;
    return n > 0;
}

/* The best that any board of the table can do with the instances. */
static enum board_fit fit_any(const struct mig_count *counts, size_t n)
{
    enum board_fit best = BOARD_LACKS;
    struct gpu_geometry g;

    for (unsigned i = 0; geometry_table_board(&g, i); i++) {
        enum board_fit fit = g.n_profiles ? fit_board(&g, counts, n) : BOARD_LACKS;

        if (fit > best)
            best = fit;
    }
    return best;
}

/* Whether each slice is one of some board's, if not all of the same. */
static bool all_exist(const struct mig_count *counts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct mig_count one = counts[i];

        one.count = 1;
        if (fit_any(&one, 1) == BOARD_LACKS)
            return false;
    }
    return true;
}

/* A place in a file's text as one of the file. */
static struct spot spot_at(const struct document *d, unsigned line, unsigned column)
{
    struct spot spot = spot_in(d->piece, line, column);

    spot.end_column++;
    return spot;
}

static void check_entry(struct lint *l, const struct mig_configs *m, const struct mig_config *c,
                        const struct mig_entry *e)
{
    enum board_fit fit;
    struct finding *f;

    if (!is_plain(e->counts, e->n_counts))
        return;
    fit = fit_any(e->counts, e->n_counts);
    if (fit == BOARD_FITS || (fit == BOARD_LACKS && !all_exist(e->counts, e->n_counts)))
        return;
    f = lint_find(l, RULE_MIG_GEOMETRY, spot_at(m->doc, e->line, e->column),
                  fit == BOARD_FULL
                      ? "the slices of configuration '%s' do not fit on one GPU together"
                      : "no board has all the slices of configuration '%s'",
                  c->name);
    finding_cure(l, f, "carve catalog shows how each board can be cut");
}

static void check_file(struct lint *l, const struct mig_configs *m)
{
    for (size_t i = 0; i < m->n_notes; i++)
        if (m->notes[i].error)
            (void)lint_find(l, RULE_MIG_CONFIG_INVALID, m->notes[i].spot, "%s", m->notes[i].text);
    for (size_t i = 0; m->file && !m->doc->piece->loose && i < m->file->n_configs; i++)
        for (size_t k = 0; k < m->file->configs[i].n_entries; k++)
            check_entry(l, m, &m->file->configs[i], &m->file->configs[i].entries[k]);
}

/* The compute slices of a profile's name in a text ("nvidia.com/4g.20gb"); 0: none. */
static unsigned slices_in(const char *text)
{
    for (const char *g = strstr(text, "g."); g; g = strstr(g + 1, "g."))
        if (g > text && g[-1] >= '1' && g[-1] <= '7' && strspn(g + 2, "0123456789") > 0 &&
            strncmp(g + 2 + strspn(g + 2, "0123456789"), "gb", 2) == 0)
            return (unsigned)(g[-1] - '0');
    return 0;
}

/* The slices that an entry of a list names, or the map in it. */
static unsigned slices_of(const struct yaml_node *entry)
{
    unsigned most = entry->kind == YAML_SCALAR ? slices_in(entry->text) : 0;

    for (size_t i = 0; entry->kind == YAML_MAP && i < entry->count; i++) {
        const struct yaml_node *value = entry->pairs[i].value;
        unsigned slices = value->kind == YAML_SCALAR ? slices_in(value->text) : 0;

        if (slices > most)
            most = slices;
    }
    return most;
}

/* Lists of slices in what no plugin reads: together they are what somebody wanted of a GPU. */
static void check_lists(struct lint *l, const struct document *d, const struct yaml_node *node,
                        unsigned depth)
{
    unsigned sum = 0;
    struct finding *f;

    if (!node || depth == MAX_DEPTH)
        return;
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == YAML_LIST)
            sum += slices_of(node->items[i]);
        check_lists(l, d, node->kind == YAML_MAP ? node->pairs[i].value : node->items[i],
                    depth + 1);
    }
    if (node->kind != YAML_LIST || node->count < 2 || sum <= MAX_SLICES)
        return;
    f = lint_find(l, RULE_MIG_GEOMETRY, spot_of(d, node->items[0]),
                  "these slices need %u of a GPU's %d compute slices together", sum, MAX_SLICES);
    finding_cure(l, f, "cut the GPU with a mig-parted file; carve catalog shows how it can be");
}

void check_mig_file(struct lint *l)
{
    const struct system *s = &l->system;

    for (size_t i = 0; i < s->n_migs; i++)
        check_file(l, &s->migs[i]);
    for (size_t i = 0; i < s->n_documents; i++)
        if (stack_is_meant_config(s, s->documents[i]))
            check_lists(l, s->documents[i], s->documents[i]->root, 0);
}
