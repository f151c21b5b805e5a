/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which configuration is in force: see reload.h. What counts of the file is its content, which is
 * compared. Whether a content is good is known in two steps: parsing it, and making resources of it
 * (agent_judge), which has to wait for the first look at the hardware.
 */
#include "agent/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/file_watch.h"
#include "agent/kept_config.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"

enum { KEEP_AFTER_MS = 200 };

struct reload {
    struct agent *agent;
    struct file_watch *watch; /* NULL: no file */
    uv_timer_t await;         /* for a first configuration */
    unsigned open_handles;
    uv_timer_t keep; /* after a content was accepted, until it is on disk */
    char *name;      /* of the content that Configure gave; NULL: the file's counts */
    char *newest;    /* content last seen; NULL: none, or it cannot be read */
    char *in_force;  /* content of agent->config; NULL: flags and environment alone */
    bool accepted;   /* in_force made resources */
};

static int parse(struct config **out, const struct reload *r, const char *file, const char *text,
                 struct findings *f, struct err *e)
{
    const struct agent_options *o = &r->agent->options;

    return config_parse(out, file, text, strlen(text), o->overrides, o->n_overrides, false, f, e);
}

static void put_in_force(struct reload *r, struct config *config, char *text)
{
    struct agent *a = r->agent;

    config_free(a->config);
    a->config = config;
    free(r->in_force);
    r->in_force = text;
    r->accepted = false;
}

/* Reads the last good content of an earlier run; NULL if there is none that is still good. */
static char *last_good_read(const struct reload *r, struct config **out)
{
    OWN_MEM char *text = NULL;
    OWN(findings_done) struct findings f;
    struct err e = {0};

    findings_init(&f, KEPT_LAST_GOOD);
    if (kept_config_read(&text, NULL, r->agent->options.state_folder, KEPT_LAST_GOOD, &e) < 0 ||
        parse(out, r, KEPT_LAST_GOOD, text, &f, &e) < 0) {
        if (e.code != ENOENT && e.code != ENOTDIR)
            log_event(LOG_WARNING, "last good configuration not usable reason=\"%s\"", e.msg);
        return NULL;
    }
    return TAKE(text);
}

/* Puts the content of an earlier run in force; false if there is none other than `refused`. */
static bool fall_back(struct reload *r, const char *refused)
{
    struct agent *a = r->agent;
    struct config *config = NULL;
    struct err e = {0};
    OWN_MEM char *text = last_good_read(r, &config);

    if (!text || (refused && strcmp(text, refused) == 0) || agent_judge(a, config, &e) < 0) {
        config_free(config);
        return false;
    }
    put_in_force(r, config, TAKE(text));
    a->last_good = true;
    log_event(LOG_WARNING, "the last good configuration is in force file=%s/" KEPT_LAST_GOOD,
              a->options.state_folder);
    return true;
}

/* A bad content: says why and what is in force instead. */
static void refuse(struct reload *r, const char *words)
{
    struct agent *a = r->agent;

    (void)TEXT_COPY(a->config_error, words);
    if (!a->config && fall_back(r, NULL))
        agent_resolve(a);
    a->last_good = a->config != NULL;
    log_event(LOG_ERROR, "configuration refused reason=\"%s\"; %s", words,
              a->last_good ? "the last good one stays in force"
              : r->name    ? "no slices until another comes"
                           : "no slices until the file is mended");
    agent_changed(a);
}

static void log_findings(const struct findings *f)
{
    for (size_t i = 0; i < f->count; i++) {
        OWN_MEM char *line = findings_line(f, i);

        if (line)
            log_event(f->items[i].error ? LOG_ERROR : LOG_WARNING, "configuration %s", line);
    }
}

static const char *origin(const struct reload *r)
{
    return r->name ? r->name : r->agent->options.config_file;
}

const char *reload_name(const struct reload *r)
{
    return r->name;
}

/* A good content comes into force; takes config and text (NULL: flags and environment alone). */
static void adopt(struct reload *r, struct config *config, char *text)
{
    struct agent *a = r->agent;

    put_in_force(r, config, text);
    a->config_error[0] = '\0';
    a->last_good = false;
    log_event(LOG_INFO, "configuration in force %s=%s", r->name ? "name" : "file",
              text ? origin(r) : "none");
    agent_resolve(a);
    agent_changed(a);
}

/* The file, or what Configure gave in an earlier run, has this content now. Takes text. */
static void newest_is(struct reload *r, char *text)
{
    struct agent *a = r->agent;
    struct config *config = NULL;
    OWN_MEM char *copy = strdup(text);
    struct err e = {0};
    int result;

    free(r->newest);
    r->newest = text;
    findings_done(&a->findings);
    findings_init(&a->findings, origin(r));
    result = copy ? parse(&config, r, origin(r), text, &a->findings, &e) : err_memory(&e);
    log_findings(&a->findings);
    if (result == 0)
        result = agent_judge(a, config, &e);
    if (result < 0) {
        config_free(config);
        refuse(r, e.msg);
        return;
    }
    adopt(r, config, TAKE(copy));
}

void reload_check(struct reload *r)
{
    struct agent *a = r->agent;
    OWN_MEM char *text = NULL;
    struct err e = {0};
    size_t size;
    int result;

    if (r->name || !a->options.config_file)
        return;
    file_watch_follow(r->watch, a->options.config_file);
    result = file_read(&text, &size, a->options.config_file, KEPT_CONFIG_MAX_BYTES, &e);
    if (result == 0 && strlen(text) != size)
        result = err_set(&e, EINVAL, "'%s' holds a NUL byte", a->options.config_file);
    if (result < 0) {
        free(TAKE(r->newest));
        if (strcmp(a->config_error, e.msg) != 0)
            refuse(r, e.msg);
    } else if (!r->newest || strcmp(r->newest, text) != 0) {
        newest_is(r, TAKE(text));
    }
}

static void file_changed(void *self)
{
    reload_check(self);
}

/* What is configured already, and in force. */
static bool is_in_force(const struct reload *r, const char *name, const char *text)
{
    return r->name && strcmp(r->name, name) == 0 && r->newest && strcmp(r->newest, text) == 0 &&
           r->agent->config_error[0] == '\0';
}

bool reload_awaits(const struct reload *r)
{
    return uv_is_active((const uv_handle_t *)&r->await);
}

static void await_over(uv_timer_t *timer)
{
    struct reload *r = timer->data;

    log_event(LOG_WARNING, "nobody has configured this node; the configuration of %s counts",
              r->agent->options.config_file ? "the file" : "flags and environment");
    agent_resolve(r->agent);
}

int reload_configure(struct reload *r, const char *name, const char *text, struct findings *f,
                     struct err *e)
{
    struct agent *a = r->agent;
    OWN(config_freep) struct config *config = NULL;
    OWN_MEM char *new_name = strdup(name), *newest = strdup(text), *in_force = strdup(text);
    struct err keeping = {0};
    int result = new_name && newest && in_force ? 0 : err_memory(e);

    if (result == 0)
        result = parse(&config, r, name, text, f, e);
    if (result == 0)
        result = agent_judge(a, config, e);
    if (result < 0) {
        log_event(LOG_WARNING, "configuration refused name=\"%s\" reason=\"%s\"; nothing changes",
                  name, e->msg);
        return result;
    }
    if (is_in_force(r, name, text))
        return 0;
    (void)uv_timer_stop(&r->await);
    if (kept_config_write(a->options.state_folder, KEPT_CONFIGURED, name, text, &keeping) < 0)
        log_event(LOG_WARNING,
                  "configuration not kept reason=\"%s\"; after a restart it must be "
                  "given again",
                  keeping.msg);
    log_findings(f);
    findings_done(&a->findings);
    a->findings = *f;
    *f = (struct findings){0};
    free(r->name);
    r->name = TAKE(new_name);
    free(r->newest);
    r->newest = TAKE(newest);
    adopt(r, TAKE(config), TAKE(in_force));
    return 0;
}

int reload_clear(struct reload *r, struct err *e)
{
    struct agent *a = r->agent;
    struct config *config = NULL;
    int result = kept_config_remove(a->options.state_folder, KEPT_CONFIGURED, e);

    if (result == 0 && reload_awaits(r)) {
        (void)uv_timer_stop(&r->await);
        agent_resolve(a);
    }
    if (result < 0 || !r->name)
        return result;
    log_event(LOG_INFO, "configuration cleared name=\"%s\"", r->name);
    free(TAKE(r->name));
    free(TAKE(r->newest));
    a->config_error[0] = '\0';
    findings_done(&a->findings);
    findings_init(&a->findings, a->options.config_file ? a->options.config_file : "");
    if (a->options.config_file) {
        reload_check(r);
        return 0;
    }
    result = parse(&config, r, "defaults", "", &a->findings, e);
    if (result == 0)
        adopt(r, config, NULL);
    return result;
}

void reload_judge_again(struct reload *r)
{
    struct agent *a = r->agent;
    OWN(config_freep) struct config *config = NULL;
    OWN(findings_done) struct findings f;
    struct err e = {0};

    findings_init(&f, "");
    if (!a->config_error[0] || !r->newest || parse(&config, r, "", r->newest, &f, &e) < 0 ||
        agent_judge(a, config, &e) < 0)
        return;
    newest_is(r, TAKE(r->newest));
}

void reload_refused(struct reload *r, const struct err *e)
{
    OWN_MEM char *refused = r->in_force ? strdup(r->in_force) : NULL;

    if (!r->accepted && refused && fall_back(r, refused)) {
        refuse(r, e->msg);
        return;
    }
    if (strcmp(r->agent->config_error, e->msg) != 0) {
        (void)TEXT_COPY(r->agent->config_error, e->msg);
        log_event(LOG_ERROR, "configuration asks too much of this node reason=\"%s\"; %s", e->msg,
                  r->agent->resources ? "keeping the slices of before" : "no slices");
    }
}

/* Writes the content in force to disk. */
static void keep(struct reload *r)
{
    struct err e = {0};

    if (r->in_force && kept_config_write(r->agent->options.state_folder, KEPT_LAST_GOOD, NULL,
                                         r->in_force, &e) < 0)
        log_event(LOG_WARNING,
                  "last good configuration not kept reason=\"%s\"; a restart with a "
                  "bad one will have no slices",
                  e.msg);
}

static void keep_now(uv_timer_t *timer)
{
    keep(timer->data);
}

void reload_accepted(struct reload *r)
{
    if (r->accepted)
        return;
    r->accepted = true;
    /* A disk takes its time, and the kubelet is waiting for the slices. */
    if (r->in_force)
        (void)uv_timer_start(&r->keep, keep_now, KEEP_AFTER_MS, 0);
}

/* What Configure gave in an earlier run, if it was not cleared. */
static bool read_configured(struct reload *r)
{
    OWN_MEM char *text = NULL;
    struct err e = {0};

    if (kept_config_read(&text, &r->name, r->agent->options.state_folder, KEPT_CONFIGURED, &e) == 0)
        newest_is(r, TAKE(text));
    else if (e.code != ENOENT && e.code != ENOTDIR)
        log_event(LOG_WARNING, "configured content not usable reason=\"%s\"; the file's counts",
                  e.msg);
    return r->name != NULL;
}

/* The first content: what was configured, or the file's, or the last good one, or nothing. */
static int read_first(struct reload *r, struct err *e)
{
    struct agent *a = r->agent;

    findings_init(&a->findings, a->options.config_file ? a->options.config_file : "");
    if (read_configured(r))
        return 0;
    if (!a->options.config_file)
        return parse(&a->config, r, "defaults", "", &a->findings, e);
    reload_check(r);
    return 0;
}

static void reload_free(struct reload *r)
{
    if (!r)
        return;
    free(r->name);
    free(r->newest);
    free(r->in_force);
    free(r);
}
OWN_POINTER(struct reload, reload_free);

int reload_open(struct reload **out, struct agent *a, struct err *e)
{
    OWN(reload_freep) struct reload *r = calloc(1, sizeof *r);
    int result;

    if (!r)
        return err_memory(e);
    r->agent = a;
    result = a->options.config_file ? file_watch_open(&r->watch, a->loop, file_changed, r, e) : 0;
    if (result < 0)
        return result;
    (void)uv_timer_init(a->loop, &r->keep);
    (void)uv_timer_init(a->loop, &r->await);
    r->keep.data = r->await.data = r;
    r->open_handles = 2;
    a->reload = r;
    result = read_first(r, e);
    if (!r->name && a->options.await_ms > 0)
        (void)uv_timer_start(&r->await, await_over, a->options.await_ms, 0);
    *out = TAKE(r);
    return result;
}

static void timer_closed(uv_handle_t *handle)
{
    struct reload *r = handle->data;

    if (--r->open_handles == 0)
        reload_free(r);
}

void reload_close(struct reload *r)
{
    if (!r)
        return;
    file_watch_close(r->watch);
    if (uv_is_active((uv_handle_t *)&r->keep))
        keep(r);
    uv_close((uv_handle_t *)&r->keep, timer_closed);
    uv_close((uv_handle_t *)&r->await, timer_closed);
}
