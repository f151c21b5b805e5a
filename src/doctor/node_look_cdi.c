/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CDI files of the host: what devices they define, and whether what they name is there.
 * https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "config/yaml.h"
#include "doctor/node_look.h"
#include "lint/read/text.h"

enum { FILE_MAX_BYTES = 4 << 20, FILE_MAX_NODES = 1 << 18, FOLDER_MAX = 256 };

static const struct yaml_limits limits = {.max_bytes = FILE_MAX_BYTES, .max_nodes = FILE_MAX_NODES};

/* A reading of one file. */
struct reading {
    struct node_facts *facts;
    const char *host_root;
    struct node_spec *spec;
};

static void expect(struct reading *r, const char *path)
{
    if (!path || r->spec->missing || path[0] != '/')
        return;
    if (look_at(look_text(r->facts, "%s%s", r->host_root, path)) == NODE_MISSING &&
        look_at(path) == NODE_MISSING)
        r->spec->missing = look_text(r->facts, "%s", path);
}

static const struct yaml_node *list_of(const struct yaml_node *map, const char *key)
{
    static const struct yaml_node none = {.kind = YAML_LIST};
    const struct yaml_node *list = map ? node_get(map, key) : NULL;

    return list && list->kind == YAML_LIST ? list : &none;
}

static void read_edits(struct reading *r, const struct yaml_node *edits)
{
    const struct yaml_node *nodes = list_of(edits, "deviceNodes"),
                           *mounts = list_of(edits, "mounts");

    for (size_t i = 0; i < nodes->count; i++) {
        const char *path = node_text(node_get(nodes->items[i], "path"), NULL);

        expect(r, node_text(node_get(nodes->items[i], "hostPath"), path));
    }
    for (size_t i = 0; i < mounts->count; i++)
        expect(r, node_text(node_get(mounts->items[i], "hostPath"), NULL));
}

static void read_devices(struct reading *r, const struct yaml_node *root)
{
    const struct yaml_node *list = list_of(root, "devices");
    struct node_spec *s = r->spec;

    s->devices = arena_array(&r->facts->arena, list->count, sizeof *s->devices);
    for (size_t i = 0; s->devices && i < list->count; i++) {
        const char *name = node_text(node_get(list->items[i], "name"), NULL);

        if (name)
            s->devices[s->n_devices++] = look_text(r->facts, "%s", name);
        read_edits(r, node_get(list->items[i], "containerEdits"));
    }
}

static const char *judge_shape(const struct yaml_node *root)
{
    const char *kind;

    if (root->kind != YAML_MAP)
        return "it is no CDI file: its top is no map";
    kind = node_text(node_get(root, "kind"), NULL);
    if (!kind || !strchr(kind, '/'))
        return "it is no CDI file: it has no kind 'VENDOR/CLASS'";
    if (!node_text(node_get(root, "cdiVersion"), NULL))
        return "it is no CDI file: it has no cdiVersion";
    return list_of(root, "devices")->count == 0 ? "it defines no devices" : NULL;
}

/* False: the file has gone meanwhile. */
static bool read_spec(struct reading *r)
{
    struct node_spec *s = r->spec;
    const char *path = look_text(r->facts, "%s/%s", s->folder, s->name);
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    OWN_MEM char *text = NULL;
    struct yaml_place place = {0};
    struct err e = {0};
    size_t size;
    int code = file_read(&text, &size, path, FILE_MAX_BYTES, &e);

    if (code == -ENOENT)
        return false;
    s->denied = code == -EACCES || code == -EPERM;
    if (code == 0)
        code = yaml_read_limited(&doc, s->name, text, size, &limits, &place, &e);
    if (code < 0) {
        s->error = place.line ? look_text(r->facts, "line %u: %s", place.line, e.msg)
                              : look_text(r->facts, "%s", e.msg);
        return true;
    }
    s->error = judge_shape(doc->root);
    s->kind = look_text(r->facts, "%s", node_text(node_get(doc->root, "kind"), ""));
    if (s->error)
        return true;
    read_edits(r, node_get(doc->root, "containerEdits"));
    read_devices(r, doc->root);
    return true;
}

static bool is_spec(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot &&
           (strcmp(dot, ".json") == 0 || strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

static enum node_sight read_folder(struct node_facts *f, const struct node_places *p,
                                   const char *folder)
{
    struct node_runtime_facts *rt = &f->runtime;
    enum node_sight sight;
    size_t n;
    const char **names = look_folder(f, &n, &sight, folder, FOLDER_MAX);

    for (size_t i = 0; i < n && rt->n_specs < NODE_SPECS_MAX; i++) {
        struct reading r = {.facts = f, .host_root = p->host_root};

        if (!is_spec(names[i]))
            continue;
        r.spec = &rt->specs[rt->n_specs];
        *r.spec = (struct node_spec){.folder = folder, .name = names[i]};
        rt->n_specs += read_spec(&r);
    }
    return sight;
}

static bool is_same(const char *a, const char *b)
{
    struct stat one, other;

    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

void look_cdi(struct node_facts *f, const struct node_places *p)
{
    struct node_runtime_facts *rt = &f->runtime;
    const char *lasting = look_text(f, "%s/etc/cdi", p->host_root);

    rt->cdi_folder = p->cdi_folder ? p->cdi_folder : look_text(f, "%s/var/run/cdi", p->host_root);
    if (!is_same(lasting, rt->cdi_folder))
        (void)read_folder(f, p, lasting);
    rt->cdi_sight = read_folder(f, p, rt->cdi_folder);
}
