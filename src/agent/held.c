/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The set of slices that stay: see held.h. It has what is known to be held and, until the kubelet
 * has answered, all that was withdrawn. An answer counts if nothing was withdrawn since the
 * question, and if the last Allocate before it must be in it.
 */
#include "agent/held.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/holders.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "slice/leaving.h"

#define OUR_RESOURCES "nvidia.com/" /* all names that a configuration can give begin so */

enum {
    SETTLE_MS = 1000, /* from an Allocate until the kubelet lists its container, at the most */
    FIRST_PAUSE_MS = 250,
    LAST_PAUSE_MS = 10000,
    START_MS = 2000, /* how long the first slices wait for the kubelet */
    MAX_BLIND = 5,   /* questions without a socket, after which there is nobody to ask */
    MAX_SLICES = 65536,
    YOUNG_S = 30, /* so long after its start a kubelet may not know its pods yet */
};

struct held {
    struct agent *agent; /* NULL: closed */
    uv_timer_t ask;      /* the next question */
    uv_timer_t start;    /* the end of waiting for the first answer */
    unsigned holds;      /* the timers, and a question under way */
    unsigned pause_ms;
    unsigned n_blind;
    bool asking;
    bool outdated;  /* something was withdrawn since the question */
    bool known;     /* resources may be made */
    bool confirmed; /* all of the set is held by somebody */
    bool sure;      /* and nothing else is: the newest answer was complete */
    size_t count, room;
    struct leaving_slice *slices;
};

static void let_go(struct held *h)
{
    if (--h->holds > 0)
        return;
    free(h->slices);
    free(h);
}

/* Without memory the slice is gone a bit earlier than its container. */
static void add(struct held *h, const char *resource, const char *id)
{
    struct leaving_slice *more;
    size_t room = h->room ? h->room * 2 : 64;

    if (h->count == h->room) {
        more = room <= MAX_SLICES ? realloc(h->slices, room * sizeof *more) : NULL;
        if (!more)
            return;
        h->slices = more;
        h->room = room;
    }
    h->slices[h->count] = (struct leaving_slice){0}; /* sets are compared by their bytes */
    (void)TEXT_COPY(h->slices[h->count].resource, resource);
    (void)TEXT_COPY(h->slices[h->count].id, id);
    h->count++;
}

static void clear(struct held *h)
{
    free(h->slices);
    h->slices = NULL;
    h->count = h->room = 0;
}

/* Without those that are offered, or whose device is gone. */
static void drop_others(struct held *h, const struct resource_list *list)
{
    size_t kept = 0;

    for (size_t i = 0; i < h->count; i++)
        if (leaving_is(&h->slices[i], list, h->agent->inventory))
            h->slices[kept++] = h->slices[i];
    h->count = leaving_sort(h->slices, kept);
    if (h->count == 0)
        clear(h);
}

static void question(uv_timer_t *timer);

static void ask_later(struct held *h)
{
    uint64_t age_ms = uv_now(h->ask.loop) - h->agent->allocated_ms;
    uint64_t settle_ms = h->agent->allocated_ms && age_ms < SETTLE_MS ? SETTLE_MS - age_ms : 0;

    if (!h->asking)
        (void)uv_timer_start(&h->ask, question, settle_ms > h->pause_ms ? settle_ms : h->pause_ms,
                             0);
}

/* The kubelet does not tell; it may be away for a moment, or its socket is not to be seen here. */
static bool is_blind(struct held *h, const char *words)
{
    if (access(h->agent->options.pod_resources_socket, F_OK) == 0) {
        h->n_blind = 0;
        return false;
    }
    if (h->n_blind < MAX_BLIND && ++h->n_blind == MAX_BLIND)
        log_event(LOG_WARNING,
                  "who holds the slices is not known reason=\"%s\"; those that the configuration "
                  "drops vanish at once",
                  words);
    return h->n_blind == MAX_BLIND;
}

/* Whether who is not named in the answer holds nothing. */
static bool is_complete(const struct held *h, const struct holder_list *list)
{
    struct stat st;

    return list->n_pods > 0 || stat(h->agent->options.kubelet_socket, &st) < 0 ||
           time(NULL) - st.st_mtim.tv_sec >= YOUNG_S;
}

static void add_holders(struct held *h, const struct holder_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct holder *holder = &list->holders[i];

        if (holder->slice && text_starts(holder->resource, OUR_RESOURCES) &&
            strlen(holder->resource) < RESOURCE_NAME_SIZE && strlen(holder->slice) < SLICE_ID_SIZE)
            add(h, holder->resource, holder->slice);
    }
}

/* complete: what the answer does not name is released. */
static void take_answer(struct held *h, const struct holder_list *list, bool complete)
{
    OWN_MEM struct leaving_slice *old = NULL;
    bool same = h->known && (h->confirmed || !complete);
    size_t n_old = h->count;

    if (n_old > 0) {
        old = malloc(n_old * sizeof *old);
        if (!old)
            return;
        memcpy(old, h->slices, n_old * sizeof *old);
    }
    if (complete)
        clear(h);
    add_holders(h, list);
    if (h->agent->resources)
        drop_others(h, h->agent->resources);
    same = same && h->count == n_old &&
           (n_old == 0 || memcmp(old, h->slices, n_old * sizeof *old) == 0);
    h->confirmed |= complete;
    h->sure = complete;
    h->known = true;
    if (!same)
        agent_resolve(h->agent);
}

static void pause_longer(struct held *h)
{
    h->pause_ms = h->pause_ms < FIRST_PAUSE_MS      ? FIRST_PAUSE_MS
                  : h->pause_ms * 2 < LAST_PAUSE_MS ? h->pause_ms * 2
                                                    : LAST_PAUSE_MS;
}

static void answered(void *self, struct holder_list *list, const char *words)
{
    OWN(holder_list_freep) struct holder_list *holders = list;
    struct held *h = self;

    h->asking = false;
    if (h->agent && !h->outdated) {
        bool blind = words && is_blind(h, words);

        pause_longer(h);
        if (holders)
            take_answer(h, holders, blind || (!words && is_complete(h, holders)));
    }
    if (h->agent && (!h->sure || h->count > 0))
        ask_later(h);
    let_go(h);
}

static void ask_now(struct held *h)
{
    h->outdated = false;
    h->asking = true;
    h->holds++;
    holders_read(h->agent, answered, h);
}

static void question(uv_timer_t *timer)
{
    ask_now(timer->data);
}

/* The slices wait no longer; the answer still counts when it comes. */
static void start_over(uv_timer_t *timer)
{
    struct held *h = timer->data;

    if (h->known)
        return;
    h->known = true;
    log_event(LOG_WARNING, "the kubelet does not tell who holds the slices; offering them");
    agent_resolve(h->agent);
}

bool held_ready(struct held *h)
{
    if (!h->known && !h->asking && !uv_is_active((uv_handle_t *)&h->start)) {
        (void)uv_timer_start(&h->start, start_over, START_MS, 0);
        ask_now(h);
    }
    return h->known;
}

bool held_is_known(const struct held *h)
{
    return h->known;
}

/* What `before` offered and `now` does not; true if there is such a slice. */
static bool add_withdrawn(struct held *h, const struct resource_list *before,
                          const struct resource_list *now)
{
    struct leaving_slice slice;
    size_t n_before = h->count;

    for (size_t i = 0; i < before->count; i++) {
        const struct resource *r = &before->resources[i];

        (void)TEXT_COPY(slice.resource, r->name);
        for (size_t k = 0; k < resource_slices(r); k++) {
            (void)resource_slice_id(slice.id, r, k);
            if (leaving_is(&slice, now, h->agent->inventory))
                add(h, slice.resource, slice.id);
        }
    }
    return h->count > n_before;
}

void held_ask(struct held *h)
{
    h->sure = false;
    h->outdated = true;
    h->pause_ms = FIRST_PAUSE_MS;
    ask_later(h);
}

void held_apply(struct held *h, const struct resource_list *before, struct resource_list *now)
{
    struct err e = {0};

    if (before && add_withdrawn(h, before, now)) {
        h->confirmed = h->sure = false;
        h->outdated = true;
        h->pause_ms = 0;
        ask_later(h);
    }
    drop_others(h, now);
    if (h->count > 0 &&
        leaving_apply(now, h->agent->inventory, h->slices, h->count, h->confirmed, &e) < 0)
        log_event(LOG_ERROR, "held slices are not offered reason=\"%s\"", e.msg);
}

int held_open(struct held **out, struct agent *a, struct err *e)
{
    struct held *h = calloc(1, sizeof *h);

    if (!h)
        return err_memory(e);
    h->agent = a;
    h->pause_ms = FIRST_PAUSE_MS;
    h->holds = 2;
    (void)uv_timer_init(a->loop, &h->ask);
    (void)uv_timer_init(a->loop, &h->start);
    h->ask.data = h->start.data = h;
    *out = h;
    return 0;
}

static void timer_closed(uv_handle_t *handle)
{
    let_go(handle->data);
}

void held_close(struct held *h)
{
    if (!h)
        return;
    h->agent = NULL;
    uv_close((uv_handle_t *)&h->ask, timer_closed);
    uv_close((uv_handle_t *)&h->start, timer_closed);
}
