/* SPDX-License-Identifier: Apache-2.0 */
/* The environment at load. See setting.h. */
#include "shim/setting.h"

#include <link.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/next.h"

static struct setting setting;
static atomic_bool known; /* `setting` is filled in */

const char *setting_value(const char *variable)
{
    const char *equals = strchr(variable, '=');

    return equals ? equals + 1 : "";
}

/* A value that is too long is kept empty: no page has that name. */
static void set(char *out, size_t size, const char *name, const char *value)
{
    if ((size_t)snprintf(out, size, "%s=%s", name, value) >= size)
        (void)snprintf(out, size, "%s=", name);
}

/* Where this library is; CARVE_LIBRARY says so, else the linker. */
static const char *library_path(void)
{
    const char *given = secure_getenv("CARVE_LIBRARY");
    const struct link_map *us;

    if (given && *given)
        return given;
    us = next_library_at(&setting);
    return us ? us->l_name : "";
}

static void fill(void)
{
    const char *page = secure_getenv("CARVE_PAGE"),
               *devices = secure_getenv("CUDA_VISIBLE_DEVICES");

    if (!page)
        return;
    set(setting.page, sizeof setting.page, "CARVE_PAGE", page);
    set(setting.library, sizeof setting.library, "CARVE_LIBRARY", library_path());
    set(setting.preload, sizeof setting.preload, "LD_PRELOAD", setting_value(setting.library));
    if (devices)
        set(setting.devices, sizeof setting.devices, "CUDA_VISIBLE_DEVICES", devices);
    setting.named = true;
}

/* Before the program; constructors of other libraries may have started threads. Those that come at
   once write the same. */
static __attribute__((constructor)) void read_environment(void)
{
    if (known)
        return;
    fill();
    known = true;
}

const struct setting *setting_get(void)
{
    if (!known) /* a constructor of another library is at work */
        read_environment();
    return &setting;
}
