/* SPDX-License-Identifier: Apache-2.0 */
/* A driver root with a stand-in library in it, for the tests of the NVML door. */
#ifndef TESTS_DOOR_H
#define TESTS_DOOR_H

#include "fake_nvml.h"
#include "gpu/driver.h"

/* A folder below the system's temporary one; owns it and the stand-in's handle. */
struct door {
    char root[64];
    void *library;          /* keeps the stand-in loaded, so that its levers outlive the door */
    struct fake_nvml *fake; /* NULL: the library is not fake_nvml.c */
    struct driver driver;
};

/* Makes the root with `library` (a path) in it, and GPU 0 on NUMA node 1. Opens nothing. */
void door_make(struct door *d, const char *library);
void door_remove(struct door *d);

/* Closes the door; the stand-in is as at the start. */
void door_reset(struct door *d);

/* <root>/sys */
const char *door_sysfs(const struct door *d, char buffer[96]);

#endif
