/* SPDX-License-Identifier: Apache-2.0 */
/* The time as a person and as the machine counts it, and which run of the machine this is. */
#ifndef AGENT_BOOT_CLOCK_H
#define AGENT_BOOT_CLOCK_H

#include "agent/fault_table.h"

enum { BOOT_ID_SIZE = 64 };

struct fault_time boot_clock_now(void);

/* The id of this boot; "" if it is not known, which stands for every boot. */
void boot_clock_id(char out[BOOT_ID_SIZE], const char *proc_root);

#endif
