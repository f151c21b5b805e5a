/* SPDX-License-Identifier: Apache-2.0 */
/* Managed memory: on the host until the GPU touches it. */
#ifndef EMULATOR_CUDA_MANAGED_H
#define EMULATOR_CUDA_MANAGED_H

#include <stdint.h>

struct range;

/* The GPU works on it: it moves there. Other addresses are left alone. */
void managed_touch(uint64_t address);

/* It is on the GPU no more. */
void managed_leave(struct range *r);

#endif
