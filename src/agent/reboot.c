/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reboot from request to answer: see reboot.h. libuv's own way to start a program has no room for
 * entering a namespace in between, so this forks by itself; what the child does before execve() is
 * system calls alone, since the process has threads. Its end is looked for by a timer.
 */
#include "agent/reboot.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/rights.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "kube/grpc_server.h"
#include "node/node_reboot.h"

enum {
    LOOK_MS = 50,
    TIMEOUT_MS = 60000,
    MAX_WORDS = 32, /* of the command */
    EXIT_NAMESPACE = 125,
    EXIT_NO_PROGRAM = 127,
};

struct reboot {
    struct agent *agent;
    struct grpc_call *call;
    uv_timer_t look;
    uint64_t until_ms;
    pid_t pid;
    bool killed;
};

/* The command's words; each is cut out of `text`, which must live as long. */
static void split(char *words[MAX_WORDS + 1], char *text)
{
    char *rest = NULL;
    size_t n = 0;

    for (char *word = strtok_r(text, " ", &rest); word && n < MAX_WORDS;
         word = strtok_r(NULL, " ", &rest))
        words[n++] = word;
    words[n] = NULL;
}

static bool same_namespace(int fd)
{
    struct stat theirs, ours;

    return fstat(fd, &theirs) == 0 && stat("/proc/self/ns/mnt", &ours) == 0 &&
           theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

/* The host's mount namespace, to enter; -1 where carved is in it already. */
static int open_host(int *out, const struct agent *a, struct err *e)
{
    OWN_MEM char *path = file_join(a->options.proc_root, "1/ns/mnt");
    OWN_FD int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

    if (!path)
        return err_memory(e);
    if (fd < 0)
        return err_errno(e, errno,
                         "cannot see the host's mounts at '%s'; a reboot needs a privileged "
                         "container with hostPID",
                         path);
    *out = same_namespace(fd) ? -1 : TAKE_FD(fd);
    return 0;
}

static _Noreturn void run_child(int host, char *const *words)
{
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char *environment[] = {path, NULL};

    (void)setsid();
    (void)signal(SIGPIPE, SIG_DFL);
    if (host >= 0 && setns(host, CLONE_NEWNS) < 0)
        _exit(EXIT_NAMESPACE);
    if (words[0])
        (void)execve(words[0], words, environment);
    _exit(EXIT_NO_PROGRAM);
}

static int start(pid_t *out, const struct agent *a, struct err *e)
{
    OWN_MEM char *text = strdup(a->options.reboot_command);
    OWN_FD int host = -1;
    char *words[MAX_WORDS + 1];
    int r = text ? open_host(&host, a, e) : err_memory(e);

    if (r < 0)
        return r;
    split(words, text);
    *out = fork();
    if (*out == 0)
        run_child(host, words);
    return *out < 0 ? err_errno(e, errno, "start '%s'", words[0]) : 0;
}

static void timer_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void end(struct reboot *r, const struct err *e)
{
    if (e->code) {
        log_event(LOG_ERROR, "node does not reboot reason=\"%s\"", e->msg);
        grpc_fail(r->call, e);
    } else {
        log_event(LOG_INFO, "reboot command has ended well");
        grpc_reply(r->call, "", 0);
    }
    r->agent->reboot = NULL;
    uv_close((uv_handle_t *)&r->look, timer_closed);
}

/* How the command ended, in words; nothing if well. known: waitpid() has told. */
static void judge(const struct reboot *r, bool known, int status, struct err *e)
{
    const char *command = r->agent->options.reboot_command;

    if (r->killed)
        (void)err_set(e, EIO, "'%s' has not ended in %d s and was killed", command,
                      TIMEOUT_MS / 1000);
    else if (!known)
        (void)err_set(e, EIO, "how '%s' has ended is not known", command);
    else if (WIFSIGNALED(status))
        (void)err_set(e, EIO, "'%s' was ended by signal %d", command, WTERMSIG(status));
    else if (WEXITSTATUS(status) == EXIT_NAMESPACE)
        (void)err_set(e, EPERM,
                      "cannot enter the host's mounts (or '%s' ended with %d); a reboot needs a "
                      "privileged container with hostPID",
                      command, EXIT_NAMESPACE);
    else if (WEXITSTATUS(status) == EXIT_NO_PROGRAM)
        (void)err_set(e, ENOENT, "'%s' cannot be run on the host; see --reboot-command", command);
    else if (WEXITSTATUS(status) != 0)
        (void)err_set(e, EIO, "'%s' ended with %d; its words are in carved's log", command,
                      WEXITSTATUS(status));
}

static void look(uv_timer_t *timer)
{
    struct reboot *r = timer->data;
    struct err e = {0};
    int status = 0;
    pid_t ended = waitpid(r->pid, &status, WNOHANG);

    if (ended == 0) {
        if (uv_now(timer->loop) >= r->until_ms && !r->killed)
            r->killed = kill(-r->pid, SIGKILL) == 0;
        return;
    }
    judge(r, ended == r->pid, status, &e);
    end(r, &e);
}

static int check(const struct agent *a, const struct grpc_call *call, struct err *e)
{
    int r = rights_check(a, call, "reboot this node", e);

    if (r < 0)
        return r;
    if (!a->options.reboot_command)
        return err_set(e, EPERM, "carved may not reboot this node: it has no --reboot-command");
    if (a->reboot)
        return err_set(e, EBUSY, "the node is being rebooted already");
    if (a->apply)
        return err_set(
            e, EBUSY, "no reboot while a MIG layout is being changed; try again when it has ended");
    return 0;
}

static int begin(struct agent *a, struct grpc_call *call, const char *why, struct err *e)
{
    struct grpc_peer peer = grpc_call_peer(call);
    OWN_MEM struct reboot *r = calloc(1, sizeof *r);
    int result;

    if (!r)
        return err_memory(e);
    log_event(LOG_WARNING, "reboot of the node why=\"%s\" user=%u pid=%d command=\"%s\"", why,
              (unsigned)peer.uid, (int)peer.pid, a->options.reboot_command);
    result = start(&r->pid, a, e);
    if (result < 0)
        return result;
    r->agent = a;
    r->call = call;
    r->until_ms = uv_now(a->loop) + TIMEOUT_MS;
    (void)uv_timer_init(a->loop, &r->look);
    r->look.data = r;
    (void)uv_timer_start(&r->look, look, LOOK_MS, LOOK_MS);
    a->reboot = TAKE(r);
    return 0;
}

void reboot_call(void *agent, struct grpc_call *call, const uint8_t *bytes, size_t size)
{
    struct agent *a = agent;
    OWN(node_reboot_request_freep) struct node_reboot_request *request = NULL;
    struct err e = {0};
    int r = check(a, call, &e);

    if (r == 0)
        r = node_reboot_request_unpack(&request, bytes, size, &e);
    if (r == 0)
        r = begin(a, call, request->why, &e);
    if (r == 0)
        return;
    log_event(LOG_WARNING, "reboot refused reason=\"%s\"", e.msg);
    grpc_fail(call, &e);
}

void reboot_close(struct reboot *r)
{
    struct err e = {0};

    if (!r)
        return;
    (void)err_set(&e, ECANCELED, "carved is being stopped, perhaps by the reboot");
    grpc_fail(r->call, &e);
    r->agent->reboot = NULL;
    uv_close((uv_handle_t *)&r->look, timer_closed);
}
