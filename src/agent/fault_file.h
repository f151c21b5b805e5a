/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of faults on disk, so that one that needs a reset does not vanish with a restart of
 * carved. It is of one boot: a reboot ends faults. One line a fault; whoever wants to be rid of
 * them by hand removes the file while carved is stopped.
 */
#ifndef AGENT_FAULT_FILE_H
#define AGENT_FAULT_FILE_H

struct err;
struct fault_table;

/* Adds what was kept of this boot; a file that makes no sense is an error, one that is absent not.
 */
int fault_file_read(struct fault_table *t, const char *path, const char *boot_id, struct err *e);

/* What the driver tells anew at the next start is left out. */
int fault_file_write(const struct fault_table *t, const char *path, const char *boot_id,
                     struct err *e);

#endif
