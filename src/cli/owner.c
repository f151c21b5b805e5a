/* SPDX-License-Identifier: Apache-2.0 */
/* Names of users: see owner.h. */
#include "cli/owner.h"

#include <pwd.h>
#include <stdio.h>

#include "base/text.h"

enum { RECORD_MAX_BYTES = 16384 };

const char *owner_name(char buffer[OWNER_SIZE], uint32_t uid)
{
    char record[RECORD_MAX_BYTES];
    struct passwd user, *found = NULL;

    if (getpwuid_r(uid, &user, record, sizeof record, &found) != 0 || !found ||
        !text_copy(buffer, OWNER_SIZE, found->pw_name))
        (void)snprintf(buffer, OWNER_SIZE, "%u", uid);
    return buffer;
}
