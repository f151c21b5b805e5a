/* SPDX-License-Identifier: Apache-2.0 */
/* `carve mig assert`: whether every GPU is cut as a configuration says. */
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "cli/mig_request.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "config/mig_file.h"
#include "node/mig_change.h"

enum { MAX_BYTES = 64 << 10 };

static const struct argp_option assert_options[] = {
    {"mode-change-only", 'm', NULL, 0, "compare MIG modes alone", 0},
    {"mode-only", 0, NULL, OPTION_ALIAS, NULL, 0},
    {"valid-config", 'a', NULL, 0, "only check that the file is valid and has the configuration",
     0},
    OPTIONS_MIG_FILE,
    OPTIONS_MIG_CONFIG,
    OPTIONS_OUTPUT,
    OPTIONS_NODE,
    {0},
};

static const struct options_verb assert_verb = {
    .options = assert_options,
    .doc = "Checks whether every GPU of this node is cut as a configuration says.\v"
           "Exit status: 0 it is, 1 it is not, 2 could not be checked. A GPU that no entry of the "
           "configuration matches is a difference.",
};

/* What differs on one GPU, in *out; false: nothing. */
static bool differs(struct buf *out, const struct mig_change *change, const struct inventory *inv,
                    unsigned gpu)
{
    buf_clear(out);
    if (change->gpus[gpu].matched)
        return mig_change_differs(change, inv, gpu, out);
    buf_printf(out, "GPU %u: no entry matches it", inv->gpus[gpu].index);
    return true;
}

/* The number of GPUs that differ, each a line on stdout or in j. */
static unsigned list(const struct mig_change *change, const struct inventory *inv, struct json *j)
{
    struct buf line;
    unsigned n = 0;

    buf_init(&line, MAX_BYTES);
    for (unsigned i = 0; i < change->n_gpus; i++) {
        if (!differs(&line, change, inv, i))
            continue;
        n++;
        if (j)
            json_string(j, NULL, line.data);
        else
            (void)puts(line.data ? line.data : "out of memory");
    }
    buf_done(&line);
    return n;
}

static int tell(const struct mig_change *change, const struct inventory *inv, bool json)
{
    struct report_document d;
    unsigned n;
    int code;

    if (json) {
        report_begin(&d);
        json_array(&d.json, "differences");
        n = list(change, inv, &d.json);
        json_array_end(&d.json);
        json_bool(&d.json, "matches", n == 0);
        code = report_end(&d);
    } else {
        n = list(change, inv, NULL);
        if (n == 0)
            (void)puts("every GPU is as wanted");
        code = report_finish();
    }
    return n > 0 && code == REPORT_FINE ? REPORT_FINDINGS : code;
}

static int compare(const struct options *o, const char *text, const struct inventory *inv)
{
    OWN(mig_file_freep) struct mig_file *file = NULL;
    OWN(mig_change_freep) struct mig_change *change = NULL;
    const struct mig_config *config;
    struct err e = {0};

    if (mig_request_parse(&file, o, text, inv, &e) < 0 ||
        mig_file_find(&config, file, o->config, &e) < 0)
        return report_error(&e);
    if (o->valid_only)
        return REPORT_FINE;
    if (mig_change_make(&change, inv, config, o->mode_only, &e) < 0) {
        (void)err_wrap(&e, "%s", file->file);
        return report_error(&e);
    }
    return tell(change, inv, o->json);
}

int cmd_mig_assert(int argc, char **argv)
{
    OWN_MEM char *text = NULL;
    struct options o;
    struct err e = {0};
    struct view v = {0};
    int code;

    options_read(&o, &assert_verb, argc, argv);
    if (mig_request_read(&text, &o, &e) < 0)
        return report_error(&e);
    /* A file of one's own is checked without any hardware. */
    if (!(o.valid_only && o.file) && view_open(&v, &o, &e) < 0)
        return report_error(&e);
    code = compare(&o, text, v.inventory);
    view_close(&v);
    return code;
}
