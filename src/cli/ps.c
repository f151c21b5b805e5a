/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `carve ps`: which container, or which process outside any, holds which slice, as carved says; and
 * the slices of `carve run`, which need no carved.
 */
#include <errno.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/options.h"
#include "cli/ps_slices.h"
#include "cli/report.h"
#include "cli/slices.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "gpu/meter.h"
#include "node/node_holders.h"

enum { TIMEOUT_MS = 15000 };

static const struct argp_option ps_options[] = {OPTIONS_OUTPUT, OPTIONS_NODE, {0}};

static const struct options_verb ps_verb = {
    .options = ps_options,
    .doc = "Lists who holds which slice: containers, slices of 'carve run', and processes outside "
           "any.",
};

/* The answer of Holders. */
struct answer {
    struct node_holders *holders;
    int result;
    struct err error;
};

static bool on_holders(void *self, const uint8_t *message, size_t size)
{
    struct answer *a = self;

    a->result = node_holders_unpack(&a->holders, message, size, &a->error);
    return false;
}

/* *out stays NULL where carved does not run. */
static int ask(struct node_holders **out, const struct options *o, struct err *e)
{
    struct answer answer = {.result = -EPROTO, .error = {.msg = "carved sent no holders"}};
    const struct client_call call = {
        .socket = o->socket,
        .method = "Holders",
        .timeout_ms = TIMEOUT_MS,
        .got = on_holders,
        .self = &answer,
    };
    int r = client_find(o->socket, e);

    if (r == 0)
        return 0;
    if (r > 0)
        r = client_run(&call, e);
    if (r < 0)
        return r;
    if (answer.result < 0)
        return err_set(e, -answer.result, "%s", answer.error.msg);
    *out = answer.holders;
    return 0;
}

/* All that there is to print. */
struct ps {
    struct node_holders *holders; /* NULL: carved does not run */
    struct slices *slices;
    struct meter *meter; /* NULL: the driver does not answer */
};

static void add_row(struct table *t, const struct node_holder *h)
{
    bool bare = !*h->pod;

    table_cell(t, "%s", bare ? "-" : h->namespace);
    table_cell(t, "%s", bare ? "-" : h->pod);
    table_cell(t, "%s", bare ? "-" : h->container);
    table_cell(t, "%s", bare ? "-" : h->resource);
    table_cell(t, "%s", bare ? h->device : h->slice);
    table_cell(t, "%u", h->gpu);
    table_cell(t, "%s", *h->profile ? h->profile : "-");
    if (bare && h->n_processes > 0)
        table_cell(t, "%u (%s)", h->processes[0].pid, h->process_names);
    else
        table_cell(t, "%s", *h->process_names ? h->process_names : "-");
}

static int print_holders(const struct node_holders *holders, struct err *e)
{
    static const char *const heads[] = {"NAMESPACE", "POD",  "CONTAINER", "RESOURCE",
                                        "SLICE",     ">GPU", "PROFILE",   "PROCESSES"};
    struct table t;
    int r;

    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < holders->count; i++)
        add_row(&t, &holders->items[i]);
    r = table_print(&t, stdout, e);
    table_done(&t);
    return r;
}

static int print_table(const struct ps *ps)
{
    bool held = ps->holders && ps->holders->count > 0;
    bool sliced = ps->slices->count + ps->slices->n_outside > 0;
    struct err e = {0};
    int r = held ? print_holders(ps->holders, &e) : 0;

    if (held && sliced)
        (void)fputc('\n', stdout);
    if (r == 0)
        r = ps_slices_table(ps->slices, ps->meter, &e);
    if (!held && !sliced)
        (void)puts("no holders");
    return r < 0 ? report_error(&e) : report_finish();
}

static void json_holder(struct json *j, const struct node_holder *h)
{
    bool bare = !*h->pod;

    json_object(j, NULL);
    json_string(j, "namespace", bare ? NULL : h->namespace);
    json_string(j, "pod", bare ? NULL : h->pod);
    json_string(j, "container", bare ? NULL : h->container);
    json_string(j, "resource", bare ? NULL : h->resource);
    json_string(j, "slice", bare ? NULL : h->slice);
    json_uint(j, "gpu", h->gpu);
    json_string(j, "device", h->device);
    json_string(j, "profile", *h->profile ? h->profile : NULL);
    json_array(j, "pids");
    for (size_t p = 0; p < h->n_processes; p++)
        json_uint(j, NULL, h->processes[p].pid);
    json_array_end(j);
    json_string(j, "processes", *h->process_names ? h->process_names : NULL);
    json_object_end(j);
}

static int print_json(const struct ps *ps)
{
    const struct node_holders *holders = ps->holders;
    struct report_document d;

    report_begin(&d);
    json_bool(&d.json, "carved", holders != NULL);
    json_array(&d.json, "holders");
    for (size_t i = 0; holders && i < holders->count; i++)
        json_holder(&d.json, &holders->items[i]);
    json_array_end(&d.json);
    json_string(&d.json, "error", holders && *holders->error ? holders->error : NULL);
    ps_slices_json(&d.json, ps->slices, ps->meter);
    return report_end(&d);
}

/* The slices alone can be told without a driver. */
static int read_slices(struct ps *ps, const struct options *o, struct err *e)
{
    struct err trouble = {0};
    int r = slices_read(&ps->slices, page_folder(), e);

    if (r < 0)
        return r;
    if (meter_open(&ps->meter, o->driver_root, &trouble) == 0 &&
        slices_measure(ps->slices, ps->meter, &trouble) == 0)
        return 0;
    meter_close(TAKE(ps->meter));
    if (ps->holders && ps->slices->count == 0)
        return 0;
    report_note("warning: the driver does not answer (%s); its figures, and what is outside any "
                "slice, are missing",
                trouble.msg);
    return 0;
}

static int print_all(const struct ps *ps, bool json)
{
    const char *error = ps->holders && *ps->holders->error ? ps->holders->error : NULL;
    int code;

    if (error)
        report_note("warning: the kubelet cannot be asked for containers: %s", error);
    code = json ? print_json(ps) : print_table(ps);
    return code == REPORT_FINE && error ? REPORT_FINDINGS : code;
}

int cmd_ps(int argc, char **argv)
{
    struct ps ps = {0};
    struct options o;
    struct err e = {0};
    int code;

    options_read(&o, &ps_verb, argc, argv);
    if (ask(&ps.holders, &o, &e) < 0 || read_slices(&ps, &o, &e) < 0)
        code = report_error(&e);
    else
        code = print_all(&ps, o.json);
    node_holders_free(ps.holders);
    slices_free(ps.slices);
    meter_close(ps.meter);
    return code;
}
