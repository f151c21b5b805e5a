/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: works for what glibc's loader loads without raised rights. See preload.h. */
#include "inject/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"

/* What to do instead, by what is in the way. */
static const char *cure(enum program_kind kind)
{
    switch (kind) {
    case PROGRAM_STATIC:
        return "link it dynamically with glibc";
    case PROGRAM_MUSL:
        return "use a build for glibc";
    case PROGRAM_OTHER_LOADER:
        return "start it with the loader of the system's glibc";
    case PROGRAM_OTHER_MACHINE:
        return "use a 64-bit build for this machine";
    case PROGRAM_UNKNOWN:
        return "put '#!/bin/sh' on its first line if it is a script";
    case PROGRAM_BROKEN:
        return "get an undamaged copy";
    case PROGRAM_DYNAMIC:
    case PROGRAM_SCRIPT:
        break;
    }
    return "";
}

static int check(const struct program *p, struct err *e)
{
    if (p->raised)
        return err_set(
            e, ENOTSUP,
            "'%s' raises its rights (setuid, setgid or file capabilities), and the loader "
            "then drops LD_PRELOAD; start the program that uses the GPU itself, or run a "
            "copy without these rights",
            p->checked);
    if (p->file.kind != PROGRAM_DYNAMIC)
        return err_set(e, ENOTSUP, "'%s' %s, so no limit could get into it; %s", p->checked,
                       program_words(p->file.kind), cure(p->file.kind));
    return 0;
}

/* Whether the loader may run code of the file: not on a file system mounted noexec. */
static bool may_run(int fd)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *at = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

    if (at == MAP_FAILED)
        return false;
    (void)munmap(at, size);
    return true;
}

/* The loader starts a program without a library that it cannot load, and so without a limit. */
static int check_library(const char *library, struct err *e)
{
    OWN_FD int fd = open(library, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct program_file file;

    if (strpbrk(library, " :"))
        return err_set(
            e, EINVAL,
            "the path '%s' holds a space or a colon, which LD_PRELOAD cannot carry; put the "
            "library elsewhere and name it in CARVE_LIBRARY",
            library);
    if (fd < 0)
        return err_errno(e, errno, "open '%s'", library);
    /* A library has no loader of its own, as a static program. */
    if (program_read_file(&file, fd, e) < 0 || file.kind != PROGRAM_STATIC)
        return err_set(e, ENOTSUP,
                       "'%s' is no library for this machine, so no limit would get into a program; "
                       "name libcarve.so in CARVE_LIBRARY",
                       library);
    if (!may_run(fd))
        return err_set(e, ENOTSUP,
                       "'%s' cannot be loaded into programs: its file system is mounted noexec, or "
                       "a policy forbids it; put a copy elsewhere and name it in CARVE_LIBRARY",
                       library);
    return 0;
}

static int prepare(struct inject_environment *out, const struct inject_slice *slice, struct err *e)
{
    const char *others = secure_getenv("LD_PRELOAD");
    int r;

    *out = (struct inject_environment){0};
    /* Ours comes first, so that nobody's dlsym is asked before it. */
    if (others && *others)
        r = inject_add(out, e, "LD_PRELOAD", "%s:%s", slice->library, others);
    else
        r = inject_add(out, e, "LD_PRELOAD", "%s", slice->library);
    if (r == 0)
        r = inject_add(out, e, "CARVE_PAGE", "%s", slice->page);
    if (r == 0)
        r = inject_add(out, e, "CARVE_LIBRARY", "%s", slice->library);
    if (r == 0)
        r = inject_add(out, e, "CUDA_VISIBLE_DEVICES", "%s", slice->devices);
    return r;
}

const struct inject inject_preload = {
    .name = "preload",
    .summary = "libcarve.so in LD_PRELOAD: for programs that glibc's loader loads",
    .check = check,
    .check_library = check_library,
    .prepare = prepare,
};
