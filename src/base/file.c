/* SPDX-License-Identifier: Apache-2.0 */
/* Whole files in and out: see file.h. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"

static int read_all(int fd, struct buf *b, const char *path, struct err *e)
{
    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof chunk);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(e, errno, "read '%s'", path);
        if (got == 0)
            return 0;
        buf_add(b, chunk, (size_t)got);
        if (b->failed)
            return err_set(e, EFBIG, "read '%s': out of memory or more than %zu bytes", path,
                           b->max);
    }
}

int file_read(char **out, size_t *out_size, const char *path, size_t max_bytes, struct err *e)
{
    bool standard = strcmp(path, "-") == 0;
    OWN_FD int opened = standard ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    OWN(buf_done) struct buf b;
    size_t size;
    char *text;
    int r;

    buf_init(&b, max_bytes);
    if (!standard && opened < 0)
        return err_errno(e, errno, "open '%s'", path);
    r = read_all(standard ? STDIN_FILENO : opened, &b, path, e);
    if (r < 0)
        return r;
    size = b.size;
    text = buf_take(&b);
    if (!text)
        return err_memory(e);
    *out = text;
    if (out_size)
        *out_size = size;
    return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t done = write(fd, data, size);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -errno;
        data += done;
        size -= (size_t)done;
    }
    return 0;
}

int file_write(const char *path, const void *data, size_t size, mode_t mode, struct err *e)
{
    OWN_MEM char *temporary = NULL;
    OWN_FD int fd = -1;
    int r;

    if (asprintf(&temporary, "%s.XXXXXX", path) < 0) {
        temporary = NULL;
        return err_memory(e);
    }
    fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "create '%s'", temporary);
    r = write_all(fd, data, size);
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
        r = -errno;
    if (r < 0) {
        (void)unlink(temporary);
        return err_errno(e, -r, "write '%s'", path);
    }
    return 0;
}

int file_make_folder(const char *path, struct err *e)
{
    OWN_MEM char *partial = strdup(path);
    struct stat info;

    if (!partial)
        return err_memory(e);
    for (char *p = partial + (*partial == '/');; p++) {
        char kept = *p;

        if (kept != '/' && kept != '\0')
            continue;
        *p = '\0';
        if (mkdir(partial, 0755) < 0 && errno != EEXIST)
            return err_errno(e, errno, "make folder '%s'", partial);
        if (kept == '\0')
            break;
        *p = kept;
    }
    if (stat(path, &info) < 0 || !S_ISDIR(info.st_mode))
        return err_errno(e, ENOTDIR, "make folder '%s'", path);
    return 0;
}

char *file_join(const char *folder, const char *name)
{
    size_t end = strlen(folder);
    char *joined = NULL;

    while (end > 0 && folder[end - 1] == '/')
        end--;
    while (*name == '/')
        name++;
    if (asprintf(&joined, "%.*s/%s", (int)end, folder, name) < 0)
        return NULL;
    return joined;
}
