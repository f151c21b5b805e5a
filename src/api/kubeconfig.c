/* SPDX-License-Identifier: Apache-2.0 */
/* kubeconfig: see kubeconfig.h. Field names are those of kubectl's v1 Config. */
#include "api/kubeconfig.h"

#include <errno.h>
#include <string.h>

#include "api/access.h"
#include "api/base64.h"
#include "api/credential.h"
#include "api/member.h"
#include "base/err.h"
#include "base/file.h"
#include "config/yaml_at.h"

enum { FILE_MAX_BYTES = 1 << 20, GROUPS_MAX = 64 };

/* An entry of a named list and the file that it stands in, which relative paths count from. */
struct entry {
    const struct yaml_node *value;
    const char *file;
};

int kubeconfig_add(struct kubeconfig *k, const char *path, bool required, struct err *e)
{
    OWN_MEM char *text = NULL;
    size_t size;
    int r;

    if (k->n_files == KUBECONFIG_MAX_FILES)
        return err_set(e, E2BIG, "more than %d kubeconfig files", KUBECONFIG_MAX_FILES);
    r = file_read(&text, &size, path, FILE_MAX_BYTES, e);
    if (r == -ENOENT && !required)
        return 0;
    if (r < 0)
        return r;
    r = yaml_read(&k->files[k->n_files], path, text, size, e);
    if (r == 0)
        k->n_files++;
    return r;
}

void kubeconfig_done(struct kubeconfig *k)
{
    for (size_t i = 0; i < k->n_files; i++)
        yaml_doc_free(k->files[i]);
    k->n_files = 0;
}

/* The entry of that name in clusters, users or contexts: the first file that has it counts. */
static int find(struct entry *out, const struct kubeconfig *k, const char *list, const char *member,
                const char *name, struct err *e)
{
    for (size_t i = 0; i < k->n_files; i++) {
        const struct yaml_node *items = yaml_at(k->files[i]->root, list, NULL);

        for (size_t n = 0; items && items->kind == YAML_LIST && n < items->count; n++) {
            const char *its_name = member_text(items->items[n], "name");

            if (!its_name || strcmp(its_name, name) != 0)
                continue;
            *out = (struct entry){yaml_at(items->items[n], member, NULL), k->files[i]->file};
            return 0;
        }
    }
    return err_set(e, ENOENT, "kubeconfig has no '%s' in its %s", name, list);
}

static int copy(char **out, const char *text, struct err *e)
{
    if (!text)
        return 0;
    *out = strdup(text);
    return *out ? 0 : err_memory(e);
}

/* A path of a kubeconfig: relative ones count from the file's folder. */
static int copy_path(char **out, const struct entry *entry, const char *key, struct err *e)
{
    const char *path = member_text(entry->value, key), *slash = strrchr(entry->file, '/');
    OWN_MEM char *folder = NULL;

    if (!path || *path == '/' || !slash)
        return copy(out, path, e);
    folder = strndup(entry->file, (size_t)(slash - entry->file));
    *out = folder ? file_join(folder, path) : NULL;
    return *out ? 0 : err_memory(e);
}

/* KEY-data holds the text in base64, KEY names a file; the text counts more. */
static int take_pem(char **out_text, char **out_file, const struct entry *entry, const char *key,
                    struct err *e)
{
    char data_key[64];
    const char *data;
    size_t size;
    int r;

    (void)snprintf(data_key, sizeof data_key, "%s-data", key);
    data = member_text(entry->value, data_key);
    if (!data)
        return copy_path(out_file, entry, key, e);
    r = base64_decode(out_text, &size, data, e);
    return r < 0 ? err_wrap(e, "%s: %s", entry->file, data_key) : 0;
}

/* "https://USER:PASSWORD@HOST": the address stands in messages. */
static bool names_user(const char *server)
{
    const char *scheme = strstr(server, "://"), *host = scheme ? scheme + 3 : server;

    return memchr(host, '@', strcspn(host, "/")) != NULL;
}

static int take_cluster(struct access *out, const struct entry *cluster, struct err *e)
{
    const char *server = member_text(cluster->value, "server"), *insecure;
    int r;

    if (!server)
        return err_set(e, EINVAL, "%s: the cluster has no server", cluster->file);
    if (names_user(server))
        return err_set(e, EINVAL, "%s: the server's address holds a user; that belongs in users",
                       cluster->file);
    r = copy(&out->server, server, e);
    if (r == 0)
        r = copy(&out->server_name, member_text(cluster->value, "tls-server-name"), e);
    if (r == 0)
        r = copy(&out->proxy, member_text(cluster->value, "proxy-url"), e);
    if (r == 0)
        r = take_pem(&out->ca, &out->ca_file, cluster, "certificate-authority", e);
    if (r < 0)
        return r;
    for (size_t n = strlen(out->server); n > 0 && out->server[n - 1] == '/'; n--)
        out->server[n - 1] = '\0';
    insecure = member_text(cluster->value, "insecure-skip-tls-verify");
    out->insecure = insecure && yaml_truth(insecure) == 1;
    return 0;
}

static int take_token_file(struct access *out, const struct entry *user, struct err *e)
{
    int r = copy_path(&out->token_file, user, "tokenFile", e);

    return r == 0 ? access_renew(out, e) : r;
}

/* Whom the user acts as: without it the answers would be those of somebody else. */
static int take_impersonation(struct access *out, const struct entry *user, struct err *e)
{
    const struct yaml_node *groups = yaml_at(user->value, "as-groups", NULL);
    int r = copy(&out->as, member_text(user->value, "as"), e);

    if (r == 0)
        r = copy(&out->as_uid, member_text(user->value, "as-uid"), e);
    if (r < 0 || !groups || groups->kind != YAML_LIST || groups->count == 0)
        return r;
    if (groups->count > GROUPS_MAX)
        return err_set(e, E2BIG, "%s: more than %d as-groups", user->file, GROUPS_MAX);
    out->as_groups = calloc(groups->count, sizeof *out->as_groups);
    if (!out->as_groups)
        return err_memory(e);
    for (size_t i = 0; r == 0 && i < groups->count; i++)
        if (groups->items[i]->kind == YAML_SCALAR)
            r = copy(&out->as_groups[out->n_groups++], groups->items[i]->text, e);
    return r;
}

/* What kubectl knows beside and carve does not must not quietly become another user. */
static int refuse_unknown(const struct access *out, const struct entry *user, struct err *e)
{
    const char *provider = member_text(yaml_at(user->value, "auth-provider", NULL), "name");

    if (yaml_at(user->value, "as-user-extra", NULL))
        return err_set(e, ENOTSUP, "%s: as-user-extra of a user is not supported", user->file);
    if (provider && !out->token && !out->certificate && !out->certificate_file)
        return err_set(e, ENOTSUP, "%s: auth-provider '%s' is not supported: use its exec program",
                       user->file, provider);
    return 0;
}

static int take_user(struct access *out, const struct entry *user, struct err *e)
{
    const struct yaml_node *exec = yaml_at(user->value, "exec", NULL);
    OWN_MEM char *folder = NULL;
    int r = copy(&out->token, member_text(user->value, "token"), e);

    if (r == 0 && !out->token)
        r = take_token_file(out, user, e);
    if (r == 0)
        r = copy(&out->user, member_text(user->value, "username"), e);
    if (r == 0)
        r = copy(&out->password, member_text(user->value, "password"), e);
    if (r == 0)
        r = take_pem(&out->certificate, &out->certificate_file, user, "client-certificate", e);
    if (r == 0)
        r = take_pem(&out->key, &out->key_file, user, "client-key", e);
    if (r == 0)
        r = take_impersonation(out, user, e);
    if (r == 0)
        r = refuse_unknown(out, user, e);
    if (r < 0 || !exec || exec->kind != YAML_MAP)
        return r;
    folder = strndup(user->file, (size_t)((strrchr(user->file, '/') ?: user->file) - user->file));
    return folder ? credential_run(out, exec, folder, e) : err_memory(e);
}

static const char *current_context(const struct kubeconfig *k)
{
    for (size_t i = 0; i < k->n_files; i++) {
        const char *name = member_text(k->files[i]->root, "current-context");

        if (name)
            return name;
    }
    return NULL;
}

int kubeconfig_resolve(struct access *out, const struct kubeconfig *k, const char *context,
                       struct err *e)
{
    struct entry entry, cluster, user;
    const char *cluster_name, *user_name;
    int r;

    if (!context)
        context = current_context(k);
    if (!context)
        return err_set(e, ENOENT, "kubeconfig names no current context; give one with --context");
    r = find(&entry, k, "contexts", "context", context, e);
    if (r < 0)
        return r;
    cluster_name = member_text(entry.value, "cluster");
    user_name = member_text(entry.value, "user");
    if (!cluster_name)
        return err_set(e, EINVAL, "%s: context '%s' names no cluster", entry.file, context);
    r = find(&cluster, k, "clusters", "cluster", cluster_name, e);
    if (r == 0)
        r = copy(&out->context, context, e);
    if (r == 0)
        r = take_cluster(out, &cluster, e);
    if (r == 0 && user_name)
        r = find(&user, k, "users", "user", user_name, e);
    if (r == 0 && user_name)
        r = take_user(out, &user, e);
    return r;
}
