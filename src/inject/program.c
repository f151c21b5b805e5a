/* SPDX-License-Identifier: Apache-2.0 */
/* Finds what a command runs in the end, and whether the kernel would raise its rights. */
#include "inject/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"

static const char *const container_clients[] = {"docker", "podman", "nerdctl", "kubectl", "crictl",
                                                "ctr",    "lxc",    "buildah", NULL};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* One place of PATH; an empty one is the current folder. */
static bool try_place(char out[PROGRAM_PATH_SIZE], const char *place, size_t size, const char *name)
{
    int n = snprintf(out, PROGRAM_PATH_SIZE, "%.*s/%s", size > 0 ? (int)size : 1,
                     size > 0 ? place : ".", name);

    return n > 0 && n < PROGRAM_PATH_SIZE && is_file(out);
}

/* Where execvp would find it. What is there but cannot be run is remembered for the words. */
static int find_path(char out[PROGRAM_PATH_SIZE], const char *name, struct err *e)
{
    const char *path = secure_getenv("PATH");
    char barred[PROGRAM_PATH_SIZE] = "";

    if (strchr(name, '/')) {
        if (!text_copy(out, PROGRAM_PATH_SIZE, name))
            return err_set(e, ENAMETOOLONG, "the path of the program is too long");
        if (access(name, F_OK) != 0)
            return err_errno(e, errno, "there is no program '%s'", name);
        if (!is_file(name) || access(name, X_OK) != 0)
            return err_set(e, EACCES,
                           "'%s' cannot be run: it is no file with the right to execute; "
                           "'chmod +x' gives it",
                           name);
        return 0;
    }
    if (!path)
        path = "/usr/local/bin:/usr/bin:/bin";
    for (;; path++) {
        size_t size = strcspn(path, ":");

        if (*name && try_place(out, path, size, name)) {
            if (access(out, X_OK) == 0)
                return 0;
            (void)TEXT_COPY(barred, out);
        }
        path += size;
        if (!*path)
            break;
    }
    if (*barred)
        return err_set(e, EACCES,
                       "'%s' cannot be run: it may not be executed; 'chmod +x' changes that",
                       barred);
    return err_set(e, ENOENT, "there is no program '%s' in PATH", name);
}

/*
 * The kernel raises rights for files that are setuid to someone else, setgid to a group that is not
 * ours, or have capabilities while we are not root; never on nosuid mounts or under no_new_privs.
 */
static bool raises(int fd, const struct stat *st)
{
    struct statvfs fs;

    if ((fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_NOSUID)) ||
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
        return false;
    if ((st->st_mode & S_ISUID) && st->st_uid != getuid())
        return true;
    if ((st->st_mode & S_ISGID) && (st->st_mode & S_IXGRP) && st->st_gid != getgid())
        return true;
    return getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

/* One file of the chain. */
static int look(struct program *p, struct err *e)
{
    OWN_FD int fd = open(p->checked, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    for (const char *const *name = container_clients; *name; name++)
        if (strcmp(base_name(p->checked), *name) == 0)
            p->containers = true;
    if (fd < 0 && errno == EACCES) { /* may be run, not read */
        p->file = (struct program_file){.kind = PROGRAM_UNKNOWN};
        p->raised = p->raised ||
                    (stat(p->checked, &st) == 0 && (st.st_mode & S_ISUID) && st.st_uid != getuid());
        return 0;
    }
    if (fd < 0 || fstat(fd, &st) != 0)
        return err_errno(e, errno, "open '%s'", p->checked);
    /* The kernel takes the rights of a script's interpreter, not of the script. */
    if (program_read_file(&p->file, fd, e) < 0)
        return err_wrap(e, "'%s'", p->checked);
    if (p->file.kind != PROGRAM_SCRIPT && raises(fd, &st))
        p->raised = true;
    return 0;
}

/* The next word of a #! line; NULL at its end. */
static char *next_word(char **line)
{
    char *word = *line + strspn(*line, " \t");
    size_t n = strcspn(word, " \t");

    if (n == 0)
        return NULL;
    *line = word + n + (word[n] != '\0');
    word[n] = '\0';
    return word;
}

/* What `env` in a #! line runs: the first word that is neither an option nor NAME=VALUE. */
static const char *env_runs(char *rest)
{
    const char *word;

    while ((word = next_word(&rest)))
        if (*word != '-' && !strchr(word, '='))
            return word;
    return NULL;
}

/* From a script to its interpreter. */
static int follow(struct program *p, struct err *e)
{
    char line[PROGRAM_LOADER_SIZE];
    char *rest = line;
    const char *runs, *through;

    (void)TEXT_COPY(line, p->file.loader);
    runs = next_word(&rest);
    if (!runs)
        return err_set(e, ENOEXEC, "'%s' names no interpreter behind '#!'", p->checked);
    through = strcmp(base_name(runs), "env") == 0 ? env_runs(rest) : NULL;
    if (!through) {
        if (access(runs, X_OK) != 0)
            return err_errno(e, errno, "the interpreter '%s' of '%s' cannot be run", runs,
                             p->checked);
        (void)TEXT_COPY(p->checked, runs);
        return 0;
    }
    return find_path(p->checked, through, e);
}

int program_find(struct program *out, const char *command, struct err *e)
{
    struct program p = {0};
    int r = find_path(p.path, command, e);

    if (r < 0)
        return r;
    (void)TEXT_COPY(p.checked, p.path);
    for (unsigned i = 0; i <= PROGRAM_SCRIPTS_MAX; i++) {
        r = look(&p, e);
        if (r < 0)
            return r;
        if (p.file.kind != PROGRAM_SCRIPT) {
            *out = p;
            return 0;
        }
        r = follow(&p, e);
        if (r < 0)
            return r;
    }
    return err_set(e, ELOOP, "'%s' is a script of a script of a script: more than %d deep", p.path,
                   PROGRAM_SCRIPTS_MAX);
}

const char *program_words(enum program_kind kind)
{
    static const char *const words[] = {
        [PROGRAM_DYNAMIC] = "is linked dynamically, with glibc's loader",
        [PROGRAM_STATIC] = "is linked statically",
        [PROGRAM_MUSL] = "is linked with musl",
        [PROGRAM_OTHER_LOADER] = "has a loader that is not glibc's",
        [PROGRAM_OTHER_MACHINE] = "is for another architecture",
        [PROGRAM_SCRIPT] = "is a script",
        [PROGRAM_UNKNOWN] = "is neither a program nor a script with '#!'",
        [PROGRAM_BROKEN] = "is a damaged ELF file",
    };

    return words[kind];
}
