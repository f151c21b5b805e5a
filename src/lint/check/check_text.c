/* SPDX-License-Identifier: Apache-2.0 */
/* What reading found wrong with texts, as findings. */
#include "lint/check/checks.h"
#include "lint/check/placeholder.h"
#include "lint/lint.h"

void check_text(struct lint *l)
{
    for (size_t i = 0; i < l->n_faults; i++) {
        const struct fault *fault = &l->faults[i];
        struct finding *f = lint_find(l, fault->rule, fault->spot, "%s", fault->message);

        if (*fault->cure)
            finding_cure(l, f, "%s", fault->cure);
    }
    placeholder_check(l);
}
