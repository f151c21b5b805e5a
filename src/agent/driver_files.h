/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver's user-space files that a container needs, found below a driver root: libraries beside
 * libcuda, programs, sockets of its daemons, firmware.
 */
#ifndef AGENT_DRIVER_FILES_H
#define AGENT_DRIVER_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

struct err;

enum { DRIVER_FILES_MAX = 512 };

/* One file: `source` is where it is below the driver root, `target` where a container sees it. */
struct driver_file {
    char *source; /* no link: "/usr/lib64/libcuda.so.580.95.05" */
    char *target; /* the same, or the name that the linker looks for */
    bool is_socket;
};

/* Owns its strings and files. */
struct driver_files {
    char *root, *version; /* what was looked for */
    char *library_folder; /* where a container finds the libraries; NULL: none below the root */
    char *real_folder;    /* where they are below the root; NULL: none */
    const char *hook;     /* NVIDIA's CDI hook program, below the root; NULL: not there */
    size_t count;
    struct driver_file *files;
    uint64_t stamp; /* of the places, when they were looked at */
};

/*
 * Looks below `root`, the driver root as seen from here ("" is "/"), for a driver of this version
 * ("580.95.05"). What is not there is not in the list.
 */
int driver_files_find(struct driver_files **out, const char *root, const char *version,
                      struct err *e);
void driver_files_free(struct driver_files *f);
OWN_POINTER(struct driver_files, driver_files_free);

/* Whether files have come to or gone from the places where f was found; costs some stat calls. */
bool driver_files_changed(const struct driver_files *f);

#endif
