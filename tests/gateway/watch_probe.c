/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of src/api for tests: watches collections and sends requests as it is told on standard
 * input, and says on standard output what it hears, a line each. Commands:
 *
 *   watch PATH            prints "put NAMESPACE/NAME VERSION LABEL", "gone NAMESPACE/NAME",
 *                         "synced", "reachable" and "unreachable ERRNO WORDS" in front of PATH's
 *                         number ("0 put ..."); LABEL is metadata.labels.a or "-"
 *   quiet PATH            the same without put and gone
 *   close-on-put PATH     the watch closes itself inside its first put
 *   unwatch NUMBER
 *   send METHOD PATH TYPE TIMEOUT_MS BODY   prints "done 0 SIZE", or "done ERRNO WORDS"; TYPE is
 *                         json, merge, strategic, jsonpatch or apply; BODY "-" is none
 *   close-on-data ...     as send, but prints "data" at the answer's first piece and closes the
 *                         client inside that callback
 *   send-on-data ...      as send, and sends it once more inside that callback
 *   cancel                the first request that is under way
 *   open KUBECONFIG       another server's client; the first is argv[1]
 *   close                 closes the client, its watches first
 *   memory                prints "memory RSS_KB ANONYMOUS_KB"
 *   exit                  closes everything and ends with the loop, which must be empty then
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "api/http.h"
#include "api/watch.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"

enum { WATCHES_MAX = 16, WORDS_MAX = 6, LINE_MAX_BYTES = 1 << 20 };

struct probe;

struct probe_watch {
    struct probe *probe;
    unsigned number;
    bool quiet, close_on_put;
    struct watch *watch;
};

/* Under way; freed when it is over. */
struct probe_request {
    struct probe *probe;
    struct http_request *request;
    size_t answer_bytes;
    bool close_on_data;
    char *again; /* the path to send to at the first piece of the answer; NULL: none */
};

struct probe {
    uv_loop_t loop;
    uv_poll_t input;
    struct buf line;
    struct http *http;
    struct probe_request *first;
    unsigned n_watches;
    struct probe_watch watches[WATCHES_MAX];
};

static const struct yaml_node *member(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return map->pairs[i].value;
    return NULL;
}

static const char *text_of(const struct yaml_node *map, const char *key, const char *otherwise)
{
    const struct yaml_node *node = member(map, key);

    return node && node->kind == YAML_SCALAR ? node->text : otherwise;
}

static void on_put(void *self, struct yaml_doc *object)
{
    struct probe_watch *w = self;
    OWN(yaml_doc_freep) struct yaml_doc *mine = object;
    const struct yaml_node *meta = member(mine->root, "metadata");

    if (!w->quiet)
        (void)printf("%u put %s/%s %s %s\n", w->number, text_of(meta, "namespace", ""),
                     text_of(meta, "name", "?"), text_of(meta, "resourceVersion", "?"),
                     text_of(member(meta, "labels"), "a", "-"));
    if (w->close_on_put)
        watch_close(TAKE(w->watch));
}

static void on_gone(void *self, const char *namespace, const char *name)
{
    const struct probe_watch *w = self;

    if (!w->quiet)
        (void)printf("%u gone %s/%s\n", w->number, namespace, name);
}

static void on_synced(void *self)
{
    const struct probe_watch *w = self;

    (void)printf("%u synced\n", w->number);
}

static void on_reachable(void *self, int r, const struct err *e)
{
    const struct probe_watch *w = self;

    if (r == 0)
        (void)printf("%u reachable\n", w->number);
    else
        (void)printf("%u unreachable %s %s\n", w->number, strerrorname_np(-r), e->msg);
}

static void say_error(const char *what, const struct err *e)
{
    (void)printf("%s %s %s\n", what, strerrorname_np(e->code), e->msg);
}

static void begin_watch(struct probe *p, const char *kind, const char *path)
{
    struct probe_watch *w = &p->watches[p->n_watches];
    struct watch_handlers handlers = {on_put, on_gone, on_synced, on_reachable, w, NULL};
    struct err e = {0};

    *w = (struct probe_watch){
        .probe = p, .number = p->n_watches, .quiet = *kind == 'q', .close_on_put = *kind == 'c'};
    if (p->n_watches == WATCHES_MAX || watch_open(&w->watch, p->http, path, &handlers, &e) < 0)
        say_error("error", &e);
    else
        p->n_watches++;
}

static void forget_request(struct probe_request *r)
{
    if (r->probe->first == r)
        r->probe->first = NULL;
    free(r->again);
    free(r);
}

static void close_client(struct probe *p)
{
    for (unsigned i = 0; i < p->n_watches; i++)
        watch_close(TAKE(p->watches[i].watch));
    http_close(TAKE(p->http));
    if (p->first)
        forget_request(p->first); /* tests close with one request under way at most */
}

static void begin_request(struct probe *p, char **words);

static int on_data(void *self, const char *data, size_t size, struct err *e)
{
    struct probe_request *r = self;
    OWN_MEM char *again = TAKE(r->again);

    (void)data;
    (void)e;
    r->answer_bytes += size;
    if (again) {
        char send[] = "send", get[] = "GET", json[] = "json", none[] = "-", zero[] = "0";

        begin_request(r->probe, (char *[]){send, get, again, json, zero, none});
    }
    if (r->close_on_data) {
        (void)printf("data\n");
        close_client(r->probe);
    }
    return 0;
}

static void on_done(void *self, int r, const struct err *e)
{
    struct probe_request *request = self;

    if (r == 0)
        (void)printf("done 0 %zu\n", request->answer_bytes);
    else
        (void)printf("done %s %u %s\n", strerrorname_np(-r), http_retry_after_ms(request->request),
                     e->msg);
    forget_request(request);
}

static void cancel_first(struct probe *p)
{
    http_cancel(p->first->request);
    forget_request(p->first);
}

static enum http_content content_of(const char *word)
{
    static const char *const words[] = {
        [HTTP_JSON] = "json",
        [HTTP_MERGE_PATCH] = "merge",
        [HTTP_STRATEGIC_PATCH] = "strategic",
        [HTTP_JSON_PATCH] = "jsonpatch",
        [HTTP_APPLY] = "apply",
    };

    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(word, words[i]) == 0)
            return (enum http_content)i;
    return HTTP_JSON;
}

static void begin_request(struct probe *p, char **words)
{
    struct probe_request *r = calloc(1, sizeof *r);
    bool has_body = strcmp(words[5], "-") != 0;
    struct http_question question = {.method = words[1],
                                     .path = words[2],
                                     .content = content_of(words[3]),
                                     .body = has_body ? words[5] : NULL,
                                     .size = has_body ? strlen(words[5]) : 0,
                                     .data = on_data,
                                     .done = on_done,
                                     .self = r};
    uint64_t limit = 0;
    struct err e = {0};

    if (!r)
        return;
    r->probe = p;
    r->close_on_data = *words[0] == 'c';
    r->again = strcmp(words[0], "send-on-data") == 0 ? strdup(words[2]) : NULL;
    (void)text_uint(&limit, words[4], UINT32_MAX);
    question.stall_ms = (unsigned)limit;
    if (http_send(&r->request, p->http, &question, &e) < 0) {
        say_error("done", &e);
        forget_request(r);
        return;
    }
    if (!p->first)
        p->first = r;
}

static void say_memory(void)
{
    static const char *const names[] = {"VmRSS:", "RssAnon:"};
    OWN_MEM char *text = NULL;
    size_t size;

    if (file_read(&text, &size, "/proc/self/status", LINE_MAX_BYTES, NULL) < 0)
        return;
    (void)printf("memory");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *at = strstr(text, names[i]);

        at = at ? at + strlen(names[i]) + strspn(at + strlen(names[i]), " \t") : "0";
        (void)printf(" %.*s", (int)strspn(at, "0123456789"), at);
    }
    (void)printf("\n");
}

static void open_client(struct probe *p, const char *kubeconfig)
{
    struct err e = {0};

    if (http_open(&p->http, &p->loop, kubeconfig, NULL, &e) < 0)
        say_error("error", &e);
    else
        (void)printf("open %s\n", http_server(p->http));
}

static void obey(struct probe *p, char *line)
{
    char nothing[1] = "";
    char *words[WORDS_MAX] = {nothing, nothing, nothing, nothing, nothing, nothing};
    uint64_t number;

    for (unsigned i = 0; i < WORDS_MAX && line; i++)
        words[i] = i + 1 < WORDS_MAX ? strsep(&line, " ") : line;
    if (strncmp(words[0], "send", 4) == 0 || strcmp(words[0], "close-on-data") == 0)
        begin_request(p, words);
    else if (strcmp(words[0], "unwatch") == 0 && text_uint(&number, words[1], WATCHES_MAX - 1))
        watch_close(TAKE(p->watches[number].watch));
    else if (strcmp(words[0], "cancel") == 0 && p->first)
        cancel_first(p);
    else if (strcmp(words[0], "memory") == 0)
        say_memory();
    else if (strcmp(words[0], "open") == 0)
        open_client(p, words[1]);
    else if (strcmp(words[0], "close") == 0)
        close_client(p);
    else if (strcmp(words[0], "exit") != 0)
        begin_watch(p, words[0], words[1]);
    else
        uv_close((uv_handle_t *)&p->input, NULL);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
    struct probe *p = poll->data;
    char *room = buf_room(&p->line, 4096), *end;
    ssize_t n = room ? read(STDIN_FILENO, room, 4096) : 0;

    (void)status;
    (void)events;
    if (n <= 0) {
        uv_close((uv_handle_t *)&p->input, NULL);
        return;
    }
    buf_grew(&p->line, (size_t)n);
    while (p->line.size > 0 && (end = memchr(p->line.data, '\n', p->line.size))) {
        OWN_MEM char *line = strndup(p->line.data, (size_t)(end - p->line.data));

        buf_consume(&p->line, (size_t)(end - p->line.data) + 1);
        if (line)
            obey(p, line);
    }
}

int main(int argc, char **argv)
{
    struct probe p = {0};

    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    buf_init(&p.line, LINE_MAX_BYTES);
    (void)uv_loop_init(&p.loop);
    (void)uv_poll_init(&p.loop, &p.input, STDIN_FILENO);
    p.input.data = &p;
    if (argc > 1)
        open_client(&p, argv[1]);
    (void)uv_poll_start(&p.input, UV_READABLE, on_input);
    while (!uv_is_closing((uv_handle_t *)&p.input))
        (void)uv_run(&p.loop, UV_RUN_ONCE);
    close_client(&p);
    (void)uv_run(&p.loop, UV_RUN_DEFAULT);
    buf_done(&p.line);
    return uv_loop_close(&p.loop) == 0 ? 0 : 1;
}
