/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc calls a process. */
#ifndef CLI_PROCESS_H
#define CLI_PROCESS_H

#include <stdint.h>

enum { PROCESS_NAME_SIZE = 64 };

/* "python3"; "?" if there is no such process to be seen from here. Returns buffer. */
const char *process_name(char buffer[PROCESS_NAME_SIZE], uint32_t pid);

#endif
