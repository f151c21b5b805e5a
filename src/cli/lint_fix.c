/* SPDX-License-Identifier: Apache-2.0 */
/* What `carve lint --fix` did, for people. */
#include <stdio.h>

#include "base/own.h"
#include "cli/lint_output.h"
#include "cli/report.h"
#include "lint/fix/fix_run.h"

void lint_cured(const struct fix_run *r, bool color)
{
    const struct lint_paint *paint = lint_paint(color);

    for (size_t i = 0; i < r->n_cured; i++) {
        const struct fix_cured *c = &r->cured[i];
        OWN_MEM char *file = lint_file(c->file);

        (void)printf("%s%s:%u:%s %sfixed:%s %s [%s]\n", paint->bold, file ? file : "?", c->line,
                     paint->plain, paint->caret, paint->plain, c->message, c->rule);
    }
    if (r->n_cured > 0)
        (void)fputc('\n', stdout);
    for (size_t i = 0; i < r->n_failed; i++) {
        const struct fix_failed *f = &r->failed[i];

        report_note("the fix of %s in '%s' was taken back, %s: %s", f->rule, f->file, f->why,
                    f->message);
    }
}
