/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a program's file: one of the kinds, with a loader where there is one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "inject/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    OWN_FD int fd = memfd_create("program", MFD_CLOEXEC);
    struct program_file f = {0};
    struct err e = {0};

    demand(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    demand(program_read_file(&f, fd, &e) == 0);
    demand(program_words(f.kind)[0] != '\0');
    demand(memchr(f.loader, '\0', sizeof f.loader) != NULL);
    switch (f.kind) {
    case PROGRAM_DYNAMIC:
    case PROGRAM_MUSL:
        demand(strstr(f.loader, "ld") != NULL);
        break;
    case PROGRAM_SCRIPT:
        demand(f.loader[0] != '\0' && !strchr(f.loader, '\n') && size > 2 && data[0] == '#');
        break;
    case PROGRAM_STATIC:
    case PROGRAM_OTHER_MACHINE:
    case PROGRAM_UNKNOWN:
    case PROGRAM_BROKEN:
        demand(f.loader[0] == '\0');
        break;
    case PROGRAM_OTHER_LOADER:
        break;
    }
    return 0;
}
