/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's configuration by label: see choice.h. The chosen key's text goes to carved whenever it
 * is another one than carved was given last, and again after carved was away. carved judges it, and
 * keeps the last good one when it is refused; what came of it is shown by configured.h.
 */
#include "gateway/choice.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/backoff.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "gateway/choice_key.h"
#include "gateway/config_map.h"
#include "gateway/configured.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "gateway/own_node.h"
#include "node/node_configure.h"
#include "node/node_state.h"

enum {
    FIRST_MS = 500,
    LAST_MS = 60000,
    AGAIN_FIRST_MS = 1000, /* what was refused, when carved's state has changed */
    AGAIN_LAST_MS = 300000,
    REMOVE_MS = 5000, /* for the condition to go at the end */
    REMOVE_STEP_MS = 50,
};

/* Owns its texts. Freed when the loop has let the timer go. */
struct choice {
    struct gateway *g;
    struct config_map *map; /* NULL: none is configured */
    struct configured *configured;
    struct link_call *call; /* Configure under way, or NULL */
    char *name, *text;      /* given to carved last, or being given; NULL: nothing, or cleared */
    bool given;             /* that, and carved was not away since */
    bool in_force;          /* carved has taken it */
    bool refused;           /* or has not */
    uint64_t generation;    /* of carved's state when it was refused */
    uint64_t not_before_ms; /* after a call that carved did not answer, or a refusal */
    struct backoff backoff, again;
    uv_timer_t timer;
    choice_removed *removed;
    void *remover;
    uint64_t remove_by_ms;
};

static void on_timer(uv_timer_t *timer)
{
    struct choice *c = timer->data;

    gateway_changed(c->g);
}

static void on_closed(uv_handle_t *handle)
{
    struct choice *c = handle->data;

    free(c->name);
    free(c->text);
    free(c);
}

int choice_open(struct choice **out, struct gateway *g, struct err *e)
{
    struct choice *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return err_memory(e);
    c->g = g;
    c->backoff = (struct backoff){.first_ms = FIRST_MS, .last_ms = LAST_MS};
    c->again = (struct backoff){.first_ms = AGAIN_FIRST_MS, .last_ms = AGAIN_LAST_MS};
    (void)uv_timer_init(g->loop, &c->timer);
    c->timer.data = c;
    r = configured_open(&c->configured, g, e);
    if (r == 0 && g->options.config_map)
        r = config_map_open(&c->map, g, g->options.config_map, e);
    if (r < 0) {
        choice_close(c);
        return r;
    }
    *out = c;
    return 0;
}

void choice_close(struct choice *c)
{
    if (!c)
        return;
    if (c->call)
        link_cancel(TAKE(c->call));
    if (c->map)
        config_map_close(TAKE(c->map));
    configured_close(TAKE(c->configured));
    uv_close((uv_handle_t *)&c->timer, on_closed);
}

static void wait(struct choice *c, struct backoff *backoff)
{
    unsigned wait_ms = backoff_wait_ms(backoff);

    c->not_before_ms = uv_now(c->g->loop) + wait_ms;
    (void)uv_timer_start(&c->timer, on_timer, wait_ms, 0);
}

/* carved could not be asked, or did not answer: again later. */
static void no_answer(struct choice *c, const struct err *e)
{
    log_event(LOG_WARNING, "configuration not given to carved reason=\"%s\"; trying again", e->msg);
    if (e->code == EPERM)
        configured_tell(c->configured, false, "ConfigurationNotAllowed", e->msg);
    c->given = false;
    wait(c, &c->backoff);
}

static void taken(struct choice *c)
{
    char words[768];

    c->in_force = true;
    backoff_clear(&c->backoff);
    backoff_clear(&c->again);
    if (!c->name)
        return;
    (void)snprintf(words, sizeof words, "%s is in force", c->name);
    configured_tell(c->configured, true, "ConfigurationInForce", words);
}

/*
 * Its words begin with the place. A content that asks too much of the hardware may be good when
 * that has changed.
 */
static void refused(struct choice *c, const struct err *e)
{
    const struct node_state *state = gateway_state(c->g);
    bool named = c->name && text_starts(e->msg, c->name);
    char words[1536];

    c->refused = true;
    c->generation = state ? state->generation : 0;
    backoff_clear(&c->backoff);
    wait(c, &c->again);
    if (!c->name)
        return;
    (void)snprintf(words, sizeof words, "%s%s%s; what was in force stays; mend it in the ConfigMap",
                   named ? "" : c->name, named ? "" : ": ", e->msg);
    configured_tell(c->configured, false, "ConfigurationRefused", words);
}

static void on_configured(void *self, int r, const struct err *e)
{
    struct choice *c = self;

    c->call = NULL;
    if (r == 0)
        taken(c);
    else if (r == -EINVAL)
        refused(c, e);
    else
        no_answer(c, e);
    gateway_changed(c->g);
}

/* name NULL: carved's own file. */
static void give(struct choice *c, const char *name, const char *text)
{
    struct err e = {0};
    int r;

    free(c->name);
    free(c->text);
    c->name = name ? strdup(name) : NULL;
    c->text = name ? strdup(text) : NULL;
    c->given = true;
    c->in_force = c->refused = false;
    r = name && (!c->name || !c->text)
            ? err_memory(&e)
            : link_configure(&c->call, c->g->link, c->name, c->text, on_configured, c, &e);
    if (r < 0)
        no_answer(c, &e);
}

/* Whether carved must be given this now. */
static bool must_give(const struct choice *c, const char *name, const char *text)
{
    const struct node_state *state = gateway_state(c->g);
    bool late = uv_now(c->g->loop) >= c->not_before_ms;

    if (c->call || !link_up(c->g->link) || !state)
        return false;
    if (!name)
        return late && (!c->given || c->refused) && state->config_name[0];
    if (!c->name || strcmp(c->name, name) != 0 || strcmp(c->text, text) != 0)
        return late || c->refused;
    return late && (!c->given || (c->refused && state->generation != c->generation));
}

/* What was taken may prove too much for this node: its hardware was not known, or has changed. */
static void look_at_state(struct choice *c)
{
    const struct node_state *state = gateway_state(c->g);
    struct err e = {0};

    if (!choice_settled(c) || !link_up(c->g->link) || !state || !state->config_error[0] ||
        !c->name || strcmp(state->config_name, c->name) != 0)
        return;
    (void)err_set(&e, EINVAL, "%s", state->config_error);
    c->in_force = false;
    refused(c, &e);
}

static const char *reason_of(int code)
{
    return code == ENOENT ? "ConfigurationKeyMissing" : "ConfigurationRefused";
}

/* What the label asks for; what is wrong with that is told. False: there is nothing to give. */
static bool pick(struct choice *c, struct choice_pick *out)
{
    const struct gateway_options *o = &c->g->options;
    const struct yaml_node *object = config_map_object(c->map);
    const struct choice_wish wish = {
        .config_map = config_map_name(c->map),
        .label = o->config_label,
        .value = own_node_label(c->g->own_node, o->config_label),
        .by_default = o->config_default,
        .fallbacks = o->config_fallbacks,
    };
    struct err e = {0};
    char words[1024];

    if (!object) {
        (void)snprintf(words, sizeof words,
                       "ConfigMap %s is not there; what was in force stays; make the ConfigMap, or "
                       "name another one with --config-map",
                       wish.config_map);
        configured_tell(c->configured, false, "ConfigMapMissing", words);
        return false;
    }
    if (choice_key_pick(out, object, &wish, &e) < 0) {
        (void)snprintf(words, sizeof words, "%s; what was in force stays", e.msg);
        configured_tell(c->configured, false, reason_of(e.code), words);
        return false;
    }
    if (strlen(out->text) > NODE_CONFIGURE_MAX_TEXT) {
        (void)snprintf(words, sizeof words,
                       "key '%s' of ConfigMap %s is longer than %d bytes; what was in force stays; "
                       "shorten it",
                       out->key, wish.config_map, NODE_CONFIGURE_MAX_TEXT);
        configured_tell(c->configured, false, "ConfigurationRefused", words);
        return false;
    }
    return true;
}

static void look_at_map(struct choice *c)
{
    struct choice_pick chosen;
    char name[640];

    if (!config_map_known(c->map)) {
        if (config_map_error_code(c->map) == EACCES)
            configured_tell(c->configured, false, "ConfigMapForbidden", config_map_error(c->map));
        return;
    }
    if (!own_node_object(c->g->own_node))
        return;
    if (!pick(c, &chosen)) {
        /* Given anew when it is named again, since carved may have been restarted meanwhile. */
        if (!c->call) {
            c->given = false;
            c->in_force = false;
        }
        return;
    }
    (void)snprintf(name, sizeof name, "ConfigMap %s, %s%s", config_map_name(c->map),
                   chosen.key[0] ? "key " : "empty", chosen.key);
    look_at_state(c);
    if (must_give(c, name, chosen.text))
        give(c, name, chosen.text);
}

void choice_look(struct choice *c)
{
    if (!link_up(c->g->link) && !c->call) {
        /* It may have been restarted: it is given its configuration again, at once. */
        c->given = false;
        c->not_before_ms = 0;
    }
    if (c->map)
        look_at_map(c);
    else if (must_give(c, NULL, NULL))
        give(c, NULL, NULL);
    if (!c->map)
        configured_forget(c->configured);
    configured_look(c->configured);
}

bool choice_settled(const struct choice *c)
{
    return !c->map || (c->given && c->in_force && !c->call);
}

const char *choice_wrong(const struct choice *c)
{
    return c->map ? configured_wrong(c->configured) : NULL;
}

static void on_remove(uv_timer_t *timer)
{
    struct choice *c = timer->data;

    if (!configured_written(c->configured) && uv_now(c->g->loop) < c->remove_by_ms) {
        configured_look(c->configured);
        return;
    }
    (void)uv_timer_stop(timer);
    c->removed(c->remover);
}

void choice_remove(struct choice *c, choice_removed *done, void *self)
{
    if (c->call)
        link_cancel(TAKE(c->call)); /* its end is no news any more */
    c->removed = done;
    c->remover = self;
    c->remove_by_ms = uv_now(c->g->loop) + REMOVE_MS;
    configured_forget(c->configured);
    (void)uv_timer_start(&c->timer, on_remove, 0, REMOVE_STEP_MS);
}
