/* SPDX-License-Identifier: Apache-2.0 */
/* `carve gpus --layouts`: every way to cut a board full, and what each leaves unused. */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/gpus.h"
#include "cli/group.h"
#include "cli/report.h"
#include "cli/table.h"
#include "gpu/gpu.h"
#include "plan/layout.h"

/* All kinds of layouts of one board. Owns the kinds. */
struct cuts {
    struct gpu_geometry geometry; /* without variants that fit wherever the plain ones do */
    struct layout_kind *kinds;
    size_t n_kinds;
    uint64_t sm_count, mem_mib; /* of the biggest profile, so of the board under MIG; 0: unknown */
};

static void cuts_done(struct cuts *c)
{
    free(c->kinds);
}

static int cuts_init(struct cuts *c, const struct gpu *gpu, struct err *e)
{
    *c = (struct cuts){0};
    layout_plain_geometry(&c->geometry, &gpu->geometry);
    for (unsigned p = 0; p < c->geometry.n_profiles; p++) {
        const struct gpu_profile *profile = &c->geometry.profiles[p];

        if (profile->sm_count > c->sm_count)
            c->sm_count = profile->sm_count;
        if (profile->mem_mib > c->mem_mib)
            c->mem_mib = profile->mem_mib;
    }
    return layout_kinds(&c->kinds, &c->n_kinds, &c->geometry, e);
}

/* What a layout uses; `unknown` has the enum gpu_number bits of numbers that nobody told. */
struct usage {
    uint64_t sm_count, mem_mib;
    unsigned unknown;
};

static struct usage use(const struct cuts *c, const struct layout_kind *kind)
{
    struct usage u = {0};

    for (unsigned p = 0; p < c->geometry.n_profiles; p++) {
        const struct gpu_profile *profile = &c->geometry.profiles[p];

        if (kind->counts[p] == 0)
            continue;
        u.sm_count += (uint64_t)kind->counts[p] * profile->sm_count;
        u.mem_mib += (uint64_t)kind->counts[p] * profile->mem_mib;
        u.unknown |= profile->unknown;
    }
    return u;
}

static uint64_t rest(uint64_t all, uint64_t used)
{
    return all > used ? all - used : 0;
}

static void add_kind(struct table *t, const struct cuts *c, const struct layout_kind *kind)
{
    struct usage u = use(c, kind);
    char text[LAYOUT_TEXT_SIZE];

    table_cell(t, "%s", layout_text(text, &c->geometry, kind->counts));
    if (u.unknown & GPU_NUMBER_MEM)
        table_cell(t, "?");
    else
        table_cell(t, "%.2f", (double)rest(c->mem_mib, u.mem_mib) / 1024);
    if (u.unknown & GPU_NUMBER_SM)
        table_cell(t, "?");
    else
        table_cell(t, "%llu", (unsigned long long)rest(c->sm_count, u.sm_count));
    table_cell(t, "%u", kind->n_layouts);
}

static int print_group(const struct inventory *inv, const struct group *g, const struct cuts *c,
                       struct err *e)
{
    static const char *const heads[] = {"LAYOUT", ">UNUSED GiB", ">UNUSED SM", ">PLACEMENTS"};
    struct table t;
    int r;

    group_print(g, inv);
    if (c->geometry.n_profiles == 0)
        (void)printf(", no MIG\n");
    else
        (void)printf(", %.2f GiB and %llu SM under MIG: %zu layouts\n", (double)c->mem_mib / 1024,
                     (unsigned long long)c->sm_count, c->n_kinds);
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t k = 0; k < c->n_kinds; k++)
        add_kind(&t, c, &c->kinds[k]);
    r = table_print(&t, stdout, e);
    table_done(&t);
    return r;
}

static void json_kind(struct json *j, const struct cuts *c, const struct layout_kind *kind)
{
    struct usage u = use(c, kind);

    json_object(j, NULL);
    json_object(j, "instances");
    for (unsigned p = 0; p < c->geometry.n_profiles; p++)
        if (kind->counts[p] > 0)
            json_uint(j, c->geometry.profiles[p].name, kind->counts[p]);
    json_object_end(j);
    if (u.unknown & GPU_NUMBER_MEM)
        json_string(j, "unused_memory_mib", NULL);
    else
        json_uint(j, "unused_memory_mib", rest(c->mem_mib, u.mem_mib));
    if (u.unknown & GPU_NUMBER_SM)
        json_string(j, "unused_sm", NULL);
    else
        json_uint(j, "unused_sm", rest(c->sm_count, u.sm_count));
    json_uint(j, "unused_slices", kind->idle_slices);
    json_uint(j, "placements", kind->n_layouts);
    json_object_end(j);
}

static void json_board(struct json *j, const struct inventory *inv, const struct group *g,
                       const struct cuts *c)
{
    json_object(j, NULL);
    json_string(j, "name", group_first(g, inv)->name);
    group_json(j, "gpus", g, inv);
    json_array(j, "layouts");
    for (size_t k = 0; k < c->n_kinds; k++)
        json_kind(j, c, &c->kinds[k]);
    json_array_end(j);
    json_object_end(j);
}

/* One group after the other, as a table at once or into j. */
static int each_group(const struct inventory *inv, const struct group *groups, size_t n,
                      struct json *j, struct err *e)
{
    for (size_t g = 0; g < n; g++) {
        struct cuts c;
        int r = cuts_init(&c, group_first(&groups[g], inv), e);

        if (r < 0)
            return r;
        if (j)
            json_board(j, inv, &groups[g], &c);
        else if (g > 0)
            (void)fputc('\n', stdout);
        if (!j)
            r = print_group(inv, &groups[g], &c, e);
        cuts_done(&c);
        if (r < 0)
            return r;
    }
    return 0;
}

int gpus_layouts(const struct inventory *inv, const struct group *chosen, bool json)
{
    OWN_MEM struct group *groups = NULL;
    struct report_document d;
    struct err e = {0};
    size_t n;
    int r, code;

    if (group_split(&groups, &n, chosen, inv, group_same_board, &e) < 0)
        return report_error(&e);
    if (!json) {
        r = each_group(inv, groups, n, NULL, &e);
        return r < 0 ? report_error(&e) : report_finish();
    }
    report_begin(&d);
    json_array(&d.json, "boards");
    r = each_group(inv, groups, n, &d.json, &e);
    json_array_end(&d.json);
    code = report_end(&d);
    return r < 0 ? report_error(&e) : code;
}
