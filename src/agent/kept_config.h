/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configurations that outlive the process, in the state folder: the last good content, and the one
 * that Configure gave with its name. Each is one file, written by rename, so that a crash at any
 * moment leaves the old or the new one whole.
 */
#ifndef AGENT_KEPT_CONFIG_H
#define AGENT_KEPT_CONFIG_H

struct err;

#define KEPT_LAST_GOOD "last-good.yaml"
#define KEPT_CONFIGURED "configured.yaml"

enum { KEPT_CONFIG_MAX_BYTES = 1 << 20 }; /* of a content */

/* Writes a content, unless the file holds it already. name: of what Configure gave, else NULL. */
int kept_config_write(const char *folder, const char *file, const char *name, const char *text,
                      struct err *e);

/*
 * Reads it again, as new strings (free() them); out_name NULL: a file without a name. -ENOENT: no
 * such file; -EBADMSG: its name is not there.
 */
int kept_config_read(char **out_text, char **out_name, const char *folder, const char *file,
                     struct err *e);

/* Fine if there is none. */
int kept_config_remove(const char *folder, const char *file, struct err *e);

#endif
