/* SPDX-License-Identifier: Apache-2.0 */
/* Ways to an API server: see access.h. */
#include "api/access.h"

#include <errno.h>
#include <string.h>

#include "api/kubeconfig.h"
#include "base/err.h"
#include "base/file.h"

#define ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

enum { TOKEN_MAX_BYTES = 64 << 10 };

/* Keys and tokens do not stay behind in freed memory. */
static void forget(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void access_free(struct access *a)
{
    if (!a)
        return;
    free(a->context);
    free(a->server);
    free(a->server_name);
    free(a->proxy);
    free(a->ca_file);
    free(a->ca);
    free(a->certificate_file);
    free(a->certificate);
    free(a->key_file);
    free(a->token_file);
    free(a->user);
    free(a->as);
    free(a->as_uid);
    for (size_t i = 0; i < a->n_groups; i++)
        free(a->as_groups[i]);
    free(a->as_groups);
    forget(a->key);
    forget(a->token);
    forget(a->password);
    free(a);
}

int access_renew(struct access *a, struct err *e)
{
    char *token;
    size_t size;
    int r;

    if (!a->token_file)
        return 0;
    r = file_read(&token, &size, a->token_file, TOKEN_MAX_BYTES, e);
    if (r < 0)
        return r;
    token[strcspn(token, "\r\n")] = '\0';
    if (!*token) {
        free(token);
        return err_set(e, EINVAL, "token file '%s' is empty", a->token_file);
    }
    forget(a->token);
    a->token = token;
    return 0;
}

static int read_pod(struct access *out, struct err *e)
{
    const char *host = secure_getenv("KUBERNETES_SERVICE_HOST");
    const char *port = secure_getenv("KUBERNETES_SERVICE_PORT");

    if (!host || !port)
        return err_set(
            e, ENOENT,
            "no kubeconfig: neither KUBECONFIG nor ~/.kube/config, and not inside a pod");
    if (asprintf(&out->server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host,
                 port) < 0) {
        out->server = NULL;
        return err_memory(e);
    }
    out->ca_file = strdup(ACCOUNT "/ca.crt");
    out->token_file = strdup(ACCOUNT "/token");
    if (!out->ca_file || !out->token_file)
        return err_memory(e);
    return access_renew(out, e);
}

/* The files of $KUBECONFIG, those that are not there passed over as kubectl does. */
static int add_listed(struct kubeconfig *k, const char *list, struct err *e)
{
    for (const char *at = list; *at;) {
        size_t size = strcspn(at, ":");
        OWN_MEM char *path = strndup(at, size);
        int r;

        if (!path)
            return err_memory(e);
        r = *path ? kubeconfig_add(k, path, false, e) : 0;
        if (r < 0)
            return r;
        at += size + (at[size] == ':');
    }
    if (k->n_files == 0)
        return err_set(e, ENOENT, "no file of KUBECONFIG ('%s') is there", list);
    return 0;
}

static int add_files(struct kubeconfig *k, const char *path, struct err *e)
{
    const char *list = secure_getenv("KUBECONFIG"), *home = secure_getenv("HOME");
    OWN_MEM char *usual = NULL;

    if (path)
        return kubeconfig_add(k, path, true, e);
    if (list && *list)
        return add_listed(k, list, e);
    usual = file_join(home ? home : "/", ".kube/config");
    return usual ? kubeconfig_add(k, usual, false, e) : err_memory(e);
}

int access_read(struct access **out, const char *path, const char *context, struct err *e)
{
    OWN(access_freep) struct access *a = calloc(1, sizeof *a);
    OWN(kubeconfig_done) struct kubeconfig k = {0};
    int r;

    if (!a)
        return err_memory(e);
    r = add_files(&k, path, e);
    if (r < 0)
        return r;
    r = k.n_files > 0 ? kubeconfig_resolve(a, &k, context, e) : read_pod(a, e);
    if (r < 0)
        return r;
    *out = TAKE(a);
    return 0;
}
