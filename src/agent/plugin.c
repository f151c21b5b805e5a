/* SPDX-License-Identifier: Apache-2.0 */
/* One resource's device plugin: see plugin.h. What the answers hold is allocate.c's business. */
#include "agent/plugin.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/agent.h"
#include "agent/allocate.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "kube/deviceplugin.h"
#include "kube/grpc_server.h"
#include "slice/resource.h"

enum {
    PLUGIN_MAX_READERS = 64,
    MAX_REFUSALS = 10, /* told in the log in each of these times; a broken controller asks on */
    REFUSALS_MS = 60000,
};

const struct deviceplugin_options plugin_options = {.preferred_allocation = true};

/* One ListAndWatch under way. */
struct reader {
    struct plugin *plugin;
    struct grpc_call *call; /* NULL: this place is free */
};

struct plugin {
    struct agent *agent;
    char resource[RESOURCE_NAME_SIZE];
    char *socket;
    char *endpoint; /* the end of `socket` */
    dev_t device;   /* of the socket's file, as made */
    ino_t inode;
    struct grpc_server *server;
    plugin_left *left;
    void *self;
    unsigned n_readers;
    uint64_t refusals_since_ms; /* on the loop's clock */
    unsigned n_refusals;        /* since then */
    struct reader readers[PLUGIN_MAX_READERS];
};

static const struct resource *resource_of(const struct plugin *p)
{
    return p->agent->resources ? resource_list_find(p->agent->resources, p->resource) : NULL;
}

/* The answer to a call, or its error. */
static void answer(struct grpc_call *call, const struct buf *out, int r, const struct err *e)
{
    if (r < 0)
        grpc_fail(call, e);
    else
        grpc_reply(call, out->data, out->size);
}

static void get_options(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    OWN(buf_done) struct buf out;
    struct err e = {0};

    (void)self, (void)request, (void)size;
    buf_init(&out, GRPC_MAX_MESSAGE);
    deviceplugin_put_options(&out, &plugin_options);
    answer(call, &out, buf_check(&out, &e), &e);
}

static void pre_start(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    (void)self, (void)request, (void)size;
    grpc_reply(call, "", 0);
}

/* How allocate_answer and allocate_prefer look. */
typedef int answer_maker(struct buf *out, const struct agent *a, const struct resource *r,
                         const uint8_t *request, size_t size, struct err *e);

static void log_refusal(struct plugin *p, const struct err *e)
{
    uint64_t now_ms = uv_now(p->agent->loop);

    if (now_ms - p->refusals_since_ms >= REFUSALS_MS) {
        if (p->n_refusals > MAX_REFUSALS)
            log_event(LOG_WARNING, "requests refused resource=%s more=%u", p->resource,
                      p->n_refusals - MAX_REFUSALS);
        p->refusals_since_ms = now_ms;
        p->n_refusals = 0;
    }
    if (++p->n_refusals <= MAX_REFUSALS)
        log_event(LOG_WARNING, "request refused resource=%s reason=\"%s\"%s", p->resource, e->msg,
                  p->n_refusals == MAX_REFUSALS ? "; more in this minute are only counted" : "");
}

static void answer_with(struct plugin *p, struct grpc_call *call, const uint8_t *request,
                        size_t size, answer_maker *make)
{
    const struct resource *r = resource_of(p);
    OWN(buf_done) struct buf out;
    struct err e = {0};
    int result;

    buf_init(&out, GRPC_MAX_MESSAGE);
    if (r)
        result = make(&out, p->agent, r, request, size, &e);
    else
        result = err_set(&e, ENOENT, "%s is not offered now", p->resource);
    if (result < 0)
        log_refusal(p, &e);
    answer(call, &out, result, &e);
}

static void allocate(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct plugin *p = self;

    p->agent->allocated_ms = uv_now(p->agent->loop);
    answer_with(p, call, request, size, allocate_answer);
}

static void prefer(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    answer_with(self, call, request, size, allocate_prefer);
}

static int next_list(void *self, struct buf *out)
{
    const struct reader *reader = self;
    const struct resource *r = resource_of(reader->plugin);

    for (size_t slice = 0; r && slice < resource_slices(r); slice++) {
        const struct resource_device *behind = &r->devices[slice / r->replicas];
        char id[SLICE_ID_SIZE];
        struct deviceplugin_device device = {
            .id = resource_slice_id(id, r, slice),
            .healthy = behind->healthy,
            .numa_node = behind->numa_node,
        };

        deviceplugin_put_device(out, &device);
    }
    for (size_t i = 0; r && i < r->n_leaving; i++) {
        const struct deviceplugin_device device = {.id = r->leaving[i], .numa_node = -1};

        deviceplugin_put_device(out, &device);
    }
    return 1;
}

static void reader_gone(void *self)
{
    struct reader *reader = self;
    struct plugin *p = reader->plugin;

    reader->call = NULL;
    p->n_readers--;
    if (p->n_readers == 0)
        p->left(p->self);
}

static void list_and_watch(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct plugin *p = self;
    struct err e = {0};

    (void)request, (void)size;
    for (size_t i = 0; i < PLUGIN_MAX_READERS; i++) {
        struct reader *reader = &p->readers[i];

        if (reader->call)
            continue;
        *reader = (struct reader){.plugin = p, .call = call};
        p->n_readers++;
        grpc_stream(call, next_list, reader_gone, reader);
        return;
    }
    (void)err_set(&e, EBUSY, "more than %d readers of %s", PLUGIN_MAX_READERS, p->resource);
    grpc_fail(call, &e);
}

static const struct grpc_method methods[] = {
    {DEVICEPLUGIN_OPTIONS, get_options}, {DEVICEPLUGIN_LIST_AND_WATCH, list_and_watch},
    {DEVICEPLUGIN_PREFERRED, prefer},    {DEVICEPLUGIN_ALLOCATE, allocate},
    {DEVICEPLUGIN_PRE_START, pre_start},
};

/* Ends the streams from our side, after which nobody calls reader_gone(). */
static void end_readers(struct plugin *p)
{
    for (size_t i = 0; i < PLUGIN_MAX_READERS; i++)
        if (p->readers[i].call)
            grpc_stream_end(TAKE(p->readers[i].call));
    p->n_readers = 0;
}

static int listen_at(struct plugin *p, struct err *e)
{
    struct grpc_server *server;
    struct stat st;
    int r = grpc_server_open(&server, p->agent->loop, p->socket, 0600, methods,
                             sizeof methods / sizeof methods[0], p, e);

    if (r < 0)
        return r;
    if (p->server) {
        end_readers(p);
        grpc_server_close(p->server);
    }
    p->server = server;
    p->device = 0;
    p->inode = 0;
    if (stat(p->socket, &st) == 0) {
        p->device = st.st_dev;
        p->inode = st.st_ino;
    }
    return 0;
}

static void plugin_free(struct plugin *p)
{
    if (!p)
        return;
    free(p->socket);
    free(p);
}
OWN_POINTER(struct plugin, plugin_free);

/*
 * "nvidia-gpu.sock" for nvidia.com/gpu, as the original names it; the first label of the domain
 * stands for others.
 */
static int name_socket(struct plugin *p, const char *folder, struct err *e)
{
    const char *slash = strchr(p->resource, '/');
    int label = (int)strcspn(p->resource, "./");

    if (!slash)
        return err_set(e, EINVAL, "'%s' is no resource name", p->resource);
    if (asprintf(&p->socket, "%s/%.*s-%s.sock", folder, label, p->resource, slash + 1) < 0) {
        p->socket = NULL;
        return err_memory(e);
    }
    p->endpoint = strrchr(p->socket, '/') + 1;
    return 0;
}

int plugin_open(struct plugin **out, struct agent *a, const char *resource, const char *folder,
                plugin_left *left, void *self, struct err *e)
{
    OWN(plugin_freep) struct plugin *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return err_memory(e);
    p->agent = a;
    p->left = left;
    p->self = self;
    (void)snprintf(p->resource, sizeof p->resource, "%s", resource);
    r = name_socket(p, folder, e);
    if (r == 0)
        r = listen_at(p, e);
    if (r < 0)
        return r;
    *out = TAKE(p);
    return 0;
}

int plugin_reopen(struct plugin *p, struct err *e)
{
    return listen_at(p, e);
}

void plugin_close(struct plugin *p)
{
    if (!p)
        return;
    end_readers(p);
    grpc_server_close(p->server);
    plugin_free(p);
}

const char *plugin_endpoint(const struct plugin *p)
{
    return p->endpoint;
}

unsigned plugin_readers(const struct plugin *p)
{
    return p->n_readers;
}

bool plugin_reachable(const struct plugin *p)
{
    struct stat st;

    return stat(p->socket, &st) == 0 && st.st_dev == p->device && st.st_ino == p->inode;
}

void plugin_wake(struct plugin *p)
{
    for (size_t i = 0; i < PLUGIN_MAX_READERS; i++)
        if (p->readers[i].call)
            grpc_stream_wake(p->readers[i].call);
}
