/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into programs that run under qemu-user: what a kernel does and qemu 7.2 does not. It
 * tells a process another start time of itself than the kernel tells all others, calls every
 * process by its own name, and takes MADV_WIPEONFORK for done without doing it. Behind libcarve.so
 * it is also a library that asks for what comes after itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <unistd.h>

#pragma GCC visibility push(default)
int open64(const char *path, int flags, ...);
int madvise(void *at, size_t size, int advice);
unsigned alarm(unsigned seconds);
#pragma GCC visibility pop

enum { RANGES = 16, PATH_SIZE = 4096, SLOWER = 30 };

static struct {
    void *at;
    size_t size;
} wiped[RANGES]; /* in a child of fork */
static unsigned n_wiped;

static void wipe(void)
{
    for (unsigned i = 0; i < n_wiped; i++)
        memset(wiped[i].at, 0, wiped[i].size);
}

int madvise(void *at, size_t size, int advice)
{
    int (*next)(void *, size_t, int);

    *(void **)&next = dlvsym(RTLD_NEXT, "madvise", "GLIBC_2.17");
    if (advice == MADV_WIPEONFORK) {
        if (n_wiped == RANGES)
            abort();
        wiped[n_wiped].at = at;
        wiped[n_wiped++].size = size;
    }
    return next(at, size, advice);
}

/* qemu makes up the files that begin with "/proc/self/". */
int open64(const char *path, int flags, ...)
{
    int (*next)(const char *, int, ...);
    char other[PATH_SIZE];
    va_list words;
    mode_t mode;

    *(void **)&next = dlsym(RTLD_NEXT, "open64");
    va_start(words, flags);
    mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(words, mode_t) : 0;
    va_end(words);
    if (strncmp(path, "/proc/", 6) == 0) {
        (void)snprintf(other, sizeof other, "/proc/./%s", path + 6);
        path = other;
    }
    return next(path, flags, mode);
}

/* What a program gives itself on a real processor. */
unsigned alarm(unsigned seconds)
{
    unsigned (*next)(unsigned);

    *(void **)&next = dlsym(RTLD_NEXT, "alarm");
    return next(seconds * SLOWER) / SLOWER;
}

static __attribute__((constructor)) void start(void)
{
    (void)prctl(PR_SET_NAME, program_invocation_short_name, 0, 0, 0);
    (void)pthread_atfork(NULL, NULL, wipe);
}
