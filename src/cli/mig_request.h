/* SPDX-License-Identifier: Apache-2.0 */
/* The file that -f of `carve mig apply|assert|configs` names, or the node's default one. */
#ifndef CLI_MIG_REQUEST_H
#define CLI_MIG_REQUEST_H

struct err;
struct inventory;
struct mig_file;
struct options;

/* The file's text, "" for the default configuration; free() it. */
int mig_request_read(char **out, const struct options *o, struct err *e);

/*
 * The file parsed, all findings but the first error told on stderr; inv is for the default
 * configuration alone.
 */
int mig_request_parse(struct mig_file **out, const struct options *o, const char *text,
                      const struct inventory *inv, struct err *e);

#endif
