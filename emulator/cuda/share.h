/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of another process of this machine. */
#ifndef EMULATOR_CUDA_SHARE_H
#define EMULATOR_CUDA_SHARE_H

#include <stdint.h>

struct device;
struct range;

/* The device of that UUID; NULL: this process sees none. */
struct device *share_device(const uint8_t uuid[16]);

/* RANGE_IPC, with its mapping, however often it was opened. */
void share_close(struct range *r);

#endif
