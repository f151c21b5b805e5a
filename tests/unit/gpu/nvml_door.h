/* SPDX-License-Identifier: Apache-2.0 */
/* One NVML door over a stand-in library, for the programs that test it. */
#ifndef TESTS_UNIT_GPU_NVML_DOOR_H
#define TESTS_UNIT_GPU_NVML_DOOR_H

#include "door.h"

struct err;
struct inventory;

/* Paths from the command line. */
extern const char *nvml_full, *nvml_old, *nvml_broken;

extern struct door door;

void nvml_make(const char *library);

int nvml_drop(void **state);

int nvml_open(struct err *e);

int nvml_open_full(void **state);

struct inventory *nvml_read(void);

#endif
