/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of the device plugin API: see deviceplugin.h. Requests are read in two passes, one that
 * counts and checks, one that fills a single piece of memory of the right size.
 */
#include "kube/deviceplugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "kube/field.h"

void deviceplugin_put_options(struct buf *out, const struct deviceplugin_options *options)
{
    field_put_bool(out, 1, options->pre_start_required);
    field_put_bool(out, 2, options->preferred_allocation);
}

void deviceplugin_put_register(struct buf *out, const char *endpoint, const char *resource,
                               const struct deviceplugin_options *options)
{
    size_t start;

    field_put_text(out, 1, DEVICEPLUGIN_VERSION);
    field_put_text(out, 2, endpoint);
    field_put_text(out, 3, resource);
    start = field_begin(out, 4);
    deviceplugin_put_options(out, options);
    field_end(out, start);
}

void deviceplugin_put_device(struct buf *out, const struct deviceplugin_device *device)
{
    size_t start = field_begin(out, 1);

    field_put_text(out, 1, device->id);
    field_put_text(out, 2, device->healthy ? "Healthy" : "Unhealthy");
    if (device->numa_node >= 0) {
        size_t topology = field_begin(out, 3);
        size_t node = field_begin(out, 1); /* there even if node 0 leaves it empty */

        field_put_uint(out, 1, (uint64_t)device->numa_node);
        field_end(out, node);
        field_end(out, topology);
    }
    field_end(out, start);
}

/* What the first pass counts and the second has left to fill. */
struct tally {
    size_t wishes;
    size_t ids;
    size_t bytes; /* of the ids, each with its NUL */
};

/* The one piece of memory: head, wishes, pointers, text. */
struct filler {
    struct deviceplugin_request *request;
    const char **ids;
    char *text;
};

/* Numbers of the fields that one kind of wish has; 0: it has none. */
struct wish_fields {
    uint32_t ids;
    uint32_t must_ids;
    uint32_t size;
};

static int count_wish(struct tally *t, const struct field *wish, const struct wish_fields *numbers)
{
    struct field_reader reader = field_view(wish);
    struct field f;
    int r;

    while ((r = field_next(&f, &reader)) > 0) {
        if (f.number != numbers->ids && f.number != numbers->must_ids)
            continue;
        if (!f.is_bytes || memchr(f.bytes, '\0', f.size))
            return -EBADMSG;
        t->ids++;
        t->bytes += f.size + 1;
    }
    return r;
}

static int count(struct tally *t, struct field_reader reader, const struct wish_fields *numbers,
                 struct err *e)
{
    struct field f;
    int r;

    while ((r = field_next(&f, &reader)) > 0) {
        if (f.number != 1)
            continue;
        r = f.is_bytes ? count_wish(t, &f, numbers) : -EBADMSG;
        if (r < 0)
            break;
        if (++t->wishes > DEVICEPLUGIN_MAX_CONTAINERS)
            return err_set(e, E2BIG, "request for more than %d containers",
                           DEVICEPLUGIN_MAX_CONTAINERS);
        if (t->ids > DEVICEPLUGIN_MAX_IDS)
            return err_set(e, E2BIG, "request with more than %d device ids", DEVICEPLUGIN_MAX_IDS);
    }
    return r < 0 ? err_set(e, EBADMSG, "request is not in the protobuf format") : 0;
}

/* Copies the strings of field `number`; returns how many. */
static size_t fill_ids(struct filler *fill, struct field_reader reader, uint32_t number)
{
    struct field f;
    size_t n = 0;

    while (number != 0 && field_next(&f, &reader) > 0) {
        if (f.number != number)
            continue;
        fill->ids[n++] = fill->text;
        memcpy(fill->text, f.bytes, f.size);
        fill->text[f.size] = '\0';
        fill->text += f.size + 1;
    }
    fill->ids += n;
    return n;
}

/* proto3: the last one counts. A negative number asks for nothing. */
static size_t read_size(struct field_reader reader, uint32_t number)
{
    struct field f;
    uint64_t size = 0;

    while (number != 0 && field_next(&f, &reader) > 0)
        if (f.number == number && !f.is_bytes)
            size = f.number_value;
    return size <= INT32_MAX ? (size_t)size : 0;
}

static void fill_wish(struct filler *fill, struct deviceplugin_wish *wish, struct field_reader in,
                      const struct wish_fields *numbers)
{
    wish->ids = fill->ids;
    wish->n_ids = fill_ids(fill, in, numbers->ids);
    wish->must_ids = fill->ids;
    wish->n_must_ids = fill_ids(fill, in, numbers->must_ids);
    wish->size = read_size(in, numbers->size);
}

static int read_request(struct deviceplugin_request **out, struct field_reader reader,
                        const struct wish_fields *numbers, struct err *e)
{
    struct tally t = {0};
    struct filler fill;
    struct field f;
    int r = count(&t, reader, numbers, e);

    if (r < 0)
        return r;
    fill.request = calloc(1, sizeof *fill.request + t.wishes * sizeof *fill.request->wishes +
                                 t.ids * sizeof *fill.ids + t.bytes);
    if (!fill.request)
        return err_memory(e);
    fill.request->wishes = (struct deviceplugin_wish *)(void *)(fill.request + 1);
    fill.ids = (const char **)(void *)(fill.request->wishes + t.wishes);
    fill.text = (char *)(void *)(fill.ids + t.ids);
    while (field_next(&f, &reader) > 0)
        if (f.number == 1)
            fill_wish(&fill, &fill.request->wishes[fill.request->n_wishes++], field_view(&f),
                      numbers);
    *out = fill.request;
    return 0;
}

int deviceplugin_read_allocate(struct deviceplugin_request **out, const uint8_t *bytes, size_t size,
                               struct err *e)
{
    const struct wish_fields numbers = {.ids = 1};

    return read_request(out, (struct field_reader){bytes, size}, &numbers, e);
}

int deviceplugin_read_preferred(struct deviceplugin_request **out, const uint8_t *bytes,
                                size_t size, struct err *e)
{
    const struct wish_fields numbers = {.ids = 1, .must_ids = 2, .size = 3};

    return read_request(out, (struct field_reader){bytes, size}, &numbers, e);
}

void deviceplugin_request_free(struct deviceplugin_request *request)
{
    free(request);
}

/* One entry of a map: a message of key and value. */
static void put_pairs(struct buf *out, uint32_t number, const struct deviceplugin_pair *pairs,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t start = field_begin(out, number);

        field_put_text(out, 1, pairs[i].name);
        field_put_text(out, 2, pairs[i].value);
        field_end(out, start);
    }
}

static void put_mounts(struct buf *out, const struct deviceplugin_answer *answer)
{
    for (size_t i = 0; i < answer->n_mounts; i++) {
        size_t start = field_begin(out, 2);

        field_put_text(out, 1, answer->mounts[i].container_path);
        field_put_text(out, 2, answer->mounts[i].host_path);
        field_put_bool(out, 3, answer->mounts[i].read_only);
        field_end(out, start);
    }
}

static void put_nodes(struct buf *out, const struct deviceplugin_answer *answer)
{
    for (size_t i = 0; i < answer->n_nodes; i++) {
        size_t start = field_begin(out, 3);

        field_put_text(out, 1, answer->nodes[i].container_path);
        field_put_text(out, 2, answer->nodes[i].host_path);
        field_put_text(out, 3, answer->nodes[i].permissions);
        field_end(out, start);
    }
}

void deviceplugin_put_answer(struct buf *out, const struct deviceplugin_answer *answer)
{
    size_t start = field_begin(out, 1);

    put_pairs(out, 1, answer->envs, answer->n_envs);
    put_mounts(out, answer);
    put_nodes(out, answer);
    put_pairs(out, 4, answer->annotations, answer->n_annotations);
    for (size_t i = 0; i < answer->n_cdi_devices; i++) {
        size_t device = field_begin(out, 5);

        field_put_text(out, 1, answer->cdi_devices[i]);
        field_end(out, device);
    }
    field_end(out, start);
}

void deviceplugin_put_preferred(struct buf *out, const char *const *ids, size_t n_ids)
{
    size_t start = field_begin(out, 1);

    for (size_t i = 0; i < n_ids; i++)
        field_put_element(out, 1, ids[i]);
    field_end(out, start);
}
