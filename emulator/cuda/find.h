/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices this process sees: by CUDA_VISIBLE_DEVICES, /dev, and MIG. */
#ifndef EMULATOR_CUDA_FIND_H
#define EMULATOR_CUDA_FIND_H

#include <stdint.h>

struct state;

/* Fills cuda.devices. Under the state's lock. */
void find_devices(const struct state *s);

/* The 16 bytes of "GPU-xxxxxxxx-…" or "MIG-…". */
void find_uuid(uint8_t out[16], const char *text);

#endif
