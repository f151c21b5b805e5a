/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container gets: the answer to Allocate and the CDI devices that it names, read from the
 * spec files (JSON is YAML). See container.h.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "config/yaml.h"
#include "demo/container.h"
#include "deviceplugin.pb-c.h"

enum { MAX_EDITS = 4096, MAX_SPEC_BYTES = 1 << 20 };

void container_edits_free(struct container_edits *edits)
{
    if (!edits)
        return;
    for (size_t i = 0; i < edits->n_env; i++)
        free(edits->env[i]);
    for (size_t i = 0; i < edits->n_devices; i++) {
        free(edits->devices[i].host);
        free(edits->devices[i].path);
    }
    for (size_t i = 0; i < edits->n_mounts; i++) {
        free(edits->mounts[i].host);
        free(edits->mounts[i].path);
    }
    free(edits->env);
    free(edits->devices);
    free(edits->mounts);
    free(edits);
}

/* A variable of the same name is replaced, as container runtimes do. */
static int add_env(struct container_edits *edits, const char *text, struct err *e)
{
    size_t at = 0, name = strcspn(text, "=") + 1;
    char **grown, *copy;

    while (at < edits->n_env && strncmp(edits->env[at], text, name) != 0)
        at++;
    grown = reallocarray(edits->env, edits->n_env + 1, sizeof *grown);
    if (!grown || at == MAX_EDITS)
        return err_memory(e);
    edits->env = grown;
    copy = strdup(text);
    if (!copy)
        return err_memory(e);
    if (at == edits->n_env)
        edits->n_env++;
    else
        free(grown[at]);
    grown[at] = copy;
    return 0;
}

static int add_mount(struct container_mount **list, size_t *count, const char *host,
                     const char *path, struct err *e)
{
    struct container_mount *grown;

    for (size_t i = 0; i < *count; i++)
        if (strcmp((*list)[i].path, path) == 0)
            return 0;
    grown = reallocarray(*list, *count + 1, sizeof *grown);
    if (!grown || *count == MAX_EDITS)
        return err_memory(e);
    *list = grown;
    grown[*count] = (struct container_mount){strdup(host), strdup(path)};
    (*count)++;
    return grown[*count - 1].host && grown[*count - 1].path ? 0 : err_memory(e);
}

static const struct yaml_node *member(const struct yaml_node *map, const char *key)
{
    for (size_t i = 0; map && map->kind == YAML_MAP && i < map->count; i++)
        if (strcmp(map->pairs[i].key->text, key) == 0)
            return map->pairs[i].value;
    return NULL;
}

static const char *text_of(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = member(map, key);

    return node && node->kind == YAML_SCALAR ? node->text : NULL;
}

static size_t count_of(const struct yaml_node *list)
{
    return list && list->kind == YAML_LIST ? list->count : 0;
}

/*
 * What the demo would leave out must not go unnoticed. Hooks are left out, though: the one that
 * carve names rebuilds the linker's cache, if the host has NVIDIA's toolkit, and the probe loads
 * its libraries by their paths.
 */
static int check(const struct yaml_node *from, struct err *e)
{
    static const char *const known[] = {"env", "deviceNodes", "mounts", "hooks"};

    if (from && from->kind != YAML_MAP)
        return err_set(e, EPROTO, "CDI edits are no map");
    for (size_t i = 0; from && i < from->count; i++) {
        const char *key = from->pairs[i].key->text;
        size_t k = 0;

        while (k < sizeof known / sizeof *known && strcmp(key, known[k]) != 0)
            k++;
        if (k == sizeof known / sizeof *known)
            return err_set(e, EPROTO, "the demo cannot do the CDI edit '%s'", key);
        if (from->pairs[i].value->kind != YAML_LIST)
            return err_set(e, EPROTO, "the CDI edit '%s' is no list", key);
    }
    return 0;
}

static int apply(struct container_edits *edits, const struct yaml_node *from, struct err *e)
{
    const struct yaml_node *env = member(from, "env");
    const struct yaml_node *devices = member(from, "deviceNodes");
    const struct yaml_node *mounts = member(from, "mounts");
    int r = check(from, e);

    for (size_t i = 0; r == 0 && i < count_of(env); i++) {
        const struct yaml_node *item = env->items[i];

        if (item->kind != YAML_SCALAR || !strchr(item->text, '='))
            return err_set(e, EPROTO, "a CDI environment variable is no NAME=value");
        r = add_env(edits, item->text, e);
    }
    for (size_t i = 0; r == 0 && i < count_of(devices); i++) {
        const char *path = text_of(devices->items[i], "path");
        const char *host = text_of(devices->items[i], "hostPath");

        if (!path)
            return err_set(e, EPROTO, "a CDI device node has no path");
        r = add_mount(&edits->devices, &edits->n_devices, host ? host : path, path, e);
    }
    for (size_t i = 0; r == 0 && i < count_of(mounts); i++) {
        const char *path = text_of(mounts->items[i], "containerPath");
        const char *host = text_of(mounts->items[i], "hostPath");

        if (!path || !host)
            return err_set(e, EPROTO, "a CDI mount lacks a path");
        r = add_mount(&edits->mounts, &edits->n_mounts, host, path, e);
    }
    return r;
}

/* Looks for "vendor/class=device" in one spec file: 1 found and applied, 0 not in it. */
static int apply_file(struct container_edits *edits, const char *path, const char *name,
                      struct err *e)
{
    OWN_MEM char *text = NULL;
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    const struct yaml_node *devices;
    const char *kind, *equals = strchr(name, '=');
    size_t size;
    int r = file_read(&text, &size, path, MAX_SPEC_BYTES, e);

    if (r < 0)
        return r;
    r = yaml_read(&doc, path, text, size, e);
    if (r < 0)
        return r;
    kind = text_of(doc->root, "kind");
    if (!kind || !equals || strlen(kind) != (size_t)(equals - name) ||
        strncmp(kind, name, strlen(kind)) != 0)
        return 0;
    devices = member(doc->root, "devices");
    for (size_t i = 0; i < count_of(devices); i++) {
        const char *device = text_of(devices->items[i], "name");

        if (!device || strcmp(device, equals + 1) != 0)
            continue;
        r = apply(edits, member(doc->root, "containerEdits"), e);
        if (r == 0)
            r = apply(edits, member(devices->items[i], "containerEdits"), e);
        return r < 0 ? r : 1;
    }
    return 0;
}

static int apply_cdi(struct container_edits *edits, const char *folder, const char *name,
                     struct err *e)
{
    DIR *entries = opendir(folder);
    int r = 0;

    if (!entries)
        return err_errno(e, errno, "open CDI folder '%s'", folder);
    for (struct dirent *entry; r == 0 && (entry = readdir(entries));) {
        const char *end = strrchr(entry->d_name, '.');
        OWN_MEM char *path = file_join(folder, entry->d_name);

        if (!path)
            r = err_memory(e);
        else if (end && strcmp(end, ".json") == 0)
            r = apply_file(edits, path, name, e);
    }
    (void)closedir(entries);
    if (r == 0)
        return err_set(e, ENOENT, "no CDI spec in '%s' has the device '%s'", folder, name);
    return r < 0 ? r : 0;
}

int container_edits_make(struct container_edits **out,
                         const Deviceplugin__ContainerAllocateResponse *answer,
                         const char *cdi_folder, struct err *e)
{
    OWN(container_edits_freep) struct container_edits *edits = calloc(1, sizeof *edits);
    int r = 0;

    if (!edits)
        return err_memory(e);
    for (size_t i = 0; r == 0 && i < answer->n_envs; i++) {
        OWN_MEM char *text = NULL;

        if (asprintf(&text, "%s=%s", answer->envs[i]->key, answer->envs[i]->value) < 0)
            return err_memory(e);
        r = add_env(edits, text, e);
    }
    for (size_t i = 0; r == 0 && i < answer->n_devices; i++)
        r = add_mount(&edits->devices, &edits->n_devices, answer->devices[i]->host_path,
                      answer->devices[i]->container_path, e);
    for (size_t i = 0; r == 0 && i < answer->n_mounts; i++)
        r = add_mount(&edits->mounts, &edits->n_mounts, answer->mounts[i]->host_path,
                      answer->mounts[i]->container_path, e);
    for (size_t i = 0; r == 0 && i < answer->n_cdi_devices; i++)
        r = apply_cdi(edits, cdi_folder, answer->cdi_devices[i]->name, e);
    if (r == 0)
        *out = TAKE(edits);
    return r;
}
