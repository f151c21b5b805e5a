/* SPDX-License-Identifier: Apache-2.0 */
/* `carve mig apply`: has carved change the layout or, where it does not run, does so directly. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "cli/client.h"
#include "cli/mig_direct.h"
#include "cli/mig_report.h"
#include "cli/mig_request.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "node/node_mig.h"

enum { MAX_REQUEST = 2 << 20 };

static const struct argp_option apply_options[] = {
    {"dry-run", OPTIONS_KEY_DRY_RUN, NULL, 0, "show the steps, change nothing", 0},
    {"mode-change-only", 'm', NULL, 0, "change MIG modes alone", 0},
    {"mode-only", 0, NULL, OPTION_ALIAS, NULL, 0},
    {"skip-reset", 's', NULL, 0, "leave a mode pending that takes a GPU reset", 0},
    OPTIONS_MIG_FILE,
    OPTIONS_MIG_CONFIG,
    OPTIONS_OUTPUT,
    OPTIONS_NODE,
    {0},
};

static const struct options_verb apply_verb = {
    .options = apply_options,
    .doc = "Cuts the GPUs of this node as a configuration says, in the fewest steps: slices that "
           "stay are not touched, slices in use never are.\v"
           "Exit status: 0 done, 1 done but for GPUs whose MIG mode is pending, 2 refused, or "
           "failed and undone.",
};

/* The stream of progress as it comes. */
struct listening {
    struct mig_report *report;
    int result;
    struct err *e;
};

static bool on_progress(void *self, const uint8_t *message, size_t size)
{
    struct listening *l = self;
    OWN(node_mig_progress_freep) struct node_mig_progress *p = NULL;

    l->result = node_mig_progress_unpack(&p, message, size, l->e);
    if (l->result < 0)
        return false;
    mig_report_progress(l->report, p);
    return true;
}

static int ask_carved(const struct options *o, const char *text, struct mig_report *report,
                      struct err *e)
{
    const struct node_mig_request message = {
        .file = o->file ? o->file : "",
        .text = text,
        .text_size = strlen(text),
        .config = o->config ? o->config : "",
        .dry_run = o->dry_run,
        .mode_only = o->mode_only,
        .skip_reset = o->skip_reset,
    };
    struct listening listening = {.report = report, .e = e};
    struct client_call call = {
        .socket = o->socket,
        .method = "ApplyMig",
        .got = on_progress,
        .self = &listening,
    };
    struct buf b;
    int r;

    buf_init(&b, MAX_REQUEST);
    r = node_mig_request_pack(&b, &message, e);
    call.message = b.data;
    call.size = b.size;
    if (r == 0)
        r = client_run(&call, e);
    if ((r == -ECONNRESET || r == -EPIPE) && report->planned)
        (void)err_wrap(e, "carved is gone in the midst of the change; see 'carve mig show', and "
                          "apply again");
    buf_done(&b);
    if (r == 0)
        r = listening.result;
    if (r == 0 && !report->finished)
        r = err_set(e, EPROTO, "carved ended the answer without its end");
    return r;
}

static int apply_directly(const struct options *o, const char *text, struct mig_report *report,
                          struct err *e)
{
    struct view v;
    int r = view_open(&v, o, e);

    if (r < 0)
        return r;
    r = mig_direct_apply(&v, o, text, report, e);
    view_close(&v);
    return r;
}

int cmd_mig_apply(int argc, char **argv)
{
    OWN_MEM char *text = NULL;
    struct options o;
    struct mig_report report;
    struct err e = {0};
    int r;

    options_read(&o, &apply_verb, argc, argv);
    if (mig_request_read(&text, &o, &e) < 0)
        return report_error(&e);
    mig_report_init(&report, o.dry_run, o.json);
    r = client_find(o.socket, &e);
    if (r > 0)
        r = ask_carved(&o, text, &report, &e);
    else if (r == 0)
        r = apply_directly(&o, text, &report, &e);
    return mig_report_end(&report, r < 0 ? &e : NULL);
}
