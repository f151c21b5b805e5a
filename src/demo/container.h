/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A demo container: a real process in namespaces of its own (mounts, pids, network, IPC, host name)
 * that gets what the answer to Allocate says, and nothing else. It stands in for containerd and
 * runc; CDI names are resolved from the spec files as they do it.
 */
#ifndef DEMO_CONTAINER_H
#define DEMO_CONTAINER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/own.h"

struct buf;
struct err;
struct Deviceplugin__ContainerAllocateResponse;

struct container_mount {
    char *host, *path;
};

/* What a container gets. Owns its strings. */
struct container_edits {
    size_t n_env, n_devices, n_mounts;
    char **env;                      /* "NAME=value" */
    struct container_mount *devices; /* device nodes */
    struct container_mount *mounts;  /* files and folders, read-only */
};

void container_edits_free(struct container_edits *edits);
OWN_POINTER(struct container_edits, container_edits_free);

/* From the answer and from the CDI spec files in cdi_folder for the names in it. */
int container_edits_make(struct container_edits **out,
                         const struct Deviceplugin__ContainerAllocateResponse *answer,
                         const char *cdi_folder, struct err *e);

/* A running container. */
struct container {
    char name[64];
    pid_t pid;
    int leave_fd; /* closed: the process ends */
};

/*
 * Starts the probe in a container; root_folder is an empty folder for its root. The probe's report
 * is appended to report. It fails (-EPROTO) if the probe finds more or less than it was given, or
 * does not report within 20 s.
 */
int container_start(struct container *out, const char *name, const struct container_edits *edits,
                    const char *probe, const char *root_folder, struct buf *report, struct err *e);
void container_stop(struct container *c);

#endif
