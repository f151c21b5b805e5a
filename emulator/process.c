/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of processes: see process.h. What stands in them: state.h. */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

/* What /proc/PID/stat says. */
struct status {
    char code;
    uint64_t start;
    uint64_t stack; /* 0: not for our eyes */
};

enum { FIELD_CODE = 3, FIELD_START = 22, FIELD_STACK = 28 };

static uint64_t number(const char *digits)
{
    uint64_t value = 0;

    for (; *digits >= '0' && *digits <= '9'; digits++)
        value = value * 10 + (uint64_t)(*digits - '0');
    return value;
}

static bool parse_status(const char *text, struct status *out)
{
    const char *at = strrchr(text, ')'); /* the name before it may hold anything */

    if (!at || at[1] != ' ' || !at[2])
        return false;
    *out = (struct status){.code = at[2]};
    for (unsigned field = FIELD_CODE; field <= FIELD_STACK; field++) {
        at = strchr(at + 1, ' ');
        if (!at)
            return false;
        if (field == FIELD_START)
            out->start = number(at + 1);
        if (field == FIELD_STACK)
            out->stack = number(at + 1);
    }
    return true;
}

/* -ESRCH: there is none. */
static int read_status(uint32_t pid, struct status *out)
{
    char path[40], text[1024];
    OWN_FD int fd = -1;
    ssize_t n;

    (void)snprintf(path, sizeof path, "/proc/%u/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    n = read(fd, text, sizeof text - 1);
    if (n <= 0)
        return n < 0 && errno == ESRCH ? -ESRCH : -EIO;
    text[n] = '\0';
    return parse_status(text, out) ? 0 : -EIO;
}

/* Of a zombie whose other threads still run, they are listed; at its end it has itself alone. */
static bool has_threads(uint32_t pid)
{
    char path[40];
    struct stat st;

    (void)snprintf(path, sizeof path, "/proc/%u/task", pid);
    return stat(path, &st) == 0 && st.st_nlink > 3;
}

static bool is_dead(const struct state_process *p)
{
    struct status status = {0};
    int rc = read_status(p->pid, &status);

    if (rc < 0)
        return rc == -ESRCH;
    if (status.start != p->start)
        return true;
    if (p->image && status.stack && status.stack != p->image)
        return true; /* it has become another program, and the driver's files were closed */
    return status.code == 'X' || (status.code == 'Z' && !has_threads(p->pid));
}

static uint64_t own_space(void)
{
    struct stat st;

    return stat("/proc/self/ns/pid", &st) == 0 ? (uint64_t)st.st_ino : 1;
}

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void process_drop(struct state_process *p)
{
    __atomic_store_n(&p->used, 0, __ATOMIC_RELEASE);
}

unsigned process_rows(const struct state_gpu *s)
{
    return s->rows < STATE_PROCESSES ? s->rows : STATE_PROCESSES;
}

void process_reap(struct state *s, unsigned gpu)
{
    uint64_t space = own_space();

    for (unsigned i = 0; i < process_rows(&s->gpus[gpu]); i++) {
        struct state_process *p = &s->gpus[gpu].processes[i];

        if (!p->used || !p->start || p->space != space || !is_dead(p))
            continue;
        if (!p->seen_gone_ns)
            p->seen_gone_ns = now_ns();
        if (now_ns() - p->seen_gone_ns >= (uint64_t)s->teardown_ms * 1000000)
            process_drop(p);
    }
}

uint64_t process_bytes(const struct state_gpu *s, uint32_t gi)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < process_rows(s); i++) {
        const struct state_process *p = &s->processes[i];

        if (p->used && (gi == UINT32_MAX || p->gi == gi))
            sum += p->mem_bytes + p->device_bytes;
    }
    return sum;
}

static struct state_process *find_own(struct state_gpu *s, const struct state_process *like)
{
    for (unsigned i = 0; i < process_rows(s); i++) {
        struct state_process *p = &s->processes[i];

        if (p->used && p->pid == like->pid && p->start == like->start && p->space == like->space &&
            p->image == like->image && p->gi == like->gi && p->ci == like->ci)
            return p;
    }
    return NULL;
}

struct state_process *process_add(struct state_gpu *s, const struct state_process *row)
{
    for (unsigned i = 0; i < STATE_PROCESSES; i++) {
        struct state_process *p = &s->processes[i];

        if (p->used)
            continue;
        if (s->rows <= i)
            s->rows = i + 1;
        *p = *row;
        __atomic_store_n(&p->used, 1, __ATOMIC_RELEASE);
        return p;
    }
    return NULL;
}

struct state_process *process_own(struct state *s, unsigned gpu, uint32_t gi, uint32_t ci)
{
    struct state_process own = {.pid = (uint32_t)getpid(), .gi = gi, .ci = ci, .hidden = 1};
    struct state_process *p;
    struct status status = {0};
    OWN_MEM char *words = NULL;

    (void)read_status(own.pid, &status);
    own.start = status.start;
    own.image = status.stack;
    own.space = own_space();
    p = find_own(&s->gpus[gpu], &own);
    if (p)
        return p;
    process_reap(s, gpu);
    if (file_read(&words, NULL, "/proc/self/cmdline", 65536, NULL) == 0)
        (void)TEXT_COPY(own.name, words);
    return process_add(&s->gpus[gpu], &own);
}
