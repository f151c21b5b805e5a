/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container runtimes as their configuration files say: whether CDI is on, whether there is a
 * runtime called nvidia and whether it is the default. Of TOML only lines are read: a table's head
 * or a key with a value.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "doctor/node_look.h"

enum { FILE_MAX_BYTES = 1 << 20, FOLDER_MAX = 64 };

/* A file, or with a slash at the end a folder of files that end in ".toml" or ".conf". */
static const struct place {
    const char *name, *path;
} places[] = {
    {"containerd", "/etc/containerd/config.toml"},
    {"containerd", "/etc/containerd/conf.d/"},
    {"containerd", "/etc/containerd/config.d/"},
    {"containerd", "/var/lib/rancher/k3s/agent/etc/containerd/config.toml"},
    {"containerd", "/var/lib/rancher/rke2/agent/etc/containerd/config.toml"},
    {"CRI-O", "/etc/crio/crio.conf"},
    {"CRI-O", "/etc/crio/crio.conf.d/"},
};

static const char *const tools[] = {
    "/usr/bin/nvidia-ctk",
    "/usr/bin/nvidia-cdi-hook",
    "/usr/bin/nvidia-container-runtime",
    "/usr/local/nvidia/toolkit/nvidia-ctk",
    "/usr/local/nvidia/toolkit/nvidia-container-runtime",
};

/* A value without its quotes and what follows it. */
static void take_value(char *out, size_t size, const char *text)
{
    bool quoted = *text == '"' || *text == '\'';
    size_t length = quoted ? strcspn(text + 1, *text == '"' ? "\"" : "'") : strcspn(text, " \t#");

    (void)snprintf(out, size, "%.*s", (int)length, text + quoted);
}

static void read_key(struct node_runtime *r, const char *key, size_t key_size, const char *value)
{
    char text[128];

    take_value(text, sizeof text, value);
    if (key_size == 7 && strncmp(key, "version", 7) == 0) {
        uint64_t version;

        if (text_uint(&version, text, 99))
            r->version = (unsigned)version;
    } else if (key_size == 10 && strncmp(key, "enable_cdi", 10) == 0) {
        r->cdi = strcmp(text, "true") == 0;
    } else if ((key_size == 20 && strncmp(key, "default_runtime_name", 20) == 0) ||
               (key_size == 15 && strncmp(key, "default_runtime", 15) == 0)) {
        r->is_default = text_starts(text, "nvidia");
    }
}

/* "[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.nvidia]",
 * "[crio.runtime.runtimes.nvidia]" */
static bool heads_nvidia(const char *line)
{
    const char *at = strstr(line, "runtimes.");

    if (!at)
        return false;
    at += strlen("runtimes.");
    return text_starts(at + strspn(at, "\"'"), "nvidia");
}

static void read_text(struct node_runtime *r, char *text)
{
    char *rest = NULL;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        size_t key;

        line += strspn(line, " \t");
        if (*line == '[')
            r->nvidia |= heads_nvidia(line);
        key = strcspn(line, " \t=#[");
        if (key > 0 && line[key + strspn(line + key, " \t")] == '=') {
            const char *value = strchr(line, '=') + 1;

            read_key(r, line, key, value + strspn(value, " \t"));
        }
    }
}

static void read_runtime(struct node_facts *f, const char *name, const char *path)
{
    struct node_runtime_facts *rt = &f->runtime;
    struct node_runtime *r = &rt->runtimes[rt->n_runtimes];
    OWN_MEM char *text = NULL;
    size_t size;

    if (rt->n_runtimes == NODE_RUNTIMES_MAX)
        return;
    *r = (struct node_runtime){.name = name, .file = path, .sight = look_at(path), .cdi = -1};
    if (r->sight == NODE_MISSING)
        return;
    rt->n_runtimes++;
    if (file_read(&text, &size, path, FILE_MAX_BYTES, NULL) < 0)
        r->sight = NODE_DENIED;
    else
        read_text(r, text);
}

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);

    return size > tail && strcmp(text + size - tail, end) == 0;
}

static void read_folder(struct node_facts *f, const char *name, const char *path)
{
    enum node_sight sight;
    size_t n;
    const char **names = look_folder(f, &n, &sight, path, FOLDER_MAX);

    for (size_t i = 0; i < n; i++)
        if (ends_in(names[i], ".toml") || ends_in(names[i], ".conf"))
            read_runtime(f, name, look_text(f, "%s%s", path, names[i]));
}

void look_runtimes(struct node_facts *f, const struct node_places *p)
{
    f->runtime.tools = "";
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *path = look_text(f, "%s%s", p->host_root, places[i].path);

        if (ends_in(path, "/"))
            read_folder(f, places[i].name, path);
        else
            read_runtime(f, places[i].name, path);
    }
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++)
        if (look_at(look_text(f, "%s%s", p->host_root, tools[i])) == NODE_THERE)
            f->runtime.tools =
                look_text(f, "%s%s%s", f->runtime.tools, *f->runtime.tools ? ", " : "", tools[i]);
}
