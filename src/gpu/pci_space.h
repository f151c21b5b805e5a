/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a board's PCI files say and NVML does not: its class, and in a virtual machine with a vGPU
 * the host's driver, which the vGPU tells in the vendor-specific capability of its configuration
 * space.
 */
#ifndef GPU_PCI_SPACE_H
#define GPU_PCI_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gpu;

/* Fills class and vGPU of a GPU by its bus_id; what cannot be read stays unknown. */
void pci_space_read(const char *sysfs_root, struct gpu *gpu);

/*
 * The host's driver out of a configuration space; false, and nothing written: the device is no
 * vGPU, or not all of the space is there (only root may read beyond its first 64 bytes).
 */
bool pci_space_vgpu(struct gpu *gpu, const uint8_t *space, size_t size);

#endif
