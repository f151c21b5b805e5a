/* SPDX-License-Identifier: Apache-2.0 */
/* See door.h. */
#include "door.h"

#include "test.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static void path_in(char out[192], const struct door *d, const char *rest)
{
    (void)snprintf(out, 192, "%s%s", d->root, rest);
}

void door_make(struct door *d, const char *library)
{
    char path[192];
    char target[PATH_MAX];

    assert_non_null(realpath(library, target));
    *d = (struct door){.root = "/tmp/carve-gpu-test-XXXXXX"};
    assert_non_null(mkdtemp(d->root));
    path_in(path, d, "/usr/lib64");
    assert_int_equal(file_make_folder(path, NULL), 0);
    path_in(path, d, "/usr/lib64/libnvidia-ml.so.1");
    assert_int_equal(symlink(target, path), 0);
    path_in(path, d, "/sys/bus/pci/devices/0000:10:1c.0");
    assert_int_equal(file_make_folder(path, NULL), 0);
    path_in(path, d, "/sys/bus/pci/devices/0000:10:1c.0/numa_node");
    assert_int_equal(file_write(path, "1\n", 2, 0644, NULL), 0);
    d->library = dlopen(target, RTLD_NOW | RTLD_LOCAL);
    d->fake = d->library ? dlsym(d->library, "fake_nvml") : NULL;
    if (d->fake)
        door_reset(d);
}

void door_reset(struct door *d)
{
    void *address = dlsym(d->library, "fake_nvml_reset");
    fake_nvml_start *reset;

    driver_close(&d->driver);
    assert_non_null(address);
    memcpy(&reset, &address, sizeof reset);
    reset();
}

void door_remove(struct door *d)
{
    static const char *const parts[] = {
        "/usr/lib64/libnvidia-ml.so.1",
        "/usr/lib64",
        "/usr",
        "/sys/bus/pci/devices/0000:10:1c.0/numa_node",
        "/sys/bus/pci/devices/0000:10:1c.0",
        "/sys/bus/pci/devices",
        "/sys/bus/pci",
        "/sys/bus",
        "/sys",
        "",
    };
    char path[192];

    driver_close(&d->driver);
    if (d->library)
        (void)dlclose(d->library);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        path_in(path, d, parts[i]);
        (void)remove(path);
    }
}

const char *door_sysfs(const struct door *d, char buffer[96])
{
    (void)snprintf(buffer, 96, "%s/sys", d->root);
    return buffer;
}
