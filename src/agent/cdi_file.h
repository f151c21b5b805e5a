/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CDI file on disk, kept as the agent's inventory, its configuration and the driver's files
 * are: written before a device is promised, by rename, and only when its content changes.
 */
#ifndef AGENT_CDI_FILE_H
#define AGENT_CDI_FILE_H

#include <stdbool.h>

struct agent;
struct cdi_file;
struct err;

int cdi_file_open(struct cdi_file **out, struct agent *a, struct err *e);
/* The file stays: running containers may be started again from it. */
void cdi_file_close(struct cdi_file *c);

/* Makes the file what inventory, configuration and driver's files say now. */
void cdi_file_update(struct cdi_file *c);

/* Whether the file is gone, or the driver's files have changed, or the last update failed. */
bool cdi_file_outdated(const struct cdi_file *c);

/* Whether the file on disk has a device of this name (UUID of a GPU or MIG device). */
bool cdi_file_has(const struct cdi_file *c, const char *device);

#endif
