/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of objects: see part.h. A patch is known by the kustomization that names it, by the name of
 * its file or folder, or by its own words; an excerpt by what every whole object has and it lacks.
 */
#include "lint/read/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "lint/view/view.h"

enum {
    MAX_PATH = 4096,
    MAX_KUSTOMIZATION_BYTES = 256 << 10,
    MAX_LOOKED_UP = 64, /* sources of one run; with more of them the folder is given as a whole */
};

/* The files that kustomizations of the set name as patches, by their last names. */
struct patches {
    struct lint *l;
    size_t n;
    const char **paths;
    bool on_disk; /* look for kustomizations that are not in the set */
};

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_kustomization(const struct document *d)
{
    return !d->outer && (text_starts(d->api_version, "kustomize.config.k8s.io/") ||
                         text_starts(base_of(d->piece->source->file), "kustomization.y"));
}

/* Whether a path that a kustomization names is the end of the file's. */
static bool names_file(const char *path, const char *file)
{
    size_t size, whole = strlen(file);

    while (text_starts(path, "./") || text_starts(path, "../"))
        path += path[1] == '.' ? 3 : 2;
    size = strlen(path);
    return size > 0 && size <= whole && strcmp(file + whole - size, path) == 0 &&
           (size == whole || file[whole - size - 1] == '/');
}

/* The paths of a kustomization's patches, put behind those that are there. */
static void collect(struct patches *p, const struct yaml_node *root)
{
    static const char *const keys[] = {"patches", "patchesStrategicMerge"};

    for (size_t k = 0; k < 2; k++) {
        const struct yaml_node *list = node_get(root, keys[k]);

        for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
            const struct yaml_node *item = list->items[i];
            const char **grown = view_grow(p->l, p->paths, p->n, sizeof *grown);

            if (!grown)
                return;
            p->paths = grown;
            grown[p->n] = node_text(item->kind == YAML_MAP ? node_get(item, "path") : item, "");
            p->n += *grown[p->n] && !strchr(grown[p->n], '\n');
        }
    }
}

static int by_base(const void *left, const void *right)
{
    return strcmp(base_of(*(const char *const *)left), base_of(*(const char *const *)right));
}

static bool set_names(const struct patches *p, const char *file)
{
    size_t low = 0, high = p->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (by_base(&p->paths[middle], &file) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < p->n && by_base(&p->paths[low], &file) == 0; low++)
        if (names_file(p->paths[low], file))
            return true;
    return false;
}

/* A kustomization that lies beside the file or one folder above it, and was not given. */
static bool disk_names(const struct patches *p, const char *file)
{
    static const char *const names[] = {"kustomization.yaml", "../kustomization.yaml"};
    int folder = (int)(base_of(file) - file);
    bool found = false;

    for (size_t i = 0; i < 2 && !found; i++) {
        OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
        OWN_MEM char *text = NULL;
        struct patches here = {.l = p->l};
        char path[MAX_PATH];
        struct err e = {0};
        size_t size;
        int n = snprintf(path, sizeof path, "%.*s%s", folder, file, names[i]);

        if (n < 0 || (size_t)n >= sizeof path ||
            file_read(&text, &size, path, MAX_KUSTOMIZATION_BYTES, &e) < 0 ||
            yaml_read(&doc, path, text, size, &e) < 0)
            continue;
        collect(&here, doc->root);
        for (size_t k = 0; k < here.n; k++)
            found = found || names_file(here.paths[k], file);
    }
    return found;
}

/* "memory_patch.yaml", "patches/limits.yaml", "driver-pod-template.yaml". */
static bool is_named_so(const char *file)
{
    static const char *const words[] = {"patch", "pod-template", "pod_template", "podtemplate"};
    const char *slash = strrchr(file, '/');

    if (strstr(file, "/patches/") || text_starts(file, "patches/"))
        return true;
    file = slash ? slash + 1 : file;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasestr(file, words[i]))
            return true;
    return false;
}

static const struct yaml_node *containers_of(const struct document *d)
{
    const struct yaml_node *list = node_at(
        d->root, strcmp(d->kind, "Pod") == 0 ? "spec.containers" : "spec.template.spec.containers");

    return list && list->kind == YAML_LIST && list->count > 0 ? list : NULL;
}

/* Spark puts the image into the container of this name. */
static bool is_completed(const struct document *d)
{
    const struct yaml_node *list = strcmp(d->kind, "Pod") == 0 ? containers_of(d) : NULL;

    return list && text_starts(node_text(node_get(list->items[0], "name"), ""), "spark-kubernetes");
}

/* A workload without a selector and without an image can only be merged with another. */
static bool is_merged(const struct document *d)
{
    const struct yaml_node *list = containers_of(d);

    return text_starts(d->api_version, "apps/") && node_get(d->root, "spec") &&
           !node_at(d->root, "spec.selector") && (!list || !node_get(list->items[0], "image"));
}

/* Lines of dots alone, and values such as 'Always | Never': words for people. */
static bool has_gaps(const char *text)
{
    if (strstr(text, " | Never") || strstr(text, " | None"))
        return true;
    for (const char *at = text; (at = strstr(at, "...")); at += 3) {
        const char *before = at;
        size_t behind = strspn(at, ". \t");

        while (before > text && strchr(" \t#", before[-1]))
            before--;
        if ((before == text || before[-1] == '\n' || before[-1] == ':') &&
            (at[behind] == '\0' || at[behind] == '\n' || at[behind] == '\r'))
            return true;
    }
    return false;
}

static bool has_one_of(const struct yaml_node *map, const char *const *keys)
{
    for (; *keys; keys++)
        if (node_get(map, *keys))
            return true;
    return false;
}

/* Whether nothing of what such an object cannot be without is there, in any place of any time. */
static bool lacks_core(const struct document *d)
{
    static const char *const pool[] = {"constraints", "requirements", "taints", "nodeClassRef",
                                       "providerRef", "provider",     NULL};
    static const char *const class[] = {"amiSelectorTerms",
                                        "amiSelector",
                                        "role",
                                        "instanceProfile",
                                        "subnetSelector",
                                        "subnetSelectorTerms",
                                        "securityGroupSelectorTerms",
                                        "securityGroupSelector",
                                        NULL};
    const struct yaml_node *spec = node_get(d->root, "spec");

    if (document_is(d, "karpenter.sh", "NodePool"))
        return !has_one_of(spec, pool) && !has_one_of(node_at(spec, "template.spec"), pool);
    if (document_is(d, "karpenter.k8s.aws", "EC2NodeClass"))
        return !has_one_of(spec, class);
    return (text_starts(d->api_version, "apps/") || strcmp(d->kind, "Pod") == 0 ||
            document_is(d, "batch", "Job")) &&
           !containers_of(d);
}

static bool is_excerpt(const struct document *d)
{
    return d->piece->fenced && *d->kind &&
           ((!*d->name && !node_at(d->root, "metadata.generateName")) || has_gaps(d->piece->text) ||
            lacks_core(d));
}

/* The text of a patch inside an object: `patch` of kustomizations and of Flux. */
static bool is_inner_patch(const struct document *d)
{
    return d->outer && d->key && text_starts(d->key, "patch");
}

static bool is_patch(const struct patches *p, const struct document *d)
{
    const char *file = d->piece->source->file;

    return is_inner_patch(d) || node_get(d->root, "$patch") || is_named_so(file) ||
           (d->piece->file && is_named_so(d->piece->file)) || set_names(p, file) ||
           (p->on_disk && disk_names(p, file));
}

bool part_is_built(const struct document *d)
{
    const char *file = d->piece->source->file;
    char path[MAX_PATH];
    int n =
        snprintf(path, sizeof path, "%.*skustomization.yaml", (int)(base_of(file) - file), file);

    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

void part_mark(struct lint *l)
{
    struct patches p = {.l = l};
    bool any = false;

    for (size_t i = 0; i < l->system.n_documents; i++) {
        if (is_kustomization(l->system.documents[i])) {
            any = true;
            collect(&p, l->system.documents[i]->root);
        }
    }
    p.on_disk = !any && l->n_sources <= MAX_LOOKED_UP;
    if (p.n > 0)
        qsort(p.paths, p.n, sizeof *p.paths, by_base);
    for (size_t i = 0; i < l->system.n_documents; i++) {
        struct document *d = l->system.documents[i];

        d->part = *d->kind && *d->api_version && !is_kustomization(d) &&
                  (is_excerpt(d) || is_completed(d) || is_merged(d) || is_patch(&p, d));
    }
}
