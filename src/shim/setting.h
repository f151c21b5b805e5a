/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the process was told of its slice: variables of its environment, copied when the library
 * is loaded, so that a program that clears its environment later stays in its slice.
 */
#ifndef SHIM_SETTING_H
#define SHIM_SETTING_H

#include <stdbool.h>

#include "page/page_file.h"

enum { SETTING_LIBRARY_SIZE = 1024 };

enum { SETTING_DEVICES_SIZE = 1024 };

/* Each as it stands in an environment: NAME=value. */
struct setting {
    bool named; /* CARVE_PAGE is set; without it all else is empty */
    char page[sizeof "CARVE_PAGE=" + PAGE_PATH_SIZE];
    char library[sizeof "CARVE_LIBRARY=" + SETTING_LIBRARY_SIZE];
    char devices[sizeof "CUDA_VISIBLE_DEVICES=" + SETTING_DEVICES_SIZE]; /* "": was not set */
    char preload[sizeof "LD_PRELOAD=" + SETTING_LIBRARY_SIZE];
};

const struct setting *setting_get(void);

/* Behind the '='. */
const char *setting_value(const char *variable);

#endif
