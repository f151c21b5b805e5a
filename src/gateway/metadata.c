/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of the metadata service: see metadata.h. One round after the other, of one request
 * after the other: a token where there is none, the interruption, and in some rounds the
 * recommendation. A token that is refused is asked for anew, once in a round. A round that fails is
 * followed by ever longer pauses; that the service is away is told once.
 */
#include "gateway/metadata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "api/backoff.h"
#include "api/http.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "base/utf8.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/notice.h"

enum {
    ANSWER_MAX_BYTES = 16 << 10,
    TIMEOUT_MS = 2000,
    REBALANCE_ROUNDS = 6, /* rounds for one reading of the recommendation */
    FAILURES_FIRST = 2,   /* pauses after a failure, in intervals */
    FAILURES_LAST = 6,
    FAILURES_TOLD = 3, /* in a row, before it is worth an Event */
};

/* What a request is for. */
enum step {
    STEP_TOKEN,
    STEP_INTERRUPTION,
    STEP_REBALANCE,
};

static const struct {
    const char *method, *path, *what;
} steps[] = {
    [STEP_TOKEN] = {"PUT", "/latest/api/token", "session token"},
    [STEP_INTERRUPTION] = {"GET", "/latest/meta-data/spot/instance-action", "interruption notice"},
    [STEP_REBALANCE] = {"GET", "/latest/meta-data/events/recommendations/rebalance",
                        "rebalance recommendation"},
};

/* Freed when the loop has let the timer go. */
struct metadata {
    struct gateway *g;
    struct http *http;
    struct http_request *request; /* NULL: none is under way */
    uv_timer_t timer;             /* until the next round */
    struct backoff backoff;
    enum step step;                         /* of the request, */
    enum step next;                         /* and behind that of a token */
    char token[NOTICE_TOKEN_MAX_BYTES + 1]; /* "": none */
    bool renewed;                           /* the token, in this round */
    struct buf answer;
    unsigned rounds;   /* that went well, modulo REBALANCE_ROUNDS */
    unsigned failures; /* in a row, up to FAILURES_TOLD */
    bool known;
    struct notice interruption, rebalance;
};

static void ask(struct metadata *m, enum step step);

static void begin_round(uv_timer_t *timer)
{
    struct metadata *m = timer->data;

    m->renewed = false;
    ask(m, STEP_INTERRUPTION);
}

/* What to do about a failure; NULL: its own words say enough. */
static const char *cure(enum step step, int code)
{
    switch (code) {
    case ETIMEDOUT: /* of tokens alone the hops are counted */
        return step != STEP_TOKEN
                   ? NULL
                   : "answers to a pod need two hops: set metadataOptions.httpPutResponseHopLimit: "
                     "2 in the EC2NodeClass or launch template, or interruption.hostNetwork: true "
                     "in carve's values, which passes a network policy as well";
    case EHOSTUNREACH:
        return "is this an EC2 instance, and does no network policy bar the way?";
    case EACCES:
        return "the service is turned off: set metadataOptions.httpEndpoint: enabled in the "
               "EC2NodeClass or launch template";
    case ENOENT:
        return step == STEP_TOKEN ? "that is not EC2's metadata service: see --metadata-endpoint"
                                  : NULL;
    default:
        return NULL;
    }
}

static void failed(struct metadata *m, int r, const struct err *e)
{
    const char *todo = cure(m->step, -r);
    unsigned wait_ms = backoff_wait_ms(&m->backoff);

    if (m->failures < FAILURES_TOLD && ++m->failures == FAILURES_TOLD)
        events_tell(m->g->events, true, "MetadataAway",
                    "spot notices cannot be read, trying on: %s: %s%s%s", steps[m->step].what,
                    e->msg, todo ? "; " : "", todo ? todo : "");
    else
        log_event(LOG_DEBUG, "the metadata service fails what=\"%s\" reason=\"%s\"",
                  steps[m->step].what, e->msg);
    (void)uv_timer_start(&m->timer, begin_round, wait_ms, 0);
}

static void round_over(struct metadata *m)
{
    if (m->failures == FAILURES_TOLD)
        events_tell(m->g->events, false, "MetadataBack", "spot notices can be read");
    m->failures = 0;
    backoff_clear(&m->backoff);
    m->rounds = (m->rounds + 1) % REBALANCE_ROUNDS;
    if (!m->known) {
        log_event(LOG_INFO, "reading spot notices from=%s", m->g->options.metadata_endpoint);
        m->known = true;
        gateway_changed(m->g);
    }
    (void)uv_timer_start(&m->timer, begin_round, m->g->options.metadata_interval_ms, 0);
}

static void put(struct metadata *m, struct notice *to, const struct notice *now)
{
    if (notice_same(to, now))
        return;
    *to = *now;
    gateway_changed(m->g);
}

static void next_step(struct metadata *m)
{
    bool wanted = m->step == STEP_INTERRUPTION && m->rounds == 0;

    if (m->step == STEP_TOKEN)
        ask(m, m->next);
    else if (wanted && !notice_is_there(&m->interruption))
        ask(m, STEP_REBALANCE);
    else
        round_over(m);
}

/* A success' body. */
static int take(struct metadata *m, struct err *e)
{
    const char *text = m->answer.data ? m->answer.data : "";
    size_t size = m->answer.size;
    struct notice n;
    int r;

    switch (m->step) {
    case STEP_TOKEN:
        if (!notice_is_token(text, size))
            return err_set(e, EBADMSG, "%zu bytes that are none", size);
        (void)TEXT_COPY(m->token, text);
        return 0;
    case STEP_INTERRUPTION:
        r = notice_read_interruption(&n, text, size, e);
        if (r == 0)
            put(m, &m->interruption, &n);
        return r;
    case STEP_REBALANCE:
        r = notice_read_rebalance(&n, text, size, e);
        if (r == 0)
            put(m, &m->rebalance, &n);
        return r;
    }
    return 0;
}

static void done(void *self, int r, const struct err *e)
{
    struct metadata *m = self;
    struct err wrong = *e;

    m->request = NULL;
    if (r == -EPERM && m->step != STEP_TOKEN && !m->renewed) {
        m->renewed = true;
        m->token[0] = '\0';
        ask(m, m->step);
        return;
    }
    if (r == -EPERM)
        r = err_set(&wrong, EPERM, "%s refuses it (HTTP 401)", http_server(m->http));
    if (r == -ENOENT && m->step != STEP_TOKEN) {
        put(m, m->step == STEP_REBALANCE ? &m->rebalance : &m->interruption, &(struct notice){0});
        r = 0;
    } else if (r == 0) {
        r = take(m, &wrong);
    }
    utf8_clean(wrong.msg);
    if (r < 0)
        failed(m, r, &wrong);
    else
        next_step(m);
}

static int on_data(void *self, const char *data, size_t size, struct err *e)
{
    struct metadata *m = self;

    buf_add(&m->answer, data, size);
    return buf_check(&m->answer, e);
}

/* Anything but a token needs one first. */
static void ask(struct metadata *m, enum step step)
{
    static const struct http_header life = {"X-aws-ec2-metadata-token-ttl-seconds", "21600"};
    const struct http_header token = {"X-aws-ec2-metadata-token", m->token};
    struct http_question question = {
        .timeout_ms = TIMEOUT_MS, .data = on_data, .done = done, .self = m};
    struct err e = {0};
    int r;

    if (step != STEP_TOKEN && !m->token[0]) {
        m->next = step;
        step = STEP_TOKEN;
    }
    m->step = step;
    question.method = steps[step].method;
    question.path = steps[step].path;
    question.header = step == STEP_TOKEN ? &life : &token;
    buf_clear(&m->answer);
    r = http_send(&m->request, m->http, &question, &e);
    if (r < 0)
        failed(m, r, &e);
}

int metadata_open(struct metadata **out, struct gateway *g, struct err *e)
{
    struct metadata *m = calloc(1, sizeof *m);
    unsigned interval_ms = g->options.metadata_interval_ms;
    int r;

    if (!m)
        return err_memory(e);
    r = http_open_plain(&m->http, g->loop, g->options.metadata_endpoint, e);
    if (r < 0) {
        free(m);
        return r;
    }
    m->g = g;
    m->backoff = (struct backoff){.first_ms = FAILURES_FIRST * interval_ms,
                                  .last_ms = FAILURES_LAST * interval_ms};
    buf_init(&m->answer, ANSWER_MAX_BYTES);
    (void)uv_timer_init(g->loop, &m->timer);
    m->timer.data = m;
    (void)uv_timer_start(&m->timer, begin_round, 0, 0);
    *out = m;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    struct metadata *m = handle->data;

    buf_done(&m->answer);
    free(m);
}

void metadata_close(struct metadata *m)
{
    if (!m)
        return;
    if (m->request)
        http_cancel(TAKE(m->request));
    http_close(TAKE(m->http));
    uv_close((uv_handle_t *)&m->timer, on_closed);
}

bool metadata_known(const struct metadata *m)
{
    return m->known;
}

const struct notice *metadata_interruption(const struct metadata *m)
{
    return &m->interruption;
}

const struct notice *metadata_rebalance(const struct metadata *m)
{
    return &m->rebalance;
}
