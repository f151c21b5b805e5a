/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A library that is linked with libcuda.so.1, as an extension of a framework is, for a program that
 * is not (driver_try).
 */
#include "driver.h"
#include "linked.h"

__attribute__((visibility("default"))) int deep_try(void);

int deep_try(void)
{
    return driver_try(&linked) ? 0 : 1;
}
