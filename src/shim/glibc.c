/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that glibc has only since 2.33, as it has them: before, they were part of each program.
 * For this library alone, which must run with an older one; see glibc.h.
 */
#include "shim/glibc.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int fstat(int fd, struct stat *out)
{
    return (int)syscall(SYS_fstat, fd, out);
}

int stat(const char *path, struct stat *out)
{
    return (int)syscall(SYS_newfstatat, AT_FDCWD, path, out, 0);
}
