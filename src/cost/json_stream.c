/* SPDX-License-Identifier: Apache-2.0 */
/* JSON piece by piece: see json_stream.h. */
#include "cost/json_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/buf.h"
#include "base/err.h"

struct json_stream {
    struct json_listener listener;
    const char *file;
    yajl_handle parser;
    struct json_path path;
    bool lists[JSON_STREAM_DEPTH]; /* of what is open at each depth: a list, else a map */
    unsigned open;
    struct buf text;   /* the scalar, terminated */
    bool stopped;      /* by the listener */
    const char *why;   /* we stopped ourselves */
    size_t silent;     /* bytes since something was told */
    const char *piece; /* being fed */
    size_t counted;    /* of its bytes, for the line */
    unsigned line;
};

/* Counts the lines of the piece up to where the parser is. */
static void count_lines(struct json_stream *s)
{
    size_t now = yajl_get_bytes_consumed(s->parser);
    const char *at;

    while (s->piece && s->counted < now &&
           (at = memchr(s->piece + s->counted, '\n', now - s->counted))) {
        s->line++;
        s->counted = (size_t)(at - s->piece) + 1;
    }
    if (s->counted < now)
        s->counted = now;
}

static bool stop(struct json_stream *s, const char *why)
{
    s->why = why;
    return false;
}

/* Before a value at any place: in a list it has no key of its own. */
static void enter(struct json_stream *s)
{
    s->silent = 0;
    count_lines(s);
    if (s->open > 0 && s->lists[s->open - 1]) {
        struct json_path *p = &s->path;

        (void)memcpy(p->keys[p->depth++], "[]", 3);
    }
}

static void leave(struct json_stream *s)
{
    if (s->path.depth > 0)
        s->path.depth--;
}

static int tell(struct json_stream *s, const char *text, size_t size)
{
    bool more;

    enter(s);
    buf_clear(&s->text);
    buf_add(&s->text, text, size);
    buf_char(&s->text, '\0');
    if (s->text.failed)
        return stop(s, "a value is too long");
    more = s->listener.value(s->listener.self, s, s->text.data, size);
    s->stopped = !more;
    leave(s);
    return more;
}

static int on_null(void *self)
{
    return tell(self, "null", 4);
}

static int on_truth(void *self, int truth)
{
    return truth ? tell(self, "true", 4) : tell(self, "false", 5);
}

static int on_number(void *self, const char *text, size_t size)
{
    return tell(self, text, size);
}

static int on_string(void *self, const unsigned char *text, size_t size)
{
    return tell(self, (const char *)text, size);
}

static int on_key(void *self, const unsigned char *text, size_t size)
{
    struct json_stream *s = self;
    struct json_path *p = &s->path;
    size_t kept = size < JSON_STREAM_KEY_SIZE ? size : JSON_STREAM_KEY_SIZE - 1;

    s->silent = 0;
    memcpy(p->keys[p->depth], text, kept);
    p->keys[p->depth++][kept] = '\0';
    return 1;
}

/* One level is kept free for the key of what is inside. */
static int begin(struct json_stream *s, bool list)
{
    enter(s);
    if (s->open == JSON_STREAM_DEPTH - 1)
        return stop(s, "nested too deeply");
    s->lists[s->open++] = list;
    s->stopped = !s->listener.begin(s->listener.self, s);
    return !s->stopped;
}

static int finish(struct json_stream *s)
{
    s->silent = 0;
    count_lines(s);
    s->open--;
    s->stopped = !s->listener.end(s->listener.self, s);
    leave(s);
    return !s->stopped;
}

static int on_map(void *self)
{
    return begin(self, false);
}

static int on_list(void *self)
{
    return begin(self, true);
}

static int on_end(void *self)
{
    return finish(self);
}

int json_stream_open(struct json_stream **out, const struct json_listener *listener,
                     const char *file, struct err *e)
{
    static const yajl_callbacks calls = {
        .yajl_null = on_null,
        .yajl_boolean = on_truth,
        .yajl_number = on_number,
        .yajl_string = on_string,
        .yajl_start_map = on_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_list,
        .yajl_end_array = on_end,
    };
    struct json_stream *s = calloc(1, sizeof *s);

    if (!s)
        return err_memory(e);
    s->listener = *listener;
    s->file = file;
    s->line = 1;
    buf_init(&s->text, JSON_STREAM_MAX_VALUE + (128u << 10));
    s->parser = yajl_alloc(&calls, NULL, s);
    if (!s->parser) {
        json_stream_close(s);
        return err_memory(e);
    }
    *out = s;
    return 0;
}

void json_stream_close(struct json_stream *s)
{
    if (!s)
        return;
    if (s->parser)
        yajl_free(s->parser);
    buf_done(&s->text);
    free(s);
}

/* yajl's words are "parse error: trailing comma\n" and the like. */
static int refuse(struct json_stream *s, const char *text, size_t size, struct err *e)
{
    static const char words_before[] = "parse error: ";
    unsigned char *words;
    const char *from;
    int r;

    if (s->stopped)
        return -ECANCELED;
    if (s->why)
        return err_set(e, EINVAL, "%s:%u: %s", s->file, s->line, s->why);
    words = yajl_get_error(s->parser, 0, (const unsigned char *)text, size);
    from = words ? (const char *)words : "not JSON";
    if (strncmp(from, words_before, strlen(words_before)) == 0)
        from += strlen(words_before);
    r = err_set(e, EINVAL, "%s:%u: not JSON: %.*s", s->file, s->line, (int)strcspn(from, "\n"),
                from);
    if (words)
        yajl_free_error(s->parser, words);
    return r;
}

int json_stream_feed(struct json_stream *s, const char *text, size_t size, struct err *e)
{
    yajl_status status;

    s->piece = text;
    s->counted = 0;
    s->silent += size;
    status = yajl_parse(s->parser, (const unsigned char *)text, size);
    count_lines(s);
    s->piece = NULL;
    if (status != yajl_status_ok)
        return refuse(s, text, size, e);
    if (s->silent > JSON_STREAM_MAX_VALUE)
        return err_set(e, EINVAL, "%s:%u: a value is too long", s->file, s->line);
    return 0;
}

int json_stream_finish(struct json_stream *s, struct err *e)
{
    return yajl_complete_parse(s->parser) == yajl_status_ok ? 0 : refuse(s, NULL, 0, e);
}

const struct json_path *json_stream_path(const struct json_stream *s)
{
    return &s->path;
}

unsigned json_stream_line(const struct json_stream *s)
{
    return s->line;
}

bool json_pattern_matches(const struct json_pattern *p, const struct json_path *path)
{
    if (p->depth != path->depth)
        return false;
    for (unsigned i = p->depth; i-- > 0;)
        if (p->keys[i] && strcmp(p->keys[i], path->keys[i]) != 0)
            return false;
    return true;
}
