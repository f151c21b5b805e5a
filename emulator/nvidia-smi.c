/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for nvidia-smi on the emulated node: lists GPUs and MIG devices, resets GPUs, lists
 * MIG profiles and placements. It says that it is a stand-in; its output follows the layout of
 * NVIDIA's where other programs read it.
 */
#include <argp.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "base/err.h"
#include "base/text.h"
#include "mig.h"
#include "tree.h"
#include "visible.h"

/* Owns node and state. */
struct machine {
    struct node *node;
    struct state_map map;
};

struct request {
    bool list, reset, profiles, placements, mig;
    const char *gpus; /* -i, or NULL: all */
};

static const struct argp_option options[] = {
    {"list-gpus", 'L', NULL, 0, "List GPUs and MIG devices", 0},
    {"gpu-reset", 'r', NULL, 0, "Reset GPUs", 0},
    {"id", 'i', "ID", 0, "GPU index, UUID or PCI address; commas between several", 0},
    {0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct request *r = state->input;

    switch (key) {
    case 'L':
        r->list = true;
        return 0;
    case 'r':
        r->reset = true;
        return 0;
    case 'i':
        r->gpus = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static bool is_named(const struct gpu *g, const char *name)
{
    char index[16], bus[24];

    (void)snprintf(index, sizeof index, "%u", g->index);
    (void)snprintf(bus, sizeof bus, "%08x:%02x:%02x.0", g->domain, g->bus, g->device);
    return strcmp(name, index) == 0 || strcmp(name, g->uuid) == 0 || strcasecmp(name, bus) == 0 ||
           strcasecmp(name, bus + 4) == 0;
}

/* Is the GPU one of -i's list? */
static bool is_chosen(const struct request *r, const struct gpu *g)
{
    char word[64];

    if (!r->gpus)
        return true;
    for (const char *at = r->gpus; *at;) {
        size_t size = strcspn(at, ",");

        (void)snprintf(word, sizeof word, "%.*s",
                       (int)(size < sizeof word ? size : sizeof word - 1), at);
        if (is_named(g, word))
            return true;
        at += size + (at[size] == ',');
    }
    return false;
}

/* As the driver does it, GPUs and MIG devices are counted by what the container sees. */
static void list_gpu(unsigned index, const struct gpu *g, const struct state_gpu *s)
{
    unsigned gi, ci, seen = 0;

    (void)printf("GPU %u: %s (UUID: %s)\n", index, g->board->name, g->uuid);
    for (unsigned i = 0; mig_device_at(s, i, &gi, &ci); i++) {
        char name[24], uuid[MIG_UUID_SIZE];

        if (!visible_instance(g->index, gi, ci))
            continue;
        mig_device_name(name, g, s, gi, ci);
        mig_device_uuid(uuid, g, s, gi, ci);
        (void)printf("  MIG %-12s Device %2u: (UUID: %s)\n", name, seen++, uuid);
    }
}

static int reset_gpu(struct state *s, const struct gpu *g)
{
    char bus[24];
    const char *tree = secure_getenv("CARVE_EMULATOR_TREE");
    int rc = mig_reset(s, g);

    if (tree && *tree)
        tree_follow(tree, &s->gpus[g->index], g->index);
    (void)snprintf(bus, sizeof bus, "%08X:%02X:%02X.0", g->domain, g->bus, g->device);
    if (rc == NVML_SUCCESS)
        (void)printf("GPU %s was successfully reset.\n", bus);
    else if (rc == NVML_ERROR_IN_USE)
        (void)printf("GPU %s is currently in use by another process; it cannot be reset.\n", bus);
    else if (rc == NVML_ERROR_GPU_IS_LOST)
        (void)printf("GPU %s could not be reset: GPU is lost.\n", bus);
    else
        (void)printf("Resetting GPU %s is not supported.\n", bus);
    return rc == NVML_SUCCESS ? 0 : 1;
}

static void list_profiles(const struct state *s, const struct gpu *g)
{
    const struct profile *p;

    for (unsigned i = 0; (p = node_profile(g, i)); i++) {
        (void)printf(
            "|%4u  MIG %-15s%3u   %3u/%-3u  %9.2f    No   %3u  %3u  %3u  %3u  %3u  %3u |\n",
            g->index, p->name, p->id, mig_remaining(s, g, p), p->max,
            (double)node_profile_mib(g, p) / 1024, p->sm, p->dec, p->enc, p->ce, p->jpg, p->ofa);
    }
}

static void list_placements(const struct gpu *g)
{
    const struct profile *p;

    for (unsigned i = 0; (p = node_profile(g, i)); i++) {
        bool several = (p->starts & (p->starts - 1)) != 0;
        const char *comma = "";

        (void)printf("GPU %2u Profile ID %2u %s: {", g->index, p->id,
                     several ? "Placements" : "Placement ");
        for (unsigned start = 0; p->starts >> start; start++) {
            if (p->starts >> start & 1) {
                (void)printf("%s%u", comma, start);
                comma = ",";
            }
        }
        (void)printf("}:%u\n", p->size);
    }
}

static int act(const struct request *r, struct machine *m)
{
    unsigned chosen = 0, index = 0;
    int rc = 0;

    if (r->profiles)
        (void)printf("| GPU   Name             ID   Free/Total  Memory GiB  P2P    SM  DEC  ENC   "
                     "CE  JPEG  OFA |\n");
    state_lock(&m->map);
    for (unsigned i = 0; i < m->node->n_gpus; i++) {
        const struct gpu *g = &m->node->gpus[i];

        if (!visible_gpu(i))
            continue;
        index++;
        if (!is_chosen(r, g))
            continue;
        chosen++;
        if (r->reset)
            rc |= reset_gpu(m->map.at, g);
        else if (r->profiles)
            list_profiles(m->map.at, g);
        else if (r->placements)
            list_placements(g);
        else
            list_gpu(index - 1, g, &m->map.at->gpus[i]);
    }
    state_unlock(&m->map);
    if (chosen == 0) {
        (void)printf("No devices were found\n");
        return 6;
    }
    return rc;
}

/* `mig -lgip [-i ID]` has options of its own; argp sees the rest. */
static int mig_arguments(int argc, char **argv, struct request *r)
{
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "-lgip") == 0 || strcmp(argv[i], "--list-gpu-instance-profiles") == 0)
            r->profiles = true;
        else if (strcmp(argv[i], "-lgipp") == 0)
            r->placements = true;
        else if (strcmp(argv[i], "-i") == 0 && i + 1 < argc)
            r->gpus = argv[++i];
        else
            return -1;
    }
    return r->profiles != r->placements ? 0 : -1;
}

int main(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Stand-in for nvidia-smi on carve's emulated node. Also: mig -lgip, mig -lgipp."};
    struct request r = {0};
    struct machine m = {.map = {.fd = -1}};
    struct err e = {0};
    int rc = 9;

    if (argc > 1 && strcmp(argv[1], "mig") == 0) {
        if (mig_arguments(argc, argv, &r) < 0) {
            (void)fprintf(stderr,
                          "nvidia-smi (carve emulator): mig takes -lgip or -lgipp, and -i ID\n");
            return 2;
        }
    } else {
        (void)argp_parse(&argp, argc, argv, 0, NULL, &r);
    }
    if (node_open(&m.node, secure_getenv("CARVE_EMULATOR_NODE"), &e) < 0 ||
        state_open(&m.map, secure_getenv("CARVE_EMULATOR_STATE"), m.node, &e) < 0) {
        (void)fprintf(stderr, "nvidia-smi (carve emulator): %s\n", e.msg);
    } else {
        if (!r.list && !r.reset && !r.profiles && !r.placements)
            (void)printf("NVIDIA-SMI stand-in of carve's emulator   Driver Version: %s\n",
                         m.node->driver);
        rc = act(&r, &m);
    }
    state_close(&m.map);
    node_free(m.node);
    return rc;
}
