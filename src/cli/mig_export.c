/* SPDX-License-Identifier: Apache-2.0 */
/* `carve mig export`: the present layout as a file that `carve mig apply` and mig-parted take. */
#include "base/buf.h"
#include "base/err.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "config/mig_file.h"

enum { MAX_BYTES = 1 << 20 };

static const struct argp_option export_options[] = {
    {"output", 'o', "FORMAT", 0, "yaml (default) or json", 0},
    {"config-label", 'l', "NAME", 0, "name of the configuration (default current)", 0},
    OPTIONS_NODE,
    {0},
};

static const struct options_verb export_verb = {
    .options = export_options,
    .doc = "Writes the present MIG layout of this node as a configuration file.",
    .plain = "yaml",
};

int cmd_mig_export(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    struct view v;
    struct buf b;
    int code;

    options_read(&o, &export_verb, argc, argv);
    if (view_open(&v, &o, &e) < 0)
        return report_error(&e);
    buf_init(&b, MAX_BYTES);
    code = mig_file_export(&b, v.inventory, o.label, o.json, &e) < 0 ? report_error(&e)
                                                                     : report_text(&b);
    buf_done(&b);
    view_close(&v);
    return code;
}
