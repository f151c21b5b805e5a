/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `carve mig show`: how each GPU is cut, drawn on its memory axis; GPUs that are cut alike once.
 *
 *   |1g.5gb |1g.5gb |2g.10gb        |3g.20gb                        |
 *   0       1       2               4                               8
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "cli/group.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/view.h"

enum { LABEL_SIZE = 64, LEAST_UNIT = 6 };

static const struct argp_option show_options[] = {OPTIONS_OUTPUT, OPTIONS_NODE, {0}};

static const struct options_verb show_verb = {
    .options = show_options,
    .args_doc = "[GPU...]",
    .doc = "Shows how the GPUs are cut, on the axis of their memory.",
};

static bool same_instance(const struct gpu_instance *a, const struct gpu_instance *b)
{
    if (a->profile_id != b->profile_id || a->span.start != b->span.start ||
        a->n_computes != b->n_computes)
        return false;
    for (unsigned c = 0; c < a->n_computes; c++)
        if (a->computes[c].slices != b->computes[c].slices)
            return false;
    return true;
}

static const struct gpu_instance *instance_at(const struct gpu *gpu, unsigned unit)
{
    for (unsigned i = 0; i < gpu->n_instances; i++)
        if (unit >= gpu->instances[i].span.start &&
            unit < (unsigned)gpu->instances[i].span.start + gpu->instances[i].span.size)
            return &gpu->instances[i];
    return NULL;
}

static bool cut_alike(const struct gpu *a, const struct gpu *b)
{
    if (!group_same_board(a, b) || a->mig != b->mig || a->mig_pending != b->mig_pending ||
        a->n_instances != b->n_instances || strcmp(a->fault, b->fault) != 0)
        return false;
    for (unsigned unit = 0; unit < a->geometry.axis; unit++) {
        const struct gpu_instance *x = instance_at(a, unit), *y = instance_at(b, unit);

        if (!x != !y || (x && !same_instance(x, y)))
            return false;
    }
    return true;
}

/* The devices of a GPU instance: "3g.20gb", or "1c.3g.20gb+1c.3g.20gb". */
static const char *label(char buffer[LABEL_SIZE], const struct gpu *gpu,
                         const struct gpu_instance *gi)
{
    const struct gpu_profile *p = geometry_find_id(&gpu->geometry, gi->profile_id);
    char name[GPU_PROFILE_NAME_SIZE];
    size_t used = 0;

    (void)snprintf(buffer, LABEL_SIZE, "(%s)", p ? p->name : "?"); /* nothing runs in it */
    for (unsigned c = 0; c < gi->n_computes && used < LABEL_SIZE - 1; c++)
        used += (size_t)snprintf(buffer + used, LABEL_SIZE - used, "%s%s", c > 0 ? " " : "",
                                 gpu_device_name(name, gpu, gi, &gi->computes[c]));
    return buffer;
}

/* Characters that a unit of the axis takes, so that every label fits. */
static unsigned unit_width(const struct gpu *gpu)
{
    unsigned width = LEAST_UNIT;
    char text[LABEL_SIZE];

    for (unsigned i = 0; i < gpu->n_instances; i++) {
        unsigned length = (unsigned)strlen(label(text, gpu, &gpu->instances[i]));
        unsigned size = gpu->instances[i].span.size;

        if (size > 0 && (length + size) / size > width)
            width = (length + size) / size;
    }
    return width;
}

/* Columns from a mark at `unit` to that at `next`. */
static int columns(unsigned width, unsigned unit, unsigned next)
{
    return (int)((next - unit) * (width + 1)) - 1;
}

static void draw(const struct gpu *gpu)
{
    unsigned axis = gpu->geometry.axis, width = unit_width(gpu), unit, next;
    char text[LABEL_SIZE];

    (void)printf("  ");
    for (unit = 0; unit < axis; unit = next) {
        const struct gpu_instance *gi = instance_at(gpu, unit);

        next = gi ? (unsigned)gi->span.start + gi->span.size : unit + 1;
        (void)printf("|%-*s", columns(width, unit, next), gi ? label(text, gpu, gi) : "");
    }
    (void)printf("|\n  ");
    for (unit = 0; unit < axis; unit = next) {
        const struct gpu_instance *gi = instance_at(gpu, unit);

        next = gi ? (unsigned)gi->span.start + gi->span.size : unit + 1;
        (void)printf("%-*u", columns(width, unit, next) + 1, unit);
    }
    (void)printf("%u\n", axis);
}

static const char *mode_text(const struct gpu *gpu)
{
    if (gpu->mig == GPU_MIG_NONE)
        return "no MIG";
    if (gpu->mig_pending != GPU_MIG_NONE && gpu->mig_pending != gpu->mig)
        return gpu->mig == GPU_MIG_ON ? "MIG on, off after a GPU reset or a reboot"
                                      : "MIG off, on after a GPU reset or a reboot";
    return gpu->mig == GPU_MIG_ON ? "MIG on" : "MIG off";
}

static void print_group(const struct inventory *inv, const struct group *g)
{
    const struct gpu *gpu = group_first(g, inv);

    group_print(g, inv);
    if (gpu->fault[0]) {
        (void)printf(", cannot be used: %s\n", gpu->fault);
        return;
    }
    (void)printf(", %s\n", mode_text(gpu));
    if (gpu->mig == GPU_MIG_ON && gpu->geometry.axis > 0)
        draw(gpu);
}

static void json_instance(struct json *j, const struct gpu *gpu, const struct gpu_instance *gi)
{
    const struct gpu_profile *p = geometry_find_id(&gpu->geometry, gi->profile_id);
    char name[GPU_PROFILE_NAME_SIZE];

    json_object(j, NULL);
    json_string(j, "profile", p ? p->name : NULL);
    json_uint(j, "gi", gi->id);
    json_uint(j, "start", gi->span.start);
    json_uint(j, "size", gi->span.size);
    json_array(j, "devices");
    for (unsigned c = 0; c < gi->n_computes; c++) {
        json_object(j, NULL);
        json_string(j, "profile", gpu_device_name(name, gpu, gi, &gi->computes[c]));
        json_string(j, "uuid", gi->computes[c].uuid);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

static void json_gpu(struct json *j, const struct gpu *gpu)
{
    json_object(j, NULL);
    json_uint(j, "index", gpu->index);
    json_string(j, "uuid", gpu->uuid);
    json_string(j, "name", gpu->name);
    json_string(j, "mig", view_mig_name(gpu->mig));
    json_string(j, "mig_pending", view_mig_name(gpu->mig_pending));
    json_string(j, "fault", gpu->fault[0] ? gpu->fault : NULL);
    json_uint(j, "axis", gpu->geometry.axis);
    json_array(j, "instances");
    for (unsigned i = 0; i < gpu->n_instances; i++)
        json_instance(j, gpu, &gpu->instances[i]);
    json_array_end(j);
    json_object_end(j);
}

static int print_json(const struct inventory *inv, const struct group *chosen)
{
    struct report_document d;

    report_begin(&d);
    json_array(&d.json, "gpus");
    for (unsigned m = 0; m < chosen->count; m++)
        json_gpu(&d.json, &inv->gpus[chosen->members[m]]);
    json_array_end(&d.json);
    return report_end(&d);
}

static int show(const struct inventory *inv, const struct options *o)
{
    OWN_MEM struct group *groups = NULL;
    struct group chosen;
    struct err e = {0};
    size_t n;

    if (group_choose(&chosen, inv, o->gpus, o->n_gpus, &e) < 0)
        return report_error(&e);
    if (o->json)
        return print_json(inv, &chosen);
    if (group_split(&groups, &n, &chosen, inv, cut_alike, &e) < 0)
        return report_error(&e);
    for (size_t g = 0; g < n; g++)
        print_group(inv, &groups[g]);
    return report_finish();
}

int cmd_mig_show(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    struct view v;
    int code;

    options_read(&o, &show_verb, argc, argv);
    if (view_open(&v, &o, &e) < 0)
        return report_error(&e);
    code = show(v.inventory, &o);
    view_close(&v);
    return code;
}
