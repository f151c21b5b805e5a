/* SPDX-License-Identifier: Apache-2.0 */
/* A plan's steps in words. */
#include <stdio.h>

#include "plan/mig_plan.h"

const char *mig_step_text(char buffer[MIG_STEP_TEXT_SIZE], const struct mig_step *step)
{
    const char *name = step->profile ? step->profile->name : "";
    unsigned start = step->span.start;

    switch (step->kind) {
    case MIG_STEP_DESTROY_COMPUTE:
        (void)snprintf(buffer, MIG_STEP_TEXT_SIZE, "destroy compute instance of %u in %s at %u",
                       step->slices, name, start);
        break;
    case MIG_STEP_DESTROY_INSTANCE:
        (void)snprintf(buffer, MIG_STEP_TEXT_SIZE, "destroy %s at %u", name, start);
        break;
    case MIG_STEP_SET_MODE:
        (void)snprintf(buffer, MIG_STEP_TEXT_SIZE, "set MIG mode %s", step->on ? "on" : "off");
        break;
    case MIG_STEP_CREATE_INSTANCE:
        (void)snprintf(buffer, MIG_STEP_TEXT_SIZE, "create %s at %u", name, start);
        break;
    case MIG_STEP_CREATE_COMPUTE:
        (void)snprintf(buffer, MIG_STEP_TEXT_SIZE, "create compute instance of %u in %s at %u",
                       step->slices, name, start);
        break;
    }
    return buffer;
}
