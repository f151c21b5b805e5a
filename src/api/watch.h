/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps somebody informed of a collection: lists it in pages, watches it with bookmarks, resumes
 * where it was when the connection ends, lists anew after 410. Whatever fails is tried again for
 * ever, with back-off and jitter. Needs the memory of one object, and of the names of all, of
 * which there may be 20,000: more are -EFBIG to `reachable`.
 */
#ifndef API_WATCH_H
#define API_WATCH_H

#include <stddef.h>

#include "base/own.h"
#include "config/yaml.h"

struct err;
struct http;
struct watch;

/* Called from the loop, never from inside a function of this header. */
struct watch_handlers {
    /* An object is there, or has changed. The tree is the handler's: yaml_doc_free(). */
    void (*put)(void *self, struct yaml_doc *object);
    /* It is gone. namespace is "" for what has none. */
    void (*gone)(void *self, const char *namespace, const char *name);
    /* All that was there has been told; again after each new list. */
    void (*synced)(void *self);
    /*
     * r < 0: the server cannot be asked (words in e), which is tried again; 0: it can again. Told
     * when it changes. What was told before holds: only what changed meanwhile is told then, and
     * all of it anew, up to `synced`, where the collection was gone (-ENOENT) or the place is lost.
     */
    void (*reachable)(void *self, int r, const struct err *e);
    void *self;
    /*
     * Members of an object's second level that nobody needs ("status.images"), ends with NULL;
     * borrowed for the watch's life. NULL: "metadata.managedFields" alone is left out.
     */
    const char *const *skip;
};

/*
 * Closed before `h` is. path: a collection, with a selector where there is one
 * ("/api/v1/nodes?fieldSelector=metadata.name%3Da"). Copied. A collection that is not there
 * (-ENOENT to `reachable`) is asked for again every few minutes, as is one with too many objects.
 */
int watch_open(struct watch **out, struct http *h, const char *path,
               const struct watch_handlers *handlers, struct err *e);
void watch_close(struct watch *w);

#endif
