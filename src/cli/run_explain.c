/* SPDX-License-Identifier: Apache-2.0 */
/* `carve run --explain`: what would be done, and why, without doing it. See run.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/bytes.h"
#include "cli/owner.h"
#include "cli/report.h"
#include "cli/run.h"
#include "cli/table.h"

/* What --explain finds out before it prints. */
struct verdict {
    struct err trouble; /* why nothing would be started; .code 0: it would be */
    bool no_room;
    struct inject_environment *env; /* what the program would get beyond ours; NULL: not known */
};

static void judge(struct run *r, struct verdict *v)
{
    if (run_look(r, &v->trouble) < 0)
        return;
    if (r->o.command && !r->back_end && !r->o.allow_unattached) {
        v->trouble = r->unattached;
        return;
    }
    if (!r->own && !run_has_room(r)) {
        v->no_room = true;
        (void)err_set(&v->trouble, ENOSPC, "there is no room now%s",
                      r->o.wait ? "; it would wait for it" : "; --wait would wait for it");
    }
}

static bool is_chosen(const struct run *r, size_t device)
{
    for (unsigned i = 0; i < r->n_devices; i++)
        if (r->devices[i] == device)
            return true;
    return false;
}

static void row(const char *what, const char *value, const char *why)
{
    char text[1024];

    (void)snprintf(text, sizeof text, "%-20s %s%s%s%s", what, value, *why ? " (" : "", why,
                   *why ? ")" : "");
    report_clean(text);
    (void)puts(text);
}

static void print_gpus(const struct run *r, struct err *e)
{
    static const char *const heads[] = {"",          "GPU",      "NAME",  ">MEMORY",
                                        ">PROMISED", ">OUTSIDE", ">ROOM", ">SLICES"};
    char name[RUN_DEVICE_SIZE], a[BYTES_TEXT_SIZE];
    struct table t;

    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < meter_count(r->meter); i++) {
        const struct meter_device *d = meter_device(r->meter, i);
        unsigned n = 0;

        if (d->cut)
            continue;
        for (size_t s = 0; s < r->slices->count; s++)
            n += slices_claims(&r->slices->items[s], d->uuid_bytes, d->total_bytes);
        table_cell(&t, "%s", is_chosen(r, i) ? "*" : "");
        table_cell(&t, "%s", run_device_name(name, d));
        table_cell(&t, "%s", d->name);
        table_cell(&t, "%s", bytes_text(a, d->total_bytes));
        table_cell(&t, "%s",
                   bytes_text(a, slices_promised(r->slices, d->uuid_bytes, d->total_bytes)));
        table_cell(&t, "%s", bytes_text(a, slices_outside_bytes(r->slices, i)));
        table_cell(&t, "%s", bytes_text(a, run_room_bytes(r, i)));
        table_cell(&t, "%u", n);
    }
    (void)table_print(&t, stdout, e);
    table_done(&t);
}

static void print_program(const struct run *r)
{
    const struct program *p = &r->program;

    if (!r->o.command)
        return;
    row("program", p->path, strcmp(p->path, p->checked) == 0 ? "" : p->checked);
    row("", program_words(p->file.kind), "");
    row("back end", r->back_end ? r->back_end->name : "none",
        r->back_end ? r->back_end->summary : r->unattached.msg);
}

static int print_table(const struct run *r, const struct verdict *v)
{
    char bytes[BYTES_TEXT_SIZE], exact[64];
    struct err e = {0};

    if (r->slices)
        print_gpus(r, &e);
    if (r->n_devices > 0)
        row("choice", r->reason, "");
    if (r->o.memory) {
        (void)snprintf(exact, sizeof exact, "%llu bytes on each GPU",
                       (unsigned long long)r->o.memory_bytes);
        row("memory", bytes_text(bytes, r->o.memory_bytes), exact);
    }
    if (*r->o.name)
        row("slice", r->o.name, r->own ? "is there: would be joined" : "would be made");
    print_program(r);
    for (size_t i = 0; v->env && i < v->env->count; i++)
        row(v->env->variables[i].name, v->env->variables[i].value, "");
    row("verdict", v->trouble.code ? v->trouble.msg : "would start", "");
    (void)fflush(stdout);
    if (v->no_room)
        run_note_holders(r);
    else if (v->trouble.code == 0)
        run_note_outside(r);
    return report_finish();
}

static void json_gpu(struct json *j, const struct run *r, size_t i)
{
    const struct meter_device *d = meter_device(r->meter, i);
    char owner[OWNER_SIZE];

    json_object(j, NULL);
    json_uint(j, "gpu", d->gpu);
    if (d->mig < 0)
        json_string(j, "mig", NULL);
    else
        json_int(j, "mig", d->mig);
    json_string(j, "uuid", d->uuid);
    json_string(j, "name", d->name);
    json_bool(j, "chosen", is_chosen(r, i));
    json_uint(j, "total_bytes", d->total_bytes);
    json_uint(j, "used_bytes", d->used_bytes);
    json_uint(j, "promised_bytes", slices_promised(r->slices, d->uuid_bytes, d->total_bytes));
    json_uint(j, "outside_bytes", slices_outside_bytes(r->slices, i));
    json_uint(j, "room_bytes", run_room_bytes(r, i));
    json_array(j, "holders");
    for (size_t s = 0; s < r->slices->count; s++) {
        const struct slices_item *item = &r->slices->items[s];

        if (!slices_claims(item, d->uuid_bytes, d->total_bytes))
            continue;
        json_object(j, NULL);
        json_string(j, "name", *item->head.name ? item->head.name : NULL);
        json_string(j, "owner", owner_name(owner, item->uid));
        json_uint(j, "limit_bytes", item->head.limits[slices_on(item, d->uuid_bytes)].limit_bytes);
        json_object_end(j);
    }
    json_array_end(j);
    json_object_end(j);
}

static void json_program(struct json *j, const struct run *r)
{
    const struct program *p = &r->program;

    if (!r->o.command) {
        json_string(j, "program", NULL);
        return;
    }
    json_object(j, "program");
    json_string(j, "path", p->path);
    json_string(j, "checked", p->checked);
    json_string(j, "kind", program_words(p->file.kind));
    json_bool(j, "raised", p->raised);
    json_bool(j, "containers", p->containers);
    json_string(j, "back_end", r->back_end ? r->back_end->name : NULL);
    json_string(j, "unattached", r->back_end ? NULL : r->unattached.msg);
    json_object_end(j);
}

static int print_json(const struct run *r, const struct verdict *v)
{
    struct report_document d;

    report_begin(&d);
    json_bool(&d.json, "would_start", v->trouble.code == 0);
    json_string(&d.json, "trouble", v->trouble.code ? v->trouble.msg : NULL);
    json_string(&d.json, "name", *r->o.name ? r->o.name : NULL);
    json_bool(&d.json, "joins", r->own != NULL);
    json_uint(&d.json, "memory_bytes",
              r->own ? r->own->head.limits[0].limit_bytes : r->o.memory_bytes);
    json_string(&d.json, "choice", r->reason);
    json_array(&d.json, "gpus");
    for (size_t i = 0; r->slices && i < meter_count(r->meter); i++)
        if (!meter_device(r->meter, i)->cut)
            json_gpu(&d.json, r, i);
    json_array_end(&d.json);
    json_program(&d.json, r);
    json_object(&d.json, "environment");
    for (size_t i = 0; v->env && i < v->env->count; i++)
        json_string(&d.json, v->env->variables[i].name, v->env->variables[i].value);
    json_object_end(&d.json);
    return report_end(&d);
}

int run_explain(struct run *r)
{
    struct verdict v = {.env = calloc(1, sizeof *v.env)};
    int code;

    judge(r, &v);
    if (r->own)
        (void)snprintf(r->path, sizeof r->path, "%s", r->own->path);
    else
        (void)snprintf(r->path, sizeof r->path, "%s/carve-%u-...", page_folder(), getuid());
    if (v.env && v.trouble.code == 0 && run_environment(r, v.env, &v.trouble) < 0)
        v.env->count = 0;
    code = r->o.json ? print_json(r, &v) : print_table(r, &v);
    free(v.env);
    return code == REPORT_FINE && v.trouble.code ? REPORT_FINDINGS : code;
}
