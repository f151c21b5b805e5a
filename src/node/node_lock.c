/* SPDX-License-Identifier: Apache-2.0 */
/* The lock of a node: see node_lock.h. */
#include "node/node_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/err.h"
#include "base/file.h"
#include "base/own.h"

static int make_folder_of(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    OWN_MEM char *folder = NULL;

    if (!slash || slash == path)
        return 0;
    folder = strndup(path, (size_t)(slash - path));
    return folder ? file_make_folder(folder, e) : err_memory(e);
}

int node_lock(int *out, const char *socket, struct err *e)
{
    OWN_MEM char *path = NULL;
    OWN_FD int fd = -1;
    int r = make_folder_of(socket, e);

    if (r < 0)
        return r;
    if (asprintf(&path, "%s.lock", socket) < 0) {
        path = NULL;
        return err_memory(e);
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_errno(e, errno, "open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? err_set(e, EBUSY, "another process has locked '%s'", path)
                                    : err_errno(e, errno, "lock '%s'", path);
    *out = TAKE_FD(fd);
    return 0;
}
