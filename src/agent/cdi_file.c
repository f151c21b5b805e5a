/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When and where the CDI file is written: see cdi_file.h. It is written once containers are given
 * devices by CDI, and kept true from then on, also after the configuration has turned that off: the
 * kubelet may start a container again with what it was given before.
 */
#include "agent/cdi_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/cdi.h"
#include "agent/driver_files.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "base/text.h"
#include "gpu/gpu.h"

enum { MAX_BYTES = 4 << 20 };

struct cdi_file {
    struct agent *agent;
    char *path;
    struct driver_files *files;
    char *content;     /* as on disk; NULL: no file, or not known */
    char trouble[256]; /* last failure, so that each is logged once */
};

static void cdi_file_free(struct cdi_file *c)
{
    if (!c)
        return;
    free(c->path);
    driver_files_free(c->files);
    free(c->content);
    free(c);
}
OWN_POINTER(struct cdi_file, cdi_file_free);

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Paths are joined by putting one behind the other, so "/" is "". */
static const char *root_text(const char *root)
{
    return strcmp(root, "/") == 0 ? "" : root;
}

/* A root without a /dev of its own has the host's. */
static void find_dev_root(struct cdi_sources *s, const struct config *config, const char *root_here)
{
    const char *on_host = config->dev_root ? config->dev_root : config->driver_root;
    const char *here = strcmp(on_host, config->driver_root) == 0 ? root_here : on_host;
    OWN_MEM char *dev = file_join(here, "dev");

    if (!dev || !is_folder(dev)) {
        on_host = "/";
        here = "/";
    }
    s->dev_root = root_text(on_host);
    s->dev_root_here = root_text(here);
}

/* Makes c->files those of the driver that runs now. */
static int find_files(struct cdi_file *c, const char *root_here, struct err *e)
{
    const char *version = c->agent->inventory->driver_version, *root = root_text(root_here);
    struct driver_files *found = NULL;
    int r;

    if (c->files && strcmp(root, c->files->root) == 0 && strcmp(version, c->files->version) == 0 &&
        !driver_files_changed(c->files))
        return 0;
    r = driver_files_find(&found, root, version, e);
    if (r < 0)
        return r;
    if (!found->library_folder)
        log_event(LOG_WARNING, "no driver libraries found for containers root=%s driver=%s",
                  root_here, version);
    driver_files_free(c->files);
    c->files = found;
    return 0;
}

/* The hook on the host: the configured one, or one that is below the driver root; NULL: none. */
static int find_hook(char **out, const struct cdi_file *c, struct err *e)
{
    const struct config *config = c->agent->config;
    const char *root = root_text(config->driver_root), *path = config->cdi_hook;

    *out = NULL;
    if (!path)
        path = c->files->hook;
    else
        root = "";
    if (config->no_cdi_hook || !path)
        return 0;
    if (asprintf(out, "%s%s", root, path) < 0) {
        *out = NULL;
        return err_memory(e);
    }
    return 0;
}

/* What the file should hold, in out. Returns the number of devices; 0: there should be no file. */
static int make_content(struct buf *out, struct cdi_file *c, struct err *e)
{
    const struct config *config = c->agent->config;
    const char *root_here = agent_driver_root(c->agent);
    OWN_MEM char *hook = NULL;
    struct cdi_sources s = {
        .inventory = c->agent->inventory,
        .driver_root = root_text(config->driver_root),
        .proc_root = c->agent->options.proc_root,
    };
    int r = find_files(c, root_here, e);

    if (r == 0)
        r = find_hook(&hook, c, e);
    if (r < 0)
        return r;
    s.files = c->files;
    s.hook = hook;
    find_dev_root(&s, config, root_here);
    return cdi_write(out, &s, e);
}

static int put(struct cdi_file *c, const struct buf *content, struct err *e)
{
    int r;

    /* One of an earlier run is as good as ours. */
    free(TAKE(c->content));
    if (file_read(&c->content, NULL, c->path, MAX_BYTES, NULL) == 0 &&
        strcmp(c->content, content->data) == 0)
        return 0;
    r = file_make_folder(c->agent->options.cdi_folder, e);
    if (r == 0)
        r = file_write(c->path, content->data, content->size, 0644, e);
    if (r < 0)
        return r;
    free(c->content);
    c->content = strdup(content->data);
    log_event(LOG_INFO, "CDI file written path=%s", c->path);
    return c->content ? 0 : err_memory(e);
}

static int take_away(struct cdi_file *c, struct err *e)
{
    free(TAKE(c->content));
    if (unlink(c->path) < 0 && errno != ENOENT)
        return err_errno(e, errno, "remove '%s'", c->path);
    return 0;
}

bool cdi_file_has(const struct cdi_file *c, const char *device)
{
    char name[GPU_UUID_SIZE + 2];

    (void)snprintf(name, sizeof name, "\"%s\"", device);
    return c->content && strstr(c->content, name);
}

/* How many MIG devices are not in the file. */
static unsigned count_missing(const struct cdi_file *c)
{
    const struct inventory *inv = c->agent->inventory;
    unsigned count = 0;

    for (unsigned i = 0; i < inv->n_gpus; i++) {
        for (unsigned k = 0; k < inv->gpus[i].n_instances; k++) {
            const struct gpu_instance *gi = &inv->gpus[i].instances[k];

            for (unsigned n = 0; n < gi->n_computes; n++)
                count += !cdi_file_has(c, gi->computes[n].uuid);
        }
    }
    return count;
}

/* A failure; the next look tries again. */
static void trouble(struct cdi_file *c, const struct err *e)
{
    if (strcmp(c->trouble, e->msg) != 0)
        log_event(LOG_ERROR,
                  "CDI file not complete reason=\"%s\"; slices that are not in it are unhealthy",
                  e->msg);
    (void)TEXT_COPY(c->trouble, e->msg);
}

void cdi_file_update(struct cdi_file *c)
{
    struct agent *a = c->agent;
    OWN(buf_done) struct buf content;
    struct err e = {0};
    unsigned missing;
    int r;

    buf_init(&content, MAX_BYTES);
    if (!a->inventory || !a->config)
        return;
    if (!(a->config->injection & CONFIG_INJECT_CDI_CRI) && access(c->path, F_OK) < 0) {
        c->trouble[0] = '\0';
        return;
    }
    r = make_content(&content, c, &e);
    if (r > 0)
        r = put(c, &content, &e);
    else if (r == 0)
        r = take_away(c, &e);
    missing = r == 0 ? count_missing(c) : 0;
    if (missing > 0)
        r = err_set(&e, ENOENT, "no capability nodes of %u MIG devices below '%s/driver/nvidia'",
                    missing, a->options.proc_root);
    if (r < 0)
        trouble(c, &e);
    else
        c->trouble[0] = '\0';
}

bool cdi_file_outdated(const struct cdi_file *c)
{
    return c->trouble[0] || (c->content && access(c->path, F_OK) < 0) ||
           (c->files && driver_files_changed(c->files));
}

int cdi_file_open(struct cdi_file **out, struct agent *a, struct err *e)
{
    OWN(cdi_file_freep) struct cdi_file *c = calloc(1, sizeof *c);

    if (!c)
        return err_memory(e);
    c->agent = a;
    c->path = file_join(a->options.cdi_folder, CDI_FILE);
    if (!c->path)
        return err_memory(e);
    *out = TAKE(c);
    return 0;
}

void cdi_file_close(struct cdi_file *c)
{
    cdi_file_free(c);
}
