/* SPDX-License-Identifier: Apache-2.0 */
/* `carve mig configs`: the names in a file, or those that fit this node. */
#include <stdio.h>

#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "cli/mig_request.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "config/mig_file.h"

static const struct argp_option configs_options[] = {
    OPTIONS_MIG_FILE, OPTIONS_OUTPUT, OPTIONS_NODE, {0}};

static const struct options_verb configs_verb = {
    .options = configs_options,
    .doc = "Lists the configurations of a file, or those that fit this node's boards.",
};

static int list(const struct mig_file *file, bool json)
{
    struct report_document d;

    if (!json) {
        for (size_t i = 0; i < file->n_configs; i++)
            (void)printf("%s\n", file->configs[i].name);
        return report_finish();
    }
    report_begin(&d);
    json_array(&d.json, "configs");
    for (size_t i = 0; i < file->n_configs; i++)
        json_string(&d.json, NULL, file->configs[i].name);
    json_array_end(&d.json);
    return report_end(&d);
}

int cmd_mig_configs(int argc, char **argv)
{
    OWN(mig_file_freep) struct mig_file *file = NULL;
    OWN_MEM char *text = NULL;
    struct options o;
    struct err e = {0};
    struct view v = {0};
    int code;

    options_read(&o, &configs_verb, argc, argv);
    if (mig_request_read(&text, &o, &e) < 0 || (!o.file && view_open(&v, &o, &e) < 0))
        return report_error(&e);
    if (mig_request_parse(&file, &o, text, v.inventory, &e) < 0)
        code = report_error(&e);
    else
        code = list(file, o.json);
    view_close(&v);
    return code;
}
