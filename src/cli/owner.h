/* SPDX-License-Identifier: Apache-2.0 */
/* Names of users. */
#ifndef CLI_OWNER_H
#define CLI_OWNER_H

#include <stdint.h>

enum { OWNER_SIZE = 64 };

/* "alice", or the number where nobody knows a name. Returns buffer. */
const char *owner_name(char buffer[OWNER_SIZE], uint32_t uid);

#endif
