/* SPDX-License-Identifier: Apache-2.0 */
/* `carve ps`: which container, or which process outside any, holds which slice. */
#include <errno.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/verbs.h"
#include "node/node_holders.h"

enum { TIMEOUT_MS = 15000 };

static const struct argp_option ps_options[] = {OPTIONS_OUTPUT, OPTIONS_NODE, {0}};

static const struct options_verb ps_verb = {
    .options = ps_options,
    .doc = "Lists who holds which slice: containers, and processes outside any.",
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
        return err_set(e, ENOENT, "carved is not running (no one listens at %s)", o->socket);
    if (r > 0)
        r = client_run(&call, e);
    if (r < 0)
        return r;
    if (answer.result < 0)
        return err_set(e, -answer.result, "%s", answer.error.msg);
    *out = answer.holders;
    return 0;
}

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

static int print_table(const struct node_holders *holders)
{
    static const char *const heads[] = {"NAMESPACE", "POD",  "CONTAINER", "RESOURCE",
                                        "SLICE",     ">GPU", "PROFILE",   "PROCESSES"};
    struct err e = {0};
    struct table t;
    int r;

    if (holders->count == 0) {
        (void)puts("no holders");
        return report_finish();
    }
    table_init(&t, heads, sizeof heads / sizeof heads[0]);
    for (size_t i = 0; i < holders->count; i++)
        add_row(&t, &holders->items[i]);
    r = table_print(&t, stdout, &e);
    table_done(&t);
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

static int print_json(const struct node_holders *holders)
{
    struct report_document d;

    report_begin(&d);
    json_array(&d.json, "holders");
    for (size_t i = 0; i < holders->count; i++)
        json_holder(&d.json, &holders->items[i]);
    json_array_end(&d.json);
    json_string(&d.json, "error", *holders->error ? holders->error : NULL);
    return report_end(&d);
}

int cmd_ps(int argc, char **argv)
{
    OWN(node_holders_freep) struct node_holders *holders = NULL;
    struct options o;
    struct err e = {0};
    int code;

    options_read(&o, &ps_verb, argc, argv);
    if (ask(&holders, &o, &e) != 0 || !holders)
        return report_error(&e);
    if (*holders->error)
        report_note("warning: the kubelet cannot be asked for containers: %s", holders->error);
    code = o.json ? print_json(holders) : print_table(holders);
    return code == REPORT_FINE && *holders->error ? REPORT_FINDINGS : code;
}
