/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a MIG wish: see mig_state.h. */
#include "gateway/mig_state.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

enum {
    RETRY_FIRST_MS = 10000, /* after a failure that can pass */
    RETRY_LAST_MS = 300000,
    POLL_FIRST_MS = 250, /* while carved is busy, or away */
    POLL_LAST_MS = 5000,
    HOLDERS_MS = 1000, /* between two looks at who still holds */
    DRAIN_FIRST_MS = 2000,
    DRAIN_LAST_MS = 30000,
    QUIET_MS = 1000, /* in which a new wish may turn out to be fulfilled, before it is pending */
    KICK_MS = 2000,  /* from a hardware change to the next try */
};

static void say(struct mig_state *s, const char *words)
{
    (void)snprintf(s->words, sizeof s->words, "%s", words);
}

static void go(struct mig_state *s, enum mig_act act, uint64_t at_ms)
{
    s->act = act;
    s->not_before_ms = at_ms;
    s->under_way = false;
}

static void pending(struct mig_state *s, uint64_t now_ms, const char *words)
{
    if (s->word != MIG_WORD_PENDING && s->word != MIG_WORD_REBOOTING)
        s->began_ms = now_ms;
    s->word = MIG_WORD_PENDING;
    s->proved = false;
    say(s, words);
}

/* passes: it may go by itself, so it is tried again. */
static void failed(struct mig_state *s, uint64_t now_ms, const char *words, bool passes)
{
    s->word = MIG_WORD_FAILED;
    s->taint = false;
    s->applied = false;
    s->proved = false;
    s->hopeless = false;
    say(s, words);
    backoff_clear(&s->poll);
    backoff_clear(&s->drain);
    s->drain_ms = 0;
    if (passes)
        go(s, MIG_ACT_CHECK, now_ms + backoff_wait_ms(&s->retry));
    else
        go(s, MIG_ACT_NONE, 0);
}

static void succeeded(struct mig_state *s)
{
    /* What is so already needs no other words. */
    if (s->word != MIG_WORD_SUCCESS)
        say(s, s->applied ? "the GPUs are cut as wished" : "the GPUs were cut as wished already");
    s->word = MIG_WORD_SUCCESS;
    s->taint = false;
    s->applied = false;
    s->rebooted = false;
    s->proved = true;
    s->drain_ms = 0;
    s->kick_ms = 0;
    backoff_clear(&s->retry);
    backoff_clear(&s->poll);
    backoff_clear(&s->drain);
    backoff_clear(&s->kick);
    go(s, MIG_ACT_NONE, 0);
}

void mig_state_wish(struct mig_state *s, uint64_t now_ms, const struct mig_left *left)
{
    *s = (struct mig_state){
        .deadline_ms = s->deadline_ms,
        .may_drain = s->may_drain,
        .may_reboot = s->may_reboot,
        .word = left->word,
        .taint = s->taint, /* until it is known whether it is needed */
        .rebooted = left->rebooted,
        .began_ms = now_ms,
        .retry = {.first_ms = RETRY_FIRST_MS, .last_ms = RETRY_LAST_MS},
        .poll = {.first_ms = POLL_FIRST_MS, .last_ms = POLL_LAST_MS},
        .drain = {.first_ms = DRAIN_FIRST_MS, .last_ms = DRAIN_LAST_MS},
        .kick = {.first_ms = KICK_MS, .last_ms = RETRY_LAST_MS},
    };
    say(s, left->words ? left->words : "");
    go(s, MIG_ACT_CHECK, now_ms);
}

void mig_state_clear(struct mig_state *s)
{
    *s = (struct mig_state){
        .deadline_ms = s->deadline_ms, .may_drain = s->may_drain, .may_reboot = s->may_reboot};
}

enum mig_act mig_state_next(const struct mig_state *s, uint64_t now_ms)
{
    return s->under_way || now_ms < s->not_before_ms ? MIG_ACT_NONE : s->act;
}

void mig_state_begun(struct mig_state *s)
{
    s->under_way = true;
}

/* A new wish of which nothing is known yet. */
static bool is_quiet(const struct mig_state *s)
{
    return s->word == MIG_WORD_NONE && s->act != MIG_ACT_NONE;
}

static bool has_deadline(const struct mig_state *s)
{
    return s->word == MIG_WORD_PENDING || s->word == MIG_WORD_REBOOTING;
}

uint64_t mig_state_wake_ms(const struct mig_state *s, uint64_t now_ms)
{
    const uint64_t at_ms[] = {
        s->act != MIG_ACT_NONE && !s->under_way ? s->not_before_ms : 0,
        has_deadline(s) ? s->began_ms + s->deadline_ms : 0,
        is_quiet(s) ? s->began_ms + QUIET_MS : 0,
    };
    uint64_t wake_ms = UINT64_MAX;

    for (size_t i = 0; i < sizeof at_ms / sizeof at_ms[0]; i++)
        if (at_ms[i] > now_ms && at_ms[i] < wake_ms)
            wake_ms = at_ms[i];
    return wake_ms;
}

bool mig_state_tick(struct mig_state *s, uint64_t now_ms)
{
    bool give_up = s->under_way && s->act != MIG_ACT_APPLY;
    char words[MIG_STATE_WORDS];

    if (is_quiet(s) && now_ms >= s->began_ms + QUIET_MS)
        pending(s, now_ms, "waiting for carved to look at the GPUs");
    if (!has_deadline(s) || now_ms < s->began_ms + s->deadline_ms)
        return false;
    (void)snprintf(words, sizeof words, "not done within %llu s: %.900s",
                   (unsigned long long)(s->deadline_ms / 1000), s->words);
    if (s->under_way && s->act == MIG_ACT_APPLY) {
        /* carved goes on to its end, and what comes of it counts. */
        s->word = MIG_WORD_FAILED;
        s->taint = false;
        say(s, words);
        return false;
    }
    if (s->act == MIG_ACT_REBOOT && !s->under_way)
        s->rebooted = false; /* it could not even be announced */
    failed(s, now_ms, words, true);
    return give_up;
}

void mig_state_checked(struct mig_state *s, uint64_t now_ms, size_t n_steps)
{
    char words[MIG_STATE_WORDS];

    if (n_steps == 0) {
        succeeded(s);
        return;
    }
    if (s->applied) {
        (void)snprintf(words, sizeof words,
                       "the change was made, but %zu steps are missing when the GPUs are looked at "
                       "again; somebody else changes them",
                       n_steps);
        failed(s, now_ms, words, true);
        return;
    }
    (void)snprintf(words, sizeof words, "making the change: %zu steps", n_steps);
    pending(s, now_ms, words);
    go(s, MIG_ACT_APPLY, now_ms);
}

void mig_state_applied(struct mig_state *s, uint64_t now_ms, const char *left)
{
    char words[MIG_STATE_WORDS];

    backoff_clear(&s->poll);
    if (!*left) {
        s->applied = true;
        go(s, MIG_ACT_CHECK, now_ms);
        return;
    }
    if (s->may_reboot && !s->rebooted && !s->reboot_refused) {
        s->rebooted = true;
        s->taint = false;
        pending(s, now_ms, left);
        s->word = MIG_WORD_REBOOTING;
        go(s, MIG_ACT_REBOOT, now_ms);
        return;
    }
    (void)snprintf(words, sizeof words, "%s%.900s", s->rebooted ? "after a reboot too: " : "",
                   left);
    failed(s, now_ms, words, true);
}

/* carved has not answered, or not to the end: nothing is known but that it must be asked again. */
static bool is_away(int code)
{
    switch (code) {
    case EAGAIN:
    case ECONNRESET:
    case ECONNREFUSED:
    case EHOSTDOWN:
    case ECANCELED:
    case EPIPE:
    case ENOTCONN:
        return true;
    default:
        return false;
    }
}

void mig_state_refused(struct mig_state *s, uint64_t now_ms, const struct err *e)
{
    bool of_gpus = s->act == MIG_ACT_CHECK || s->act == MIG_ACT_APPLY;
    bool for_good = e->code == EINVAL || e->code == ENOENT || e->code == EPERM;

    if (s->act == MIG_ACT_REBOOT && is_away(e->code)) {
        mig_state_rebooting(s); /* perhaps the reboot has ended it, or is yet to come */
    } else if (s->act == MIG_ACT_REBOOT) {
        s->rebooted = false; /* nobody has rebooted */
        s->reboot_refused = true;
        failed(s, now_ms, e->msg, true);
    } else if (is_away(e->code)) {
        mig_state_away(s, now_ms, e->msg);
    } else if (e->code == EBUSY && of_gpus) {
        s->applied = false;
        (void)snprintf(s->busy, sizeof s->busy, "%s", e->msg);
        go(s, MIG_ACT_HOLDERS, now_ms);
    } else {
        /* What does not fit on a board is asked again all the same: the code has other meanings. */
        bool too_much = e->code == ENOSPC && s->act == MIG_ACT_CHECK;

        failed(s, now_ms, e->msg, !for_good);
        s->hopeless = for_good || too_much;
    }
}

void mig_state_rebooting(struct mig_state *s)
{
    say(s, "the node reboots, since a GPU's MIG mode can only be changed so");
    go(s, MIG_ACT_NONE, 0);
}

void mig_state_held(struct mig_state *s, uint64_t now_ms, const struct mig_holders *h)
{
    char words[MIG_STATE_WORDS];

    if (h->n_pods == 0 && h->n_others == 0) {
        bool gone = s->drain_ms > 0;

        pending(s, now_ms, s->busy);
        s->drain_ms = 0;
        go(s, MIG_ACT_CHECK, gone ? now_ms : now_ms + backoff_wait_ms(&s->poll));
        return;
    }
    if (h->n_others > 0 || !s->may_drain) {
        (void)snprintf(words, sizeof words, "%.800s; %s", h->words,
                       h->n_others > 0 ? "what is no pod cannot be evicted: end it"
                                       : "end them, or let their pods be evicted with node label "
                                         "carve.dev/mig.drain=true where the gateway may");
        failed(s, now_ms, words, true);
        return;
    }
    if (s->drain_ms == 0)
        pending(s, now_ms, h->words);
    s->taint = true;
    if (now_ms >= s->drain_ms)
        go(s, MIG_ACT_DRAIN, now_ms);
    else
        go(s, MIG_ACT_HOLDERS, now_ms + HOLDERS_MS);
}

void mig_state_drained(struct mig_state *s, uint64_t now_ms, const char *never, const char *words)
{
    if (never) {
        failed(s, now_ms, never, true);
        return;
    }
    pending(s, now_ms, words);
    s->drain_ms = now_ms + backoff_wait_ms(&s->drain);
    go(s, MIG_ACT_HOLDERS, now_ms + HOLDERS_MS / 4);
}

void mig_state_kick(struct mig_state *s, uint64_t now_ms, bool carved_is_new)
{
    bool waits = s->act == MIG_ACT_CHECK && s->not_before_ms > now_ms;
    uint64_t at_ms = now_ms + KICK_MS > s->kick_ms ? now_ms + KICK_MS : s->kick_ms;

    if (s->under_way || s->word == MIG_WORD_NONE || (s->act != MIG_ACT_NONE && !waits))
        return;
    if (carved_is_new) {
        s->reboot_refused = false;
        backoff_clear(&s->retry);
        go(s, MIG_ACT_CHECK, now_ms);
    } else if (s->word == MIG_WORD_FAILED && (!waits || s->not_before_ms > at_ms)) {
        go(s, MIG_ACT_CHECK, at_ms);
        s->kick_ms = at_ms + backoff_wait_ms(&s->kick);
    }
}

void mig_state_away(struct mig_state *s, uint64_t now_ms, const char *words)
{
    /* What was said before still holds, until the GPUs are looked at again. */
    if (s->word != MIG_WORD_SUCCESS && s->word != MIG_WORD_FAILED)
        pending(s, now_ms, words);
    s->applied = false;
    if (s->act == MIG_ACT_REBOOT)
        s->rebooted = false; /* it was announced, and not asked for */
    go(s, MIG_ACT_CHECK, now_ms + backoff_wait_ms(&s->poll));
}

static const char *const texts[] = {
    [MIG_WORD_NONE] = "",
    [MIG_WORD_PENDING] = "pending",
    [MIG_WORD_REBOOTING] = "rebooting",
    [MIG_WORD_SUCCESS] = "success",
    [MIG_WORD_FAILED] = "failed",
};

const char *mig_word_text(enum mig_word word)
{
    return texts[word];
}

enum mig_word mig_word_parse(const char *text)
{
    for (unsigned i = MIG_WORD_PENDING; text && i <= MIG_WORD_FAILED; i++)
        if (strcmp(texts[i], text) == 0)
            return (enum mig_word)i;
    return MIG_WORD_NONE;
}
