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
#include "api/objects.h"
#include "base/buf.h"
#include "base/err.h"

enum {
    PAGE = 500,
    TEXT_MAX_BYTES = 1 << 20,
    CONNECT_S = 10,
    STALL_S = 30,      /* without a byte */
    PAGES_MAX = 20000, /* ten million objects */
};

struct api {
    struct access *access;
    CURL *curl;
    char *base; /* what a path is put behind */
    struct curl_slist *headers, *route;
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
    return a->access->server;
}

void api_close(struct api *a)
{
    if (!a)
        return;
    if (a->curl)
        curl_easy_cleanup(a->curl);
    curl_slist_free_all(a->headers);
    curl_slist_free_all(a->route);
    free(a->base);
    access_free(a->access);
    free(a);
}

/* libcurl keeps the copy that it makes of a blob. */
static CURLcode set_blob(CURL *curl, CURLoption option, char *text)
{
    struct curl_blob blob = {.data = text, .len = strlen(text), .flags = CURL_BLOB_COPY};

    return curl_easy_setopt(curl, option, &blob);
}

static bool set_trust(CURL *curl, const struct access *a)
{
    CURLcode r = CURLE_OK;

    if (a->insecure) {
        r = curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        return r == CURLE_OK && curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
    }
    if (a->ca)
        r = set_blob(curl, CURLOPT_CAINFO_BLOB, a->ca);
    else if (a->ca_file)
        r = curl_easy_setopt(curl, CURLOPT_CAINFO, a->ca_file);
    /* Who names an authority trusts no other: not those of the system's folder beside it. */
    if (r == CURLE_OK && (a->ca || a->ca_file))
        r = curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    return r == CURLE_OK;
}

static bool set_identity(CURL *curl, const struct access *a)
{
    CURLcode r = CURLE_OK;

    if (a->certificate)
        r = set_blob(curl, CURLOPT_SSLCERT_BLOB, a->certificate);
    else if (a->certificate_file)
        r = curl_easy_setopt(curl, CURLOPT_SSLCERT, a->certificate_file);
    if (r == CURLE_OK && a->key)
        r = set_blob(curl, CURLOPT_SSLKEY_BLOB, a->key);
    else if (r == CURLE_OK && a->key_file)
        r = curl_easy_setopt(curl, CURLOPT_SSLKEY, a->key_file);
    if (r == CURLE_OK && a->user)
        r = curl_easy_setopt(curl, CURLOPT_USERNAME, a->user);
    if (r == CURLE_OK && a->password)
        r = curl_easy_setopt(curl, CURLOPT_PASSWORD, a->password);
    return r == CURLE_OK;
}

/* As Go does: a SOCKS proxy resolves names itself, and NO_PROXY is not for a proxy named here. */
static bool set_proxy(CURL *curl, const char *proxy)
{
    OWN_MEM char *remote = NULL;

    if (!proxy)
        return true;
    if (strncmp(proxy, "socks5://", 9) == 0 && asprintf(&remote, "socks5h://%s", proxy + 9) < 0) {
        remote = NULL;
        return false;
    }
    return curl_easy_setopt(curl, CURLOPT_PROXY, remote ? remote : proxy) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOPROXY, "") == CURLE_OK;
}

static bool set_manners(struct api *a)
{
    CURL *curl = a->curl;

    return curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, a->words) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "carve/" CARVE_VERSION) == CURLE_OK &&
           set_proxy(curl, a->access->proxy);
}

/* "NAME: VALUE"; nothing for no value. */
static int add_header(struct api *a, const char *name, const char *value, struct err *e)
{
    OWN_MEM char *line = NULL;
    struct curl_slist *longer;

    if (!value)
        return 0;
    if (strpbrk(value, "\r\n"))
        return err_set(e, EINVAL, "the %s of this kubeconfig has more than one line", name);
    if (asprintf(&line, "%s: %s", name, value) < 0) {
        line = NULL;
        return err_memory(e);
    }
    longer = curl_slist_append(a->headers, line);
    explicit_bzero(line, strlen(line));
    if (!longer)
        return err_memory(e);
    a->headers = longer;
    return 0;
}

static int set_headers(struct api *a, struct err *e)
{
    const struct access *who = a->access;
    OWN_MEM char *bearer = NULL;
    int r;

    if (who->token && asprintf(&bearer, "Bearer %s", who->token) < 0) {
        bearer = NULL;
        return err_memory(e);
    }
    r = add_header(a, "Accept", "application/json", e);
    if (r == 0)
        r = add_header(a, "Authorization", bearer, e);
    if (bearer)
        explicit_bzero(bearer, strlen(bearer));
    if (r == 0)
        r = add_header(a, "Impersonate-User", who->as, e);
    if (r == 0)
        r = add_header(a, "Impersonate-Uid", who->as_uid, e);
    for (size_t i = 0; r == 0 && i < who->n_groups; i++)
        r = add_header(a, "Impersonate-Group", who->as_groups[i], e);
    if (r == 0 && curl_easy_setopt(a->curl, CURLOPT_HTTPHEADER, a->headers) != CURLE_OK)
        return err_memory(e);
    return r;
}

/*
 * Where the certificate is for another name (tls-server-name) that name stands in the URL, for the
 * handshake; the connection and the Host header go to the server's own.
 */
static bool reroute(struct api *a, CURLU *url, struct err *e)
{
    char *host = NULL, *port = NULL, *whole = NULL;
    OWN_MEM char *target = NULL;
    bool fine = curl_url_set(url, CURLUPART_URL, a->access->server, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_set(url, CURLUPART_HOST, a->access->server_name, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK;

    if (fine && asprintf(&target, "::%s:%s", host, port) < 0)
        target = NULL;
    if (target)
        a->route = curl_slist_append(NULL, target);
    fine = fine && a->route && (a->base = strdup(whole)) != NULL &&
           curl_easy_setopt(a->curl, CURLOPT_CONNECT_TO, a->route) == CURLE_OK &&
           add_header(a, "Host", target + strlen("::"), e) == 0;
    curl_free(host);
    curl_free(port);
    curl_free(whole);
    return fine;
}

static int set_server(struct api *a, struct err *e)
{
    CURLU *url;
    bool fine;

    if (!a->access->server_name) {
        a->base = strdup(a->access->server);
        return a->base ? 0 : err_memory(e);
    }
    url = curl_url();
    fine = url && reroute(a, url, e);
    curl_url_cleanup(url);
    if (!fine)
        return err_set(e, EINVAL, "server '%s' with tls-server-name '%s' makes no address",
                       a->access->server, a->access->server_name);
    for (size_t n = strlen(a->base); n > 0 && a->base[n - 1] == '/'; n--)
        a->base[n - 1] = '\0';
    return 0;
}

int api_open(struct api **out, const char *kubeconfig, const char *context, struct err *e)
{
    OWN(api_closep) struct api *a = calloc(1, sizeof *a);
    int r;

    if (!a)
        return err_memory(e);
    r = access_read(&a->access, kubeconfig, context, e);
    if (r < 0)
        return r;
    /* The first of a process also makes the library ready; only one thread ever does it here. */
    a->curl = curl_easy_init();
    if (!a->curl)
        return err_memory(e);
    if (!set_manners(a) || !set_trust(a->curl, a->access) || !set_identity(a->curl, a->access))
        return err_set(e, EINVAL, "libcurl refuses the settings of this kubeconfig");
    r = set_server(a, e);
    if (r == 0)
        r = set_headers(a, e);
    if (r < 0)
        return r;
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

static const char *member(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map->kind == YAML_MAP && i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0 && map->pairs[i].value->kind == YAML_SCALAR)
            return map->pairs[i].value->text;
    return NULL;
}

/* What the server says in a Status object, or the start of whatever else it sent. */
static int refused(struct api *a, const struct answer *answer, const char *path, long status,
                   struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const char *words = NULL;
    int code = status == 401                    ? EPERM
               : status == 403                  ? EACCES
               : status == 404                  ? ENOENT
               : status == 410                  ? ESTALE
               : status == 429 || status == 503 ? EBUSY
                                                : EREMOTEIO;

    if (answer->text.data &&
        yaml_read(&doc, "answer", answer->text.data, answer->text.size, NULL) == 0)
        words = member(doc->root, "message");
    if (status == 401)
        return err_set(e, EPERM, "%s does not know this user: the credentials are wrong or expired",
                       a->access->server);
    return err_set(e, code, "%s%s: %s (HTTP %ld)", a->access->server, path,
                   words ? words : "refused", status);
}

static int get_once(struct answer *answer, const char *path, struct err *e)
{
    struct api *a = answer->api;
    OWN_MEM char *url = NULL;
    long status = 0;
    CURLcode r;

    if (asprintf(&url, "%s%s", a->base, path) < 0) {
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
        return err_set(e, EHOSTUNREACH, "cannot reach %s: %s", a->access->server,
                       *a->words ? a->words : curl_easy_strerror(r));
    (void)curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200 ? 0 : refused(a, answer, path, status, e);
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
    return err_set(e, EFBIG, "%s%s: a list without end", a->access->server, path);
}
