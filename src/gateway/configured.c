/* SPDX-License-Identifier: Apache-2.0 */
/* The condition, written when it changes: see configured.h. */
#include "gateway/configured.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/own.h"
#include "config/yaml.h"
#include "config/yaml_at.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/node_patch.h"
#include "gateway/own_node.h"

#define TYPE "carve.dev/Configured"

enum { BODY_MAX_BYTES = 8192 };

/* Owns its words. */
struct configured {
    struct gateway *g;
    struct node_patch *patch;
    bool asked; /* something is to be told, or to be gone */
    bool in_force;
    char reason[64]; /* "": no condition */
    char *words;
};

int configured_open(struct configured **out, struct gateway *g, struct err *e)
{
    struct configured *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return err_memory(e);
    c->g = g;
    r = node_patch_open(&c->patch, g, "condition " TYPE, e);
    if (r < 0) {
        free(c);
        return r;
    }
    *out = c;
    return 0;
}

void configured_close(struct configured *c)
{
    if (!c)
        return;
    node_patch_close(c->patch);
    free(c->words);
    free(c);
}

static const char *text_of(const struct yaml_node *condition, const char *name)
{
    const struct yaml_node *value = condition ? yaml_at(condition, name, NULL) : NULL;

    return value && value->kind == YAML_SCALAR ? value->text : "";
}

static const char *status_of(const struct configured *c)
{
    return c->in_force ? "True" : "False";
}

/* Whether the node has the condition as wished; *turned: with another status, or not at all. */
static bool is_shown(const struct configured *c, bool *turned)
{
    const struct yaml_node *condition = own_node_condition(c->g->own_node, TYPE);

    if (!c->reason[0])
        return !condition;
    *turned = strcmp(text_of(condition, "status"), status_of(c)) != 0;
    return condition && !*turned && strcmp(text_of(condition, "reason"), c->reason) == 0 &&
           strcmp(text_of(condition, "message"), c->words ? c->words : "") == 0;
}

/* What the node says already, from before a restart, is no news. */
void configured_tell(struct configured *c, bool in_force, const char *reason, const char *words)
{
    bool turned;

    if (c->asked && c->in_force == in_force && strcmp(c->reason, reason) == 0 && c->words &&
        strcmp(c->words, words) == 0)
        return;
    c->asked = true;
    c->in_force = in_force;
    (void)snprintf(c->reason, sizeof c->reason, "%s", reason);
    free(c->words);
    c->words = strdup(words);
    if (is_shown(c, &turned))
        log_event(in_force ? LOG_INFO : LOG_WARNING, "%s reason=%s", words, reason);
    else
        events_tell(c->g->events, !in_force, reason, "%s", words);
}

const char *configured_wrong(const struct configured *c)
{
    return c->reason[0] && !c->in_force && c->words ? c->words : NULL;
}

void configured_forget(struct configured *c)
{
    c->asked = true;
    c->reason[0] = '\0';
}

static void add_time(struct json *j, const char *name)
{
    char text[32];
    time_t now = time(NULL);
    struct tm parts;

    if (gmtime_r(&now, &parts) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        json_string(j, name, text);
}

/* turned: the status is another one, which has a time of its own. */
static void write_body(struct buf *out, const struct configured *c, bool turned)
{
    struct json j;

    json_init(&j, out, 0);
    json_object(&j, NULL);
    json_object(&j, "status");
    json_array(&j, "conditions");
    json_object(&j, NULL);
    json_string(&j, "type", TYPE);
    if (!c->reason[0]) {
        json_string(&j, "$patch", "delete");
    } else {
        json_string(&j, "status", status_of(c));
        json_string(&j, "reason", c->reason);
        json_string(&j, "message", c->words ? c->words : "");
        add_time(&j, "lastHeartbeatTime");
        if (turned)
            add_time(&j, "lastTransitionTime");
    }
    json_object_end(&j);
    json_array_end(&j);
    json_object_end(&j);
    json_object_end(&j);
}

/* The wish in one text, also what to compare with. */
static void write_key(struct buf *out, const struct configured *c)
{
    if (!c->reason[0])
        buf_text(out, "none");
    else
        buf_printf(out, "%d %s %s", c->in_force, c->reason, c->words ? c->words : "");
}

bool configured_written(const struct configured *c)
{
    OWN(buf_done) struct buf key;
    bool turned;

    buf_init(&key, BODY_MAX_BYTES);
    write_key(&key, c);
    return is_shown(c, &turned) || (key.data && node_patch_wrote(c->patch, key.data));
}

void configured_look(struct configured *c)
{
    OWN(buf_done) struct buf key;
    OWN(buf_done) struct buf body;
    bool turned = false;

    buf_init(&key, BODY_MAX_BYTES);
    buf_init(&body, BODY_MAX_BYTES);
    if (!c->asked || !own_node_object(c->g->own_node) || is_shown(c, &turned))
        return;
    write_key(&key, c);
    write_body(&body, c, turned);
    if (!key.failed && !body.failed)
        node_patch_want(c->patch, &(struct node_patch_order){.key = key.data,
                                                             .subresource = "status",
                                                             .content = HTTP_STRATEGIC_PATCH,
                                                             .body = body.data});
}
