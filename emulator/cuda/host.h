/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of the host that the GPU can reach: page-locked, registered, managed. */
#ifndef EMULATOR_CUDA_HOST_H
#define EMULATOR_CUDA_HOST_H

#include <stdint.h>

struct range;

/* RANGE_HOST, RANGE_REGISTERED, RANGE_MANAGED. */
void host_free(struct range *r);

#endif
