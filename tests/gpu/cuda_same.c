/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One program over the CUDA driver's functions, with good and bad arguments, on device 0: what
 * each answers, as lines "name case rc" and "= what value", the same at every run. Made to be
 * compared: the emulated libcuda.so.1 against a real one.
 *
 * On a machine with a GPU, copied there from a build's emulator/ (no compiler, no other library
 * needed): LD_LIBRARY_PATH=/where/libcuda.so.1/is ./cuda-same >answers and `tests/gpu/cuda_same
 * --bless answers` takes them as the expectation of the emulator. Arguments name groups; without
 * any all run. It takes at most 2 GiB of the GPU for a moment, changes no setting, and ends within
 * 60 s: every group is a process of its own, with 10 s. A call that crashes or hangs in the driver
 * is told as such, and its group runs again without.
 */
#include "cuda_same.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    GROUP_S = 10,
    MOST_LOST = 8, /* calls that crash or hang in one group */
    TEXT_SIZE = 1 << 17,
};

static const struct group {
    const char *name;
    same_group *run;
} groups[] = {
#define GROUP(name)                                                                                \
    {                                                                                              \
#name, same_##name                                                                         \
    }
    GROUP(entry),
    GROUP(uninitialized),
    GROUP(device),
    GROUP(no_context),
    GROUP(primary),
    GROUP(contexts),
    GROUP(limits),
    GROUP(alloc),
    GROUP(sizes),
    GROUP(copy),
    GROUP(set),
    GROUP(host),
    GROUP(managed),
    GROUP(pointer),
    GROUP(array),
    GROUP(mipmap),
    GROUP(vmm),
    GROUP(share),
    GROUP(pool),
    GROUP(pool_more),
    GROUP(ipc),
    GROUP(stream),
    GROUP(stream_attributes),
    GROUP(event),
    GROUP(event_time),
    GROUP(host_func),
    GROUP(value_op),
    GROUP(module_load),
    GROUP(library),
    GROUP(function_more),
    GROUP(occupancy),
    GROUP(link),
    GROUP(launch),
    GROUP(launch_bad),
    GROUP(launch_ex),
    GROUP(per_thread),
    GROUP(capture),
    GROUP(capture_bad),
    GROUP(capture_modes),
    GROUP(capture_join),
    GROUP(capture_info),
    GROUP(capture_memory),
    GROUP(graph),
    GROUP(graph_nodes),
    GROUP(graph_edit),
    GROUP(graph_instantiate),
    GROUP(graph_update),
    GROUP(graph_memory),
    GROUP(graph_clone),
    GROUP(graph_params),
    GROUP(graph_exec_params),
    GROUP(user_object),
};

/* One process's run of a group. */
static struct {
    void *library;
    FILE *out;
    int tell; /* where the number of a lost call goes */
    int n_calls, n_lost;
    struct lost {
        int call, signal;
    } lost[MOST_LOST];
} run;

/* In a signal handler: the driver crashed or hangs in this call. */
static void lost(int signal)
{
    struct lost l = {run.n_calls, signal};

    (void)!write(run.tell, &l, sizeof l);
    _exit(3);
}

void *same_symbol(const char *name)
{
    return dlsym(run.library, name);
}

typedef int (*any_function)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                            uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* The code; -1: not there, -2: not called, as it was lost before. */
int same_quiet(const char *name, const uint64_t w[12])
{
    any_function function;
    void *symbol = same_symbol(name);

    run.n_calls++;
    if (!symbol)
        return -1;
    for (int i = 0; i < run.n_lost; i++) {
        if (run.lost[i].call == run.n_calls)
            return -2;
    }
    memcpy(&function, &symbol, sizeof symbol);
    return function(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11]);
}

int same_call(const char *name, const char *what, const uint64_t word[12])
{
    int rc = same_quiet(name, word);

    if (rc == -1)
        (void)fprintf(run.out, "%s %s absent\n", name, what);
    else if (rc == -2)
        (void)fprintf(run.out, "%s %s lost\n", name, what);
    else
        (void)fprintf(run.out, "%s %s %d\n", name, what, rc);
    return rc;
}

void same_value(const char *what, int64_t value)
{
    (void)fprintf(run.out, "= %s %lld\n", what, (long long)value);
}

uint64_t same_context(void)
{
    uint64_t context = 0;

    if (QUIET(cuInit, 0) != 0 || QUIET(cuDevicePrimaryCtxRetain, P(&context), 0) != 0 ||
        QUIET(cuCtxSetCurrent, context) != 0)
        same_value("no-context", 1);
    return context;
}

int64_t same_free_kib(void)
{
    size_t available = 0, total = 0;

    (void)QUIET(cuMemGetInfo_v2, P(&available), P(&total));
    return (int64_t)(available >> 10);
}

uint64_t same_module(void)
{
    uint64_t module = 0;

    if (QUIET(cuModuleLoadData, P(&module), P(same_ptx)) != 0)
        same_value("no-module", 1);
    return module;
}

uint64_t same_function(const char *name)
{
    uint64_t function = 0;

    (void)QUIET(cuModuleGetFunction, P(&function), same_module(), P(name));
    return function;
}

/* In the child: all of the group's lines, told at once at its end. */
static int child(const struct group *g, int tell)
{
    struct sigaction act = {.sa_handler = lost};
    char *text = NULL;
    size_t size = 0;
    struct lost end = {0};

    run.tell = tell;
    run.out = open_memstream(&text, &size);
    run.library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!run.out || !run.library) {
        (void)fprintf(stderr, "cuda-same: %s\n", run.out ? dlerror() : "out of memory");
        return 2;
    }
    (void)sigaction(SIGSEGV, &act, NULL);
    (void)sigaction(SIGBUS, &act, NULL);
    (void)sigaction(SIGFPE, &act, NULL);
    (void)sigaction(SIGABRT, &act, NULL);
    (void)sigaction(SIGALRM, &act, NULL);
    (void)alarm(GROUP_S);
    g->run();
    (void)alarm(0);
    (void)fclose(run.out);
    if (write(tell, &end, sizeof end) != sizeof end)
        return 2;
    for (size_t at = 0; at < size;) {
        ssize_t n = write(tell, text + at, size - at);

        if (n <= 0)
            return 2;
        at += (size_t)n;
    }
    free(text);
    return 0;
}

/* One try: 0 if it ended well and its lines are written, 1 if a call was lost, 2 else. */
static int try_group(const struct group *g)
{
    struct lost first = {.signal = -1};
    char piece[4096];
    int ends[2], status = 0;
    pid_t pid;
    ssize_t n;

    if (pipe(ends) != 0 || (pid = fork()) < 0)
        return 2;
    if (pid == 0) {
        (void)close(ends[0]);
        exit(child(g, ends[1]));
    }
    (void)close(ends[1]);
    if (read(ends[0], &first, sizeof first) == sizeof first && first.signal == 0) {
        while ((n = read(ends[0], piece, sizeof piece)) > 0)
            (void)fwrite(piece, 1, (size_t)n, stdout);
    }
    (void)close(ends[0]);
    (void)waitpid(pid, &status, 0);
    if (first.signal == 0)
        return 0;
    if (first.signal < 0 || run.n_lost == MOST_LOST)
        return 2;
    run.lost[run.n_lost++] = first;
    return 1;
}

static int run_group(const struct group *g)
{
    int rc;

    (void)printf("# %s\n", g->name);
    (void)fflush(stdout);
    run.n_lost = 0;
    while ((rc = try_group(g)) == 1)
        (void)fprintf(stderr, "cuda-same: %s: call %d: signal %d\n", g->name,
                      run.lost[run.n_lost - 1].call, run.lost[run.n_lost - 1].signal);
    if (rc != 0)
        (void)printf("= broken 1\n");
    (void)fflush(stdout);
    return rc;
}

static int wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(name, argv[i]) == 0)
            return 1;
    }
    return argc == 1;
}

int main(int argc, char **argv)
{
    int rc = 0;

    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (wanted(groups[i].name, argc, argv))
            rc |= run_group(&groups[i]);
    }
    return rc;
}
