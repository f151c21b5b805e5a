/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program of `carve run`, and being its parent as if we were not there. Both are one process
 * group, so what the terminal sends reaches both; we wait for signals instead of acting on them,
 * hand on those that came for us alone, stop when the program stops, and end as it ends. See run.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/run.h"

/* Faults of our own, which end us; all others we wait for, and hand on but for SIGCHLD. */
static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};

/* What the kernel sends to a whole process group, for the terminal. */
static const int of_terminal[] = {SIGINT,  SIGQUIT, SIGTSTP, SIGTTIN,
                                  SIGTTOU, SIGHUP,  SIGCONT, SIGWINCH};

static void waited_set(sigset_t *out)
{
    (void)sigfillset(out);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        (void)sigdelset(out, faults[i]);
}

static bool is_of_terminal(int signal_number)
{
    for (size_t i = 0; i < sizeof of_terminal / sizeof of_terminal[0]; i++)
        if (of_terminal[i] == signal_number)
            return true;
    return false;
}

/* SIGCHLD ignored, as some parents leave it, would take the program's end from us. */
void run_child_prepare(struct run_child *c)
{
    const struct sigaction normal = {.sa_handler = SIG_DFL};
    struct sigaction before = {0};
    siginfo_t any;
    sigset_t set;

    c->has_siblings = waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) == 0;
    waited_set(&set);
    (void)sigprocmask(SIG_BLOCK, &set, &c->signals);
    (void)sigaction(SIGCHLD, &normal, &before);
    c->ignores_children = before.sa_handler == SIG_IGN;
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* True if the entry NAME=VALUE is one of the variables. */
static bool is_replaced(const char *entry, const struct inject_environment *env)
{
    for (size_t i = 0; i < env->count; i++) {
        size_t n = strlen(env->variables[i].name);

        if (strncmp(entry, env->variables[i].name, n) == 0 && entry[n] == '=')
            return true;
    }
    return false;
}

/* A new environment; its own entries are leaked on purpose: exec or _exit follows. */
static char **environment(const struct inject_environment *env)
{
    size_t n = 0, at = 0;
    char **all;

    while (environ[n])
        n++;
    all = calloc(n + env->count + 1, sizeof *all);
    if (!all)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (!is_replaced(environ[i], env))
            all[at++] = environ[i];
    for (size_t i = 0; i < env->count; i++)
        if (asprintf(&all[at++], "%s=%s", env->variables[i].name, env->variables[i].value) < 0)
            return NULL;
    return all;
}

/* In the child. Only comes to its end if exec fails; then the parent reads why. */
__attribute__((noreturn)) static void become(const struct run_child *c, const struct run *r,
                                             char **envp, int report_fd)
{
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    int code;

    if (c->ignores_children)
        (void)sigaction(SIGCHLD, &ignored, NULL);
    (void)sigprocmask(SIG_SETMASK, &c->signals, NULL);
    (void)execvpe(r->program.path, r->o.command, envp); /* the file that was judged */
    code = errno;
    (void)!write(report_fd, &code, sizeof code);
    _exit(127);
}

int run_child_start(struct run_child *c, const struct run *r, const struct inject_environment *env,
                    struct err *e)
{
    char **envp = environment(env);
    int fds[2], code = 0;
    ssize_t n;

    if (!envp)
        return err_memory(e);
    if (pipe2(fds, O_CLOEXEC) < 0) {
        free(envp);
        return err_errno(e, errno, "make a pipe");
    }
    c->pid = fork();
    if (c->pid == 0)
        become(c, r, envp, fds[1]);
    (void)close(fds[1]);
    n = c->pid < 0 ? -1 : read(fds[0], &code, sizeof code);
    (void)close(fds[0]);
    for (size_t i = 0; envp[i]; i++)
        if (is_replaced(envp[i], env))
            free(envp[i]);
    free(envp);
    if (c->pid < 0)
        return err_errno(e, EAGAIN, "start a process");
    if (n != sizeof code)
        return 0;
    (void)waitpid(c->pid, NULL, 0);
    return err_errno(e, code, "start '%s'", r->o.command[0]);
}

/* Stops us as the program was stopped, so that the shell sees it; returns once we go on. */
static void stop_too(const struct run_child *c, int signal_number)
{
    sigset_t one;

    (void)sigemptyset(&one);
    (void)sigaddset(&one, signal_number);
    (void)raise(signal_number); /* pending while blocked */
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL);
    (void)sigprocmask(SIG_BLOCK, &one, NULL);
    (void)kill(c->pid, SIGCONT);
}

/* Children that changed; true once the program is among those that ended. */
static bool reap(const struct run_child *c, int *out_status)
{
    bool ended = false;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
        int by = WIFSTOPPED(status) ? WSTOPSIG(status) : 0;

        if (pid != c->pid)
            continue;
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            *out_status = status;
            ended = true;
        } else if (by == SIGTSTP || by == SIGTTIN || by == SIGTTOU) {
            stop_too(c, by);
        }
    }
    return ended;
}

/*
 * The terminal's signals have reached the program already, unless it has left our process group, as
 * timeout does. What else the kernel sends is an alarm or a limit that we were started with, which
 * the program would have had.
 */
static void hand_on(const struct run_child *c, const siginfo_t *info)
{
    bool has_it = info->si_pid == c->pid;

    if (info->si_code == SI_KERNEL)
        has_it = is_of_terminal(info->si_signo) && getpgid(c->pid) == getpgrp();
    if (!has_it)
        (void)kill(c->pid, info->si_signo);
}

int run_child_wait(const struct run_child *c)
{
    int status = 0;
    sigset_t set;

    waited_set(&set);
    while (!reap(c, &status)) {
        siginfo_t info;

        if (sigwaitinfo(&set, &info) > 0 && info.si_signo != SIGCHLD)
            hand_on(c, &info);
    }
    return status;
}

bool run_child_has_left(const struct run_child *c)
{
    pid_t pid;

    do
        pid = waitpid(-1, NULL, WNOHANG);
    while (pid > 0);
    return pid == 0 && !c->has_siblings;
}

int run_child_end(int status)
{
    const struct rlimit no_core = {0};
    const struct sigaction normal = {.sa_handler = SIG_DFL};
    int by = WTERMSIG(status);
    sigset_t one;

    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    (void)setrlimit(RLIMIT_CORE, &no_core); /* the program has left its own */
    (void)sigaction(by, &normal, NULL);
    (void)sigemptyset(&one);
    (void)sigaddset(&one, by);
    (void)raise(by);
    (void)sigprocmask(SIG_UNBLOCK, &one, NULL);
    return 128 + by;
}
