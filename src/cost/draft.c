/* SPDX-License-Identifier: Apache-2.0 */
/* From a file's numbers to a type: see draft.h. */
#include "cost/draft.h"

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

enum {
    MAX_VCPUS = 1 << 16,
    MAX_MEMORY_MIB = 1 << 30,
    MAX_GPU_MIB = 1 << 22,
    MAX_PODS = 1 << 16,
    MAX_DEVICES = GPU_MAX,
    DEFAULT_PODS = 110,
    POD_MIB = 11, /* kubelet's memory for each pod, beside what it keeps anyway */
    KUBE_MIB = 255,
    EVICTION_MIB = 100,
    GRAVITON_MIB = 64,
};

unsigned draft_pods(unsigned interfaces, unsigned addresses)
{
    return interfaces && addresses ? interfaces * (addresses - 1) + 2 : 0;
}

/* Reserved: 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the rest. */
unsigned draft_allocatable_milli_cpu(unsigned vcpus)
{
    static const struct {
        unsigned cores, per_core; /* in 1/100 of milli */
    } steps[] = {{1, 6000}, {1, 1000}, {2, 500}, {MAX_VCPUS, 250}};
    unsigned reserved = 0, left = vcpus;

    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && left > 0; i++) {
        unsigned cores = left < steps[i].cores ? left : steps[i].cores;

        reserved += cores * steps[i].per_core;
        left -= cores;
    }
    return vcpus * 1000 - reserved / 100;
}

/* Graviton keeps some for itself; the VM's part of the rest is 7.5 %, rounded up to a MiB. */
uint64_t draft_allocatable_memory_mib(uint64_t memory_mib, const char *arch, unsigned max_pods)
{
    uint64_t own = strcmp(arch, "arm64") == 0 ? GRAVITON_MIB : 0;
    uint64_t mib = memory_mib > own ? memory_mib - own : 0;
    uint64_t gone =
        (mib * 75 + 999) / 1000 + (uint64_t)POD_MIB * max_pods + KUBE_MIB + EVICTION_MIB;

    return mib > gone ? mib - gone : 0;
}

void draft_reckon(struct instance_type *t)
{
    if (t->max_pods == 0)
        t->max_pods = DEFAULT_PODS;
    t->allocatable_milli_cpu = draft_allocatable_milli_cpu(t->vcpus);
    t->allocatable_memory_mib = draft_allocatable_memory_mib(t->memory_mib, t->arch, t->max_pods);
}

/* Karpenter's way with names: lower case, '-' for blanks. */
static void kebab(char out[DRAFT_TEXT_SIZE], const char *text)
{
    size_t i = 0;

    for (; text[i] && i < DRAFT_TEXT_SIZE - 1; i++)
        out[i] = (char)(text[i] == ' ' ? '-' : tolower((unsigned char)text[i]));
    out[i] = '\0';
}

static bool name_is_sound(const char *name)
{
    const char *dot = strchr(name, '.');

    if (!islower((unsigned char)*name) || !dot || !dot[1] || strchr(dot + 1, '.'))
        return false;
    for (; *name; name++)
        if (!islower((unsigned char)*name) && !isdigit((unsigned char)*name) && *name != '-' &&
            *name != '.')
            return false;
    return true;
}

/* Families g, gr and p with a number are AWS's families with GPUs. */
static bool needs_gpu(const char *name)
{
    size_t letters = strspn(name, "abcdefghijklmnopqrstuvwxyz");

    return isdigit((unsigned char)name[letters]) &&
           (strncmp(name, "gr", letters) == 0 || (letters == 1 && (*name == 'g' || *name == 'p')));
}

static unsigned devices(const struct draft *d)
{
    return d->gpu_devices ? d->gpu_devices : d->gpus;
}

static int judge_gpu(const struct draft *d, const struct catalog_place *place, struct err *e)
{
    unsigned n = devices(d);

    if (n == 0)
        return needs_gpu(d->name)
                   ? rows_error(e, place, "'%s' has no GPU, as all of its kind have", d->name)
                   : 0;
    if (n > MAX_DEVICES)
        return rows_error(e, place, "'%s' cannot have %u GPUs", d->name, n);
    if (!*d->gpu_name || d->gpu_memory_mib == 0 || d->gpu_memory_mib > MAX_GPU_MIB)
        return rows_error(e, place, "'%s' has GPUs without name or memory", d->name);
    if (d->gpu_part < 0 || d->gpu_part > 1)
        return rows_error(e, place, "'%s' has %g of a GPU, which is no part", d->name, d->gpu_part);
    /* What EC2 means by the total of parts of a GPU is not written anywhere. */
    if ((d->gpu_part == 0 || d->gpu_part == 1) && d->gpu_total_mib &&
        d->gpu_total_mib != d->gpu_memory_mib * n)
        return rows_error(e, place, "'%s' has %u x %llu MiB of GPU memory, but %llu in total",
                          d->name, n, (unsigned long long)d->gpu_memory_mib,
                          (unsigned long long)d->gpu_total_mib);
    return 0;
}

static int judge(const struct draft *d, const struct catalog_place *place, struct err *e)
{
    if (!name_is_sound(d->name))
        return rows_error(e, place, "'%s' is no name of an instance type", d->name);
    if (strcmp(d->arch, "amd64") != 0 && strcmp(d->arch, "arm64") != 0)
        return rows_error(e, place,
                          "'%s' has the architecture '%s', which is neither amd64 nor "
                          "arm64",
                          d->name, d->arch);
    if (d->vcpus == 0 || d->vcpus > MAX_VCPUS || d->memory_mib == 0 ||
        d->memory_mib > MAX_MEMORY_MIB)
        return rows_error(e, place, "'%s' cannot have %u vCPUs and %llu MiB", d->name, d->vcpus,
                          (unsigned long long)d->memory_mib);
    if (d->max_pods > MAX_PODS)
        return rows_error(e, place, "'%s' cannot have %u pods", d->name, d->max_pods);
    return judge_gpu(d, place, e);
}

/* The GPU of a type that is known, if it is the same: name, and memory within 2 % of its part's. */
static const struct instance_type *known_gpu(const struct catalog_content *now,
                                             const struct instance_type *t)
{
    for (size_t i = 0; i < now->n_types; i++) {
        const struct instance_type *k = now->types[i];
        double whole = (double)t->gpu_memory_mib / t->gpu_part;

        if (strcmp(k->gpu_name, t->gpu_name) == 0 && k->gpu_part == 1 &&
            whole > (double)k->gpu_memory_mib * 0.98 && whole < (double)k->gpu_memory_mib * 1.02)
            return k;
    }
    return NULL;
}

/* MIG is a whole GPU's. */
static void describe_gpu(struct instance_type *t, const struct catalog_content *now,
                         struct arena *arena)
{
    const struct instance_type *k = known_gpu(now, t);

    if (!k) {
        t->gpu_product = arena_text(arena, t->gpu_name);
        return;
    }
    t->gpu_product = k->gpu_product;
    t->gpu_architecture = k->gpu_architecture;
    t->compute_capability = k->compute_capability;
    if (t->gpu_part < 1)
        return;
    t->board = k->board;
    t->geometry = k->geometry;
    t->mig = k->mig;
    t->n_mig_profiles = k->n_mig_profiles;
    t->mig_profiles = k->mig_profiles;
    t->mig_min_driver = k->mig_min_driver;
}

static void fill_gpu(struct instance_type *t, const struct draft *d,
                     const struct catalog_content *now, struct arena *arena)
{
    char label[DRAFT_TEXT_SIZE];

    t->gpus = devices(d);
    t->gpu_part = d->gpu_part > 0 ? d->gpu_part : 1;
    t->gpu_memory_mib = d->gpu_memory_mib;
    t->label_gpu_count = d->gpus;
    kebab(label, d->gpu_name);
    t->gpu_name = arena_text(arena, label);
    kebab(label, d->gpu_manufacturer);
    t->gpu_manufacturer = arena_text(arena, label);
    if (!t->gpu_name || !t->gpu_manufacturer)
        return;
    t->catalog_gpus = strcmp(label, "nvidia") == 0 ? d->gpus : 0;
    describe_gpu(t, now, arena);
}

/* EKS has an image for all sizes of a family or for none. */
static const char *family_ami(const struct catalog_content *now, const char *family)
{
    for (size_t i = 0; i < now->n_types; i++)
        if (strcmp(now->types[i]->family, family) == 0)
            return now->types[i]->ami;
    return "";
}

int draft_add(const struct draft *d, struct rows *rows, const struct catalog_content *now,
              const struct catalog_place *place, struct err *e)
{
    struct arena *arena = rows_arena(rows);
    const char *dot = strchr(d->name, '.');
    char lower[DRAFT_TEXT_SIZE];
    struct type_row row = {.place = *place};
    struct instance_type *t = &row.type;
    int r = judge(d, place, e);

    if (r < 0)
        return r;
    *t = (struct instance_type){.vcpus = d->vcpus,
                                .memory_mib = d->memory_mib,
                                .local_nvme_gb = d->local_nvme_gb,
                                .network_mbps = d->network_mbps,
                                .efa_interfaces = d->efa_interfaces,
                                .max_pods = d->max_pods,
                                .legacy = d->old,
                                .gpu_name = "",
                                .gpu_manufacturer = "",
                                .gpu_product = "",
                                .gpu_architecture = "",
                                .compute_capability = "",
                                .mig_min_driver = "",
                                .ami = ""};
    t->name = arena_text(arena, d->name);
    t->family = arena_copy(arena, d->name, (size_t)(dot - d->name));
    t->size = arena_text(arena, dot + 1);
    t->arch = arena_text(arena, d->arch);
    kebab(lower, d->cpu_manufacturer);
    t->cpu_manufacturer = arena_text(arena, lower);
    t->hypervisor = arena_text(arena, d->hypervisor);
    if (devices(d) > 0)
        fill_gpu(t, d, now, arena);
    if (arena->failed)
        return err_memory(e);
    t->ami = family_ami(now, t->family);
    return rows_add_type(rows, &row, e);
}
