/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the CDI file: see cdi.h. Runtimes decode it strictly, so only fields of the specification
 * are written. A node that is to be seen is given by path and the runtime reads its numbers from
 * the host; one that nobody has made yet is given with its numbers, and the runtime makes it.
 */
#include "agent/cdi.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/capability.h"
#include "agent/driver_files.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/own.h"
#include "gpu/gpu.h"

/* hostPath of a device node came with 0.5.0; all else that is written here is in 0.3.0. */
static const char *version_of(const struct cdi_sources *s)
{
    return s->dev_root[0] ? "0.5.0" : "0.3.0";
}

static bool is_here(const struct cdi_sources *s, const char *node)
{
    OWN_MEM char *path = NULL;

    if (asprintf(&path, "%s%s", s->dev_root_here, node) < 0) {
        path = NULL;
        return false;
    }
    return access(path, F_OK) == 0;
}

/* `path` below a root of the host. */
static void root_path(struct json *j, const char *key, const char *root, const char *path)
{
    OWN_MEM char *joined = NULL;

    if (asprintf(&joined, "%s%s", root, path) < 0) {
        joined = NULL;
        j->out->failed = true;
        return;
    }
    json_string(j, key, joined);
}

static void open_node(struct json *j, const struct cdi_sources *s, const char *path)
{
    json_object(j, NULL);
    json_string(j, "path", path);
    if (s->dev_root[0])
        root_path(j, "hostPath", s->dev_root, path);
}

static void put_node(struct json *j, const struct cdi_sources *s, const char *path)
{
    open_node(j, s, path);
    json_object_end(j);
}

static void put_capability(struct json *j, const struct cdi_sources *s,
                           const struct capability_node *node)
{
    char path[64];
    unsigned major;

    (void)snprintf(path, sizeof path, "/dev/nvidia-caps/nvidia-cap%u", node->minor);
    open_node(j, s, path);
    if (!is_here(s, path) && capability_major(&major, s->proc_root, NULL) == 0) {
        json_string(j, "type", "c");
        json_uint(j, "major", major);
        json_uint(j, "minor", node->minor);
        json_uint(j, "fileMode", node->mode);
        json_string(j, "permissions", "rw");
    }
    json_object_end(j);
}

static void open_device(struct json *j, const struct cdi_sources *s, const char *name,
                        unsigned gpu_minor)
{
    char path[32];

    (void)snprintf(path, sizeof path, "/dev/nvidia%u", gpu_minor);
    json_object(j, NULL);
    json_string(j, "name", name);
    json_object(j, "containerEdits");
    json_array(j, "deviceNodes");
    put_node(j, s, path);
}

static void close_device(struct json *j)
{
    json_array_end(j);
    json_object_end(j);
    json_object_end(j);
}

/* A MIG device with its two capability nodes; false if they are not known. */
static bool put_mig_device(struct json *j, const struct cdi_sources *s, const struct gpu *gpu,
                           unsigned gi, const struct gpu_compute *ci)
{
    struct capability of_gi = {gpu->minor, gi, -1}, of_ci = {gpu->minor, gi, (int)ci->id};
    struct capability_node gi_node, ci_node;

    if (capability_find(&gi_node, &of_gi, s->proc_root, NULL) < 0 ||
        capability_find(&ci_node, &of_ci, s->proc_root, NULL) < 0)
        return false;
    open_device(j, s, ci->uuid, gpu->minor);
    put_capability(j, s, &gi_node);
    put_capability(j, s, &ci_node);
    close_device(j);
    return true;
}

static int put_gpu(struct json *j, const struct cdi_sources *s, const struct gpu *gpu)
{
    int count = 1;

    open_device(j, s, gpu->uuid, gpu->minor);
    close_device(j);
    for (unsigned i = 0; i < gpu->n_instances; i++) {
        const struct gpu_instance *gi = &gpu->instances[i];

        for (unsigned k = 0; k < gi->n_computes; k++)
            count += put_mig_device(j, s, gpu, gi->id, &gi->computes[k]);
    }
    return count;
}

static void put_mount(struct json *j, const struct cdi_sources *s, const struct driver_file *file)
{
    json_object(j, NULL);
    root_path(j, "hostPath", s->driver_root, file->source);
    json_string(j, "containerPath", file->target);
    json_array(j, "options");
    if (!file->is_socket)
        json_string(j, NULL, "ro");
    json_string(j, NULL, "nosuid");
    json_string(j, NULL, "nodev");
    if (file->is_socket)
        json_string(j, NULL, "noexec");
    json_string(j, NULL, "rbind");
    json_string(j, NULL, "rprivate");
    json_array_end(j);
    json_object_end(j);
}

static void put_common_nodes(struct json *j, const struct cdi_sources *s)
{
    /* Without the first one, /dev is not to be seen from here and says nothing about the others. */
    bool visible = is_here(s, "/dev/nvidiactl");

    json_array(j, "deviceNodes");
    put_node(j, s, "/dev/nvidiactl");
    if (!visible || is_here(s, "/dev/nvidia-uvm"))
        put_node(j, s, "/dev/nvidia-uvm");
    if (!visible || is_here(s, "/dev/nvidia-uvm-tools"))
        put_node(j, s, "/dev/nvidia-uvm-tools");
    if (visible && is_here(s, "/dev/nvidia-modeset"))
        put_node(j, s, "/dev/nvidia-modeset");
    json_array_end(j);
}

/* Rebuilds the container's linker cache, for images whose linker does not look in the folder. */
static void put_hook(struct json *j, const struct cdi_sources *s)
{
    const char *name = strrchr(s->hook, '/') + 1;

    json_array(j, "hooks");
    json_object(j, NULL);
    json_string(j, "hookName", "createContainer");
    json_string(j, "path", s->hook);
    json_array(j, "args");
    json_string(j, NULL, name);
    if (strcmp(name, "nvidia-ctk") == 0)
        json_string(j, NULL, "hook");
    json_string(j, NULL, "update-ldcache");
    json_string(j, NULL, "--folder");
    json_string(j, NULL, s->files->library_folder);
    json_array_end(j);
    json_object_end(j);
    json_array_end(j);
}

/* What every device needs. */
static void put_common(struct json *j, const struct cdi_sources *s)
{
    json_object(j, "containerEdits");
    json_array(j, "env");
    /* Keeps NVIDIA's own hook, where it is the runtime's default, from doing the work twice. */
    json_string(j, NULL, "NVIDIA_VISIBLE_DEVICES=void");
    json_array_end(j);
    put_common_nodes(j, s);
    json_array(j, "mounts");
    for (size_t i = 0; i < s->files->count; i++)
        put_mount(j, s, &s->files->files[i]);
    json_array_end(j);
    if (s->hook && s->files->library_folder)
        put_hook(j, s);
    json_object_end(j);
}

int cdi_write(struct buf *out, const struct cdi_sources *s, struct err *e)
{
    struct json j;
    int count = 0, r;

    json_init(&j, out, 2);
    json_object(&j, NULL);
    json_string(&j, "cdiVersion", version_of(s));
    json_string(&j, "kind", CDI_KIND);
    json_array(&j, "devices");
    for (unsigned i = 0; i < s->inventory->n_gpus; i++)
        if (s->inventory->gpus[i].uuid[0])
            count += put_gpu(&j, s, &s->inventory->gpus[i]);
    json_array_end(&j);
    put_common(&j, s);
    json_object_end(&j);
    r = buf_check(out, e);
    return r < 0 ? r : count;
}
