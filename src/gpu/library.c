/* SPDX-License-Identifier: Apache-2.0 */
/* Where the driver's libraries are: see library.h. */
#include "gpu/library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"

static const char *const folders[] = {
    "/usr/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/nvidia/tesla", /* Bottlerocket */
    NULL,
};

const char *const *library_folders(void)
{
    return folders;
}

/* A library that is there but does not load is an error, in words; one that is absent is NULL. */
static int open_below(void **out, const char *name, const char *root, struct err *e)
{
    *out = NULL;
    for (size_t i = 0; folders[i] && !*out; i++) {
        OWN_MEM char *path = NULL;

        if (asprintf(&path, "%s%s/%s", root, folders[i], name) < 0) {
            path = NULL;
            return err_memory(e);
        }
        if (access(path, F_OK))
            continue;
        *out = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
        if (!*out)
            return err_set(e, ENODEV, "load %s: %s", path, dlerror());
    }
    return 0;
}

int library_open(void **out, const char *name, const char *driver_root, struct err *e)
{
    bool own_root = driver_root && driver_root[0] && strcmp(driver_root, "/") != 0;
    char loader[256] = "not found";
    int rc;

    if (own_root) {
        rc = open_below(out, name, driver_root, e);
        if (rc || *out)
            return rc;
    }
    *out = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
    if (*out)
        return 0;
    (void)snprintf(loader, sizeof loader, "%s", dlerror());
    rc = open_below(out, name, "", e);
    if (rc || *out)
        return rc;
    return err_set(e, ENODEV,
                   "NVIDIA driver library %s is neither where the loader looks (%s) nor in "
                   "%s, %s or the like below '%s'; install the NVIDIA driver or give its root "
                   "folder",
                   name, loader, folders[0], folders[1], own_root ? driver_root : "/");
}
