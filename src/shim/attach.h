/* SPDX-License-Identifier: Apache-2.0 */
/* What attach.c does for resolve.c, exec.c and nvml.c, beside shim.h. */
#ifndef SHIM_ATTACH_H
#define SHIM_ATTACH_H

#include <stdint.h>

#include "page/page.h"

/* Calls come to us this way (enum page_route). Before the process is attached it is remembered. */
void attach_note_route(uint32_t route);

/* The driver was reached past us. */
void attach_note_uncounted(void);

/* The program that is about to be started cannot be attached; delta -1: it was not started. */
void attach_note_unattached(int delta);

/* The limit of a device of this UUID; -1: the slice has nothing on it. */
int attach_find(const struct page *p, const uint8_t uuid[PAGE_UUID_SIZE]);

#endif
