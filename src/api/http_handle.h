/* SPDX-License-Identifier: Apache-2.0 */
/* The libcurl handle of one question: address, headers, body, and how its connection behaves. */
#ifndef API_HTTP_HANDLE_H
#define API_HTTP_HANDLE_H

#include <curl/curl.h>

struct connection;
struct err;
struct http_question;

/* Owns all; the handle points into it. */
struct http_handle {
    CURL *curl;
    struct curl_slist *headers;
    char *body;
    char words[CURL_ERROR_SIZE]; /* libcurl's, about a failure */
};

/* *out stays where it is while the handle lives; it is to be closed after a failure too. */
int http_handle_open(struct http_handle *out, const struct connection *c,
                     const struct http_question *question, struct err *e);
void http_handle_close(struct http_handle *h);

#endif
