/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API client: see api.h. One libcurl handle, one request at a time; a list is read in pages of
 * 500 and each object handed on as soon as it has come.
 */
#include "api/api.h"

#include <curl/curl.h>
#include <errno.h>
#include <string.h>

#include "api/access.h"
#include "api/connection.h"
#include "api/objects.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    PAGE = 500,
    TEXT_MAX_BYTES = 1 << 20,
    STALL_S = 30,      /* without a byte */
    PAGES_MAX = 20000, /* ten million objects */
};

struct api {
    struct connection connection;
    CURL *curl;
    struct curl_slist *headers;
    char words[CURL_ERROR_SIZE];
};

/* An answer on its way: items go to `objects` (if there is one) while all is well, else to text. */
struct answer {
    struct api *api;
    struct objects *objects;
    struct buf text;
    int code;
    struct err err;
};

const char *api_server(const struct api *a)
{
    return a->connection.access->server;
}

void api_close(struct api *a)
{
    if (!a)
        return;
    if (a->curl)
        curl_easy_cleanup(a->curl);
    curl_slist_free_all(a->headers);
    connection_done(&a->connection);
    free(a);
}

static bool set_manners(struct api *a)
{
    CURL *curl = a->curl;

    return curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, a->headers) == CURLE_OK;
}

int api_open(struct api **out, const char *kubeconfig, const char *context, struct err *e)
{
    OWN(api_closep) struct api *a = calloc(1, sizeof *a);
    int r;

    if (!a)
        return err_memory(e);
    r = connection_open(&a->connection, kubeconfig, context, e);
    if (r < 0)
        return r;
    a->curl = curl_easy_init();
    if (!a->curl)
        return err_memory(e);
    r = connection_prepare(&a->connection, a->curl, a->words, e);
    if (r == 0)
        r = connection_headers(&a->headers, &a->connection, NULL, e);
    if (r < 0)
        return r;
    if (!set_manners(a))
        return err_memory(e);
    *out = TAKE(a);
    return 0;
}

static size_t on_data(char *data, size_t one, size_t size, void *self)
{
    struct answer *answer = self;
    long status = 0;

    (void)one;
    (void)curl_easy_getinfo(answer->api->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 && answer->objects)
        answer->code = objects_feed(answer->objects, data, size, &answer->err);
    else
        buf_add(&answer->text, data, size);
    if (answer->code == 0 && answer->text.failed)
        answer->code = err_set(&answer->err, EFBIG, "the answer is too long");
    return answer->code < 0 ? 0 : size;
}

static int get_once(struct answer *answer, const char *path, struct err *e)
{
    struct api *a = answer->api;
    OWN_MEM char *url = NULL;
    long status = 0;
    CURLcode r;

    if (asprintf(&url, "%s%s", a->connection.base, path) < 0) {
        url = NULL;
        return err_memory(e);
    }
    *a->words = '\0';
    if (curl_easy_setopt(a->curl, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(a->curl, CURLOPT_WRITEFUNCTION, on_data) != CURLE_OK ||
        curl_easy_setopt(a->curl, CURLOPT_WRITEDATA, answer) != CURLE_OK)
        return err_memory(e);
    r = curl_easy_perform(a->curl);
    if (answer->code < 0) {
        if (e)
            *e = answer->err;
        return answer->code;
    }
    if (r != CURLE_OK)
        return connection_failed(&a->connection, r, a->words, e);
    (void)curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 || status == 201)
        return 0;
    return connection_refused(&a->connection, path, status, answer->text.data, answer->text.size,
                              e);
}

static void answer_done(struct answer *answer)
{
    objects_free(answer->objects);
    buf_done(&answer->text);
}

int api_get(struct api *a, const char *path, char **out, size_t *out_size, struct err *e)
{
    OWN(answer_done) struct answer answer = {.api = a};
    int r;

    buf_init(&answer.text, TEXT_MAX_BYTES);
    r = get_once(&answer, path, e);
    if (r < 0)
        return r;
    *out_size = answer.text.size;
    *out = buf_take(&answer.text);
    return *out ? 0 : err_memory(e);
}

int api_post(struct api *a, const char *path, const char *body, char **out, size_t *out_size,
             struct err *e)
{
    struct curl_slist *headers = NULL;
    int r = connection_headers(&headers, &a->connection, "application/json", e);

    if (r < 0)
        return r;
    if (curl_easy_setopt(a->curl, CURLOPT_COPYPOSTFIELDS, body) == CURLE_OK &&
        curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK)
        r = api_get(a, path, out, out_size, e);
    else
        r = err_memory(e);
    (void)curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, a->headers);
    (void)curl_easy_setopt(a->curl, CURLOPT_HTTPGET, 1L);
    curl_slist_free_all(headers);
    return r;
}

/* One page; *more is the next one's token or NULL. */
static int get_page(struct api *a, const char *path, char **more, api_object *object, void *self,
                    struct err *e)
{
    OWN(answer_done) struct answer answer = {.api = a};
    OWN_MEM char *full = NULL;
    OWN_MEM char *token = *more ? curl_easy_escape(a->curl, *more, 0) : NULL;
    int r;

    if (asprintf(&full, "%s%climit=%d%s%s", path, strchr(path, '?') ? '&' : '?', (int)PAGE,
                 token ? "&continue=" : "", token ? token : "") < 0) {
        full = NULL;
        return err_memory(e);
    }
    buf_init(&answer.text, TEXT_MAX_BYTES);
    r = objects_open(&answer.objects, object, self, e);
    if (r == 0)
        r = get_once(&answer, full, e);
    if (r < 0)
        return r;
    free(TAKE(*more));
    return objects_end(answer.objects, more, e);
}

int api_list(struct api *a, const char *path, api_object *object, void *self, struct err *e)
{
    OWN_MEM char *more = NULL;
    int r = 0;

    for (unsigned page = 0; page < PAGES_MAX; page++) {
        r = get_page(a, path, &more, object, self, e);
        if (r < 0 || !more)
            return r == -ECANCELED ? 0 : r;
    }
    return err_set(e, EFBIG, "%s%s: a list without end", api_server(a), path);
}
