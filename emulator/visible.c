/* SPDX-License-Identifier: Apache-2.0 */
/* Which GPUs and MIG devices a process sees, by the nodes in /dev. The nodes are made in tree.c. */
#include "visible.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tree.h"

static bool has_gpu(unsigned gpu)
{
    char path[32];

    (void)snprintf(path, sizeof path, "/dev/nvidia%u", gpu);
    return access(path, F_OK) == 0;
}

static bool has_capability(unsigned minor)
{
    char path[48];

    (void)snprintf(path, sizeof path, "/dev/nvidia-caps/nvidia-cap%u", minor);
    return access(path, F_OK) == 0;
}

bool visible_gpu(unsigned gpu)
{
    for (unsigned i = 0; i < NODE_MAX_GPUS; i++) {
        if (has_gpu(i))
            return has_gpu(gpu);
    }
    return true;
}

/* Nodes 1 and 2 are for configuring and watching MIG; the others are instances. */
static bool has_instances(void)
{
    DIR *folder = opendir("/dev/nvidia-caps");
    struct dirent *entry;
    bool found = false;

    if (!folder)
        return false;
    while (!found && (entry = readdir(folder)) != NULL)
        found = text_starts(entry->d_name, "nvidia-cap") &&
                strcmp(entry->d_name, "nvidia-cap1") != 0 &&
                strcmp(entry->d_name, "nvidia-cap2") != 0;
    (void)closedir(folder);
    return found;
}

bool visible_instance(unsigned gpu, unsigned gi, unsigned ci)
{
    if (!has_instances())
        return true;
    return has_capability(tree_minor(gpu, gi, UINT32_MAX)) &&
           has_capability(tree_minor(gpu, gi, ci));
}
