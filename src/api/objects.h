/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list or the events of a watch as the API server sends them, piece by piece: each object becomes
 * a tree as soon as it is complete, so that a list of any length needs the memory of one object.
 * Bounds of an object: object_tree.h.
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

/* A watch's events instead. `type` is borrowed ("ADDED", "BOOKMARK"), the object the callback's. */
typedef bool objects_event(void *self, const char *type, struct yaml_doc *object);
int objects_open_events(struct objects **out, objects_event *each, void *self, struct err *e);

/*
 * Members of an object's second level to leave out, instead of "metadata.managedFields" only:
 * borrowed, and ends with NULL.
 */
void objects_skip(struct objects *o, const char *const *skip);

/* -ECANCELED once `each` said stop; -EINVAL for what is not JSON, -EFBIG beyond the bounds. */
int objects_feed(struct objects *o, const void *data, size_t size, struct err *e);

/* The list's resourceVersion, NULL before it has come. */
const char *objects_version(const struct objects *o);

/* The list is over; *more is the token for the next page, or NULL (free() it). */
int objects_end(struct objects *o, char **more, struct err *e);

#endif
