/* SPDX-License-Identifier: Apache-2.0 */
/* Ways of a request to an API server: see connection.h. */
#include "api/connection.h"

#include <errno.h>
#include <string.h>

#include "api/access.h"
#include "api/member.h"
#include "base/err.h"
#include "base/utf8.h"
#include "config/yaml.h"
#include "config/yaml_at.h"

enum { CONNECT_S = 10 };

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
    /* A file of authorities is read for each new connection: clusters change theirs. */
    if (r == CURLE_OK && a->ca_file)
        r = curl_easy_setopt(curl, CURLOPT_CA_CACHE_TIMEOUT, 0L);
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

/* No proxy, whatever the environment says. */
static bool set_plain(CURL *curl)
{
    return curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
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

static bool set_manners(const struct connection *c, CURL *curl, char *words)
{
    return curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, words) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_DEFAULT_PROTOCOL, "https") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "carve/" CARVE_VERSION) == CURLE_OK &&
           (!c->route || curl_easy_setopt(curl, CURLOPT_CONNECT_TO, c->route) == CURLE_OK) &&
           set_proxy(curl, c->access->proxy);
}

int connection_prepare(const struct connection *c, CURL *curl, char *words, struct err *e)
{
    if (!set_manners(c, curl, words))
        return err_set(e, EINVAL, "libcurl refuses the settings of a request");
    if (c->plain ? set_plain(curl) : set_trust(curl, c->access) && set_identity(curl, c->access))
        return 0;
    return err_set(e, EINVAL, "libcurl refuses the settings of this kubeconfig");
}

int connection_header(struct curl_slist **list, const char *name, const char *value, struct err *e)
{
    OWN_MEM char *line = NULL;
    struct curl_slist *longer;

    if (!value)
        return 0;
    if (strpbrk(value, "\r\n"))
        return err_set(e, EINVAL, "the value of header %s has more than one line", name);
    if (asprintf(&line, "%s: %s", name, value) < 0) {
        line = NULL;
        return err_memory(e);
    }
    longer = curl_slist_append(*list, line);
    explicit_bzero(line, strlen(line));
    if (!longer)
        return err_memory(e);
    *list = longer;
    return 0;
}

static int add_identity(struct curl_slist **list, const struct access *who, struct err *e)
{
    OWN_MEM char *bearer = NULL;
    int r;

    if (who->token && asprintf(&bearer, "Bearer %s", who->token) < 0) {
        bearer = NULL;
        return err_memory(e);
    }
    r = connection_header(list, "Authorization", bearer, e);
    if (bearer)
        explicit_bzero(bearer, strlen(bearer));
    if (r == 0)
        r = connection_header(list, "Impersonate-User", who->as, e);
    if (r == 0)
        r = connection_header(list, "Impersonate-Uid", who->as_uid, e);
    for (size_t i = 0; r == 0 && i < who->n_groups; i++)
        r = connection_header(list, "Impersonate-Group", who->as_groups[i], e);
    return r;
}

int connection_headers(struct curl_slist **out, const struct connection *c,
                       const char *content_type, struct err *e)
{
    struct curl_slist *list = NULL;
    int r = connection_header(&list, "Accept", c->plain ? NULL : "application/json", e);

    if (r == 0)
        r = connection_header(&list, "Content-Type", content_type, e);
    if (r == 0)
        r = connection_header(&list, "Host", c->host, e);
    if (r == 0)
        r = add_identity(&list, c->access, e);
    if (r < 0) {
        curl_slist_free_all(list);
        return r;
    }
    *out = list;
    return 0;
}

/*
 * Where the certificate is for another name (tls-server-name) that name stands in the URL, for the
 * handshake; the connection and the Host header go to the server's own.
 */
static bool reroute(struct connection *c, CURLU *url)
{
    char *host = NULL, *port = NULL, *whole = NULL;
    OWN_MEM char *target = NULL;
    bool fine = curl_url_set(url, CURLUPART_URL, c->access->server, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_set(url, CURLUPART_HOST, c->access->server_name, 0) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK;

    if (fine && asprintf(&target, "::%s:%s", host, port) < 0)
        target = NULL;
    if (target)
        c->route = curl_slist_append(NULL, target);
    fine = fine && target && c->route && (c->base = strdup(whole)) != NULL &&
           (c->host = strdup(target + strlen("::"))) != NULL;
    curl_free(host);
    curl_free(port);
    curl_free(whole);
    return fine;
}

static int set_server(struct connection *c, struct err *e)
{
    CURLU *url;
    bool fine;

    if (!c->access->server_name) {
        c->base = strdup(c->access->server);
        return c->base ? 0 : err_memory(e);
    }
    url = curl_url();
    fine = url && reroute(c, url);
    curl_url_cleanup(url);
    if (!fine)
        return err_set(e, EINVAL, "server '%s' with tls-server-name '%s' makes no address",
                       c->access->server, c->access->server_name);
    for (size_t n = strlen(c->base); n > 0 && c->base[n - 1] == '/'; n--)
        c->base[n - 1] = '\0';
    return 0;
}

/* Out of what is known of the server. */
static int finish(struct connection *out, struct connection *c, struct err *e)
{
    int r = set_server(c, e);

    if (r < 0)
        return r;
    /* Only one thread ever makes libcurl ready here. */
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(e, EIO, "libcurl cannot be made ready");
    *out = *c;
    *c = (struct connection){0};
    return 0;
}

int connection_open(struct connection *out, const char *kubeconfig, const char *context,
                    struct err *e)
{
    OWN(connection_done) struct connection c = {0};
    int r = access_read(&c.access, kubeconfig, context, e);

    return r < 0 ? r : finish(out, &c, e);
}

int connection_open_plain(struct connection *out, const char *endpoint, struct err *e)
{
    OWN(connection_done) struct connection c = {.plain = true};

    c.access = calloc(1, sizeof *c.access);
    if (!c.access)
        return err_memory(e);
    c.access->server = strdup(endpoint);
    if (!c.access->server)
        return err_memory(e);
    return finish(out, &c, e);
}

void connection_done(struct connection *c)
{
    curl_slist_free_all(c->route);
    free(c->base);
    free(c->host);
    access_free(c->access);
    *c = (struct connection){0};
}

static int errno_of(long status)
{
    static const struct {
        long status;
        int code;
    } codes[] = {
        {400, EINVAL}, {401, EPERM},  {403, EACCES}, {404, ENOENT}, {409, EEXIST},
        {410, ESTALE}, {422, EINVAL}, {429, EBUSY},  {503, EBUSY},
    };

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (codes[i].status == status)
            return codes[i].code;
    return EREMOTEIO;
}

/* The first cause's words, such as which disruption budget says no; NULL if there is none. */
static const char *cause(const struct yaml_node *status)
{
    const struct yaml_node *causes = yaml_at(status, "details", "causes", NULL);

    if (!causes || causes->kind != YAML_LIST || causes->count == 0)
        return NULL;
    return member_text(causes->items[0], "message");
}

int connection_refused(const struct connection *c, const char *path, long status, const char *text,
                       size_t size, struct err *e)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const char *words = NULL, *why = NULL;
    int r;

    if (status == 401)
        return err_set(e, EPERM, "%s does not know this user: the credentials are wrong or expired",
                       c->access->server);
    if (size > 0 && yaml_read(&doc, "answer", text, size, NULL) == 0)
        words = member_text(doc->root, "message");
    if (words && status == 429)
        why = cause(doc->root);
    r = err_set(e, errno_of(status), "%s%.*s: %s%s%s (HTTP %ld)", c->access->server,
                (int)strcspn(path, "?"), path, words ? words : "refused", why ? " " : "",
                why ? why : "", status);
    if (e)
        utf8_clean(e->msg);
    return r;
}

int connection_failed(const struct connection *c, CURLcode r, const char *words, struct err *e)
{
    int code = r == CURLE_OPERATION_TIMEDOUT ? ETIMEDOUT : EHOSTUNREACH;
    /* libcurl quotes a proxy's URL that it cannot read, with the password in it. */
    bool fine = *words && !strchr(words, '@');

    (void)err_set(e, code, "cannot reach %s: %s", c->access->server,
                  fine ? words : curl_easy_strerror(r));
    if (e)
        utf8_clean(e->msg); /* a certificate's names are anybody's */
    return -code;
}
