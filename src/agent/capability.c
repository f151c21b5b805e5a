/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the kernel module's files about capabilities: see capability.h. */
#include "agent/capability.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "base/text.h"

enum {
    MAX_BYTES = 1 << 20, /* mig-minors has 135 short lines a GPU */
    MAX_MINOR = 1 << 20,
    DEFAULT_MODE = 0444,
};

/* The first line that starts with `start`, ended in place; the rest of it, or NULL. */
static char *line_after(char *text, const char *start)
{
    for (char *line = text; line && *line;) {
        char *end = strchr(line, '\n');

        if (text_starts(line, start)) {
            if (end)
                *end = '\0';
            return line + strlen(start);
        }
        line = end ? end + 1 : NULL;
    }
    return NULL;
}

static bool number_after(unsigned *out, const char *text, const char *start)
{
    OWN_MEM char *copy = strdup(text);
    const char *rest = copy ? line_after(copy, start) : NULL;
    uint64_t number;

    if (!rest || !text_uint(&number, rest + strspn(rest, " \t"), MAX_MINOR))
        return false;
    *out = (unsigned)number;
    return true;
}

/* "gpu0/gi5/access", "gpu0/gi5/ci0/access"; between them and the folder stands `mig`. */
static char *name_of(const char *folder, const char *mig, const struct capability *c)
{
    char *name = NULL;
    int r;

    if (c->ci < 0)
        r = asprintf(&name, "%sgpu%u%s/gi%u/access", folder, c->gpu_minor, mig, c->gi);
    else
        r = asprintf(&name, "%sgpu%u%s/gi%u/ci%d/access", folder, c->gpu_minor, mig, c->gi, c->ci);
    return r < 0 ? NULL : name;
}

/* From the files of the instances that exist. */
static bool from_capabilities(struct capability_node *out, const struct capability *c,
                              const char *proc_root)
{
    OWN_MEM char *folder = file_join(proc_root, "driver/nvidia/capabilities/");
    OWN_MEM char *path = folder ? name_of(folder, "/mig", c) : NULL;
    OWN_MEM char *text = NULL;

    if (!path || file_read(&text, NULL, path, MAX_BYTES, NULL) < 0)
        return false;
    out->mode = DEFAULT_MODE;
    (void)number_after(&out->mode, text, "DeviceFileMode:");
    return number_after(&out->minor, text, "DeviceFileMinor:");
}

/* From the table of all instances that could exist: "gpu0/gi5/access 48". */
static bool from_table(struct capability_node *out, const struct capability *c,
                       const char *proc_root)
{
    OWN_MEM char *path = file_join(proc_root, "driver/nvidia-caps/mig-minors");
    OWN_MEM char *name = name_of("", "", c);
    OWN_MEM char *start = NULL;
    OWN_MEM char *text = NULL;

    if (!path || !name || file_read(&text, NULL, path, MAX_BYTES, NULL) < 0)
        return false;
    if (asprintf(&start, "%s ", name) < 0) {
        start = NULL;
        return false;
    }
    out->mode = DEFAULT_MODE;
    return number_after(&out->minor, text, start);
}

int capability_find(struct capability_node *out, const struct capability *c, const char *proc_root,
                    struct err *e)
{
    struct capability_node node;

    if (!from_capabilities(&node, c, proc_root) && !from_table(&node, c, proc_root))
        return err_set(e, ENOENT,
                       "no capability of GPU minor %u, GPU instance %u, compute instance %d below "
                       "'%s/driver/nvidia'",
                       c->gpu_minor, c->gi, c->ci, proc_root);
    *out = node;
    return 0;
}

int capability_major(unsigned *out, const char *proc_root, struct err *e)
{
    OWN_MEM char *path = file_join(proc_root, "devices");
    OWN_MEM char *text = NULL;
    int r;

    if (!path)
        return err_memory(e);
    r = file_read(&text, NULL, path, MAX_BYTES, e);
    if (r < 0)
        return r;
    for (char *line = text, *end; line; line = end ? end + 1 : NULL) {
        const char *name;
        uint64_t number;

        end = strchr(line, '\n');
        if (end)
            *end = '\0';
        line += strspn(line, " ");
        name = strchr(line, ' ');
        if (!name || strcmp(name + 1, "nvidia-caps") != 0)
            continue;
        line[name - line] = '\0';
        if (!text_uint(&number, line, MAX_MINOR))
            continue;
        *out = (unsigned)number;
        return 0;
    }
    return err_set(e, ENOENT, "no major number of nvidia-caps in '%s'", path);
}
