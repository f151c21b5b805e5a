/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every request to an API server needs, whoever carries it: trust, identity, proxy, headers,
 * and how a refusal becomes words and errno. Also the way to a plain HTTP server, which needs none
 * of these. Of libcurl it touches easy handles only.
 */
#ifndef API_CONNECTION_H
#define API_CONNECTION_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/own.h"

struct access;
struct err;

/* Owns all. */
struct connection {
    struct access *access;
    char *base;               /* what a path is put behind */
    char *host;               /* for the Host header; NULL: as in base */
    struct curl_slist *route; /* where it goes if not to base's host */
    bool plain;               /* no API server: HTTP without trust, identity and proxies */
};

/* kubeconfig and context as for access_read(). */
int connection_open(struct connection *out, const char *kubeconfig, const char *context,
                    struct err *e);

/* To whatever answers plain HTTP at "http://host:port": nothing of who we are is sent there. */
int connection_open_plain(struct connection *out, const char *endpoint, struct err *e);
void connection_done(struct connection *c);

/* Settings of a handle for any request; `c` and `words` (CURL_ERROR_SIZE) must outlive it. */
int connection_prepare(const struct connection *c, CURL *curl, char *words, struct err *e);

/* A request's headers (curl_slist_free_all); content_type may be NULL. */
int connection_headers(struct curl_slist **out, const struct connection *c,
                       const char *content_type, struct err *e);

/* One more of them; value NULL: none. */
int connection_header(struct curl_slist **list, const char *name, const char *value, struct err *e);

/*
 * An answer that is no success: its words out of the Status object in `text`. A query, which may
 * differ from try to try, stays out of them.
 */
int connection_refused(const struct connection *c, const char *path, long status, const char *text,
                       size_t size, struct err *e);

/* No answer. */
int connection_failed(const struct connection *c, CURLcode r, const char *words, struct err *e);

#endif
