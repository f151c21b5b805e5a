/* SPDX-License-Identifier: Apache-2.0 */
/* The door and its libraries: see nvml_door.h. */
#include "nvml_door.h"

#include "base/err.h"
#include "gpu/gpu.h"
#include "test.h"

const char *nvml_full, *nvml_old, *nvml_broken;

struct door door;

void nvml_make(const char *library)
{
    door_make(&door, library);
}

int nvml_drop(void **state)
{
    (void)state;
    door_remove(&door);
    return 0;
}

int nvml_open(struct err *e)
{
    char sysfs[96];

    return driver_open_nvml(&door.driver, door.root, door_sysfs(&door, sysfs), e);
}

int nvml_open_full(void **state)
{
    (void)state;
    nvml_make(nvml_full);
    return nvml_open(NULL);
}

struct inventory *nvml_read(void)
{
    struct inventory *inv = NULL;
    struct err e = {0};

    assert_int_equal(door.driver.read(door.driver.self, &inv, &e), 0);
    assert_non_null(inv);
    return inv;
}
