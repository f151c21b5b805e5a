/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list as the API server sends it, piece by piece: each of its items becomes a tree as soon as it
 * is complete, so that a list of any length needs the memory of one object.
 */
#ifndef API_OBJECTS_H
#define API_OBJECTS_H

#include "api/api.h"

/* Owns its parser. */
struct objects;

/* `each` gets every item; kind and apiVersion are added to items of a list that names its own. */
int objects_open(struct objects **out, api_object *each, void *self, struct err *e);
void objects_free(struct objects *o);
OWN_POINTER(struct objects, objects_free);

/* -ECANCELED once `each` said stop; -EINVAL for what is not JSON, -EFBIG beyond the bounds. */
int objects_feed(struct objects *o, const void *data, size_t size, struct err *e);

/* The list is over; *more is the token for the next page, or NULL (free() it). */
int objects_end(struct objects *o, char **more, struct err *e);

#endif
