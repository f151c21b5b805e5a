/* SPDX-License-Identifier: Apache-2.0 */
/* Instance types in the user's own file. */
#include <limits.h>
#include <string.h>

#include "base/text.h"
#include "cost/draft.h"
#include "cost/user_reader.h"

enum type_field {
    TYPE_NAME,
    TYPE_ARCH,
    TYPE_VCPUS,
    TYPE_MEMORY,
    TYPE_GPUS,
    TYPE_GPU,
    TYPE_GPU_MEMORY,
    TYPE_GPU_PART,
    TYPE_GPU_MANUFACTURER,
    TYPE_CPU_MANUFACTURER,
    TYPE_HYPERVISOR,
    TYPE_NVME,
    TYPE_NETWORK,
    TYPE_EFA,
    TYPE_PODS,
    TYPE_FIELDS
};

static const char *const type_names[TYPE_FIELDS] = {
    "type",       "arch",           "vcpus",        "memory_mib",       "gpus",
    "gpu",        "gpu_memory_mib", "gpu_part",     "gpu_manufacturer", "cpu_manufacturer",
    "hypervisor", "local_nvme_gb",  "network_mbps", "efa_interfaces",   "max_pods"};

static bool read_count(unsigned *out, struct user_reader *u, const struct yaml_pair **pairs,
                       enum type_field field)
{
    const struct yaml_node *node = fields_value(pairs[field]);

    return !node || fields_whole(out, &u->r, node, type_names[field], 0, INT_MAX);
}

static bool read_size(uint64_t *out, struct user_reader *u, const struct yaml_pair **pairs,
                      enum type_field field)
{
    unsigned number = 0;

    if (!read_count(&number, u, pairs, field))
        return false;
    *out = number;
    return true;
}

static bool read_name(char out[DRAFT_TEXT_SIZE], struct user_reader *u,
                      const struct yaml_pair **pairs, enum type_field field)
{
    const char *text = "";

    if (!user_reader_text(&text, u, pairs[field], type_names[field]))
        return false;
    if (!*text || text_copy(out, DRAFT_TEXT_SIZE, text))
        return true;
    fields_error(&u->r, pairs[field]->value, "%s: too long", type_names[field]);
    return false;
}

void user_types_read(struct user_reader *u, const struct yaml_node *entry)
{
    static const struct fields known = {"types", type_names, TYPE_FIELDS, false};
    const struct yaml_pair *p[FIELDS_MAX];
    struct catalog_place place = user_reader_place(u, entry);
    struct draft d = {.arch = "amd64", .gpu_manufacturer = "nvidia"};

    if (fields_read(&u->r, entry, &known, p) && read_name(d.name, u, p, TYPE_NAME) &&
        read_name(d.arch, u, p, TYPE_ARCH) && read_count(&d.vcpus, u, p, TYPE_VCPUS) &&
        read_size(&d.memory_mib, u, p, TYPE_MEMORY) && read_count(&d.gpus, u, p, TYPE_GPUS) &&
        read_name(d.gpu_name, u, p, TYPE_GPU) &&
        read_size(&d.gpu_memory_mib, u, p, TYPE_GPU_MEMORY) &&
        user_reader_number(&d.gpu_part, u, p[TYPE_GPU_PART], "gpu_part") &&
        read_name(d.gpu_manufacturer, u, p, TYPE_GPU_MANUFACTURER) &&
        read_name(d.cpu_manufacturer, u, p, TYPE_CPU_MANUFACTURER) &&
        read_name(d.hypervisor, u, p, TYPE_HYPERVISOR) &&
        read_size(&d.local_nvme_gb, u, p, TYPE_NVME) &&
        read_size(&d.network_mbps, u, p, TYPE_NETWORK) &&
        read_count(&d.efa_interfaces, u, p, TYPE_EFA) && read_count(&d.max_pods, u, p, TYPE_PODS)) {
        if (!*d.hypervisor && !catalog_content_find(u->now, d.name))
            (void)TEXT_COPY(d.hypervisor, "nitro");
        u->failed = draft_add(&d, u->rows, u->now, &place, u->e);
    }
}
