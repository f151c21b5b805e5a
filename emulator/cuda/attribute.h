/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of a device that other calls need too. */
#ifndef EMULATOR_CUDA_ATTRIBUTE_H
#define EMULATOR_CUDA_ATTRIBUTE_H

#include <stdint.h>

struct device;

int attribute_compute_major(const struct device *d);
unsigned attribute_sms(const struct device *d);

/* Threads that can be on the device at once. */
uint64_t attribute_threads(const struct device *d);

/* By CUdevice_attribute; CUDA_ERROR_INVALID_VALUE: there is no such one. */
int attribute_read(const struct device *d, unsigned attribute, int *out);

#endif
