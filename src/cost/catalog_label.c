/* SPDX-License-Identifier: Apache-2.0 */
/* Karpenter's well-known labels as a node of a type carries them. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cost/catalog.h"

/* "gr" and "6" of "gr6f.4xlarge", "u" and "24" of "u-24tb1" as Karpenter takes them: "u", "1". */
static void category(const char *name, size_t *out_letters, size_t *out_digits, const char **digits)
{
    size_t i = 0, n = 0;

    while (islower((unsigned char)name[i]))
        i++;
    *out_letters = i;
    if (name[i] == '-') {
        size_t k = i + 1;

        while (isdigit((unsigned char)name[k]))
            k++;
        if (k > i + 1 && strncmp(name + k, "tb", 2) == 0)
            i = k + 2;
    }
    while (isdigit((unsigned char)name[i + n]))
        n++;
    *digits = name + i;
    *out_digits = n;
}

static bool part(char out[CATALOG_LABEL_SIZE], const char *text, size_t size)
{
    (void)snprintf(out, CATALOG_LABEL_SIZE, "%.*s", (int)size, text);
    return size > 0;
}

static bool words(char out[CATALOG_LABEL_SIZE], const char *text)
{
    (void)text_copy(out, CATALOG_LABEL_SIZE, text);
    return true;
}

static bool number(char out[CATALOG_LABEL_SIZE], uint64_t value, bool carried)
{
    (void)snprintf(out, CATALOG_LABEL_SIZE, "%llu", (unsigned long long)value);
    return carried;
}

static bool gpu_label(char out[CATALOG_LABEL_SIZE], const struct instance_type *t, const char *key)
{
    if (t->gpus == 0 || !*t->gpu_name)
        return false;
    if (strcmp(key, "name") == 0)
        return words(out, t->gpu_name);
    if (strcmp(key, "manufacturer") == 0)
        return words(out, t->gpu_manufacturer);
    if (strcmp(key, "count") == 0)
        return number(out, t->label_gpu_count, true);
    if (strcmp(key, "memory") == 0)
        return number(out, t->gpu_memory_mib, true);
    return false;
}

static bool instance_label(char out[CATALOG_LABEL_SIZE], const struct instance_type *t,
                           const char *key)
{
    size_t letters, n;
    const char *generation;

    category(t->name, &letters, &n, &generation);
    if (strcmp(key, "category") == 0)
        return part(out, t->name, letters);
    if (strcmp(key, "generation") == 0)
        return part(out, generation, n);
    if (strcmp(key, "family") == 0)
        return words(out, t->family);
    if (strcmp(key, "size") == 0)
        return words(out, t->size);
    if (strcmp(key, "cpu") == 0)
        return number(out, t->vcpus, t->vcpus > 0);
    if (strcmp(key, "cpu-manufacturer") == 0)
        return words(out, t->cpu_manufacturer) && *t->cpu_manufacturer;
    if (strcmp(key, "memory") == 0)
        return number(out, t->memory_mib, t->memory_mib > 0);
    if (strcmp(key, "local-nvme") == 0)
        return number(out, t->local_nvme_gb, t->local_nvme_gb > 0);
    if (strcmp(key, "network-bandwidth") == 0)
        return number(out, t->network_mbps, t->network_mbps > 0);
    if (strcmp(key, "hypervisor") == 0) /* "" on bare metal */
        return words(out, t->hypervisor);
    return text_starts(key, "gpu-") && gpu_label(out, t, key + strlen("gpu-"));
}

bool catalog_label(char out[CATALOG_LABEL_SIZE], const struct instance_type *t, const char *key)
{
    static const char instance[] = "karpenter.k8s.aws/instance-";

    if (text_starts(key, instance))
        return instance_label(out, t, key + strlen(instance));
    if (strcmp(key, "node.kubernetes.io/instance-type") == 0 ||
        strcmp(key, "beta.kubernetes.io/instance-type") == 0)
        return words(out, t->name);
    if (strcmp(key, "kubernetes.io/arch") == 0 || strcmp(key, "beta.kubernetes.io/arch") == 0)
        return words(out, t->arch);
    if (strcmp(key, "kubernetes.io/os") == 0 || strcmp(key, "beta.kubernetes.io/os") == 0)
        return words(out, "linux");
    return false;
}

bool catalog_label_open(const char *key)
{
    static const char *const open[] = {
        "karpenter.k8s.aws/instance-capability-flex",
        "karpenter.k8s.aws/instance-cpu-sustained-clock-speed-mhz",
        "karpenter.k8s.aws/instance-ebs-bandwidth",
        "karpenter.k8s.aws/instance-encryption-in-transit-supported",
        "karpenter.k8s.aws/instance-tenancy",
    };

    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        if (strcmp(key, open[i]) == 0)
            return true;
    return false;
}
