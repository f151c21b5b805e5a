/* SPDX-License-Identifier: Apache-2.0 */
/* Telling of a MIG change: see mig_report.h. JSON is one document, also when the change fails. */
#include "cli/mig_report.h"

#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "node/node_mig.h"

void mig_report_init(struct mig_report *r, bool dry_run, bool as_json)
{
    *r = (struct mig_report){
        .dry_run = dry_run, .as_json = as_json, .progress = !as_json && isatty(STDERR_FILENO) == 1};
    report_begin(&r->document);
    json_bool(&r->document.json, "dry_run", dry_run);
}

static void tell_plan(struct mig_report *r, const struct node_mig_progress *p)
{
    r->planned = true;
    r->n_steps = p->n_steps;
    r->kept = p->kept;
    json_uint(&r->document.json, "kept", p->kept);
    json_array(&r->document.json, "plan");
    for (size_t i = 0; i < p->n_steps; i++) {
        json_object(&r->document.json, NULL);
        json_uint(&r->document.json, "gpu", p->steps[i].gpu);
        json_string(&r->document.json, "step", p->steps[i].text);
        json_object_end(&r->document.json);
        if (r->dry_run && !r->as_json)
            (void)printf("GPU %u: %s\n", p->steps[i].gpu, p->steps[i].text);
    }
    json_array_end(&r->document.json);
}

static void tell_left(struct mig_report *r, const struct node_mig_progress *p)
{
    r->shortfall = p->n_left > 0;
    json_array(&r->document.json, "left");
    for (size_t i = 0; i < p->n_left; i++) {
        json_string(&r->document.json, NULL, p->left[i]);
        report_note("%s", p->left[i]);
    }
    json_array_end(&r->document.json);
}

void mig_report_progress(struct mig_report *r, const struct node_mig_progress *p)
{
    if (!r->planned && (p->n_steps > 0 || p->finished || p->done > 0))
        tell_plan(r, p);
    r->done = p->done;
    if (r->progress && *p->doing && !r->dry_run)
        (void)fprintf(stderr, "\r\033[K%zu/%zu %s", r->done, r->n_steps, p->doing);
    if (!p->finished)
        return;
    r->finished = true;
    if (r->progress && !r->dry_run)
        (void)fputs("\r\033[K", stderr);
    tell_left(r, p);
}

static void tell_end(const struct mig_report *r)
{
    if (r->n_steps == 0)
        (void)printf("nothing to do: the GPUs that the configuration names are as wanted\n");
    else if (r->dry_run)
        (void)printf("%zu step%s; %u GPU instance%s kept; nothing was changed\n", r->n_steps,
                     r->n_steps == 1 ? "" : "s", r->kept, r->kept == 1 ? "" : "s");
    else
        (void)printf("%zu of %zu step%s done; %u GPU instance%s kept\n", r->done, r->n_steps,
                     r->n_steps == 1 ? "" : "s", r->kept, r->kept == 1 ? "" : "s");
}

int mig_report_end(struct mig_report *r, const struct err *e)
{
    static const struct node_mig_progress nothing;
    int code = e ? REPORT_FAILED : r->shortfall ? REPORT_FINDINGS : REPORT_FINE, written;

    if (e && r->progress && r->planned)
        (void)fputc('\n', stderr);
    /* The document has the same names however it went. */
    if (!r->planned)
        tell_plan(r, &nothing);
    if (!r->finished)
        tell_left(r, &nothing);
    json_uint(&r->document.json, "done", e ? 0 : r->done);
    json_bool(&r->document.json, "finished", !e && r->finished);
    json_string(&r->document.json, "error", e ? e->msg : NULL);
    if (!e && !r->as_json)
        tell_end(r);
    written = r->as_json ? report_end(&r->document) : report_finish();
    if (!r->as_json)
        buf_done(&r->document.text);
    if (e)
        (void)report_error(e);
    return written == REPORT_FINE ? code : written;
}
