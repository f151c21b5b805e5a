/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON of any size, piece by piece, over yajl: tells each scalar with the keys that lead to it.
 * Bounded in depth and in the length of one value; keeps nothing of what it has told.
 */
#ifndef COST_JSON_STREAM_H
#define COST_JSON_STREAM_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct json_stream;

enum {
    JSON_STREAM_DEPTH = 32,
    JSON_STREAM_KEY_SIZE = 128,       /* longer keys are cut */
    JSON_STREAM_MAX_VALUE = 16 << 20, /* bytes without anything told */
};

/*
 * Who listens. `value` gets each scalar as text (numbers as written, "true", "false", "null"; not
 * more than `size` bytes, a NUL follows). `begin` and `end` get maps and lists, with the keys that
 * lead to them. False stops; whoever returns it has filled e.
 */
struct json_listener {
    void *self;
    bool (*value)(void *self, const struct json_stream *s, const char *text, size_t size);
    bool (*begin)(void *self, const struct json_stream *s);
    bool (*end)(void *self, const struct json_stream *s);
};

/* Where the stream is: keys[0 .. depth); "[]" for an element of a list. */
struct json_path {
    unsigned depth;
    char keys[JSON_STREAM_DEPTH][JSON_STREAM_KEY_SIZE];
};

/* The file's name is for messages and borrowed. */
int json_stream_open(struct json_stream **out, const struct json_listener *listener,
                     const char *file, struct err *e);
void json_stream_close(struct json_stream *s);

/* Errors are "FILE:LINE: words", -EINVAL; or what the listener filled e with, -ECANCELED. */
int json_stream_feed(struct json_stream *s, const char *text, size_t size, struct err *e);
int json_stream_finish(struct json_stream *s, struct err *e);

const struct json_path *json_stream_path(const struct json_stream *s);

/* Of what is told now, from 1. */
unsigned json_stream_line(const struct json_stream *s);

/* Whether the path is that of a pattern: so many keys, each equal or NULL (any). */
enum { JSON_PATTERN_KEYS = 8 };
struct json_pattern {
    unsigned depth;
    const char *keys[JSON_PATTERN_KEYS];
};
bool json_pattern_matches(const struct json_pattern *p, const struct json_path *path);

#endif
