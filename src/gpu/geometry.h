/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MIG geometry beyond what gpu.h promises: the built-in table of boards, NVIDIA's rule of names,
 * and the comparison of what a driver tells with the table. Pure.
 */
#ifndef GPU_GEOMETRY_H
#define GPU_GEOMETRY_H

#include "gpu/gpu.h"

/*
 * The table's geometry of the board with this PCI id (device << 16 | vendor), with from_table set;
 * false if the table has no such board or nothing usable of it.
 */
bool geometry_table(struct gpu_geometry *out, uint32_t device_id);

/* The table's boards by number: their key ("a100-40gb"), or NULL past the last. */
const char *geometry_table_board(struct gpu_geometry *out, unsigned number);

/*
 * The name of a profile by NVIDIA's rule: "<slices>g.<memory>gb<attribute>", the memory being the
 * profile's part of the GPU's rounded up to eighths, times the GPU's in GiB rounded up. The
 * attribute follows from NVML's enumeration (`index`).
 */
void geometry_name(char out[GPU_PROFILE_NAME_SIZE], const struct gpu_profile *p,
                   uint64_t mem_total_bytes);

/* Sets the axis and the order that gpu.h promises, once all profiles are in. */
void geometry_finish(struct gpu_geometry *g);

/*
 * A30 drivers count instances wrongly; puts the table's numbers in. Does nothing to other boards.
 */
void geometry_correct(struct gpu_geometry *told, uint32_t device_id);

/*
 * Tells in words each difference between what the driver told and the table, both of one board:
 * "profile 1g.5gb: driver says 8 instances, table 7". Unknown numbers and memory within 2 % are
 * no difference. Returns how many there are.
 */
typedef void geometry_difference(void *self, const char *words);
unsigned geometry_compare(const struct gpu_geometry *told, const struct gpu_geometry *table,
                          geometry_difference *each, void *self);

#endif
