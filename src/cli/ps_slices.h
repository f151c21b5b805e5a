/* SPDX-License-Identifier: Apache-2.0 */
/* The part of `carve ps` about slices that `carve run` made, and what uses GPUs outside any. */
#ifndef CLI_PS_SLICES_H
#define CLI_PS_SLICES_H

#include <stdbool.h>

struct err;
struct json;
struct meter;
struct slices;

/* What is worth a word about a slice; bits. */
enum ps_flag {
    PS_ALLOWED_UNATTACHED = 1, /* its owner said that programs may run without a limit */
    PS_UNATTACHED = 2,         /* and some do */
    PS_NOT_MEASURED = 4,       /* nobody measures for it: contexts count as the page states */
    PS_OTHER_VERSION = 8,
    PS_BROKEN = 16,     /* page cannot be trusted */
    PS_OVER_LIMIT = 32, /* by the driver's figure */
    PS_FULL = 64,       /* a process found no slot */
    PS_BYPASS = 128,    /* a program opened libraries where nothing of ours sees it (dlmopen) */
    PS_ENDED = 256,     /* nobody lives in it any more */
    PS_WAITS = 512,     /* its claim was not granted yet */
};

struct slices_item;
unsigned ps_flags(const struct slices_item *item);

/* Rows for people; nothing at all where there are none. `meter` NULL: the driver did not answer. */
int ps_slices_table(const struct slices *s, const struct meter *m, struct err *e);

/* The members "slices" and "outside". */
void ps_slices_json(struct json *j, const struct slices *s, const struct meter *m);

#endif
