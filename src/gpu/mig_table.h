/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The built-in MIG table as tools/gen-mig-table writes it from data/mig-profiles.json: flat
 * constants without pointers, so that all processes share its pages. Only geometry.c reads it.
 */
#ifndef GPU_MIG_TABLE_H
#define GPU_MIG_TABLE_H

#include <stdint.h>

enum { MIG_TABLE_IDS = 6 };

struct mig_table_board {
    char key[32];
    uint32_t device_ids[MIG_TABLE_IDS]; /* PCI device << 16 | vendor; 0: no more */
    uint8_t first, count;               /* its rows */
};

struct mig_table_row {
    char name[16];
    uint8_t id, index, slices, max_instances;
    uint8_t sm, copy, decode, encode, jpeg, ofa;
    uint8_t unknown; /* enum gpu_number */
    uint8_t p2p;
    uint8_t span_size;
    uint16_t span_starts;
    uint32_t mem_mib;
};

extern const struct mig_table_board mig_table_boards[];
extern const unsigned mig_table_n_boards;
extern const struct mig_table_row mig_table_rows[];

#endif
