/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tool's preloaded library that wraps dlsym itself, as such tools do: it asks libc for its own
 * dlsym, by version since the plain name is its own, and says at the end how many names passed,
 * those of the driver and all.
 */
#include <dlfcn.h>
#include <stdio.h>

__attribute__((visibility("default"))) void *dlsym(void *handle, const char *name);

static unsigned passed, driver;

void *dlsym(void *handle, const char *name)
{
    static const char *const versions[] = {"GLIBC_2.34", "GLIBC_2.17", "GLIBC_2.2.5"};
    static void *(*next)(void *, const char *);

    for (unsigned i = 0; i < sizeof versions / sizeof *versions && !next; i++)
        *(void **)&next = dlvsym(RTLD_NEXT, "dlsym", versions[i]);
    passed++;
    driver += name[0] == 'c' && name[1] == 'u';
    return next(handle, name);
}

static __attribute__((destructor)) void say(void)
{
    (void)fprintf(stderr, "passed %u driver %u\n", passed, driver);
}
