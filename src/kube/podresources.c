/* SPDX-License-Identifier: Apache-2.0 */
/* Pod resources: see podresources.h. The answer is walked in place, names copied to fixed fields.
 */
#include "kube/podresources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "kube/field.h"
#include "kube/grpc_client.h"

/* Kubernetes' limits: names 63 or 253 bytes, a resource name has both parts and a slash. */
struct names {
    char namespace[64];
    char pod[254];
    char container[64];
    char resource[320];
    char device_id[256];
};

struct walk {
    struct names names;
    podresources_visit *visit;
    void *self;
    int n_pods;
};

static int copy_name(char *field, size_t field_size, const struct field *f)
{
    if (!f->is_bytes || f->size >= field_size || memchr(f->bytes, '\0', f->size))
        return -EBADMSG;
    memcpy(field, f->bytes, f->size);
    field[f->size] = '\0';
    return 0;
}

/* The value of field `number`; fields may come in any order, so each is looked for. */
static int find_name(char *field, size_t field_size, struct field_reader reader, uint32_t number)
{
    struct field f;
    int r;

    field[0] = '\0';
    while ((r = field_next(&f, &reader)) > 0) {
        if (f.number == number)
            r = copy_name(field, field_size, &f);
        if (r < 0)
            return r;
    }
    return r;
}

static int walk_device(struct walk *w, struct field_reader reader)
{
    struct names *names = &w->names;
    const struct podresources_holder holder = {names->namespace, names->pod, names->container,
                                               names->resource, names->device_id};
    struct field f;
    int r = find_name(names->resource, sizeof names->resource, reader, 1);

    while (r >= 0 && (r = field_next(&f, &reader)) > 0) {
        if (f.number != 2)
            continue;
        r = copy_name(names->device_id, sizeof names->device_id, &f);
        if (r == 0)
            w->visit(w->self, &holder);
    }
    return r;
}

typedef int walk_inside(struct walk *w, struct field_reader reader);

/* Each message in field `number`. */
static int walk_each(struct walk *w, struct field_reader reader, uint32_t number,
                     walk_inside *inside)
{
    struct field f;
    int r;

    while ((r = field_next(&f, &reader)) > 0) {
        if (f.number != number)
            continue;
        r = f.is_bytes ? inside(w, field_view(&f)) : -EBADMSG;
        if (r < 0)
            break;
    }
    return r;
}

static int walk_container(struct walk *w, struct field_reader reader)
{
    int r = find_name(w->names.container, sizeof w->names.container, reader, 1);

    return r < 0 ? r : walk_each(w, reader, 2, walk_device);
}

static int walk_pod(struct walk *w, struct field_reader reader)
{
    int r = find_name(w->names.pod, sizeof w->names.pod, reader, 1);

    w->n_pods++;
    if (r == 0)
        r = find_name(w->names.namespace, sizeof w->names.namespace, reader, 2);
    return r < 0 ? r : walk_each(w, reader, 3, walk_container);
}

int podresources_read(const uint8_t *bytes, size_t size, podresources_visit *visit, void *self,
                      struct err *e)
{
    struct walk w = {.visit = visit, .self = self};

    if (walk_each(&w, (struct field_reader){bytes, size}, 1, walk_pod) < 0)
        return err_set(e, EBADMSG, "the list of pod resources is not in its format");
    return w.n_pods;
}

struct asking {
    podresources_visit *visit;
    podresources_done *done;
    void *self;
    int n_pods;
    struct err e; /* of the content */
};

static void got_list(void *self, const uint8_t *message, size_t size)
{
    struct asking *asking = self;

    if (!asking->e.code)
        asking->n_pods = podresources_read(message, size, asking->visit, asking->self, &asking->e);
}

static void call_over(void *self, int r, const struct err *e)
{
    OWN_MEM struct asking *asking = self;

    if (r == 0 && asking->e.code)
        asking->done(asking->self, -asking->e.code, &asking->e);
    else
        asking->done(asking->self, r < 0 ? r : asking->n_pods, e);
}

int podresources_list(uv_loop_t *loop, const char *socket_path, unsigned timeout_ms,
                      podresources_visit *visit, podresources_done *done, void *self, struct err *e)
{
    OWN_MEM struct asking *asking = calloc(1, sizeof *asking);
    const struct grpc_question question = {.socket_path = socket_path,
                                           .method = PODRESOURCES_LIST,
                                           .message = "",
                                           .timeout_ms = timeout_ms,
                                           .max_answer = PODRESOURCES_MAX_ANSWER,
                                           .message_cb = got_list,
                                           .done_cb = call_over,
                                           .self = asking};
    struct grpc_request *request;
    int r;

    if (!asking)
        return err_memory(e);
    *asking = (struct asking){.visit = visit, .done = done, .self = self};
    r = grpc_start(&request, loop, &question, e);
    if (r == 0)
        (void)TAKE(asking);
    return r;
}
