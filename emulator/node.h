/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the emulated machine is: boards and GPUs as a node file describes them. Named nodes and
 * boards are built in (made by generate.py); anyone may write a file with the same lines. Nothing
 * here changes while a program runs: what changes is in state.h.
 */
#ifndef EMULATOR_NODE_H
#define EMULATOR_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "facts.h"

struct err;

enum {
    NODE_MAX_GPUS = 16,
    NODE_MAX_BOARDS = 8, /* of one node file */
    NODE_MAX_PROFILES = 12,
    NODE_MAX_FILE = 65536, /* bytes */
    NODE_MAX_CLOCKS = 4,
};

/*
 * A GPU instance profile, from data/mig-profiles.json. Only profiles whose every value is known
 * are here.
 */
struct profile {
    char name[16];   /* "1g.5gb+me" */
    uint8_t index;   /* NVML's enumeration, the argument of the profile-info call */
    uint8_t id;      /* what create wants */
    uint8_t slices;  /* compute slices */
    uint8_t max;     /* instances on one GPU */
    uint8_t size;    /* on the memory axis */
    uint16_t starts; /* bit n: may start at n */
    uint16_t sm;
    uint8_t ce, dec, enc, jpg, ofa;
    uint32_t mem_mib;
};

/* The MIG side of a board type. */
struct geometry {
    const char *key;  /* "a100-40gb" */
    const char *name; /* of the first product */
    uint32_t pci_device_id;
    uint8_t architecture, compute_major, compute_minor;
    uint8_t axis;
    uint8_t slices;
    bool needs_reset; /* a mode change takes a GPU reset, and survives a reboot */
    uint8_t n_profiles;
    const struct profile *profiles;
};

/* How compute instances of `slices` lie in a GPU instance of `gi_slices`. */
struct compute_shape {
    uint8_t gi_slices, slices;
    uint8_t count;  /* that fit */
    uint8_t starts; /* bit n: may start at n, in compute slices */
};

struct named_text {
    const char *name;
    const char *text;
};

/* Made by generate.py. */
extern const struct geometry geometries[];
extern const size_t n_geometries;
extern const struct compute_shape compute_shapes[];
extern const size_t n_compute_shapes;
extern const struct named_text named_nodes[];
extern const size_t n_named_nodes;
extern const char boards_text[];

struct board {
    char key[32];
    char name[64];
    char vbios[32], part_number[32], inforom[32];
    uint32_t pci_device_id, pci_subsystem_id;
    const struct geometry *mig; /* NULL: the board has no MIG */
    uint32_t
        mem_mib[NODE_MAX_PROFILES]; /* of the profiles, as the file states; 0: as in the table */
    uint16_t clocks_mhz[NODE_MAX_CLOCKS]; /* memory clocks, highest first */
    uint8_t n_clocks;
    int64_t facts[FACT_COUNT];
};

struct gpu {
    unsigned index; /* also the minor number */
    const struct board *board;
    uint32_t domain, bus, device;
    char uuid[41]; /* "GPU-…" */
    char serial[30];
    int numa; /* -1: unknown */
    int pcie_switch, bridge;
    char cpus[48]; /* "0-23,48-71"; "": unknown */
    int64_t facts[FACT_COUNT];
};

/* Points into itself: never copied. */
struct node {
    char name[64];
    char driver[24]; /* "580.159.04" */
    char branch[24]; /* "r582_49" */
    unsigned cuda;   /* 13000 */
    uint64_t hash;   /* of the text, for the state file */
    unsigned n_boards;
    struct board boards[NODE_MAX_BOARDS];
    unsigned n_gpus;
    struct gpu gpus[NODE_MAX_GPUS];
};

void node_free(struct node *n);
OWN_POINTER(struct node, node_free);

/* A built-in name, a path, or NULL for the default node. Errors name file and line. */
int node_open(struct node **out, const char *name, struct err *e);

/* The text of a node file; `label` stands for it in errors. */
int node_parse(struct node **out, const char *text, const char *label, struct err *e);

/* 64 bits of FNV-1a, from `seed` (0: the usual start). */
uint64_t node_hash(const void *data, size_t size, uint64_t seed);

/* Bytes of memory, as the board has it; -1 where unknown. */
int64_t node_memory_bytes(const struct gpu *g);

/* Profile i of the GPU's board with its memory; NULL without MIG or beyond the last. */
const struct profile *node_profile(const struct gpu *g, unsigned i);
const struct profile *node_profile_by_id(const struct gpu *g, unsigned id);
uint32_t node_profile_mib(const struct gpu *g, const struct profile *p);

#endif
