/* SPDX-License-Identifier: Apache-2.0 */
/* The file of MIG verbs: see mig_request.h. */
#include "cli/mig_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "cli/options.h"
#include "cli/report.h"
#include "config/findings.h"
#include "config/mig_file.h"

enum { MAX_BYTES = 1 << 20 };

int mig_request_read(char **out, const struct options *o, struct err *e)
{
    OWN_MEM char *text = NULL;
    size_t size;
    int r = 0;

    if (o->file)
        r = file_read(&text, &size, o->file, MAX_BYTES, e);
    else
        text = strdup("");
    if (r < 0)
        return r;
    if (!text)
        return err_memory(e);
    if (o->file && size == 0)
        return err_set(e, EINVAL, "%s is empty", o->file);
    if (o->file && strlen(text) != size)
        return err_set(e, EINVAL, "%s has a NUL byte in it", o->file);
    *out = TAKE(text);
    return 0;
}

/* All but the first error, which the caller tells. */
static void tell_findings(const struct findings *f)
{
    bool told_error = false;

    for (size_t i = 0; i < f->count; i++) {
        bool first = f->items[i].error && !told_error;
        OWN_MEM char *line = first ? NULL : findings_line(f, i);

        told_error = told_error || first;
        if (line)
            report_note("%s", line);
    }
}

int mig_request_parse(struct mig_file **out, const struct options *o, const char *text,
                      const struct inventory *inv, struct err *e)
{
    const char *name = o->file ? o->file : "default configuration";
    OWN_MEM char *made = NULL;
    struct findings findings;
    int result = 0;

    if (!*text) {
        result = mig_file_default(&made, inv, e);
        if (result < 0)
            return result;
        text = made;
    }
    findings_init(&findings, name);
    result = mig_file_parse(out, name, text, strlen(text), &findings, e);
    tell_findings(&findings);
    findings_done(&findings);
    return result;
}
