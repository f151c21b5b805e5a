/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a process in namespaces of its own: see container.h. The root is a tmpfs with what the
 * probe's own program needs (loader and C library) and what the edits say.
 */
#include "demo/container.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"

enum { REPORT_MS = 20000 };

/* What the child needs; all of it is made before the fork. */
struct recipe {
    const struct container_edits *edits;
    const char *probe;
    const char *root;
    const char *name;
    char **argv;
    char **env;
};

static int parent_folders(const char *path, struct err *e)
{
    OWN_MEM char *folder = strdup(path);
    char *slash = folder ? strrchr(folder, '/') : NULL;

    if (!slash)
        return err_memory(e);
    *slash = '\0';
    return file_make_folder(folder, e);
}

/* Shows host's file or folder at path below root. */
static int show(const char *root, const char *host, const char *path, unsigned long flags,
                struct err *e)
{
    OWN_MEM char *target = file_join(root, path);
    struct stat info;
    int r;

    if (!target)
        return err_memory(e);
    if (stat(host, &info) < 0)
        return err_errno(e, errno, "look at '%s'", host);
    r = parent_folders(target, e);
    if (r < 0)
        return r;
    if (S_ISDIR(info.st_mode)) {
        r = file_make_folder(target, e);
        if (r < 0)
            return r;
    } else {
        OWN_FD int made = open(target, O_CREAT | O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0644);

        if (made < 0)
            return err_errno(e, errno, "make '%s'", target);
    }
    if (mount(host, target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return err_errno(e, errno, "mount '%s' at '%s'", host, path);
    if (flags && mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
        return err_errno(e, errno, "mount '%s' read-only", path);
    return 0;
}

/*
 * An emulated node that could not be made as a device (no right to mknod) is an empty file; the
 * container then gets /dev/null's node in its place.
 */
static int show_device(const char *root, const struct container_mount *device, struct err *e)
{
    struct stat info;
    bool is_node = stat(device->host, &info) == 0 && S_ISCHR(info.st_mode);

    return show(root, is_node ? device->host : "/dev/null", device->path, 0, e);
}

struct shown {
    const char *root;
    struct err *e;
};

/* The libraries that this very process has loaded are those that the probe needs, and more. */
static int show_library(struct dl_phdr_info *info, size_t size, void *data)
{
    const struct shown *shown = data;
    OWN_MEM char *real = info->dlpi_name[0] == '/' ? realpath(info->dlpi_name, NULL) : NULL;
    int r;

    (void)size;
    if (!real)
        return 0;
    r = show(shown->root, real, real, MS_RDONLY, shown->e);
    if (r == 0 && strcmp(real, info->dlpi_name) != 0)
        r = show(shown->root, real, info->dlpi_name, MS_RDONLY, shown->e);
    return r;
}

/* /proc of the new pid namespace; a user namespace inside a container may not have one. */
static int show_processes(const char *root, struct err *e)
{
    OWN_MEM char *proc = file_join(root, "proc");

    if (!proc)
        return err_memory(e);
    if (mkdir(proc, 0555) < 0 || (mount("proc", proc, "proc", 0, NULL) < 0 && errno != EPERM))
        return err_errno(e, errno, "mount /proc");
    return 0;
}

static int furnish(const struct recipe *recipe, struct err *e)
{
    static const char *const usual[] = {"/dev/null", "/dev/zero", "/dev/urandom"};
    static const char *const links[] = {"lib", "lib64"}, *const usr[] = {"usr/lib", "usr/lib64"};
    const char *root = recipe->root;
    int r = 0;

    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", root, "tmpfs", 0, "mode=755") < 0)
        return err_errno(e, errno, "mount a root");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        OWN_MEM char *link = file_join(root, links[i]);
        OWN_MEM char *folder = file_join(root, usr[i]);

        if (!link || !folder)
            return err_memory(e);
        if (symlink(usr[i], link) < 0)
            return err_errno(e, errno, "make '/%s'", links[i]);
        r = file_make_folder(folder, e);
        if (r < 0)
            return r;
    }
    if (r == 0)
        r = dl_iterate_phdr(show_library, &(struct shown){root, e});
    if (r == 0)
        r = show(root, recipe->probe, "/probe", MS_RDONLY, e);
    for (size_t i = 0; r == 0 && i < sizeof usual / sizeof *usual; i++)
        r = show(root, usual[i], usual[i], 0, e);
    for (size_t i = 0; r == 0 && i < recipe->edits->n_devices; i++)
        r = show_device(root, &recipe->edits->devices[i], e);
    for (size_t i = 0; r == 0 && i < recipe->edits->n_mounts; i++)
        r = show(root, recipe->edits->mounts[i].host, recipe->edits->mounts[i].path, MS_RDONLY, e);
    return r == 0 ? show_processes(root, e) : r;
}

static int enter(const struct recipe *recipe, struct err *e)
{
    int r = furnish(recipe, e);

    if (r < 0)
        return r;
    if (chdir(recipe->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
        umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return err_errno(e, errno, "enter the root");
    if (sethostname(recipe->name, strlen(recipe->name)) < 0)
        return err_errno(e, errno, "set the host name");
    return 0;
}

/* The container's first process. */
static void become(const struct recipe *recipe)
{
    struct err e = {0};

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (enter(recipe, &e) == 0) {
        (void)execve("/probe", recipe->argv, recipe->env);
        (void)err_errno(&e, errno, "start the probe");
    }
    (void)dprintf(STDOUT_FILENO, "%s\n", e.msg);
    _exit(2);
}

/* The child that makes the namespaces; a process enters a new pid namespace only by forking. */
static void child(const struct recipe *recipe, int in, int out)
{
    pid_t pid;
    int status = 0;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(2);
    /* Not to keep what ends other containers. */
    if (close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
        _exit(2);
    if (unshare(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0) {
        (void)dprintf(STDOUT_FILENO, "make namespaces: %s\n", strerror(errno));
        _exit(2);
    }
    pid = fork();
    if (pid == 0)
        become(recipe);
    /* The report ends when the probe lets go of it, so nobody else may hold it. */
    (void)close(STDOUT_FILENO);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        _exit(2);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
}

static void free_words(char ***words)
{
    for (char **word = *words; word && *word; word++)
        free(*word);
    free(*words);
}

/* The probe's arguments say what it must find: -d NODE … -l LIBRARY …; NULL without memory. */
static char **arguments(const struct container_edits *edits)
{
    size_t at = 0, room = 2 + 2 * (edits->n_devices + edits->n_mounts);
    char **argv = calloc(room, sizeof *argv);
    bool ok = argv && (argv[at++] = strdup("/probe"));

    for (size_t i = 0; ok && i < edits->n_devices; i++)
        ok = (argv[at++] = strdup("-d")) && (argv[at++] = strdup(edits->devices[i].path));
    for (size_t i = 0; ok && i < edits->n_mounts; i++)
        if (strstr(edits->mounts[i].path, ".so"))
            ok = (argv[at++] = strdup("-l")) && (argv[at++] = strdup(edits->mounts[i].path));
    if (!ok)
        free_words(&argv);
    return ok ? argv : NULL;
}

static int read_report(int fd, struct buf *report, struct err *e)
{
    for (;;) {
        struct pollfd waits = {.fd = fd, .events = POLLIN};
        char chunk[4096];
        int ready = poll(&waits, 1, REPORT_MS);
        ssize_t got;

        if (ready == 0)
            return err_set(e, EPROTO, "the container does not report");
        got = ready < 0 ? -1 : read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(e, errno, "read the container's report");
        if (got == 0)
            return buf_check(report, e);
        buf_add(report, chunk, (size_t)got);
    }
}

int container_start(struct container *out, const char *name, const struct container_edits *edits,
                    const char *probe, const char *root_folder, struct buf *report, struct err *e)
{
    OWN(free_words) char **argv = arguments(edits);
    OWN_MEM char **env = calloc(edits->n_env + 2, sizeof *env);
    struct recipe recipe = {edits, probe, root_folder, name, argv, env};
    int in[2] = {-1, -1}, output[2] = {-1, -1}, r;
    struct container started = {.leave_fd = -1};

    if (!argv || !env)
        return err_memory(e);
    env[0] = (char *)"PATH=/usr/bin:/bin";
    for (size_t i = 0; i < edits->n_env; i++)
        env[i + 1] = edits->env[i];
    if (pipe2(in, O_CLOEXEC) < 0)
        return err_errno(e, errno, "make a pipe");
    if (pipe2(output, O_CLOEXEC) < 0) {
        (void)close(in[0]);
        (void)close(in[1]);
        return err_errno(e, errno, "make a pipe");
    }
    started.pid = fork();
    if (started.pid == 0)
        child(&recipe, in[0], output[1]);
    (void)close(in[0]);
    (void)close(output[1]);
    started.leave_fd = in[1];
    (void)TEXT_COPY(started.name, name);
    r = started.pid < 0 ? err_errno(e, errno, "start a process")
                        : read_report(output[0], report, e);
    (void)close(output[0]);
    if (r == 0 && (report->size < 3 || strcmp(report->data + report->size - 3, "ok\n") != 0))
        r = err_set(e, EPROTO, "container %s is not as it was promised", name);
    if (r < 0) {
        if (started.pid > 0)
            (void)kill(started.pid, SIGKILL); /* it may not listen, and ends those inside */
        container_stop(&started);
        return r;
    }
    *out = started;
    return 0;
}

void container_stop(struct container *c)
{
    if (c->leave_fd >= 0)
        (void)close(TAKE_FD(c->leave_fd));
    if (c->pid > 0)
        (void)waitpid(c->pid, NULL, 0);
    c->pid = 0;
}
