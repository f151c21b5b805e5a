/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects out of a stream of JSON: see objects.h. yajl's events go to the tree under construction
 * while an object is open; else only the list's own kind, version and page token are looked at, or
 * an event's type.
 */
#include "api/objects.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "api/object_tree.h"
#include "base/err.h"

enum {
    DEPTH_MAX = OBJECT_TREE_DEPTH_MAX,
    TOP_TEXT_MAX = 16384, /* of the list's own kind, version, token */
    TYPE_MAX = 32,        /* of an event */
};

struct objects {
    yajl_handle parser;
    api_object *each;          /* of a list */
    objects_event *each_event; /* of a watch; one of the two */
    void *self;
    const char *const *skip;
    unsigned depth; /* of all that is open */
    size_t quiet;   /* bytes since the parser told of anything */
    char top_key[32], second_key[32];
    char *kind, *version, *more; /* the list's */
    char *resource_version;
    char type[TYPE_MAX];     /* the event's */
    struct yaml_doc *event;  /* its object, complete */
    struct object_tree tree; /* the object that is open */
    unsigned passed_over;    /* open levels of a value that nobody needs */
    bool pass_over;          /* the value that comes next is one */
    int code;                /* of a failure inside an event */
    struct err err;
};

/* What yajl wants to hear. */
static int verdict_of(struct objects *o, int r)
{
    if (r < 0)
        o->code = r;
    return r == 0;
}

static int failed(struct objects *o, int code, const char *words)
{
    return verdict_of(o, err_set(&o->err, code, "%s", words));
}

static bool inside(const struct objects *o)
{
    return o->tree.doc != NULL;
}

/* Depth 1 is the list itself, 2 its `items`, 3 an item; or 1 an event, 2 its `object`. */
static bool begins_object(const struct objects *o, enum yaml_kind kind)
{
    if (kind != YAML_MAP)
        return false;
    if (o->each_event)
        return o->depth == 2 && strcmp(o->top_key, "object") == 0;
    return o->depth == 3 && strcmp(o->top_key, "items") == 0;
}

static int begin(struct objects *o, enum yaml_kind kind)
{
    int r = 0;

    o->quiet = 0;
    if (++o->depth > DEPTH_MAX)
        return failed(o, EFBIG, "the answer is nested too deeply");
    if (o->pass_over || o->passed_over > 0) {
        o->pass_over = false;
        o->passed_over++;
        return 1;
    }
    if (o->depth == 1)
        *o->type = '\0';
    if (o->each_event && o->depth == 1 && kind != YAML_MAP)
        return failed(o, EINVAL, "the answer has something else than events");
    if (!inside(o) && !begins_object(o, kind))
        return 1;
    if (!inside(o))
        r = object_tree_begin(&o->tree, &o->err);
    if (r == 0)
        r = object_tree_open(&o->tree, kind, &o->err);
    return verdict_of(o, r);
}

static int end_event(struct objects *o)
{
    if (!o->event || !*o->type)
        return failed(o, EINVAL, "an event without type or object");
    return o->each_event(o->self, o->type, TAKE(o->event)) ? 1 : failed(o, ECANCELED, "stopped");
}

/* Items of a list do not say their own kind where it is the list's. */
static int end_object(struct objects *o)
{
    size_t size = o->kind ? strlen(o->kind) : 0;
    int r = 0;

    if (o->each_event) {
        yaml_doc_free(o->event);
        o->event = object_tree_take(&o->tree);
        return 1;
    }
    if (size > 4 && strcmp(o->kind + size - 4, "List") == 0)
        r = object_tree_complete(&o->tree, "kind", o->kind, size - 4, &o->err);
    if (r == 0 && o->version)
        r = object_tree_complete(&o->tree, "apiVersion", o->version, strlen(o->version), &o->err);
    if (r < 0)
        return verdict_of(o, r);
    return o->each(o->self, object_tree_take(&o->tree)) ? 1 : failed(o, ECANCELED, "stopped");
}

static int end(struct objects *o)
{
    int r;

    o->quiet = 0;
    o->depth--;
    if (o->passed_over > 0) {
        o->passed_over--;
        return 1;
    }
    if (!inside(o))
        return o->each_event && o->depth == 0 ? end_event(o) : 1;
    r = object_tree_close(&o->tree, &o->err);
    return r == 0 && o->tree.n_levels == 0 ? end_object(o) : verdict_of(o, r);
}

static int keep(struct objects *o, char **out, const void *text, size_t size)
{
    if (size > TOP_TEXT_MAX)
        return failed(o, EFBIG, "the answer's own fields are too long");
    free(*out);
    *out = strndup(text, size);
    return *out ? 1 : failed(o, ENOMEM, "out of memory");
}

/* A text of the list itself or of an event. */
static int on_top_text(struct objects *o, const void *text, size_t size, bool plain)
{
    if (o->each_event && o->depth == 0)
        return failed(o, EINVAL, "the answer has something else than events");
    if (plain)
        return 1;
    if (o->each_event) {
        if (strcmp(o->top_key, "type") == 0)
            (void)snprintf(o->type, sizeof o->type, "%.*s",
                           (int)(size < TYPE_MAX ? size : TYPE_MAX), (const char *)text);
        return 1;
    }
    if (o->depth == 1 && strcmp(o->top_key, "kind") == 0)
        return keep(o, &o->kind, text, size);
    if (o->depth == 1 && strcmp(o->top_key, "apiVersion") == 0)
        return keep(o, &o->version, text, size);
    if (o->depth != 2 || strcmp(o->top_key, "metadata") != 0)
        return 1;
    if (strcmp(o->second_key, "continue") == 0)
        return keep(o, &o->more, text, size);
    if (strcmp(o->second_key, "resourceVersion") == 0)
        return keep(o, &o->resource_version, text, size);
    return 1;
}

/* Whether a value that is no map or list is one that nobody needs. */
static bool passes_over(struct objects *o)
{
    bool once = o->pass_over;

    o->quiet = 0;
    o->pass_over = false;
    return once || o->passed_over > 0;
}

static int on_scalar(struct objects *o, const void *text, size_t size, bool plain)
{
    if (passes_over(o))
        return 1;
    if (!inside(o))
        return on_top_text(o, text, size, plain);
    return verdict_of(o, object_tree_scalar(&o->tree, text, size, plain, &o->err));
}

static int on_text(void *self, const unsigned char *text, size_t size)
{
    return on_scalar(self, text, size, false);
}

static int on_number(void *self, const char *text, size_t size)
{
    return on_scalar(self, text, size, true);
}

static int on_boolean(void *self, int value)
{
    const char *text = value ? "true" : "false";

    return on_scalar(self, text, strlen(text), true);
}

static int on_null(void *self)
{
    struct objects *o = self;

    if (passes_over(o))
        return 1;
    if (!inside(o))
        return on_top_text(o, "", 0, true);
    return verdict_of(o, object_tree_null(&o->tree, &o->err));
}

/* Half of many an object is about who wrote it, not what it is. */
static bool is_skipped(const struct objects *o, const void *text, size_t size)
{
    size_t first = o->tree.member ? strlen(o->tree.member) : 0;

    if (o->tree.n_levels != 2 || first == 0)
        return false;
    for (const char *const *at = o->skip; *at; at++)
        if (strncmp(*at, o->tree.member, first) == 0 && (*at)[first] == '.' &&
            strlen(*at + first + 1) == size && memcmp(*at + first + 1, text, size) == 0)
            return true;
    return false;
}

static int on_key(void *self, const unsigned char *text, size_t size)
{
    struct objects *o = self;

    o->quiet = 0;
    if (o->passed_over > 0)
        return 1;
    if (inside(o)) {
        o->pass_over = is_skipped(o, text, size);
        return o->pass_over || verdict_of(o, object_tree_key(&o->tree, text, size, &o->err));
    }
    if (o->depth == 1)
        (void)snprintf(o->top_key, sizeof o->top_key, "%.*s", (int)(size < 64 ? size : 64), text);
    if (o->depth == 2)
        (void)snprintf(o->second_key, sizeof o->second_key, "%.*s", (int)(size < 64 ? size : 64),
                       text);
    return 1;
}

static int on_map(void *self)
{
    return begin(self, YAML_MAP);
}

static int on_list(void *self)
{
    return begin(self, YAML_LIST);
}

static int on_end(void *self)
{
    return end(self);
}

static int open_either(struct objects **out, void *self, struct err *e)
{
    static const yajl_callbacks events = {
        .yajl_null = on_null,
        .yajl_boolean = on_boolean,
        .yajl_number = on_number,
        .yajl_string = on_text,
        .yajl_start_map = on_map,
        .yajl_map_key = on_key,
        .yajl_end_map = on_end,
        .yajl_start_array = on_list,
        .yajl_end_array = on_end,
    };
    static const char *const usual[] = {"metadata.managedFields", NULL};
    OWN(objects_freep) struct objects *o = calloc(1, sizeof *o);

    if (!o)
        return err_memory(e);
    o->self = self;
    o->skip = usual;
    o->parser = yajl_alloc(&events, NULL, o);
    if (!o->parser)
        return err_memory(e);
    *out = TAKE(o);
    return 0;
}

int objects_open(struct objects **out, api_object *each, void *self, struct err *e)
{
    int r = open_either(out, self, e);

    if (r == 0)
        (*out)->each = each;
    return r;
}

int objects_open_events(struct objects **out, objects_event *each, void *self, struct err *e)
{
    int r = open_either(out, self, e);

    if (r < 0)
        return r;
    (*out)->each_event = each;
    (void)yajl_config((*out)->parser, yajl_allow_multiple_values, 1);
    return 0;
}

void objects_skip(struct objects *o, const char *const *skip)
{
    o->skip = skip;
}

const char *objects_version(const struct objects *o)
{
    return o->resource_version;
}

void objects_free(struct objects *o)
{
    if (!o)
        return;
    if (o->parser)
        yajl_free(o->parser);
    object_tree_done(&o->tree);
    yaml_doc_free(o->event);
    free(o->kind);
    free(o->version);
    free(o->more);
    free(o->resource_version);
    free(o);
}

static int verdict(struct objects *o, yajl_status status, struct err *e)
{
    if (status == yajl_status_ok)
        return 0;
    if (o->code < 0) {
        if (e)
            *e = o->err;
        return o->code;
    }
    return err_set(e, EINVAL, "the answer is not the JSON of Kubernetes objects");
}

int objects_feed(struct objects *o, const void *data, size_t size, struct err *e)
{
    /* The parser keeps a text until it is complete. */
    if (o->quiet > OBJECT_TREE_TEXT_MAX)
        return err_set(e, EFBIG, "a text of the answer is too long");
    o->quiet += size;
    return verdict(o, yajl_parse(o->parser, data, size), e);
}

int objects_end(struct objects *o, char **more, struct err *e)
{
    int r = verdict(o, yajl_complete_parse(o->parser), e);

    if (r < 0)
        return r;
    *more = o->more && *o->more ? TAKE(o->more) : NULL;
    return 0;
}
