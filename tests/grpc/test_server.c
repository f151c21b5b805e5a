/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server for the tests: each method shows one thing that a server can do. Requests are text;
 * the process ends on SIGTERM, after the server has said its goodbyes.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "kube/deviceplugin.h"
#include "kube/grpc_server.h"

enum { MAX_WATCHERS = 4096, MAX_HELD = 2048 };

struct tester;

struct watcher {
    struct tester *tester;
    struct grpc_call *call;
    uint64_t left; /* messages still to come; UINT64_MAX: one a generation, for ever */
    uint64_t size;
    uint64_t fail_after;
    uint64_t told; /* messages so far */
};

struct tester {
    struct grpc_server *server;
    uv_loop_t loop;
    uv_signal_t stop, change, let_go;
    uint64_t generation;
    struct watcher *watchers[MAX_WATCHERS];
    size_t n_watchers;
    size_t n_gone;
    struct grpc_call *held[MAX_HELD];
    size_t n_held;
};

/* The nth word of a request as a number; 0 if there is none. */
static uint64_t number(const uint8_t *request, size_t size, unsigned nth)
{
    char text[128] = "", *rest = text;
    uint64_t value = 0;

    memcpy(text, request, size < sizeof text - 1 ? size : sizeof text - 1);
    for (unsigned i = 0; i <= nth; i++) {
        const char *word = strsep(&rest, " ");

        if (!word)
            return 0;
        if (!text_uint(&value, word, UINT64_MAX))
            value = 0;
    }
    return value;
}

static void echo(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    (void)self;
    grpc_reply(call, request, size);
}

/* "SIZE": that many bytes. */
static void big(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    size_t wanted = (size_t)number(request, size, 0);
    OWN_MEM char *bytes = malloc(wanted + 1);

    (void)self;
    if (!bytes)
        return;
    memset(bytes, 'x', wanted);
    grpc_reply(call, bytes, wanted);
}

/* "ERRNO WORDS": fails so. */
static void fails(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    const uint8_t *space = memchr(request, ' ', size);
    size_t skip = space ? (size_t)(space - request) + 1 : size;
    struct err e = {0};

    (void)self;
    (void)err_set(&e, (int)number(request, size, 0), "%.*s", (int)(size - skip), request + skip);
    grpc_fail(call, &e);
}

static void peer(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct grpc_peer who = grpc_call_peer(call);
    char text[64];
    int n = snprintf(text, sizeof text, "%u %u %d", who.uid, who.gid, who.pid);

    (void)self;
    (void)request;
    (void)size;
    grpc_reply(call, text, (size_t)n);
}

/* Keeps the call; `release` answers all that are kept. */
static void hold(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    struct tester *t = self;
    struct err e = {0};

    (void)request;
    (void)size;
    if (t->n_held < MAX_HELD) {
        t->held[t->n_held++] = call;
        return;
    }
    (void)err_set(&e, EBUSY, "too many calls are held");
    grpc_fail(call, &e);
}

static void answer_held(struct tester *t)
{
    while (t->n_held > 0)
        grpc_reply(t->held[--t->n_held], "released", 8);
}

static void release(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    answer_held(self);
    grpc_reply(call, request, size);
}

static void stats(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    const struct tester *t = self;
    char text[64];
    int n = snprintf(text, sizeof text, "%zu %zu %zu", t->n_watchers, t->n_gone, t->n_held);

    (void)request;
    (void)size;
    grpc_reply(call, text, (size_t)n);
}

static void forget(struct watcher *w)
{
    struct tester *t = w->tester;

    for (size_t i = 0; i < t->n_watchers; i++)
        if (t->watchers[i] == w) {
            t->watchers[i] = t->watchers[--t->n_watchers];
            break;
        }
    free(w);
}

static void watcher_gone(void *self)
{
    struct watcher *w = self;

    w->tester->n_gone++;
    forget(w);
}

static int next_message(void *self, struct buf *out)
{
    struct watcher *w = self;
    char *room;

    if (w->left == 0) {
        grpc_stream_end(w->call);
        forget(w);
        return 0;
    }
    if (w->fail_after > 0 && w->told == w->fail_after)
        return -EBUSY;
    buf_printf(out, "%" PRIu64 " ", w->left == UINT64_MAX ? w->tester->generation : w->told);
    room = w->size > 0 ? buf_room(out, (size_t)w->size) : NULL;
    if (room) {
        memset(room, 'x', (size_t)w->size);
        buf_grew(out, (size_t)w->size);
    }
    w->told++;
    if (w->left != UINT64_MAX) {
        w->left--;
        grpc_stream_wake(w->call);
    }
    return 1;
}

static void start_stream(struct tester *t, struct grpc_call *call, uint64_t left, uint64_t size,
                         uint64_t fail_after)
{
    struct watcher *w = calloc(1, sizeof *w);
    struct err e = {0};

    if (!w || t->n_watchers == MAX_WATCHERS) {
        free(w);
        (void)err_set(&e, EBUSY, "too many streams");
        grpc_fail(call, &e);
        return;
    }
    *w = (struct watcher){
        .tester = t, .call = call, .left = left, .size = size, .fail_after = fail_after};
    t->watchers[t->n_watchers++] = w;
    grpc_stream(call, next_message, watcher_gone, w);
}

/* "N SIZE FAIL": N messages of SIZE bytes behind their number; fails after FAIL if that is set. */
static void stream(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    start_stream(self, call, number(request, size, 0), number(request, size, 1),
                 number(request, size, 2));
}

/* "SIZE": the generation, now and after each change. */
static void watch(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    start_stream(self, call, UINT64_MAX, number(request, size, 0), 0);
}

static void next_generation(struct tester *t)
{
    t->generation++;
    for (size_t i = 0; i < t->n_watchers; i++)
        grpc_stream_wake(t->watchers[i]->call);
}

static void bump(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    next_generation(self);
    grpc_reply(call, request, size);
}

static int next_devices(void *self, struct buf *out)
{
    for (unsigned i = 0; i < 1000; i++) {
        char id[64];

        (void)snprintf(id, sizeof id, "GPU-00000000-0000-0000-0000-%012u", i);
        deviceplugin_put_device(out, &(struct deviceplugin_device){.id = id,
                                                                   .healthy = i % 10 != 9,
                                                                   .numa_node = (int)(i % 3) - 1});
    }
    (void)self;
    return 1;
}

static void list_and_watch(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    (void)request;
    (void)size;
    grpc_stream(call, next_devices, NULL, self);
}

static void allocate(void *self, struct grpc_call *call, const uint8_t *request, size_t size)
{
    const struct deviceplugin_mount mount = {"/usr/bin/tool", "/opt/tool", true};
    const struct deviceplugin_node node = {"/dev/nvidia0", "/dev/nvidia0", "rw"};
    const char *const cdi[] = {"example.com/gpu=g0"};
    OWN(deviceplugin_request_freep) struct deviceplugin_request *asked = NULL;
    struct buf out;
    struct err e = {0};

    (void)self;
    buf_init(&out, GRPC_MAX_MESSAGE);
    if (deviceplugin_read_allocate(&asked, request, size, &e) < 0) {
        grpc_fail(call, &e);
        return;
    }
    for (size_t i = 0; i < asked->n_wishes; i++) {
        const struct deviceplugin_pair envs[] = {
            {"FIRST", asked->wishes[i].n_ids > 0 ? asked->wishes[i].ids[0] : ""},
            {"EMPTY", ""},
        };

        deviceplugin_put_answer(&out, &(struct deviceplugin_answer){.envs = envs,
                                                                    .n_envs = 2,
                                                                    .mounts = &mount,
                                                                    .n_mounts = 1,
                                                                    .nodes = &node,
                                                                    .n_nodes = 1,
                                                                    .cdi_devices = cdi,
                                                                    .n_cdi_devices = 1});
    }
    grpc_reply(call, out.data, out.size);
    buf_done(&out);
}

static const struct grpc_method methods[] = {
    {"/test.Grpc/Echo", echo},
    {"/test.Grpc/Big", big},
    {"/test.Grpc/Fail", fails},
    {"/test.Grpc/Peer", peer},
    {"/test.Grpc/Hold", hold},
    {"/test.Grpc/Release", release},
    {"/test.Grpc/Stats", stats},
    {"/test.Grpc/Stream", stream},
    {"/test.Grpc/Watch", watch},
    {"/test.Grpc/Bump", bump},
    {DEVICEPLUGIN_LIST_AND_WATCH, list_and_watch},
    {DEVICEPLUGIN_ALLOCATE, allocate},
};

/* Answers what it still holds when the server is gone already, as an agent may. */
static void stop(uv_signal_t *handle, int signal_number)
{
    struct tester *t = handle->data;

    (void)signal_number;
    grpc_server_close(t->server);
    uv_close((uv_handle_t *)&t->stop, NULL);
    uv_close((uv_handle_t *)&t->change, NULL);
    uv_close((uv_handle_t *)&t->let_go, NULL);
}

static void change(uv_signal_t *handle, int signal_number)
{
    (void)signal_number;
    next_generation(handle->data);
}

static void let_go(uv_signal_t *handle, int signal_number)
{
    (void)signal_number;
    answer_held(handle->data);
}

int main(int argc, char **argv)
{
    static struct tester t;
    struct err e = {0};

    if (argc != 2 || uv_loop_init(&t.loop) < 0)
        return 2;
    if (grpc_server_open(&t.server, &t.loop, argv[1], 0640, methods,
                         sizeof methods / sizeof methods[0], &t, &e) < 0) {
        (void)fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    (void)uv_signal_init(&t.loop, &t.stop);
    (void)uv_signal_init(&t.loop, &t.change);
    (void)uv_signal_init(&t.loop, &t.let_go);
    t.stop.data = t.change.data = t.let_go.data = &t;
    (void)uv_signal_start(&t.stop, stop, SIGTERM);
    (void)uv_signal_start(&t.change, change, SIGUSR1);
    (void)uv_signal_start(&t.let_go, let_go, SIGUSR2);
    (void)uv_run(&t.loop, UV_RUN_DEFAULT);
    answer_held(&t);
    return uv_loop_close(&t.loop) < 0 || t.n_watchers > 0;
}
