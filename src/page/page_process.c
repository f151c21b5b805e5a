/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes as /proc shows them. See page_process.h.
 *
 * "Dead" is not "a file lock is gone": the kernel closes a dying process's files one by one, and
 * the GPU driver's last takes 100 ms (measured, docs/enforcement.md). Only when the process is a
 * zombie without threads, or gone, are all of them closed and its GPU memory given back.
 */
#include "page/page_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The word: a free bit | 11 of the namespaces | 30 of the start time in clock ticks | 22 of the pid
   (the kernel's largest). */
enum { PID_BITS = 22, START_BITS = 30, NAMESPACE_BITS = 11 };

static uint64_t low(uint64_t value, unsigned bits)
{
    return value & ((1ull << bits) - 1);
}

/* The sum of both inodes: namespaces that are made one after the other differ in the low bits. */
static uint64_t namespace_bits(uint64_t namespace)
{
    return low(namespace + (namespace >> 32), NAMESPACE_BITS);
}

static uint64_t word(uint64_t pid, uint64_t start, uint64_t namespace)
{
    return namespace_bits(namespace) << (PID_BITS + START_BITS) |
           low(start, START_BITS) << PID_BITS | low(pid, PID_BITS);
}

/* What /proc/PID/stat says. */
struct status {
    char state;
    uint64_t threads; /* those that are not yet gone, the leader among them */
    uint64_t start;   /* clock ticks since boot */
};

static const char *parse_number(uint64_t *out, const char *at)
{
    uint64_t value = 0;

    for (; *at >= '0' && *at <= '9'; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    *out = value;
    return at;
}

/* The command, field 2, may hold spaces and parentheses; the state is field 3. */
static bool parse_status(struct status *out, const char *text)
{
    enum { STATE = 3, THREADS = 20, START = 22 };
    const char *at = strrchr(text, ')');

    if (!at || at[1] != ' ')
        return false;
    at += 2;
    out->state = *at;
    for (unsigned field = STATE + 1; field <= START; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
        if (field == THREADS)
            (void)parse_number(&out->threads, at);
    }
    return *parse_number(&out->start, at) == ' ';
}

static bool read_status(struct status *out, const char *path)
{
    char text[1024];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    return parse_status(out, text);
}

/* Inodes of namespaces have 32 bits. A kernel without time namespaces has 0 there. */
uint64_t page_self_namespace(void)
{
    struct stat pid, time = {0};

    if (stat("/proc/self/ns/pid", &pid) != 0)
        return 0;
    (void)stat("/proc/self/ns/time", &time);
    return (uint64_t)time.st_ino << 32 | (uint64_t)pid.st_ino;
}

uint64_t page_self(void)
{
    struct status s = {0};
    uint64_t namespace = page_self_namespace();

    if (namespace == 0 || !read_status(&s, "/proc/self/stat"))
        return 0;
    return word((uint64_t)getpid(), s.start, namespace);
}

/* /proc may be that of another pid namespace than ours: its numbers are then other processes. */
static bool proc_is_ours(void)
{
    char name[16], pid[16];
    ssize_t n = readlink("/proc/self", name, sizeof name - 1);

    if (n <= 0)
        return false;
    name[n] = '\0';
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    return strcmp(name, pid) == 0;
}

enum page_life page_process_life(uint64_t owner, uint64_t namespace)
{
    uint64_t pid = low(owner, PID_BITS), ours = page_self_namespace();
    struct status s = {0};
    char path[40];

    if (pid == 0)
        return PAGE_DEAD;
    if (namespace_bits(ours) != low(owner >> (PID_BITS + START_BITS), NAMESPACE_BITS) ||
        (namespace != 0 && namespace != ours))
        return PAGE_UNKNOWN;
    (void)snprintf(path, sizeof path, "/proc/%llu/stat", (unsigned long long)pid);
    if (!proc_is_ours() || !read_status(&s, path))
        return kill((pid_t)pid, 0) != 0 && errno == ESRCH ? PAGE_DEAD : PAGE_UNKNOWN;
    if (low(s.start, START_BITS) != low(owner >> PID_BITS, START_BITS))
        return PAGE_DEAD;
    return (s.state == 'Z' || s.state == 'X') && s.threads <= 1 ? PAGE_DEAD : PAGE_ALIVE;
}
