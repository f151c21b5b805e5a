/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a charge costs: nanoseconds of one page_reserve and page_release, with 1 and 8 processes
 * that do nothing else, and 1 and 64 slots held. No GPU is needed. Prints a table; build without
 * sanitizers.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "page/page_charge.h"
#include "page/page_file.h"
#include "page/page_slot.h"

enum { PROCESSES_MAX = 8, SLOTS_HELD = 64, ROUNDS = 200000 };

struct result {
    double ns[PROCESSES_MAX];
};

static double now_ns(clockid_t clock)
{
    struct timespec t = {0};

    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Processor time of the process: there may be fewer processors than processes. */
static void charge(struct page *p, struct result *result, unsigned i)
{
    struct page_slot *slot = page_attach(p, PAGE_PROCESS);
    double start = now_ns(CLOCK_PROCESS_CPUTIME_ID);

    if (!slot)
        _exit(1);
    for (unsigned n = 0; n < ROUNDS; n++) {
        if (!page_reserve(p, slot, 0, 2 << 20))
            _exit(2);
        page_release(slot, 0, 2 << 20);
    }
    result->ns[i] = (now_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / ROUNDS;
    page_detach(slot);
    _exit(0);
}

static void hold(struct page *p)
{
    if (!page_attach(p, PAGE_PROCESS))
        _exit(1);
    for (;;)
        (void)pause();
}

static pid_t child(void)
{
    pid_t pid = fork();

    if (pid == 0)
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

static int measure(struct page *p, struct result *result, unsigned n)
{
    int failed = 0;

    memset(result, 0, sizeof *result);
    for (unsigned i = 0; i < n; i++)
        if (child() == 0)
            charge(p, result, i);
    for (unsigned i = 0; i < n; i++) {
        int status = 0;

        (void)wait(&status);
        failed |= status;
    }
    return failed;
}

static void print(const struct result *r, unsigned n, unsigned slots)
{
    double worst = 0, sum = 0;

    for (unsigned i = 0; i < n; i++) {
        sum += r->ns[i];
        worst = r->ns[i] > worst ? r->ns[i] : worst;
    }
    (void)printf("| %u | %u | %.0f | %.0f |\n", n, slots, sum / n, worst);
}

/* The rows with the slots that are held now. */
static int rows(struct page *p, struct result *result, unsigned held)
{
    static const unsigned processes[] = {1, PROCESSES_MAX};

    for (unsigned i = 0; i < 2; i++) {
        if (measure(p, result, processes[i]) != 0)
            return 1;
        print(result, processes[i], held + processes[i]);
    }
    return 0;
}

int main(void)
{
    const struct page_wish wish = {
        .name = "cost",
        .n_devices = 1,
        .limits = {{.limit_bytes = 1ull << 36, .total_bytes = 1ull << 36}}};
    struct result *result =
        mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char path[PAGE_PATH_SIZE];
    struct page *p = NULL;
    pid_t holders[SLOTS_HELD];
    int failed;

    if (result == MAP_FAILED || page_make(&p, path, page_folder(), &wish) != 0)
        return 2;
    (void)printf("| processes | slots held | reserve + release, ns, mean | slowest process, ns |\n"
                 "|---:|---:|---:|---:|\n");
    (void)fflush(stdout);
    failed = rows(p, result, 1);
    for (unsigned i = 0; i < SLOTS_HELD; i++) {
        holders[i] = child();
        if (holders[i] == 0)
            hold(p);
    }
    while (page_slots(p) < SLOTS_HELD + 1)
        ;
    failed |= rows(p, result, SLOTS_HELD + 1);
    for (unsigned i = 0; i < SLOTS_HELD; i++) {
        (void)kill(holders[i], SIGKILL);
        (void)waitpid(holders[i], NULL, 0);
    }
    (void)unlink(path);
    return failed ? 1 : 0;
}
