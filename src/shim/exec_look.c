/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that a preloaded library does not reach. Looks at the file as the kernel will: a
 * script's interpreter is what counts; without PT_INTERP no linker runs; with more rights than
 * ours, or with capabilities, the linker ignores LD_PRELOAD.
 */
#include "shim/exec_look.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    SCRIPTS_MAX = 4, /* an interpreter may be a script; as the kernel */
    HEADERS_MAX = 64,
    LINE_SIZE = 256,
    PATH_SIZE = 1024,
};

/* Setuid, setgid, file capabilities: unless the process gave up gaining rights. */
static bool gains_rights(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return false;
    if ((st.st_mode & S_ISUID) && st.st_uid != getuid())
        return true;
    if ((st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP) && st.st_gid != getgid())
        return true;
    return geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* The dynamic linker that the program names is glibc's, or unknown. */
static bool linker_is_ours(int fd, const ElfW(Phdr) * interp)
{
    char name[LINE_SIZE] = "";
    size_t size = interp->p_filesz < sizeof name ? interp->p_filesz : sizeof name - 1;

    if (pread(fd, name, size, (off_t)interp->p_offset) != (ssize_t)size)
        return true;
    return !strstr(name, "ld-musl");
}

static bool elf_cannot(int fd, const ElfW(Ehdr) * head)
{
    if (head->e_ident[EI_CLASS] != ELFCLASS64)
        return true;
    for (unsigned i = 0; i < head->e_phnum && i < HEADERS_MAX; i++) {
        ElfW(Phdr) part;
        off_t at = (off_t)(head->e_phoff + i * sizeof part);

        if (pread(fd, &part, sizeof part, at) != (ssize_t)sizeof part)
            return false;
        if (part.p_type == PT_INTERP)
            return !linker_is_ours(fd, &part);
    }
    return true;
}

/* The interpreter of a script's first line; "" if there is none. */
static void parse_script(char out[LINE_SIZE], char line[LINE_SIZE])
{
    char *at = line + 2;
    size_t n;

    at += strspn(at, " \t");
    n = strcspn(at, " \t\n");
    memmove(out, at, n);
    out[n] = '\0';
}

enum kind { KIND_CANNOT, KIND_FINE, KIND_SCRIPT };

static enum kind look(int fd, char interpreter[LINE_SIZE])
{
    union {
        char line[LINE_SIZE];
        ElfW(Ehdr) head;
    } start = {.line = ""};
    ssize_t n = pread(fd, start.line, sizeof start.line - 1, 0);

    if (n > 2 && start.line[0] == '#' && start.line[1] == '!') {
        parse_script(interpreter, start.line);
        return KIND_SCRIPT;
    }
    if (n < (ssize_t)sizeof start.head || memcmp(start.line, ELFMAG, SELFMAG) != 0)
        return KIND_FINE; /* the kernel will say what it is */
    return elf_cannot(fd, &start.head) || gains_rights(fd) ? KIND_CANNOT : KIND_FINE;
}

/* Takes the descriptor. */
static bool cannot_take(int fd)
{
    char interpreter[LINE_SIZE] = "";
    enum kind kind = KIND_FINE;
    int saved = errno;

    for (unsigned i = 0; i <= SCRIPTS_MAX && fd >= 0; i++) {
        kind = look(fd, interpreter);
        (void)close(fd);
        fd = -1;
        if (kind == KIND_SCRIPT)
            fd = open(interpreter, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    }
    errno = saved;
    return kind == KIND_CANNOT;
}

bool exec_look_cannot(const char *path)
{
    return exec_look_cannot_at(AT_FDCWD, path, 0);
}

bool exec_look_cannot_at(int folder, const char *path, int flags)
{
    int saved = errno, fd;

    if (flags & AT_EMPTY_PATH && path[0] == '\0')
        fd = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    else
        fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    errno = saved;
    return fd >= 0 && cannot_take(fd);
}

/* The first file of that name that may be run. */
static bool found_in(char out[PATH_SIZE], const char *folders, const char *name)
{
    for (;;) {
        size_t n = strcspn(folders, ":");
        int written = snprintf(out, PATH_SIZE, "%.*s%s%s", (int)n, folders, n ? "/" : "", name);

        if (written < PATH_SIZE && access(out, X_OK) == 0)
            return true;
        if (folders[n] == '\0')
            return false;
        folders += n + 1;
    }
}

bool exec_look_cannot_found(const char *name)
{
    const char *folders = secure_getenv("PATH");
    char path[PATH_SIZE];
    int saved = errno;
    bool found;

    if (strchr(name, '/'))
        return exec_look_cannot(name);
    found = found_in(path, folders ? folders : "/bin:/usr/bin", name);
    errno = saved;
    return found && exec_look_cannot(path);
}
