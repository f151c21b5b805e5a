/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device plugins and their registration: see advertise.h. Every resource is an entry that settle()
 * brings towards "listening and registered"; whatever happens (a start, a kubelet that restarts, a
 * socket that somebody removed, a list that nobody reads any more) only calls settle() again:
 *
 *   no socket --plugin_open--> listening --Register--> registered --kubelet or socket gone--+
 *        ^-----------------------------------------------------------------------------------+
 *
 * Serving comes before registering, and Register is a call that nobody waits for: inside it the
 * kubelet calls us back. What fails is tried again after 250 ms and at most every 5 s, at once when
 * the kubelet's socket appears.
 */
#include "agent/advertise.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/held.h"
#include "agent/plugin.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "kube/deviceplugin.h"
#include "kube/grpc_client.h"
#include "slice/resource.h"

enum {
    RETRY_FIRST_MS = 250,
    RETRY_LAST_MS = 5000,
    REGISTER_TIMEOUT_MS = 10000,
    REGISTER_MAX_BYTES = 4096,
    LEAVE_MS = 1000,
};

/* One resource. Owned by the table below. */
struct entry {
    struct advertise *ad;
    char resource[RESOURCE_NAME_SIZE];
    struct plugin *plugin; /* NULL: its socket cannot be made now */
    bool leaving; /* offered no more: the list is empty, and the plugin is closed a little later */
    bool registered;
    bool was_read;                /* somebody has read the list since it was registered */
    struct grpc_request *request; /* Register under way, or NULL */
    char trouble[256];            /* last failure, so that each is logged once */
};

struct advertise {
    struct agent *agent;
    char *folder;
    char *kubelet_socket; /* NULL: do not register */
    const char *kubelet_name;
    struct stat kubelet; /* of the kubelet's socket as last seen; st_ino 0: not there */
    uv_fs_event_t watch;
    bool watching;
    ino_t watched;
    uv_timer_t retry;
    unsigned retry_ms;
    uv_timer_t leave;
    unsigned open_handles;
    size_t count;
    struct entry *entries[RESOURCE_MAX];
};

static void settle(struct advertise *ad);

static void trouble(struct entry *en, const struct err *e)
{
    if (strcmp(en->trouble, e->msg) == 0)
        return;
    (void)TEXT_COPY(en->trouble, e->msg);
    log_event(LOG_WARNING, "resource not registered resource=%s reason=\"%s\"; trying again",
              en->resource, e->msg);
}

static void retry(uv_timer_t *timer)
{
    struct advertise *ad = timer->data;

    ad->retry_ms = ad->retry_ms * 2 < RETRY_LAST_MS ? ad->retry_ms * 2 : RETRY_LAST_MS;
    settle(ad);
}

static void retry_later(struct advertise *ad)
{
    if (!uv_is_active((uv_handle_t *)&ad->retry))
        (void)uv_timer_start(&ad->retry, retry, ad->retry_ms, 0);
}

static void register_done(void *self, int r, const struct err *e)
{
    struct entry *en = self;

    en->request = NULL;
    if (r < 0) {
        trouble(en, e);
        retry_later(en->ad);
        return;
    }
    en->registered = true;
    en->trouble[0] = '\0';
    en->ad->retry_ms = RETRY_FIRST_MS;
    log_event(LOG_INFO, "resource registered resource=%s socket=%s", en->resource,
              plugin_endpoint(en->plugin));
    agent_changed(en->ad->agent);
}

/* Starts the Register call. */
static int register_start(struct entry *en, struct err *e)
{
    struct grpc_question question = {
        .socket_path = en->ad->kubelet_socket,
        .method = DEVICEPLUGIN_REGISTER,
        .timeout_ms = REGISTER_TIMEOUT_MS,
        .max_answer = REGISTER_MAX_BYTES,
        .done_cb = register_done,
        .self = en,
    };
    OWN(buf_done) struct buf message;
    int r;

    buf_init(&message, REGISTER_MAX_BYTES);
    deviceplugin_put_register(&message, plugin_endpoint(en->plugin), en->resource, &plugin_options);
    r = buf_check(&message, e);
    if (r < 0)
        return r;
    question.message = message.data;
    question.size = message.size;
    return grpc_start(&en->request, en->ad->agent->loop, &question, e);
}

static void forget_registration(struct entry *en)
{
    if (en->request)
        grpc_cancel(TAKE(en->request));
    if (en->registered)
        agent_changed(en->ad->agent);
    en->registered = false;
    en->was_read = false;
}

static void left(void *self)
{
    struct entry *en = self;

    /* A kubelet that registers anew opens the next stream at once; so look again a bit later. */
    en->was_read = true;
    en->ad->retry_ms = RETRY_FIRST_MS;
    if (en->ad->kubelet_socket)
        retry_later(en->ad);
}

/* Makes the entry listen. */
static int listen_again(struct entry *en, struct err *e)
{
    if (!en->plugin)
        return plugin_open(&en->plugin, en->ad->agent, en->resource, en->ad->folder, left, en, e);
    if (plugin_reachable(en->plugin))
        return 0;
    log_event(LOG_INFO, "socket was removed, listening again resource=%s", en->resource);
    forget_registration(en);
    return plugin_reopen(en->plugin, e);
}

/* Brings one entry a step on; true if it must be looked at again after a while. */
static bool settle_entry(struct entry *en)
{
    struct advertise *ad = en->ad;
    struct err e = {0};

    if (listen_again(en, &e) < 0) {
        trouble(en, &e);
        return true;
    }
    if (!ad->kubelet_socket)
        return false;
    if (en->registered && en->was_read && plugin_readers(en->plugin) == 0)
        forget_registration(en);
    if (en->registered || en->request)
        return false;
    if (ad->kubelet.st_ino == 0) {
        (void)err_set(&e, ENOENT, "no kubelet at '%s'", ad->kubelet_socket);
        trouble(en, &e);
        return !ad->watching;
    }
    if (register_start(en, &e) == 0)
        return false;
    trouble(en, &e);
    return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Another socket at the kubelet's place is another kubelet. */
static void look_at_kubelet(struct advertise *ad)
{
    struct stat now = {0};

    if (!ad->kubelet_socket)
        return;
    if (stat(ad->kubelet_socket, &now) < 0)
        now = (struct stat){0};
    if (same_file(&now, &ad->kubelet))
        return;
    ad->kubelet = now;
    ad->retry_ms = RETRY_FIRST_MS;
    (void)uv_timer_stop(&ad->retry);
    if (now.st_ino != 0)
        log_event(LOG_INFO, "kubelet found socket=%s", ad->kubelet_socket);
    if (now.st_ino != 0)
        held_ask(ad->agent->held);
    for (size_t i = 0; i < ad->count; i++)
        forget_registration(ad->entries[i]);
}

static void folder_changed(uv_fs_event_t *watch, const char *name, int events, int status)
{
    struct advertise *ad = watch->data;
    const char *own = strrchr(ad->folder, '/');
    bool ours = !name || status < 0 || strcmp(name, own ? own + 1 : ad->folder) == 0 ||
                (ad->kubelet_name && strcmp(name, ad->kubelet_name) == 0);

    (void)events;
    /* The kubelet writes its checkpoint in this folder at every pod start: not our business. */
    for (size_t i = 0; !ours && i < ad->count; i++)
        ours = ad->entries[i]->plugin && strcmp(name, plugin_endpoint(ad->entries[i]->plugin)) == 0;
    if (ours)
        advertise_check(ad);
}

/* Watches the folder that is now at the path. */
static void watch_folder(struct advertise *ad)
{
    struct stat st;

    if (stat(ad->folder, &st) < 0)
        st.st_ino = 0;
    if (ad->watching && st.st_ino == ad->watched)
        return;
    if (ad->watching)
        (void)uv_fs_event_stop(&ad->watch);
    ad->watching =
        st.st_ino != 0 && uv_fs_event_start(&ad->watch, folder_changed, ad->folder, 0) == 0;
    ad->watched = st.st_ino;
}

static void settle(struct advertise *ad)
{
    bool again;

    watch_folder(ad);
    look_at_kubelet(ad);
    again = !ad->watching && ad->count > 0;
    for (size_t i = 0; i < ad->count; i++)
        again |= settle_entry(ad->entries[i]);
    if (again)
        retry_later(ad);
}

void advertise_check(struct advertise *ad)
{
    settle(ad);
}

static void entry_free(struct entry *en)
{
    if (!en)
        return;
    if (en->request)
        grpc_cancel(en->request);
    plugin_close(en->plugin);
    free(en);
}

static size_t entry_find(const struct advertise *ad, const char *resource)
{
    size_t i = 0;

    while (i < ad->count && strcmp(ad->entries[i]->resource, resource) != 0)
        i++;
    return i;
}

static void close_leaving(uv_timer_t *timer)
{
    struct advertise *ad = timer->data;
    size_t kept = 0;

    for (size_t i = 0; i < ad->count; i++) {
        if (ad->entries[i]->leaving)
            entry_free(ad->entries[i]);
        else
            ad->entries[kept++] = ad->entries[i];
    }
    ad->count = kept;
}

/*
 * What is offered no more gets an empty list at once and is closed a little later. A plugin that
 * closes and comes back under its name within milliseconds confuses the kubelet: it forgets the new
 * connection by the name when the old one ends, and then misses the new one's end.
 */
static void withdraw_others(struct advertise *ad, const struct resource_list *now)
{
    for (size_t i = 0; i < ad->count; i++) {
        struct entry *en = ad->entries[i];

        if (en->leaving || (now && resource_list_find(now, en->resource)))
            continue;
        log_event(LOG_INFO, "resource withdrawn resource=%s", en->resource);
        en->leaving = true;
        if (en->plugin)
            plugin_wake(en->plugin);
        (void)uv_timer_start(&ad->leave, close_leaving, LEAVE_MS, 0);
    }
}

static void open_entry(struct advertise *ad, const struct resource *r)
{
    struct entry *en = ad->count < RESOURCE_MAX ? calloc(1, sizeof *en) : NULL;

    if (!en) {
        log_event(LOG_ERROR, "no room for the resource resource=%s", r->name);
        return;
    }
    en->ad = ad;
    (void)TEXT_COPY(en->resource, r->name);
    ad->entries[ad->count++] = en;
    log_event(LOG_INFO, "resource offered resource=%s slices=%zu leaving=%zu", r->name,
              resource_slices(r), r->n_leaving);
}

void advertise_update(struct advertise *ad, const struct resource_list *before)
{
    const struct resource_list *now = ad->agent->resources;

    withdraw_others(ad, now);
    for (size_t i = 0; now && i < now->count; i++) {
        const struct resource *r = &now->resources[i];
        const struct resource *old = before ? resource_list_find(before, r->name) : NULL;
        size_t at = entry_find(ad, r->name);

        if (at == ad->count) {
            open_entry(ad, r);
        } else if (!old || !resource_equal(old, r)) {
            ad->entries[at]->leaving = false;
            log_event(LOG_INFO, "resource changed resource=%s slices=%zu leaving=%zu", r->name,
                      resource_slices(r), r->n_leaving);
            if (ad->entries[at]->plugin)
                plugin_wake(ad->entries[at]->plugin);
        }
    }
    settle(ad);
}

bool advertise_registered(const struct advertise *ad, const char *resource)
{
    size_t at = entry_find(ad, resource);

    return at < ad->count && ad->entries[at]->registered;
}

static void advertise_free(struct advertise *ad)
{
    if (!ad)
        return;
    free(ad->folder);
    free(ad->kubelet_socket);
    free(ad);
}
OWN_POINTER(struct advertise, advertise_free);

/* The folder of the sockets: the kubelet's or, without one, that of our own service. */
static char *folder_of(const char *socket)
{
    const char *slash = strrchr(socket, '/');

    return slash && slash > socket ? strndup(socket, (size_t)(slash - socket)) : strdup("/");
}

int advertise_open(struct advertise **out, struct agent *a, struct err *e)
{
    bool registers = a->options.kubelet_socket[0] != '\0';
    OWN(advertise_freep) struct advertise *ad = calloc(1, sizeof *ad);
    int r;

    if (!ad)
        return err_memory(e);
    ad->agent = a;
    ad->retry_ms = RETRY_FIRST_MS;
    ad->folder = folder_of(registers ? a->options.kubelet_socket : a->options.socket);
    if (registers) {
        ad->kubelet_socket = strdup(a->options.kubelet_socket);
        if (ad->kubelet_socket)
            ad->kubelet_name = strrchr(ad->kubelet_socket, '/') + 1;
    }
    if (!ad->folder || (registers && !ad->kubelet_socket))
        return err_memory(e);
    r = uv_fs_event_init(a->loop, &ad->watch);
    if (r < 0)
        return err_set(e, -r, "watch '%s': %s", ad->folder, uv_strerror(r));
    (void)uv_timer_init(a->loop, &ad->retry);
    ad->watch.data = ad;
    ad->retry.data = ad;
    (void)uv_timer_init(a->loop, &ad->leave);
    ad->leave.data = ad;
    ad->open_handles = 3;
    *out = TAKE(ad);
    return 0;
}

static void handle_closed(uv_handle_t *handle)
{
    struct advertise *ad = handle->data;

    if (--ad->open_handles == 0)
        advertise_free(ad);
}

void advertise_close(struct advertise *ad)
{
    if (!ad)
        return;
    for (size_t i = 0; i < ad->count; i++)
        entry_free(ad->entries[i]);
    ad->count = 0;
    uv_close((uv_handle_t *)&ad->watch, handle_closed);
    uv_close((uv_handle_t *)&ad->retry, handle_closed);
    uv_close((uv_handle_t *)&ad->leave, handle_closed);
}
