/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lays a file over the catalogue. AWS's JSON is known by the names at its top and read as a stream,
 * since a price list has gigabytes; everything else is the user's own file.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "cost/aws.h"
#include "cost/merge.h"
#include "cost/offer_file.h"
#include "cost/user_file.h"

enum {
    PIECE_BYTES = 64 << 10,
    USER_MAX_BYTES = 1 << 20, /* as much as yaml_read takes */
};

/* A file while it is read. Its first piece is kept, so that a pipe can be looked at. */
struct adding {
    const char *path;
    FILE *file;
    const struct catalog_watch *watch; /* or NULL */
    uint64_t done, total;
    char *head;
    size_t head_size, skip; /* skip: a byte order mark */
    bool beyond;            /* more than the head has been read */
    struct rows rows;
    struct aws aws;
    struct offer_file offers;
    bool known; /* a name at the top is one of AWS's */
};

static void note_top(struct adding *a, const struct json_path *path)
{
    if (path->depth == 1)
        a->known |= strcmp(path->keys[0], "InstanceTypes") == 0 ||
                    strcmp(path->keys[0], "SpotPriceHistory") == 0 ||
                    offer_file_knows(path->keys[0]);
}

static bool on_value(void *self, const struct json_stream *s, const char *text, size_t size)
{
    struct adding *a = self;

    note_top(a, json_stream_path(s));
    return aws_value(&a->aws, s, text) && offer_file_value(&a->offers, s, text, size);
}

static bool on_begin(void *self, const struct json_stream *s)
{
    const struct json_path *path = json_stream_path(s);
    struct adding *a = self;

    note_top(a, path);
    return aws_begin(&a->aws, s) && offer_file_begin(&a->offers, s);
}

static bool on_end(void *self, const struct json_stream *s)
{
    struct adding *a = self;

    return aws_end(&a->aws, s) && offer_file_end(&a->offers, s);
}

static int read_failed(const struct adding *a, struct err *e)
{
    return err_errno(e, errno ? errno : EIO, "read %s", a->path);
}

/* Back to behind the head. */
static int go_back(struct adding *a, struct err *e)
{
    if (!a->beyond)
        return 0;
    a->beyond = false;
    a->done = a->head_size;
    if (fseek(a->file, (long)a->head_size, SEEK_SET) == 0)
        return 0;
    return err_set(e, ESPIPE, "%s: must be read twice; give it as a file", a->path);
}

static size_t read_piece(struct adding *a, char *piece)
{
    size_t size = fread(piece, 1, PIECE_BYTES, a->file);

    a->beyond |= size > 0;
    a->done += size;
    if (a->watch)
        a->watch->read(a->watch->self, a->done, a->total);
    return size;
}

static int read_head(struct adding *a, struct err *e)
{
    static const unsigned char mark[] = {0xef, 0xbb, 0xbf};

    a->head = malloc(PIECE_BYTES);
    if (!a->head)
        return err_memory(e);
    a->head_size = fread(a->head, 1, PIECE_BYTES, a->file);
    if (ferror(a->file))
        return read_failed(a, e);
    a->done = a->head_size;
    if (a->head_size >= sizeof mark && memcmp(a->head, mark, sizeof mark) == 0)
        a->skip = sizeof mark;
    return 0;
}

/* The whole file once, from its start. */
static int read_stream(struct adding *a, struct err *e)
{
    const struct json_listener listener = {a, on_value, on_begin, on_end};
    OWN_MEM char *piece = malloc(PIECE_BYTES);
    struct json_stream *s = NULL;
    size_t size;
    int r = piece ? json_stream_open(&s, &listener, a->rows.file, e) : err_memory(e);

    if (r == 0)
        r = json_stream_feed(s, a->head + a->skip, a->head_size - a->skip, e);
    while (r == 0 && (size = read_piece(a, piece)) > 0)
        r = json_stream_feed(s, piece, size, e);
    if (r == 0)
        r = ferror(a->file) ? read_failed(a, e) : json_stream_finish(s, e);
    json_stream_close(s);
    return r;
}

/* 1: it is none of AWS's documents. */
static int read_aws(struct adding *a, struct err *e)
{
    struct err inner = {0};
    int r = read_stream(a, &inner);

    if (r == 0 && a->offers.early) {
        a->offers.early = false;
        r = go_back(a, &inner);
        if (r == 0)
            r = read_stream(a, &inner);
    }
    if (!a->known && (r == 0 || r == -EINVAL))
        return 1;
    if (r < 0) {
        if (e)
            *e = inner.code ? inner : *a->aws.e;
        return r == -ECANCELED ? -a->aws.e->code : r;
    }
    if (a->rows.n_types + a->rows.n_prices > 0)
        return 0;
    return err_set(e, ENOENT, "%s: has nothing of the types that the catalogue knows", a->path);
}

/* Text is read at once. */
static int read_user(struct adding *a, const struct catalog_content *now, struct err *e)
{
    OWN_MEM char *piece = malloc(PIECE_BYTES);
    OWN(buf_done) struct buf text;
    size_t size;
    int r = go_back(a, e);

    buf_init(&text, USER_MAX_BYTES + 2 * PIECE_BYTES);
    if (!piece || r < 0)
        return piece ? r : err_memory(e);
    buf_add(&text, a->head, a->head_size);
    while (text.size <= USER_MAX_BYTES && (size = read_piece(a, piece)) > 0)
        buf_add(&text, piece, size);
    if (ferror(a->file))
        return read_failed(a, e);
    if (text.size > USER_MAX_BYTES)
        return err_set(e, EFBIG, "%s: none of AWS's files, and more than %d bytes", a->path,
                       USER_MAX_BYTES);
    r = buf_check(&text, e);
    return r < 0 ? r : user_file_read(&a->rows, now, text.size ? text.data : "", text.size, e);
}

static bool looks_like_json(const struct adding *a)
{
    for (size_t i = a->skip; i < a->head_size; i++)
        if (!isspace((unsigned char)a->head[i]))
            return a->head[i] == '{';
    return false;
}

static int read_rows(struct adding *a, const struct catalog_content *now, struct err *e)
{
    struct err inner = {0};
    int r = read_head(a, e);

    if (r < 0)
        return r;
    if (a->head_size == 0)
        return err_set(e, EINVAL, "%s: is empty", a->path);
    aws_init(&a->aws, &a->rows, now, &inner);
    offer_file_init(&a->offers, &a->rows, now, &inner);
    r = looks_like_json(a) ? read_aws(a, e) : 1;
    return r == 1 ? read_user(a, now, e) : r;
}

int catalog_add(struct catalog *c, const char *file, struct err *e)
{
    return catalog_add_watched(c, file, NULL, e);
}

int catalog_add_watched(struct catalog *c, const char *file, const struct catalog_watch *watch,
                        struct err *e)
{
    OWN_FILE FILE *opened = fopen(file, "re");
    struct adding a = {.path = file, .file = opened, .watch = watch};
    struct stat status;
    int r;

    if (!opened)
        return err_errno(e, errno, "open %s", file);
    if (fstat(fileno(opened), &status) == 0 && S_ISREG(status.st_mode))
        a.total = (uint64_t)status.st_size;
    r = rows_init(&a.rows, file, e);
    if (r == 0)
        r = read_rows(&a, &c->now, e);
    if (r == 0)
        r = merge_rows(&c->now, &c->now, &a.rows, e);
    free(a.head);
    if (r < 0) {
        rows_done(&a.rows);
        return r;
    }
    a.rows.layer->next = c->layers;
    c->layers = a.rows.layer;
    return 0;
}
