/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a request's handle: see http_handle.h. Callbacks are the caller's. */
#include "api/http_handle.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/connection.h"
#include "api/http.h"
#include "base/err.h"

enum {
    RECEIVE_BYTES = 8 << 10,
    KEEP_ALIVE_S = 30,         /* silence before TCP asks whether the peer is there */
    KEEP_ALIVE_AGAIN_S = 10,   /* and asks again */
    UNANSWERED_MS = 30 * 1000, /* until TCP gives up what its peer does not acknowledge */
};

void http_handle_close(struct http_handle *h)
{
    if (h->curl)
        curl_easy_cleanup(h->curl);
    curl_slist_free_all(h->headers);
    free(h->body);
}

/* A peer that has gone without a word is noticed in about a minute, whoever waits for it. */
static int on_socket(void *self, curl_socket_t fd, curlsocktype purpose)
{
    unsigned limit_ms = UNANSWERED_MS;

    (void)self;
    (void)purpose;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
    return CURL_SOCKOPT_OK;
}

static const char *content_type(enum http_content content)
{
    switch (content) {
    case HTTP_JSON:
        return "application/json";
    case HTTP_MERGE_PATCH:
        return "application/merge-patch+json";
    case HTTP_STRATEGIC_PATCH:
        return "application/strategic-merge-patch+json";
    case HTTP_JSON_PATCH:
        return "application/json-patch+json";
    case HTTP_APPLY:
        return "application/apply-patch+yaml";
    }
    return "application/json";
}

static bool set_manners(CURL *curl)
{
    return curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, on_socket) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, (long)KEEP_ALIVE_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, (long)KEEP_ALIVE_AGAIN_S) == CURLE_OK;
}

/* libcurl does not copy a body. */
static bool set_body(struct http_handle *h, const struct http_question *q)
{
    if (!q->body)
        return true;
    h->body = malloc(q->size ? q->size : 1);
    if (!h->body)
        return false;
    memcpy(h->body, q->body, q->size);
    return curl_easy_setopt(h->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->size) ==
               CURLE_OK &&
           curl_easy_setopt(h->curl, CURLOPT_POSTFIELDS, h->body) == CURLE_OK;
}

static bool set_address(CURL *curl, const struct connection *c, const struct http_question *q)
{
    OWN_MEM char *url = NULL;

    if (asprintf(&url, "%s%s", c->base, q->path) < 0) {
        url = NULL;
        return false;
    }
    if (curl_easy_setopt(curl, CURLOPT_URL, url) != CURLE_OK)
        return false;
    /* GET is what libcurl takes by itself. */
    return (!q->body && strcmp(q->method, "GET") == 0) ||
           curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK;
}

int http_handle_open(struct http_handle *out, const struct connection *c,
                     const struct http_question *q, struct err *e)
{
    int r;

    out->curl = curl_easy_init();
    if (!out->curl)
        return err_memory(e);
    r = connection_prepare(c, out->curl, out->words, e);
    if (r == 0)
        r = connection_headers(&out->headers, c, q->body ? content_type(q->content) : NULL, e);
    if (r == 0 && q->header)
        r = connection_header(&out->headers, q->header->name, q->header->value, e);
    if (r < 0)
        return r;
    if (set_address(out->curl, c, q) && set_body(out, q) && set_manners(out->curl) &&
        curl_easy_setopt(out->curl, CURLOPT_HTTPHEADER, out->headers) == CURLE_OK)
        return 0;
    return err_set(e, EINVAL, "libcurl refuses %s %s", q->method, q->path);
}
