/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following the configuration file: see reload.h. Two folders are watched: the one that the path
 * names and the one where the file really is, so that edits, renames and the swap of Kubernetes'
 * "..data" link are all seen; what counts is the content, which is compared. Whether a content is
 * good is known in two steps: parsing it, and making resources of it (agent_judge), which has to
 * wait for the first look at the hardware.
 */
#include "agent/reload.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"

enum {
    MAX_FILE_BYTES = 1 << 20,
    SETTLE_MS = 50, /* an editor empties the file before it writes it */
    KEEP_AFTER_MS = 200,
    N_WATCHES = 2,
};

#define LAST_GOOD "last-good.yaml"

struct watch {
    uv_fs_event_t event;
    ino_t folder; /* 0: not watching */
};

struct reload {
    struct agent *agent;
    struct watch watches[N_WATCHES];
    uv_timer_t settle; /* after a change, until the file is read */
    uv_timer_t keep;   /* after a content was accepted, until it is on disk */
    unsigned open_handles;
    char *newest;    /* content last seen; NULL: none, or it cannot be read */
    char *in_force;  /* content of agent->config; NULL: no file */
    bool accepted;   /* in_force made resources */
    char *last_good; /* path; NULL: without a file there is nothing to keep */
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

    findings_init(&f, r->last_good);
    if (file_read(&text, NULL, r->last_good, MAX_FILE_BYTES, &e) < 0 ||
        parse(out, r, r->last_good, text, &f, &e) < 0) {
        if (e.code != ENOENT)
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
    OWN_MEM char *text = r->last_good ? last_good_read(r, &config) : NULL;

    if (!text || (refused && strcmp(text, refused) == 0) || agent_judge(a, config, &e) < 0) {
        config_free(config);
        return false;
    }
    put_in_force(r, config, TAKE(text));
    a->last_good = true;
    log_event(LOG_WARNING, "the last good configuration is in force file=%s", r->last_good);
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

/* The file has this content now. Takes text. */
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
    findings_init(&a->findings, a->options.config_file);
    result =
        copy ? parse(&config, r, a->options.config_file, text, &a->findings, &e) : err_memory(&e);
    log_findings(&a->findings);
    if (result == 0)
        result = agent_judge(a, config, &e);
    if (result < 0) {
        config_free(config);
        refuse(r, e.msg);
        return;
    }
    put_in_force(r, config, TAKE(copy));
    a->config_error[0] = '\0';
    a->last_good = false;
    log_event(LOG_INFO, "configuration in force file=%s", a->options.config_file);
    agent_resolve(a);
    agent_changed(a);
}

static void watch_files(struct reload *r);

void reload_check(struct reload *r)
{
    struct agent *a = r->agent;
    OWN_MEM char *text = NULL;
    struct err e = {0};
    size_t size;
    int result;

    if (!a->options.config_file)
        return;
    watch_files(r);
    result = file_read(&text, &size, a->options.config_file, MAX_FILE_BYTES, &e);
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
    free(TAKE(r->newest));
    reload_check(r);
}

static void settled(uv_timer_t *timer)
{
    reload_check(timer->data);
}

static void folder_changed(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct reload *r = event->data;

    (void)name, (void)events, (void)status;
    if (!uv_is_active((uv_handle_t *)&r->settle))
        (void)uv_timer_start(&r->settle, settled, SETTLE_MS, 0);
}

/* Watches the folder that is now at this path, or nothing. */
static void watch_folder(struct watch *w, const char *folder)
{
    struct stat st = {0};

    if (folder && stat(folder, &st) < 0)
        st.st_ino = 0;
    if (st.st_ino == w->folder)
        return;
    if (w->folder)
        (void)uv_fs_event_stop(&w->event);
    w->folder = 0;
    if (st.st_ino != 0 && uv_fs_event_start(&w->event, folder_changed, folder, 0) == 0)
        w->folder = st.st_ino;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Links may lead elsewhere than they did, and a folder may have been made anew at its place. */
static void watch_files(struct reload *r)
{
    const char *path = r->agent->options.config_file;
    OWN_MEM char *real = realpath(path, NULL);
    OWN_MEM char *named = folder_of(path);
    OWN_MEM char *behind = real ? folder_of(real) : NULL;

    watch_folder(&r->watches[0], named);
    watch_folder(&r->watches[1], behind);
}

void reload_refused(struct reload *r, const struct err *e)
{
    OWN_MEM char *refused = r->in_force ? strdup(r->in_force) : NULL;

    if (!r->accepted && fall_back(r, refused)) {
        refuse(r, e->msg);
        return;
    }
    if (strcmp(r->agent->config_error, e->msg) != 0) {
        (void)TEXT_COPY(r->agent->config_error, e->msg);
        log_event(LOG_ERROR, "configuration asks too much of this node reason=\"%s\"; %s", e->msg,
                  r->agent->resources ? "keeping the slices of before" : "no slices");
    }
}

/* Writes the content in force to disk, if it is not there. */
static void keep(struct reload *r)
{
    OWN_MEM char *kept = NULL;
    struct err e = {0};
    int result;

    if (file_read(&kept, NULL, r->last_good, MAX_FILE_BYTES, NULL) == 0 &&
        strcmp(kept, r->in_force) == 0)
        return;
    result = file_make_folder(r->agent->options.state_folder, &e);
    if (result == 0)
        result = file_write(r->last_good, r->in_force, strlen(r->in_force), 0600, &e);
    if (result < 0)
        log_event(LOG_WARNING,
                  "last good configuration not kept reason=\"%s\"; a restart with a "
                  "bad file will have no slices",
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
    if (r->last_good && r->in_force)
        (void)uv_timer_start(&r->keep, keep_now, KEEP_AFTER_MS, 0);
}

static void reload_free(struct reload *r)
{
    if (!r)
        return;
    free(r->newest);
    free(r->in_force);
    free(r->last_good);
    free(r);
}
OWN_POINTER(struct reload, reload_free);

/* The first content: the file's, or the last good one, or nothing. */
static int read_first(struct reload *r, struct err *e)
{
    struct agent *a = r->agent;

    if (!a->options.config_file) {
        findings_init(&a->findings, "");
        return parse(&a->config, r, "defaults", "", &a->findings, e);
    }
    findings_init(&a->findings, a->options.config_file);
    reload_check(r);
    return 0;
}

int reload_open(struct reload **out, struct agent *a, struct err *e)
{
    OWN(reload_freep) struct reload *r = calloc(1, sizeof *r);
    int result;

    if (!r)
        return err_memory(e);
    r->agent = a;
    if (a->options.config_file) {
        r->last_good = file_join(a->options.state_folder, LAST_GOOD);
        if (!r->last_good)
            return err_memory(e);
    }
    for (size_t i = 0; i < N_WATCHES; i++) {
        result = uv_fs_event_init(a->loop, &r->watches[i].event);
        if (result < 0)
            return err_set(e, -result, "watch the configuration: %s", uv_strerror(result));
        r->watches[i].event.data = r;
    }
    (void)uv_timer_init(a->loop, &r->settle);
    (void)uv_timer_init(a->loop, &r->keep);
    r->settle.data = r;
    r->keep.data = r;
    r->open_handles = N_WATCHES + 2;
    a->reload = r;
    result = read_first(r, e);
    *out = TAKE(r);
    return result;
}

static void handle_closed(uv_handle_t *handle)
{
    struct reload *r = handle->data;

    if (--r->open_handles == 0)
        reload_free(r);
}

void reload_close(struct reload *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < N_WATCHES; i++)
        uv_close((uv_handle_t *)&r->watches[i].event, handle_closed);
    if (uv_is_active((uv_handle_t *)&r->keep))
        keep(r);
    uv_close((uv_handle_t *)&r->settle, handle_closed);
    uv_close((uv_handle_t *)&r->keep, handle_closed);
}
