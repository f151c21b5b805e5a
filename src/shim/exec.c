/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slice goes on over exec: where the environment of the new program lacks one of our variables,
 * it is put in again; another value of CARVE_PAGE is left, since a slice within the slice has its
 * own. A program that cannot be attached (exec_look.c, or the library is out of its reach) is
 * counted in the page and started all the same.
 *
 * All of this may run in a child of vfork, which shares its parent's memory: nothing is allocated,
 * and what is built lies on the stack until the new program runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "shim/attach.h"
#include "shim/exec_look.h"
#include "shim/next.h"
#include "shim/setting.h"

#pragma GCC visibility push(default)
int execve(const char *path, char *const argv[], char *const envp[]);
int execv(const char *path, char *const argv[]);
int execvp(const char *file, char *const argv[]);
int execvpe(const char *file, char *const argv[], char *const envp[]);
int execl(const char *path, const char *arg, ...);
int execlp(const char *file, const char *arg, ...);
int execle(const char *path, const char *arg, ...);
int fexecve(int fd, char *const argv[], char *const envp[]);
int execveat(int folder, const char *path, char *const argv[], char *const envp[], int flags);
int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
#pragma GCC visibility pop

enum {
    OURS = 4,            /* variables */
    WORDS_MAX = 1 << 14, /* of an environment that is copied to the stack */
    PRELOAD_MAX = 1 << 14,
};

/* ---- libc's functions, found at load: a child of vfork or fork must not ask the linker */

typedef int execve_fn(const char *, char *const[], char *const[]);
typedef int fexecve_fn(int, char *const[], char *const[]);
typedef int execveat_fn(int, const char *, char *const[], char *const[], int);
typedef int spawn_fn(pid_t *, const char *, const posix_spawn_file_actions_t *,
                     const posix_spawnattr_t *, char *const[], char *const[]);

static struct {
    execve_fn *execve, *execvpe;
    fexecve_fn *fexecve;
    execveat_fn *execveat; /* since glibc 2.34 */
    spawn_fn *posix_spawn, *posix_spawnp;
} real;

static __attribute__((constructor)) void find_real(void)
{
    real.execvpe = (execve_fn *)next_find("execvpe");
    real.fexecve = (fexecve_fn *)next_find("fexecve");
    real.execveat = (execveat_fn *)next_find("execveat");
    real.posix_spawn = (spawn_fn *)next_find("posix_spawn");
    real.posix_spawnp = (spawn_fn *)next_find("posix_spawnp");
    /* last: says that all are there */
    __atomic_store_n(&real.execve, (execve_fn *)next_find("execve"), __ATOMIC_RELEASE);
}

/* ---- environments */

static const char *find(char *const envp[], const char *variable)
{
    size_t n = (size_t)(setting_value(variable) - variable); /* with the '=' */

    for (; envp && *envp; envp++)
        if (strncmp(*envp, variable, n) == 0)
            return *envp;
    return NULL;
}

static size_t count(char *const words[])
{
    size_t n = 0;

    while (words && words[n])
        n++;
    return n;
}

/* Is our library among those that the value of LD_PRELOAD names? */
static bool names_us(const char *value, const char *library)
{
    size_t n = strlen(library);

    for (const char *at = value; n > 0 && (at = strstr(at, library)); at++)
        if ((at == value || strchr(": ", at[-1])) && strchr(": ", at[n])) /* or at the end */
            return true;
    return false;
}

/* What a start is: one of libc's functions with its arguments, but for the environment. */
struct start {
    int (*run)(const struct start *self, char *const envp[]);
    const char *path;
    char *const *argv;
    int fd, flags;
    pid_t *pid;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
};

/* GCC warns of arrays of a length that is not constant; a child of vfork has no other memory. Their
   lengths have bounds. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wvla"

/* With an environment in which ours are again. Another LD_PRELOAD stays, before ours. */
static int run_with_ours(const struct start *self, char *const envp[], const struct setting *s)
{
    const char *const ours[] = {s->page, s->library, s->devices};
    const char *old = find(envp, s->preload);
    char *fresh[count(envp) + OURS + 1], **out = fresh;
    char preload[(old ? strlen(old) : 0) + sizeof s->preload + 1];

    for (; envp && *envp; envp++)
        if (*envp != old)
            *out++ = *envp;
    *out = NULL;
    for (unsigned i = 0; i < sizeof ours / sizeof *ours; i++) {
        if (ours[i][0] != '\0' && !find(fresh, ours[i]))
            *out++ = (char *)ours[i];
        *out = NULL;
    }
    (void)snprintf(preload, sizeof preload, "%s", old ? old : s->preload);
    if (old && !names_us(setting_value(preload), setting_value(s->library)))
        (void)snprintf(preload, sizeof preload, "%s%s%s", old,
                       setting_value(old)[0] != '\0' ? ":" : "", setting_value(s->library));
    *out++ = preload;
    *out = NULL;
    return self->run(self, fresh);
}

/* Does it hold all that the program needs to be in the slice? */
static bool has_ours(char *const envp[], const struct setting *s)
{
    const char *preload = find(envp, s->preload);

    return preload && names_us(setting_value(preload), setting_value(s->library)) &&
           find(envp, s->page) && find(envp, s->library) &&
           (s->devices[0] == '\0' || find(envp, s->devices));
}

/* An environment beyond all bounds is passed as it is, and what it starts is counted. */
static bool is_too_long(char *const envp[], const struct setting *s)
{
    const char *preload = find(envp, s->preload);

    return count(envp) > WORDS_MAX || (preload && strlen(preload) > PRELOAD_MAX);
}

/* Not so behind a chroot, or for a user who may not read it: the linker then starts programs
   without the library. */
static bool can_be_loaded(const struct setting *s)
{
    int saved = errno;
    bool can = faccessat(AT_FDCWD, setting_value(s->library), R_OK, AT_EACCESS) == 0 ||
               (errno != ENOENT && errno != ENOTDIR && errno != EACCES);

    errno = saved;
    return can;
}

static int start(const struct start *self, char *const envp[], bool cannot)
{
    const struct setting *s = setting_get();
    bool has = !s->named || has_ours(envp, s), too_long = !has && is_too_long(envp, s);
    int r;

    cannot = cannot || (s->named && !can_be_loaded(s));
    if (cannot || too_long)
        attach_note_unattached(1);
    r = has || too_long ? self->run(self, envp) : run_with_ours(self, envp, s);
    if (r != 0 && (cannot || too_long)) { /* it did not start */
        int saved = errno;

        attach_note_unattached(-1);
        errno = saved;
    }
    return r;
}

/* ---- exec */

static int run_execve(const struct start *self, char *const envp[])
{
    return real.execve(self->path, self->argv, envp);
}

static int run_execvpe(const struct start *self, char *const envp[])
{
    return real.execvpe(self->path, self->argv, envp);
}

static int run_fexecve(const struct start *self, char *const envp[])
{
    return real.fexecve(self->fd, self->argv, envp);
}

static int run_execveat(const struct start *self, char *const envp[])
{
    if (!real.execveat)
        return (int)syscall(SYS_execveat, self->fd, self->path, self->argv, envp, self->flags);
    return real.execveat(self->fd, self->path, self->argv, envp, self->flags);
}

static bool is_in_slice(void)
{
    if (!__atomic_load_n(&real.execve, __ATOMIC_ACQUIRE))
        find_real(); /* a constructor of another library is at work */
    return setting_get()->named;
}

int execve(const char *path, char *const argv[], char *const envp[])
{
    const struct start self = {.run = run_execve, .path = path, .argv = argv};

    return start(&self, envp, is_in_slice() && exec_look_cannot(path));
}

int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

int execvpe(const char *file, char *const argv[], char *const envp[])
{
    const struct start self = {.run = run_execvpe, .path = file, .argv = argv};

    return start(&self, envp, is_in_slice() && exec_look_cannot_found(file));
}

int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

int fexecve(int fd, char *const argv[], char *const envp[])
{
    const struct start self = {.run = run_fexecve, .fd = fd, .argv = argv};

    return start(&self, envp, is_in_slice() && exec_look_cannot_at(fd, "", AT_EMPTY_PATH));
}

int execveat(int folder, const char *path, char *const argv[], char *const envp[], int flags)
{
    const struct start self = {
        .run = run_execveat, .fd = folder, .path = path, .argv = argv, .flags = flags};

    return start(&self, envp, is_in_slice() && exec_look_cannot_at(folder, path, flags));
}

/* ---- exec with the words one by one */

/* How many there are before the NULL, the first not among them. */
static size_t count_words(const char *first, va_list words)
{
    size_t n = 0;

    while (first && va_arg(words, char *))
        n++;
    return n;
}

/* Takes the words and their NULL. */
static void copy_words(char **out, const char *first, va_list *words)
{
    *out = (char *)first;
    while (*out)
        *++out = va_arg(*words, char *);
}

/* The words behind `first` as an array; `call` may use it, `rest` stands behind their NULL. */
#define WITH_WORDS(first, call)                                                                    \
    __extension__({                                                                                \
        va_list words, rest;                                                                       \
        size_t n;                                                                                  \
        int r;                                                                                     \
                                                                                                   \
        va_start(words, first);                                                                    \
        va_copy(rest, words);                                                                      \
        n = count_words(first, words);                                                             \
        va_end(words);                                                                             \
        {                                                                                          \
            char *argv[n + 2];                                                                     \
                                                                                                   \
            copy_words(argv, first, &rest);                                                        \
            r = call;                                                                              \
        }                                                                                          \
        va_end(rest);                                                                              \
        r;                                                                                         \
    })

int execl(const char *path, const char *arg, ...)
{
    return WITH_WORDS(arg, execve(path, argv, environ));
}

int execlp(const char *file, const char *arg, ...)
{
    return WITH_WORDS(arg, execvpe(file, argv, environ));
}

int execle(const char *path, const char *arg, ...)
{
    return WITH_WORDS(arg, execve(path, argv, va_arg(rest, char *const *)));
}

#pragma GCC diagnostic pop

/* ---- posix_spawn */

static int run_spawn(const struct start *self, char *const envp[])
{
    return real.posix_spawn(self->pid, self->path, self->actions, self->attributes, self->argv,
                            envp);
}

static int run_spawnp(const struct start *self, char *const envp[])
{
    return real.posix_spawnp(self->pid, self->path, self->actions, self->attributes, self->argv,
                             envp);
}

int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    const struct start self = {.run = run_spawn,
                               .path = path,
                               .argv = argv,
                               .pid = pid,
                               .actions = actions,
                               .attributes = attributes};

    return start(&self, envp, is_in_slice() && exec_look_cannot(path));
}

int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    const struct start self = {.run = run_spawnp,
                               .path = file,
                               .argv = argv,
                               .pid = pid,
                               .actions = actions,
                               .attributes = attributes};

    return start(&self, envp, is_in_slice() && exec_look_cannot_found(file));
}
