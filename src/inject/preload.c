/* SPDX-License-Identifier: Apache-2.0 */
/* LD_PRELOAD: works for what glibc's loader loads without raised rights. See preload.h. */
#include "inject/preload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

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

static int prepare(struct inject_environment *out, const struct inject_slice *slice, struct err *e)
{
    const char *others = secure_getenv("LD_PRELOAD");
    int r;

    *out = (struct inject_environment){0};
    if (strpbrk(slice->library, " :"))
        return err_set(
            e, EINVAL,
            "the path '%s' holds a space or a colon, which LD_PRELOAD cannot carry; put the "
            "library elsewhere and name it in CARVE_LIBRARY",
            slice->library);
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
    .prepare = prepare,
};
