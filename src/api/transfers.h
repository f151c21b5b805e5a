/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's transfers on a libuv loop: its sockets and its timer, nothing of what is asked. Handles
 * that are done wait until transfers_next() takes them.
 */
#ifndef API_TRANSFERS_H
#define API_TRANSFERS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <uv.h>

struct err;

/* Owns its connections; borrows the handles added to it. */
struct transfers;

/* libcurl was given the word and has given it back: handles may be done. */
typedef void transfers_turn(void *self);

int transfers_open(struct transfers **out, uv_loop_t *loop, transfers_turn *turn, void *self,
                   struct err *e);
/* Not inside; all handles are removed before. Frees itself when the loop has let its own go. */
void transfers_close(struct transfers *t);

/* Inside a callback of libcurl, where handles can be neither added nor removed. */
bool transfers_inside(const struct transfers *t);

/* Nothing of the handle is called from within. */
int transfers_add(struct transfers *t, CURL *curl, struct err *e);
void transfers_remove(struct transfers *t, CURL *curl);

/* One that is done, still to be removed; NULL: none. */
CURL *transfers_next(struct transfers *t, CURLcode *result);

#endif
