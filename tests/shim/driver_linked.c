/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that is linked with libcuda.so.1, as extensions of frameworks are. Its argument says in
 * which kind of process it tries the driver (driver_try).
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "driver.h"
#include "linked.h"

static char *self; /* path of this program */

static int try(void)
{
    return driver_try(&linked) ? 0 : 1;
}

/* Keeps 64 MiB until the input ends. */
static int hold(void)
{
    CUdeviceptr address;
    char byte;
    int r = try();

    if (r == 0 && cuMemAlloc_v2(&address, 64u << 20) != CUDA_SUCCESS)
        r = 1;
    (void)printf("holding\n");
    (void)fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return r;
}

static int wait_for(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* A child that was forked before the parent used the driver; then the parent. */
static int fork_first(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(try());
    return wait_for(pid) == 0 ? try() : 1;
}

/* A child of a process that uses the driver already: its own calls fail, as without us; it is still
   a process of its own in the page. */
static int fork_late(void)
{
    pid_t pid;
    char byte;
    int r = try();

    while (r == 0 && read(STDIN_FILENO, &byte, 1) > 0)
        ;
    pid = fork();
    if (pid == 0) {
        (void)cuInit(0);
        (void)printf("child %d\n", (int)getpid());
        (void)fflush(stdout);
        _exit(0);
    }
    return wait_for(pid) == 0 ? r : 1;
}

/* What is left of the environment: nothing but what the emulated machine and the sanitizers need.
 */
static char **bare(void)
{
    static char *left[16];
    size_t n = 0;

    for (char **at = environ; *at && n + 1 < sizeof left / sizeof *left; at++)
        if (strncmp(*at, "CARVE_EMULATOR", 14) == 0 || strstr(*at, "SAN_OPTIONS="))
            left[n++] = *at;
    left[n] = NULL;
    return left;
}

static int vfork_exec(void)
{
    char *const words[] = {self, (char *)"try", NULL};
    char **left = bare();
    pid_t pid = vfork();

    if (pid == 0) {
        (void)execve(self, words, left);
        _exit(9);
    }
    return wait_for(pid) == 0 ? try() : 1; /* the parent is none the worse */
}

static int spawn(char *const words[], char **left)
{
    pid_t pid;

    if (posix_spawn(&pid, self, NULL, NULL, words, left) != 0)
        return 1;
    return wait_for(pid);
}

static int spawn_bare(void)
{
    char *const words[] = {self, (char *)"try", NULL};

    return spawn(words, bare());
}

/* The whole exec family, one after the other, each with an environment that lacks everything of
 * ours. */
static int exec_by(const char *how)
{
    char *const words[] = {self, (char *)"try", NULL};

    environ = bare();
    if (strcmp(how, "execv") == 0)
        return execv(self, words);
    if (strcmp(how, "execvp") == 0)
        return execvp(self, words);
    if (strcmp(how, "execvpe") == 0)
        return execvpe(self, words, environ);
    if (strcmp(how, "execl") == 0)
        return execl(self, self, "try", (char *)NULL);
    if (strcmp(how, "execlp") == 0)
        return execlp(self, self, "try", (char *)NULL);
    if (strcmp(how, "execle") == 0)
        return execle(self, self, "try", (char *)NULL, environ);
    if (strcmp(how, "execve") == 0)
        return execve(self, words, environ);
    return 2;
}

/* The environment is emptied before the first call of the driver. */
static int clear(void)
{
    environ = bare();
    return try();
}

/* Every descriptor but the output. */
static void close_them(void)
{
    for (int fd = 0; fd < 1024; fd++)
        if (fd != STDOUT_FILENO)
            (void)close(fd);
}

/* Before the process is attached, and after it, when the driver has lost what it had open. */
static int close_all(void)
{
    int r;

    close_them();
    r = try();
    close_them();
    return r == 0 ? try() : r;
}

/* No descriptor can be opened any more. */
static int no_descriptors(void)
{
    const struct rlimit none = {0, 0};
    int r = try();

    return r == 0 && setrlimit(RLIMIT_NOFILE, &none) == 0 ? try() : 1;
}

/* A library in a namespace of its own. */
static int other_namespace(void)
{
    void *handle = dlmopen(LM_ID_NEWLM, "libm.so.6", RTLD_NOW);

    return handle && dlmopen(LM_ID_BASE, "libm.so.6", RTLD_NOW) ? try() : 1;
}

enum { THREADS = 16 };

static void *first_use(void *start)
{
    CUdevice device;
    CUcontext context;
    CUdeviceptr address;
    size_t free_bytes, total;

    (void)pthread_barrier_wait(start);
    if (cuInit(0) != CUDA_SUCCESS || cuDeviceGet(&device, 0) != CUDA_SUCCESS ||
        cuDevicePrimaryCtxRetain(&context, device) != CUDA_SUCCESS ||
        cuCtxSetCurrent(context) != CUDA_SUCCESS ||
        cuMemGetInfo_v2(&free_bytes, &total) != CUDA_SUCCESS ||
        cuMemAlloc_v2(&address, 2u << 20) != CUDA_SUCCESS || cuMemFree_v2(address) != CUDA_SUCCESS)
        return NULL;
    return start;
}

/* All threads make their first call at once. */
static int threads(void)
{
    pthread_barrier_t start;
    pthread_t id[THREADS];
    void *result;
    int ok = 0;

    (void)pthread_barrier_init(&start, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&id[i], NULL, first_use, &start) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++)
        ok += pthread_join(id[i], &result) == 0 && result == &start;
    (void)printf("threads %d\n", ok);
    return ok == THREADS ? try() : 1;
}

/* Starts the program that its second argument names, with an empty environment. */
static int start(char *program)
{
    char *const words[] = {program, NULL};
    pid_t pid;

    if (posix_spawnp(&pid, program, NULL, NULL, words, bare()) != 0)
        return 7;
    return wait_for(pid);
}

static const struct mode {
    const char *name;
    int (*run)(void);
} modes[] = {
    {"try", try},
    {"hold", hold},
    {"fork", fork_first},
    {"fork-late", fork_late},
    {"vfork", vfork_exec},
    {"spawn", spawn_bare},
    {"clear", clear},
    {"close-all", close_all},
    {"no-descriptors", no_descriptors},
    {"dlmopen", other_namespace},
    {"threads", threads},
};

int main(int argc, char **argv)
{
    self = argv[0];
    if (argc == 3 && strcmp(argv[1], "exec") == 0)
        return exec_by(argv[2]);
    if (argc == 3 && strcmp(argv[1], "start") == 0)
        return start(argv[2]);
    for (size_t i = 0; argc == 2 && i < sizeof modes / sizeof *modes; i++)
        if (strcmp(argv[1], modes[i].name) == 0)
            return modes[i].run();
    return 2;
}
