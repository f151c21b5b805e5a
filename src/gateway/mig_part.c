/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIG layout by label: see mig_part.h. What is wished comes from the node's label and a ConfigMap,
 * what is to be done next from mig_state.h; this file does it (mig_work.h) and shows what came of
 * it (mig_mark.h, Events).
 */
#include "gateway/mig_part.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "gateway/choice_key.h"
#include "gateway/config_map.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "gateway/mig_mark.h"
#include "gateway/mig_state.h"
#include "gateway/mig_work.h"
#include "gateway/own_node.h"
#include "node/node_state.h"

enum {
    MAX_TEXT = 1 << 20, /* bytes of the file */
    REMOVE_MS = 5000,   /* for the marks to go at the end */
    REMOVE_STEP_MS = 50,
};

/* Owns its texts. Freed when the loop has let the timer go. */
struct mig_part {
    struct gateway *g;
    struct config_map *map; /* NULL: the node's default configuration */
    struct mig_mark *mark;
    struct mig_work *work;
    struct mig_state state;
    char *wish;           /* name of the configuration; NULL: there is no wish */
    char *file, *text;    /* it is in; text "": the node's default configuration; NULL: not there */
    char file_error[512]; /* why it cannot be read now, "" if it can */
    bool was_up;          /* carved, at the last look */
    uint64_t generation;
    enum mig_word told; /* by an Event */
    char told_words[MIG_STATE_WORDS];
    char failure[MIG_STATE_WORDS]; /* of this wish, the last; "" */
    uv_timer_t timer;
    mig_part_removed *removed;
    void *remover;
    uint64_t remove_by_ms;
};

static void on_timer(uv_timer_t *timer)
{
    struct mig_part *p = timer->data;

    gateway_changed(p->g);
}

static void on_closed(uv_handle_t *handle)
{
    struct mig_part *p = handle->data;

    free(p->wish);
    free(p->file);
    free(p->text);
    free(p);
}

int mig_part_open(struct mig_part **out, struct gateway *g, struct err *e)
{
    struct mig_part *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return err_memory(e);
    p->g = g;
    p->state.deadline_ms = g->options.mig_deadline_ms;
    (void)uv_timer_init(g->loop, &p->timer);
    p->timer.data = p;
    r = mig_mark_open(&p->mark, g, e);
    if (r == 0)
        r = mig_work_open(&p->work, g, &p->state, e);
    if (r == 0 && g->options.mig && g->options.mig_config_map)
        r = config_map_open(&p->map, g, g->options.mig_config_map, e);
    if (r < 0) {
        mig_part_close(p);
        return r;
    }
    *out = p;
    return 0;
}

void mig_part_close(struct mig_part *p)
{
    if (!p)
        return;
    mig_work_close(TAKE(p->work));
    mig_mark_close(TAKE(p->mark));
    if (p->map)
        config_map_close(TAKE(p->map));
    uv_close((uv_handle_t *)&p->timer, on_closed);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* The file that the wish is in; -EAGAIN: not known yet. */
static int find_file(struct mig_part *p, struct choice_pick *out, struct err *e)
{
    const struct yaml_node *object;
    int r;

    *out = (struct choice_pick){.key = "", .text = ""};
    if (!p->map)
        return 0;
    if (!config_map_known(p->map))
        return err_set(e, config_map_error_code(p->map) == EACCES ? EACCES : EAGAIN, "%s",
                       config_map_error(p->map));
    object = config_map_object(p->map);
    if (!object)
        return err_set(e, ENOENT,
                       "ConfigMap %s is not there; make it, or name another one with "
                       "--mig-config-map",
                       config_map_name(p->map));
    r = choice_key_file(out, object, config_map_name(p->map), "config.yaml", e);
    if (r == 0 && strlen(out->text) > MAX_TEXT)
        r = err_set(e, EINVAL, "key '%s' of ConfigMap %s is longer than %d bytes; shorten it",
                    out->key, config_map_name(p->map), MAX_TEXT);
    if (r == 0 && !*out->text)
        r = err_set(e, EINVAL, "key '%s' of ConfigMap %s is empty; put mig-parted's file there",
                    out->key, config_map_name(p->map));
    return r;
}

static void wish_nothing(struct mig_part *p)
{
    if (!p->wish)
        return;
    mig_work_cancel(p->work);
    mig_state_clear(&p->state);
    p->failure[0] = '\0';
    free(TAKE(p->wish));
    free(TAKE(p->file));
    free(TAKE(p->text));
}

/* Another wish than before. text NULL: there is no file, e says why. */
static void wish(struct mig_part *p, const char *name, const char *file, const char *text,
                 const struct err *e)
{
    bool other_name = !same(p->wish, name);
    struct mig_left left = {0};
    uint64_t now_ms = uv_now(p->g->loop);

    mig_work_cancel(p->work);
    left.rebooted = other_name ? mig_mark_rebooted(p->mark, name) : p->state.rebooted;
    if (other_name && !p->wish) {
        left.word = mig_word_parse(mig_mark_state(p->mark, name));
        left.words = mig_mark_message(p->mark, name);
    } else if (!other_name && p->state.word == MIG_WORD_SUCCESS) {
        left.word = MIG_WORD_SUCCESS; /* of another content: it may mean the same */
        left.words = p->told_words;
    }
    p->told = left.word;
    p->failure[0] = '\0';
    if (left.words != p->told_words)
        (void)TEXT_COPY(p->told_words, left.words ? left.words : "");
    mig_state_wish(&p->state, now_ms, &left);
    if (other_name) {
        free(p->wish);
        p->wish = strdup(name);
    }
    free(p->file);
    free(p->text);
    p->file = strdup(file);
    p->text = text ? strdup(text) : NULL;
    if (!text)
        mig_state_refused(&p->state, now_ms, e);
}

/* The file is gone that the wish was in: what was read of it counts on. */
static void keep_file(struct mig_part *p, const struct err *e)
{
    if (strcmp(p->file_error, e->msg) == 0)
        return;
    (void)TEXT_COPY(p->file_error, e->msg);
    events_tell(p->g->events, true, "MigConfigMapMissing",
                "%s; MIG layout '%s' stays as it was read before", e->msg, p->wish);
}

/* The configuration that is wished; NULL: none. */
static const char *wished(const struct mig_part *p)
{
    const char *name = own_node_label(p->g->own_node, p->g->options.mig_label);

    if (!name || !*name)
        name = p->g->options.mig_default;
    return name && *name ? name : NULL;
}

/* Compares what is wished with what was. False: not known yet, or nothing is wished. */
static bool follow_wish(struct mig_part *p)
{
    const char *name = wished(p);
    struct choice_pick picked;
    struct err e = {0};
    char file[640] = "";
    int r;

    if (!name) {
        wish_nothing(p);
        return false;
    }
    r = find_file(p, &picked, &e);
    if (r == -EAGAIN)
        return p->wish != NULL;
    if (r < 0 && p->text && same(p->wish, name)) {
        keep_file(p, &e);
        return true;
    }
    if (r < 0)
        picked.text = NULL;
    else
        p->file_error[0] = '\0';
    if (p->map)
        (void)snprintf(file, sizeof file, "ConfigMap %s, key %s", config_map_name(p->map),
                       r < 0 ? "?" : picked.key);
    if (!same(p->wish, name) || !same(p->text, picked.text) ||
        (!picked.text && strcmp(p->state.words, e.msg) != 0))
        wish(p, name, file, picked.text, &e);
    return true;
}

/* carved came back, or tells something new. */
static void follow_link(struct mig_part *p)
{
    const struct node_state *state = gateway_state(p->g);
    bool up = link_up(p->g->link);
    uint64_t now_ms = uv_now(p->g->loop);

    if (p->text && up && !p->was_up)
        mig_state_kick(&p->state, now_ms, true);
    else if (p->text && state && state->generation != p->generation)
        mig_state_kick(&p->state, now_ms, false);
    p->was_up = up;
    p->generation = state ? state->generation : 0;
}

static void tell(struct mig_part *p)
{
    const struct mig_state *s = &p->state;

    if (s->word == MIG_WORD_FAILED || s->word == MIG_WORD_SUCCESS)
        (void)TEXT_COPY(p->failure, s->word == MIG_WORD_FAILED ? s->words : "");
    if (s->word == p->told && (s->word == MIG_WORD_PENDING || same(s->words, p->told_words)))
        return;
    p->told = s->word;
    (void)TEXT_COPY(p->told_words, s->words);
    switch (s->word) {
    case MIG_WORD_NONE:
        break;
    case MIG_WORD_PENDING:
        events_tell(p->g->events, false, "MigChangePending", "MIG layout '%s': %s", p->wish,
                    s->words);
        break;
    case MIG_WORD_REBOOTING:
        events_tell(p->g->events, true, "MigRebooting", "MIG layout '%s' needs a reboot: %s",
                    p->wish, s->words);
        break;
    case MIG_WORD_SUCCESS:
        events_tell(p->g->events, false, "MigChangeDone", "MIG layout '%s': %s", p->wish, s->words);
        break;
    case MIG_WORD_FAILED:
        events_tell(p->g->events, true, "MigChangeFailed", "MIG layout '%s': %s", p->wish,
                    s->words);
        break;
    }
}

static struct mig_mark_wish to_show(const struct mig_part *p)
{
    const struct mig_state *s = &p->state;

    if (!p->wish) /* with MIG left to others, their label is theirs */
        return (struct mig_mark_wish){.state = p->g->options.mig ? "" : NULL};
    return (struct mig_mark_wish){
        .state = s->word == MIG_WORD_NONE ? NULL : mig_word_text(s->word),
        .message = s->words,
        .wish = p->wish,
        .rebooted = s->rebooted,
        .taint = s->taint,
    };
}

/* Whether what the node must show before an act is there. */
static bool is_announced(struct mig_part *p, enum mig_act act)
{
    const struct mig_mark_wish shown = to_show(p);
    struct err e = {0};

    if (act != MIG_ACT_DRAIN && act != MIG_ACT_REBOOT)
        return true;
    if (act == MIG_ACT_DRAIN ? mig_mark_tainted(p->mark) : mig_mark_shown(p->mark, &shown))
        return true;
    if (mig_mark_forbidden(p->mark, act == MIG_ACT_DRAIN, &e))
        mig_state_refused(&p->state, uv_now(p->g->loop), &e);
    return false;
}

static void act(struct mig_part *p)
{
    uint64_t now_ms = uv_now(p->g->loop);
    enum mig_act next = mig_state_next(&p->state, now_ms);
    const struct mig_block_wish wish = {.file = p->file, .text = p->text, .config = p->wish};

    if (!p->text || next == MIG_ACT_NONE || !is_announced(p, next))
        return;
    if (link_up(p->g->link))
        mig_work_begin(p->work, next, &wish);
    else if (p->state.word != MIG_WORD_NONE) /* else it may be on its way up */
        mig_state_away(&p->state, now_ms, link_error(p->g->link));
}

static void wake(struct mig_part *p)
{
    uint64_t now_ms = uv_now(p->g->loop), wake_ms = mig_state_wake_ms(&p->state, now_ms);

    (void)uv_timer_stop(&p->timer);
    if (wake_ms != UINT64_MAX)
        (void)uv_timer_start(&p->timer, on_timer, wake_ms - now_ms, 0);
}

void mig_part_look(struct mig_part *p)
{
    const struct gateway_options *o = &p->g->options;
    const char *drain = own_node_label(p->g->own_node, MIG_MARK_DRAIN_LABEL);
    struct mig_mark_wish shown;

    if (!own_node_object(p->g->own_node))
        return;
    p->state.may_drain = o->mig_drain && drain && strcmp(drain, "true") == 0;
    p->state.may_reboot = o->mig_reboot;
    if (o->mig && follow_wish(p)) {
        follow_link(p);
        if (mig_state_tick(&p->state, uv_now(p->g->loop)))
            mig_work_cancel(p->work);
        act(p);
        tell(p);
    }
    shown = to_show(p);
    mig_mark_keep(p->mark, &shown);
    wake(p);
}

bool mig_part_settled(const struct mig_part *p)
{
    if (!p->g->options.mig)
        return true;
    if (!own_node_object(p->g->own_node))
        return false;
    if (!wished(p))
        return true;
    return p->wish && p->state.word == MIG_WORD_SUCCESS && p->state.proved;
}

const char *mig_part_wish(const struct mig_part *p)
{
    return p->wish ? p->wish : "";
}

const char *mig_part_words(const struct mig_part *p)
{
    return p->state.words;
}

const char *mig_part_failed(const struct mig_part *p, bool *for_good)
{
    const struct mig_state *s = &p->state;

    *for_good = s->word == MIG_WORD_FAILED && s->hopeless;
    return p->wish && p->failure[0] ? p->failure : NULL;
}

static void on_remove(uv_timer_t *timer)
{
    struct mig_part *p = timer->data;
    const struct mig_mark_wish nothing = {.state = ""};
    bool gone = mig_mark_shown(p->mark, &nothing) && mig_mark_untainted(p->mark);

    if (!gone && uv_now(p->g->loop) < p->remove_by_ms) {
        mig_mark_keep(p->mark, &nothing);
        return;
    }
    (void)uv_timer_stop(timer);
    p->removed(p->remover);
}

void mig_part_remove(struct mig_part *p, mig_part_removed *done, void *self)
{
    mig_work_cancel(p->work);
    p->removed = done;
    p->remover = self;
    p->remove_by_ms = uv_now(p->g->loop) + REMOVE_MS;
    (void)uv_timer_start(&p->timer, on_remove, 0, REMOVE_STEP_MS);
}
