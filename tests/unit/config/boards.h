/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of boards by PCI id, and the MIG files that are made from them. */
#ifndef TESTS_UNIT_CONFIG_BOARDS_H
#define TESTS_UNIT_CONFIG_BOARDS_H

#include <stdbool.h>

#include "config/mig_file.h"
#include "gpu/gpu.h"

enum {
    GPUS = 8,
    A100_40 = 0x20B010DE,
    A100_80 = 0x20B210DE,
    A30 = 0x20B710DE,
    H100 = 0x233010DE,
    RTX_PRO = 0x2BB510DE,
    T4 = 0x1EB810DE
};

/* A node of boards by PCI id, MIG on where they can. */
struct boards {
    struct inventory inv;
    struct gpu gpus[GPUS];
};

void boards_make(struct boards *n, const uint32_t *ids, unsigned count);

/* An instance of a profile with one compute instance of `slices` slices for each of `computes`. */
void boards_add(struct gpu *gpu, const char *profile, unsigned computes, unsigned slices);

struct mig_file *boards_parse(const char *text);

struct mig_file *boards_default(const struct boards *n);

struct mig_file *boards_export(const struct boards *n, bool json);

/* "1g.5gb:2 2g.10gb:1" */
void boards_entry_text(char *text, size_t size, const struct mig_entry *entry);

void boards_has_entry(const struct mig_file *file, const char *name, size_t index,
                      const char *counts);

#endif
