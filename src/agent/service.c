/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local service: see service.h. Watchers are woken when the state has grown; what they get is
 * made when they can take it, so a slow one costs nothing and hears the newest. ApplyMig is
 * apply.c's; anyone who can open the socket may watch and list holders.
 */
#include "agent/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/advertise.h"
#include "agent/agent.h"
#include "agent/apply.h"
#include "agent/service_holders.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "kube/grpc_server.h"
#include "node/node_state.h"
#include "slice/resource.h"

enum { SOCKET_MODE = 0666 };

/* One call of Watch. */
struct watcher {
    LIST_ENTRY(watcher) link;
    bool left; /* the service is closed, the link is no more */
    struct agent *agent;
    struct grpc_call *call;
    uint64_t seen; /* generation that it was told */
};

/* Borrows the agent. */
struct service {
    struct grpc_server *server;
    LIST_HEAD(watchers, watcher) watchers;
};

/* The texts of findings; n_findings is how many could be made. */
static char **finding_lines(size_t *n, const struct findings *f)
{
    char **lines = calloc(f->count + 1, sizeof *lines);

    *n = 0;
    for (size_t i = 0; lines && i < f->count; i++) {
        lines[*n] = findings_line(f, i);
        *n += lines[*n] != NULL;
    }
    return lines;
}

static int pack_state(struct buf *out, const struct agent *a)
{
    OWN_MEM struct node_resource *resources = NULL;
    const struct resource_list *list = a->resources;
    size_t n_resources = list ? list->count : 0, n_findings;
    char **findings = finding_lines(&n_findings, &a->findings);
    struct node_state state = {
        .generation = a->generation,
        .inventory = a->inventory,
        .config_file = a->options.config_file,
        .config_error = a->config_error,
        .n_findings = n_findings,
        .findings = (const char *const *)findings,
        .last_good = a->last_good,
        .n_notes = list ? list->n_notes : 0,
        .notes = list ? (const char *const *)list->notes : NULL,
        .driver_error = a->driver_error,
        .version = CARVE_VERSION,
    };
    int r = -ENOMEM;

    resources = calloc(n_resources + 1, sizeof *resources);
    for (size_t i = 0; list && resources && i < n_resources; i++) {
        const struct resource *resource = &list->resources[i];

        resources[i] =
            node_state_resource(resource, advertise_registered(a->advertise, resource->name));
    }
    state.resources = resources;
    state.n_resources = n_resources;
    if (resources && findings)
        r = node_state_pack(out, &state, NULL);
    for (size_t i = 0; findings && i < n_findings; i++)
        free(findings[i]);
    free(findings);
    return r;
}

static int on_next(void *self, struct buf *out)
{
    struct watcher *w = self;
    int r;

    if (w->seen == w->agent->generation)
        return 0;
    r = pack_state(out, w->agent);
    if (r < 0)
        return r;
    w->seen = w->agent->generation;
    return 1;
}

static void on_gone(void *self)
{
    struct watcher *w = self;

    if (!w->left)
        LIST_REMOVE(w, link);
    free(w);
}

static void watch(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct agent *a = self;
    struct watcher *w = calloc(1, sizeof *w);
    struct err e = {0};

    (void)request; /* it has no fields yet */
    (void)size;
    if (!w) {
        (void)err_memory(&e);
        grpc_fail(call, &e);
        return;
    }
    w->agent = a;
    w->call = call;
    w->seen = a->generation - 1;
    LIST_INSERT_HEAD(&a->service->watchers, w, link);
    grpc_stream(call, on_next, on_gone, w);
}

static const struct grpc_method methods[] = {
    {"/carve.v1.Node/Watch", watch},
    {"/carve.v1.Node/ApplyMig", apply_call},
    {"/carve.v1.Node/Holders", service_holders_call},
};

static int make_folder(const char *socket, struct err *e)
{
    OWN_MEM char *folder = strdup(socket);
    char *slash = folder ? strrchr(folder, '/') : NULL;

    if (!folder)
        return err_memory(e);
    if (!slash || slash == folder)
        return 0;
    *slash = '\0';
    return file_make_folder(folder, e);
}

int service_open(struct service **out, struct agent *a, struct err *e)
{
    OWN_MEM struct service *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return err_memory(e);
    LIST_INIT(&s->watchers);
    r = make_folder(a->options.socket, e);
    if (r == 0)
        r = grpc_server_open(&s->server, a->loop, a->options.socket, SOCKET_MODE, methods,
                             sizeof methods / sizeof methods[0], a, e);
    if (r == 0)
        *out = TAKE(s);
    return r;
}

void service_close(struct service *s)
{
    struct watcher *w;

    if (!s)
        return;
    grpc_server_close(s->server);
    /* The server ends their calls, perhaps later. */
    LIST_FOREACH(w, &s->watchers, link)
    w->left = true;
    free(s);
}

void service_wake(struct service *s)
{
    struct watcher *w;

    LIST_FOREACH(w, &s->watchers, link)
    grpc_stream_wake(w->call);
}
