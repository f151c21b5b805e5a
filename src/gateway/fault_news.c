/* SPDX-License-Identifier: Apache-2.0 */
/* Telling faults apart from one state to the next: see fault_news.h. */
#include "gateway/fault_news.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "gateway/condition_words.h"
#include "gateway/events.h"
#include "gpu/gpu.h"
#include "node/node_state.h"

enum {
    KNOWN_MAX = 256,
    TOLD_MAX = 8, /* new ones of one state by themselves, the others as a number */
};

/* One that was told. */
struct known {
    char uuid[GPU_UUID_SIZE];
    int gi_id, ci_id;
    uint64_t xid;
    uint32_t count;
    bool there; /* in the state looked at */
    char name[CONDITION_FAULT_SIZE];
};

struct fault_news {
    size_t count;
    size_t n_beyond; /* faults of the last state that there was no room for */
    struct known known[KNOWN_MAX];
};

int fault_news_open(struct fault_news **out, struct err *e)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : err_memory(e);
}

void fault_news_close(struct fault_news *n)
{
    free(n);
}

/* One that was found in this state already is another fault: not all have an XID. */
static struct known *find(struct fault_news *n, const struct node_fault *f)
{
    for (size_t i = 0; i < n->count; i++) {
        struct known *k = &n->known[i];

        if (!k->there && k->xid == f->xid && k->gi_id == f->gi_id && k->ci_id == f->ci_id &&
            strcmp(k->uuid, f->uuid) == 0)
            return k;
    }
    return NULL;
}

static struct known *learn(struct fault_news *n, const struct node_fault *f)
{
    struct known *k;

    if (n->count == KNOWN_MAX)
        return NULL;
    k = &n->known[n->count++];
    *k = (struct known){.gi_id = f->gi_id, .ci_id = f->ci_id, .xid = f->xid};
    (void)TEXT_COPY(k->uuid, f->uuid);
    (void)condition_name_fault(k->name, f);
    return k;
}

static void tell(struct events *events, const struct known *k, const struct node_fault *f)
{
    events_tell(events, true, condition_is_serious(f) ? "GPUFault" : "GPUFaultPassing",
                "%s. Cause: %.200s. Do: %.200s", k->name, f->cause, f->cure);
}

static void look_at(struct fault_news *n, const struct node_fault *f, struct events *events,
                    size_t *n_new)
{
    struct known *k = find(n, f);
    bool is_new = !k;

    if (is_new)
        k = learn(n, f);
    if (!k) {
        n->n_beyond++;
        return;
    }
    *n_new += is_new;
    if (is_new ? *n_new <= TOLD_MAX : f->count != k->count)
        tell(events, k, f);
    k->there = true;
    k->count = f->count;
}

static void tell_ended(struct fault_news *n, struct events *events)
{
    size_t kept = 0;

    for (size_t i = 0; i < n->count; i++) {
        if (n->known[i].there)
            n->known[kept++] = n->known[i];
        else
            events_tell(events, false, "GPURecovered", "over: %s", n->known[i].name);
    }
    n->count = kept;
}

void fault_news_look(struct fault_news *n, const struct node_state *state, struct events *events)
{
    size_t n_new = 0, before = n->n_beyond, n_more;

    n->n_beyond = 0;
    for (size_t i = 0; i < n->count; i++)
        n->known[i].there = false;
    for (size_t i = 0; i < state->n_faults; i++)
        look_at(n, &state->faults[i], events, &n_new);
    tell_ended(n, events);
    n_more = (n_new > TOLD_MAX ? n_new - TOLD_MAX : 0) +
             (n->n_beyond > before ? n->n_beyond - before : 0);
    if (n_more > 0)
        events_tell(events, true, "GPUFault",
                    "%zu more faults; 'carve gpus' on the node lists them", n_more);
}
