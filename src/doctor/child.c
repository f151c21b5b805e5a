/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process with a deadline: see child.h. The parent reads a pipe until the child has closed
 * it. A child that hangs inside the kernel does not even die of SIGKILL: it is then left behind.
 */
#include "doctor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"

enum { READ_BYTES = 16384, REAP_MS = 2, KILL_MS = 2000 };

void child_tell(int fd, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        at += n;
        size -= (size_t)n;
    }
}

static uint64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* True when the other end is closed; false at the deadline or on failure. */
static bool read_all(struct buf *out, int fd, uint64_t end_ms)
{
    for (;;) {
        uint64_t now = now_ms();
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        int ready = now < end_ms ? poll(&wait, 1, (int)(end_ms - now)) : 0;
        char *room;
        ssize_t n;

        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return false;
        room = buf_room(out, READ_BYTES);
        n = room ? read(fd, room, READ_BYTES) : -1;
        if (n < 0 && room && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        buf_grew(out, (size_t)n);
    }
}

/* False: it has not ended in time. */
static bool reap(pid_t pid, uint64_t end_ms, int *status)
{
    for (;;) {
        pid_t ended = waitpid(pid, status, WNOHANG);

        if (ended != 0 || now_ms() >= end_ms)
            return ended == pid;
        (void)poll(NULL, 0, REAP_MS);
    }
}

__attribute__((noreturn)) static void be_child(child_work *work, void *self, int fd)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)signal(SIGPIPE, SIG_IGN);
    work(self, fd);
    _exit(0);
}

int child_run(enum child_end *out_end, int *out_signal, struct buf *out, child_work *work,
              void *self, unsigned timeout_ms, struct err *e)
{
    int fds[2], status = 0;
    uint64_t end_ms = now_ms() + timeout_ms;
    bool in_time, ended;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_errno(e, errno, "make a pipe");
    (void)fflush(NULL);
    /* Who started us may have it ignored: then no child's end could be told. */
    (void)signal(SIGCHLD, SIG_DFL);
    pid = fork();
    if (pid == 0) {
        (void)close(fds[0]);
        be_child(work, self, fds[1]);
    }
    (void)close(fds[1]);
    if (pid < 0) {
        int code = errno;

        (void)close(fds[0]);
        return err_errno(e, code, "start a child process");
    }
    /* Its end may come seconds after its last word, while the driver lets go of the GPUs. */
    in_time = read_all(out, fds[0], end_ms) && reap(pid, end_ms, &status);
    if (!in_time)
        (void)kill(pid, SIGKILL);
    ended = in_time || reap(pid, now_ms() + KILL_MS, &status);
    (void)close(fds[0]);
    *out_signal = ended && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    *out_end = !in_time                                    ? CHILD_LATE
               : WIFEXITED(status) && !WEXITSTATUS(status) ? CHILD_DONE
                                                           : CHILD_CRASHED;
    return 0;
}
