/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One MIG wish on its way, with the states of NVIDIA's mig-manager: what to do next, what to show,
 * until when. Pure: the clock is a parameter, nothing is asked or written from here.
 *
 *              +------- as wished -----------------------> SUCCESS
 *   CHECK -----+-- steps --> APPLY --+-- done --> CHECK (the proof)
 *     ^        |               |     +-- mode pending --> REBOOT, once --> the next run: CHECK
 *     |        +-- held -------+--> HOLDERS --+-- nobody, or gone --> CHECK
 *     |        |               |              +-- pods, may drain --> DRAIN --> HOLDERS
 *     |        +-- refused ----+              +-- else --+
 *     +------------ after the back-off ------- FAILED <--+
 *
 * A change that has not come to its end by the deadline fails, whatever it waits for, and is tried
 * again later. Only what cannot pass by itself is not tried again until something changes.
 */
#ifndef GATEWAY_MIG_STATE_H
#define GATEWAY_MIG_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/backoff.h"

struct err;

/* What the state label says. */
enum mig_word {
    MIG_WORD_NONE, /* nothing to say yet */
    MIG_WORD_PENDING,
    MIG_WORD_REBOOTING,
    MIG_WORD_SUCCESS,
    MIG_WORD_FAILED,
};

/* What is to be done next, or is under way. */
enum mig_act {
    MIG_ACT_NONE,
    MIG_ACT_CHECK, /* a dry run */
    MIG_ACT_APPLY,
    MIG_ACT_HOLDERS, /* who stands in the way? */
    MIG_ACT_DRAIN,   /* evict them */
    MIG_ACT_REBOOT,
};

enum { MIG_STATE_WORDS = 1024 };

struct mig_state {
    /* Set by the caller, who may change them at any time. */
    uint64_t deadline_ms; /* for one change */
    bool may_drain, may_reboot;

    enum mig_word word;
    char words[MIG_STATE_WORDS]; /* why */
    char busy[MIG_STATE_WORDS];  /* why carved would not begin */
    bool taint;                  /* new pods are to be kept away */
    bool rebooted;               /* a reboot was asked for, for this wish */
    bool proved;                 /* a dry run has found the GPUs as wished */
    bool hopeless;               /* it failed for what the wish is on these boards */

    enum mig_act act;
    bool under_way;         /* act is */
    uint64_t not_before_ms; /* of act */
    uint64_t began_ms;      /* of the change that is pending */
    uint64_t drain_ms;      /* holders are not asked to go again before */
    bool applied;           /* CHECK is the proof of a change just made */
    bool reboot_refused;    /* not asked for again, until carved is another one */
    uint64_t kick_ms;       /* a hardware change brings no try forward to before */
    struct backoff retry, poll, drain, kick;
};

/* What an earlier run has left about the same wish; all zero: nothing. */
struct mig_left {
    enum mig_word word;
    const char *words; /* NULL: "" */
    bool rebooted;
};

/* A new wish. */
void mig_state_wish(struct mig_state *s, uint64_t now_ms, const struct mig_left *left);

/* There is no wish. */
void mig_state_clear(struct mig_state *s);

/* The act to begin now, MIG_ACT_NONE if none; the caller then says mig_state_begun(). */
enum mig_act mig_state_next(const struct mig_state *s, uint64_t now_ms);
void mig_state_begun(struct mig_state *s);
/* When to look again at the latest, UINT64_MAX: when something has changed. */
uint64_t mig_state_wake_ms(const struct mig_state *s, uint64_t now_ms);

/* The deadline: true if what is under way is to be given up (a change at carved never is). */
bool mig_state_tick(struct mig_state *s, uint64_t now_ms);

/* The ends of what was under way. */
void mig_state_checked(struct mig_state *s, uint64_t now_ms, size_t n_steps);
void mig_state_applied(struct mig_state *s, uint64_t now_ms, const char *left);
void mig_state_refused(struct mig_state *s, uint64_t now_ms, const struct err *e);
void mig_state_rebooting(struct mig_state *s);

/* Who stands in the way: pods that can be asked to go, and others that cannot. */
struct mig_holders {
    size_t n_pods, n_others;
    const char *words; /* names them; not read without any */
};
void mig_state_held(struct mig_state *s, uint64_t now_ms, const struct mig_holders *h);
/* They were asked to go. never: words on those that never will, or NULL; words: on the others. */
void mig_state_drained(struct mig_state *s, uint64_t now_ms, const char *never, const char *words);

/*
 * carved is back: all is looked at again at once; or hardware has changed: what failed is tried
 * again soon, but ever later if it changes all the time, as by our own tries.
 */
void mig_state_kick(struct mig_state *s, uint64_t now_ms, bool carved_is_new);

/* carved cannot be asked: words. */
void mig_state_away(struct mig_state *s, uint64_t now_ms, const char *words);

/* "pending"; "" for MIG_WORD_NONE. And back: MIG_WORD_NONE for what is no state. */
const char *mig_word_text(enum mig_word word);
enum mig_word mig_word_parse(const char *text);

#endif
