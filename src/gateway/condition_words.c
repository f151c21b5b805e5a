/* SPDX-License-Identifier: Apache-2.0 */
/* Reason and message of the condition: see condition_words.h. Reasons are those of EKS' agent. */
#include "gateway/condition_words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/own.h"
#include "base/text.h"
#include "base/utf8.h"
#include "node/node_state.h"

enum { NAMED_MAX = 3 }; /* faults beside the worst, by name */

bool condition_is_serious(const struct node_fault *f)
{
    return f->needs != NODE_FAULT_WAIT;
}

bool condition_is_wide(const struct node_fault *f)
{
    return condition_is_serious(f) && f->gi_id < 0;
}

bool condition_is_known(const struct node_state *state)
{
    bool known = state->inventory != NULL;

    for (size_t i = 0; !known && i < state->n_faults; i++)
        known = state->faults[i].needs == NODE_FAULT_DRIVER;
    return known;
}

const char *condition_name_fault(char buffer[CONDITION_FAULT_SIZE], const struct node_fault *f)
{
    char where[64] = "", xid[32] = "", slices[48] = "";

    if (*f->uuid && f->gi_id < 0)
        (void)snprintf(where, sizeof where, "GPU %u: ", f->gpu);
    else if (*f->uuid)
        (void)snprintf(where, sizeof where, "GPU %u instance %d: ", f->gpu, f->gi_id);
    if (f->xid)
        (void)snprintf(xid, sizeof xid, " (XID %" PRIu64 ")", f->xid);
    if (f->slices)
        (void)snprintf(slices, sizeof slices, ", %u slice%s withdrawn", f->slices,
                       f->slices == 1 ? "" : "s");
    (void)snprintf(buffer, CONDITION_FAULT_SIZE, "%s%.200s%s%s", where, f->what, xid, slices);
    return buffer;
}

/* By what it takes to end it, and then the older. */
static int badness(const struct node_fault *f)
{
    static const int by_cure[] = {
        [NODE_FAULT_WAIT] = 0,   [NODE_FAULT_RESET] = 1,   [NODE_FAULT_DRIVER] = 2,
        [NODE_FAULT_REBOOT] = 3, [NODE_FAULT_REPLACE] = 4,
    };

    return by_cure[f->needs];
}

static const struct node_fault *find_worst(const struct node_state *s)
{
    const struct node_fault *worst = NULL;

    for (size_t i = 0; i < s->n_faults; i++) {
        const struct node_fault *f = &s->faults[i];

        if (!worst || badness(f) > badness(worst) ||
            (badness(f) == badness(worst) && f->since_s < worst->since_s))
            worst = f;
    }
    return worst;
}

static void say_others(struct buf *b, const struct node_state *s, const struct node_fault *worst)
{
    size_t others = s->n_faults - 1, named = 0;

    for (size_t i = 0; i < s->n_faults && named < NAMED_MAX; i++) {
        char name[CONDITION_FAULT_SIZE];

        if (&s->faults[i] == worst)
            continue;
        buf_printf(b, "%s%.120s", named ? "; " : ". Also ",
                   condition_name_fault(name, &s->faults[i]));
        named++;
    }
    if (others > named)
        buf_printf(b, "; and %zu more", others - named);
}

static void say_fault(struct condition_words *out, const struct node_state *s,
                      const struct node_fault *worst)
{
    OWN(buf_done) struct buf b;
    char name[CONDITION_FAULT_SIZE];

    buf_init(&b, (size_t)4 * CONDITION_MESSAGE_SIZE);
    buf_printf(&b, "%s. Cause: %.200s. Do: %.200s", condition_name_fault(name, worst), worst->cause,
               worst->cure);
    say_others(&b, s, worst);
    (void)TEXT_COPY(out->message, b.data ? b.data : "a fault");
    if (worst->xid)
        (void)snprintf(out->reason, sizeof out->reason, "NvidiaXID%" PRIu64 "Error", worst->xid);
    else
        (void)TEXT_COPY(out->reason, *worst->uuid ? "NvidiaGPUError" : "NvidiaDriverError");
}

void condition_say(struct condition_words *out, const struct node_state *state)
{
    const struct node_fault *worst = find_worst(state);
    struct condition_words words = {.ready = !worst || !condition_is_serious(worst)};
    char name[CONDITION_FAULT_SIZE];

    if (!words.ready) {
        say_fault(&words, state, worst);
    } else {
        (void)TEXT_COPY(words.reason, "NvidiaGPUIsReady");
        if (worst)
            (void)snprintf(words.message, sizeof words.message,
                           "carve watches the GPUs; passing by itself: %s",
                           condition_name_fault(name, worst));
        else
            (void)TEXT_COPY(words.message, "carve watches the GPUs, none is at fault");
    }
    utf8_clean(words.message); /* also where it was cut */
    *out = words;
}
