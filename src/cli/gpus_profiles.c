/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `carve gpus --profiles`: the numbers of `nvidia-smi mig -lgip` and the placements of `-lgipp`,
 * once for each kind of board that is equally cut.
 */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/gpus.h"
#include "cli/group.h"
#include "cli/report.h"
#include "cli/table.h"
#include "gpu/gpu.h"

enum { PLACEMENTS_SIZE = 80 };

/* Units of the memory axis that are taken, by bit. */
static uint32_t taken(const struct gpu *gpu)
{
    uint32_t bits = 0;

    for (unsigned i = 0; i < gpu->n_instances; i++)
        for (unsigned u = 0; u < gpu->instances[i].span.size; u++)
            bits |= UINT32_C(1) << (gpu->instances[i].span.start + u);
    return bits;
}

/*
 * How many more of the profile fit now, as nvidia-smi tells also while MIG is off. First come,
 * first placed is the most for equal spans.
 */
static unsigned room_for(const struct gpu *gpu, const struct gpu_profile *p)
{
    uint32_t span = (UINT32_C(1) << p->span_size) - 1, bits = taken(gpu);
    unsigned present = 0, n = 0;

    for (unsigned i = 0; i < gpu->n_instances; i++)
        present += gpu->instances[i].profile_id == p->id;
    for (unsigned start = 0; start < 16; start++) {
        if (!(p->span_starts >> start & 1) || (bits & span << start))
            continue;
        bits |= span << start;
        n++;
    }
    return present + n > p->max_instances ? p->max_instances - present : n;
}

static bool same_room(const struct gpu *a, const struct gpu *b)
{
    if (!group_same_board(a, b))
        return false;
    for (unsigned p = 0; p < a->geometry.n_profiles; p++)
        if (room_for(a, &a->geometry.profiles[p]) != room_for(b, &b->geometry.profiles[p]))
            return false;
    return true;
}

/* "{0,2,4}:2" as nvidia-smi writes it. */
static const char *placements(char buffer[PLACEMENTS_SIZE], const struct gpu_profile *p)
{
    size_t used = (size_t)snprintf(buffer, PLACEMENTS_SIZE, "{");

    for (unsigned start = 0; start < 16; start++)
        if (p->span_starts >> start & 1)
            used += (size_t)snprintf(buffer + used, PLACEMENTS_SIZE - used, "%s%u",
                                     used > 1 ? "," : "", start);
    (void)snprintf(buffer + used, PLACEMENTS_SIZE - used, "}:%u", p->span_size);
    return buffer;
}

static void add_number(struct table *t, const struct gpu_profile *p, enum gpu_number which,
                       unsigned number)
{
    if (p->unknown & which)
        table_cell(t, "?");
    else
        table_cell(t, "%u", number);
}

static void add_profile(struct table *t, const struct gpu *gpu, const struct gpu_profile *p)
{
    char text[PLACEMENTS_SIZE];

    table_cell(t, "%s", p->name);
    table_cell(t, "%u", p->id);
    table_cell(t, "%u/%u", room_for(gpu, p), p->max_instances);
    if (p->unknown & GPU_NUMBER_MEM)
        table_cell(t, "?");
    else
        table_cell(t, "%.2f", (double)p->mem_mib / 1024);
    table_cell(t, "%s", p->p2p ? "yes" : "no");
    add_number(t, p, GPU_NUMBER_SM, p->sm_count);
    add_number(t, p, GPU_NUMBER_DECODE, p->decoders);
    add_number(t, p, GPU_NUMBER_ENCODE, p->encoders);
    add_number(t, p, GPU_NUMBER_COPY, p->copy_engines);
    add_number(t, p, GPU_NUMBER_JPEG, p->jpeg_engines);
    add_number(t, p, GPU_NUMBER_OFA, p->ofa_engines);
    table_cell(t, "%s", placements(text, p));
}

static int print_group(const struct inventory *inv, const struct group *g, struct err *e)
{
    static const char *const heads[] = {"PROFILE", ">ID",   ">FREE/TOTAL", ">MEMORY GiB",
                                        "P2P",     ">SM",   ">DEC",        ">ENC",
                                        ">CE",     ">JPEG", ">OFA",        "PLACEMENTS"};
    const struct gpu *gpu = group_first(g, inv);
    struct table t;
    int r;

    group_print(g, inv);
    if (gpu->geometry.n_profiles == 0)
        (void)fputs(", no MIG", stdout);
    else if (gpu->mig != GPU_MIG_ON)
        (void)fputs(", MIG off", stdout);
    if (gpu->geometry.from_table)
        (void)fputs(" (from carve's table: this driver does not tell)", stdout);
    (void)fputc('\n', stdout);
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (unsigned p = 0; p < gpu->geometry.n_profiles; p++)
        add_profile(&t, gpu, &gpu->geometry.profiles[p]);
    r = table_print(&t, stdout, e);
    table_done(&t);
    return r;
}

static void json_number(struct json *j, const char *key, const struct gpu_profile *p,
                        enum gpu_number which, uint64_t number)
{
    if (p->unknown & which)
        json_string(j, key, NULL);
    else
        json_uint(j, key, number);
}

static void json_profile(struct json *j, const struct gpu *gpu, const struct gpu_profile *p)
{
    json_object(j, NULL);
    json_string(j, "name", p->name);
    json_uint(j, "id", p->id);
    json_uint(j, "slices", p->slices);
    json_uint(j, "free", room_for(gpu, p));
    json_uint(j, "total", p->max_instances);
    json_number(j, "memory_mib", p, GPU_NUMBER_MEM, p->mem_mib);
    json_bool(j, "p2p", p->p2p);
    json_number(j, "sm", p, GPU_NUMBER_SM, p->sm_count);
    json_number(j, "decoders", p, GPU_NUMBER_DECODE, p->decoders);
    json_number(j, "encoders", p, GPU_NUMBER_ENCODE, p->encoders);
    json_number(j, "copy_engines", p, GPU_NUMBER_COPY, p->copy_engines);
    json_number(j, "jpeg_engines", p, GPU_NUMBER_JPEG, p->jpeg_engines);
    json_number(j, "ofa_engines", p, GPU_NUMBER_OFA, p->ofa_engines);
    json_array(j, "starts");
    for (unsigned start = 0; start < 16; start++)
        if (p->span_starts >> start & 1)
            json_uint(j, NULL, start);
    json_array_end(j);
    json_uint(j, "size", p->span_size);
    json_object_end(j);
}

static int print_json(const struct inventory *inv, const struct group *groups, size_t n)
{
    struct report_document d;

    report_begin(&d);
    json_array(&d.json, "boards");
    for (size_t g = 0; g < n; g++) {
        const struct gpu *gpu = group_first(&groups[g], inv);

        json_object(&d.json, NULL);
        json_string(&d.json, "name", gpu->name);
        group_json(&d.json, "gpus", &groups[g], inv);
        json_uint(&d.json, "axis", gpu->geometry.axis);
        json_bool(&d.json, "from_table", gpu->geometry.from_table);
        json_array(&d.json, "profiles");
        for (unsigned p = 0; p < gpu->geometry.n_profiles; p++)
            json_profile(&d.json, gpu, &gpu->geometry.profiles[p]);
        json_array_end(&d.json);
        json_object_end(&d.json);
    }
    json_array_end(&d.json);
    return report_end(&d);
}

int gpus_profiles(const struct inventory *inv, const struct group *chosen, bool json)
{
    OWN_MEM struct group *groups = NULL;
    struct err e = {0};
    size_t n;

    if (group_split(&groups, &n, chosen, inv, same_room, &e) < 0)
        return report_error(&e);
    if (json)
        return print_json(inv, groups, n);
    for (size_t g = 0; g < n; g++) {
        if (g > 0)
            (void)fputc('\n', stdout);
        if (print_group(inv, &groups[g], &e) < 0)
            return report_error(&e);
    }
    return report_finish();
}
