/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local service: see service.h. Watchers are woken when the state has grown; what they get is
 * made when they can take it, so a slow one costs nothing and hears the newest. ApplyMig is
 * apply.c's, Configure configure.c's, Reboot reboot.c's. Anyone who can open the socket, whose mode
 * is for all, may watch and list holders; the others need the rights of rights.h.
 */
#include "agent/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/advertise.h"
#include "agent/agent.h"
#include "agent/apply.h"
#include "agent/configure.h"
#include "agent/health.h"
#include "agent/reboot.h"
#include "agent/reload.h"
#include "agent/service_holders.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "base/text.h"
#include "kube/grpc_server.h"
#include "node/node_state.h"
#include "slice/resource.h"

enum {
    SOCKET_MODE = 0666,
    MACHINE_SIZE = 128,
};

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
    char machine[MACHINE_SIZE];
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

/* All resources in short, but those that are only leaving: a note tells of them. free() it. */
static struct node_resource *short_resources(size_t *n, const struct agent *a)
{
    size_t count = a->resources ? a->resources->count : 0;
    struct node_resource *resources = calloc(count + 1, sizeof *resources);

    *n = 0;
    if (!resources)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct resource *resource = &a->resources->resources[i];

        if (resource->n_devices > 0)
            resources[(*n)++] =
                node_state_resource(resource, advertise_registered(a->advertise, resource->name));
    }
    return resources;
}

static int pack_state(struct buf *out, const struct agent *a)
{
    OWN_MEM struct node_resource *resources = NULL;
    OWN_MEM struct node_fault *faults = NULL;
    const struct resource_list *list = a->resources;
    size_t n_findings;
    char **findings = finding_lines(&n_findings, &a->findings);
    struct node_state state = {
        .generation = a->generation,
        .inventory = a->inventory,
        .config_file = a->options.config_file,
        .config_error = a->config_error,
        .config_name = reload_name(a->reload),
        .n_findings = n_findings,
        .findings = (const char *const *)findings,
        .last_good = a->last_good,
        .n_notes = list ? list->n_notes : 0,
        .notes = list ? (const char *const *)list->notes : NULL,
        .driver_error = a->driver_error,
        .version = CARVE_VERSION,
        .machine = a->service ? a->service->machine : "",
        .mig_strategy = agent_config(a)->mig_strategy,
        .resolved = a->inventory && list,
    };
    int r = -ENOMEM;

    resources = short_resources(&state.n_resources, a);
    faults = health_faults(a->health, &state.n_faults);
    state.faults = faults;
    state.resources = resources;
    if (resources && findings && faults)
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
    {"/carve.v1.Node/Configure", configure_call},
    {"/carve.v1.Node/Reboot", reboot_call},
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

/* The machine's product name as its firmware tells it; "" where there is none, as on ARM. */
static void read_machine(char out[MACHINE_SIZE], const char *sysfs_root)
{
    OWN_MEM char *path = file_join(sysfs_root, "class/dmi/id/product_name");
    OWN_MEM char *text = NULL;

    if (!path || file_read(&text, NULL, path, MACHINE_SIZE - 1, NULL) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    (void)text_copy(out, MACHINE_SIZE, text);
}

int service_open(struct service **out, struct agent *a, struct err *e)
{
    OWN_MEM struct service *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return err_memory(e);
    LIST_INIT(&s->watchers);
    read_machine(s->machine, a->options.sysfs_root);
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
