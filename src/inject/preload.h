/* SPDX-License-Identifier: Apache-2.0 */
/* The back end for workstations: libcarve.so in LD_PRELOAD. */
#ifndef INJECT_PRELOAD_H
#define INJECT_PRELOAD_H

#include "inject/inject.h"

extern const struct inject inject_preload;

#endif
