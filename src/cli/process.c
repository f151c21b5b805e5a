/* SPDX-License-Identifier: Apache-2.0 */
/* Names of processes: see process.h. */
#include "cli/process.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/own.h"

const char *process_name(char buffer[PROCESS_NAME_SIZE], uint32_t pid)
{
    OWN_MEM char *text = NULL;
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%u/comm", pid);
    if (file_read(&text, NULL, path, 4096, NULL) < 0)
        (void)snprintf(buffer, PROCESS_NAME_SIZE, "?");
    else
        (void)snprintf(buffer, PROCESS_NAME_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
    return buffer;
}
