/* SPDX-License-Identifier: Apache-2.0 */
/* A table of verbs as a command line: see verbs.h. */
#include "cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/report.h"

static void help(const struct verb *verbs, const char *program, const char *about, FILE *out)
{
    int width = 0;

    for (const struct verb *v = verbs; v->name; v++)
        if ((int)strlen(v->name) > width)
            width = (int)strlen(v->name);
    (void)fprintf(out, "Usage: %s VERB [OPTION...]\n%s\n\n", program, about);
    for (const struct verb *v = verbs; v->name; v++)
        (void)fprintf(out, "  %-*s  %s\n", width, v->name, v->summary);
    (void)fprintf(out, "\n'%s VERB --help' tells more of a verb.\n", program);
}

int verbs_run(const struct verb *verbs, const char *program, const char *about, int argc,
              char **argv)
{
    struct err e = {0};
    char name[64];

    if (argc < 2) {
        help(verbs, program, about, stderr);
        return REPORT_FAILED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 ||
        strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        help(verbs, program, about, stdout);
        return report_finish();
    }
    for (const struct verb *v = verbs; v->name; v++) {
        if (strcmp(argv[1], v->name) != 0)
            continue;
        (void)snprintf(name, sizeof name, "%s %s", program, v->name);
        argv[1] = name;
        return v->run(argc - 1, argv + 1);
    }
    (void)err_set(&e, EINVAL, "no verb '%s'; '%s --help' lists them", argv[1], program);
    return report_error(&e);
}
