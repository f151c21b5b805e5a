/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User objects: see user_object.h. The function of one runs in the call that lets go of the last
 * reference, before that returns, as a real driver does it, but after the lock was given back.
 */
#include "cuda/user_object.h"

#include <stdlib.h>

#include "cuda/cuda.h"
#include "cuda/graph.h"

enum {
    NO_DESTRUCTOR_SYNC = 1,
    MOVE = 1,
};

struct user_object {
    struct ended_object *end; /* owned: what is left of it at the end */
    uint64_t refs;
};

/* What a graph keeps. */
struct retained {
    struct retained *next;
    struct user_object *object;
    uint64_t refs;
};

static void lower(struct user_object *o, uint64_t by)
{
    o->refs -= by < o->refs ? by : o->refs;
    if (o->refs)
        return;
    o->end->next = cuda.ended_objects;
    cuda.ended_objects = o->end;
    handle_free(o);
}

void user_objects_end(struct ended_object *list)
{
    while (list) {
        struct ended_object *next = list->next;

        work_call(list->function, list->data); /* calls of its own are refused */
        free(list);
        list = next;
    }
}

static int keep(struct graph *g, struct user_object *o, uint64_t refs)
{
    struct retained *r = g->objects;

    while (r && r->object != o)
        r = r->next;
    if (!r) {
        r = calloc(1, sizeof *r);
        if (!r)
            return CUDA_ERROR_OUT_OF_MEMORY;
        r->object = o;
        r->next = g->objects;
        g->objects = r;
    }
    r->refs += refs;
    return CUDA_SUCCESS;
}

int user_objects_copy(struct graph *to, const struct graph *from)
{
    int rc = CUDA_SUCCESS;

    for (const struct retained *r = from->objects; r && rc == CUDA_SUCCESS; r = r->next) {
        rc = keep(to, r->object, r->refs);
        if (rc == CUDA_SUCCESS)
            r->object->refs += r->refs;
    }
    return rc;
}

void user_objects_drop(struct graph *g)
{
    while (g->objects) {
        struct retained *r = g->objects;

        g->objects = r->next;
        lower(r->object, r->refs);
        free(r);
    }
}

CUDA_API(cuUserObjectCreate, void **out, void *data, void (*end)(void *), unsigned refs,
         unsigned flags)
{
    struct ended_object *last;
    struct user_object *o;
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !end || !refs || refs > INT32_MAX || flags != NO_DESTRUCTOR_SYNC)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    o = handle_new(HANDLE_USER_OBJECT, sizeof *o);
    last = o ? malloc(sizeof *last) : NULL;
    if (!last) {
        handle_free(o);
        return cuda_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    *last = (struct ended_object){.function = end, .data = data};
    *o = (struct user_object){.end = last, .refs = refs};
    *out = o;
    return cuda_leave(CUDA_SUCCESS);
}

static int enter_object(void *handle, unsigned count, struct user_object **out)
{
    int rc = cuda_enter();

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(handle, HANDLE_USER_OBJECT) || !count || count > INT32_MAX)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    *out = handle;
    return CUDA_SUCCESS;
}

CUDA_API(cuUserObjectRetain, void *object, unsigned count)
{
    struct user_object *o;
    int rc = enter_object(object, count, &o);

    if (rc != CUDA_SUCCESS)
        return rc;
    o->refs += count;
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuUserObjectRelease, void *object, unsigned count)
{
    struct user_object *o;
    int rc = enter_object(object, count, &o);

    if (rc != CUDA_SUCCESS)
        return rc;
    lower(o, count);
    return cuda_leave(CUDA_SUCCESS);
}

CUDA_API(cuGraphRetainUserObject, void *graph, void *object, unsigned count, unsigned flags)
{
    struct user_object *o;
    int rc = enter_object(object, count, &o);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle_is(graph, HANDLE_GRAPH) || (flags & ~(unsigned)MOVE))
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    rc = keep(graph, o, count);
    if (rc == CUDA_SUCCESS && !(flags & MOVE))
        o->refs += count;
    return cuda_leave(rc);
}

CUDA_API(cuGraphReleaseUserObject, void *graph, void *object, unsigned count)
{
    struct user_object *o;
    struct retained *r = NULL;
    int rc = enter_object(object, count, &o);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (handle_is(graph, HANDLE_GRAPH))
        r = ((struct graph *)graph)->objects;
    while (r && r->object != o)
        r = r->next;
    if (!r || r->refs < count)
        return cuda_leave(CUDA_ERROR_INVALID_VALUE);
    r->refs -= count;
    if (r->refs == 0) {
        struct retained **at = &((struct graph *)graph)->objects;

        while (*at != r)
            at = &(*at)->next;
        *at = r->next;
        free(r);
    }
    lower(o, count);
    return cuda_leave(CUDA_SUCCESS);
}
