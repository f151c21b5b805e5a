/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kind of program a file is, as far as it decides whether limits can get into it: how it is
 * linked, for which machine, whether the kernel raises its rights. Reads files alone, with bounds;
 * whatever a file holds, the answer is one of these.
 */
#ifndef INJECT_PROGRAM_H
#define INJECT_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

struct err;

enum {
    PROGRAM_PATH_SIZE = 4096,
    PROGRAM_LOADER_SIZE = 256,
    PROGRAM_SCRIPTS_MAX = 5, /* scripts that run scripts; the kernel's own bound */
};

enum program_kind {
    PROGRAM_DYNAMIC, /* loaded by glibc's loader */
    PROGRAM_STATIC,  /* has no loader */
    PROGRAM_MUSL,
    PROGRAM_OTHER_LOADER,
    PROGRAM_OTHER_MACHINE, /* another architecture, or 32 bits */
    PROGRAM_SCRIPT,        /* begins with #! */
    PROGRAM_UNKNOWN,       /* neither: a shell may make something of it */
    PROGRAM_BROKEN,        /* an ELF file that nobody could run */
};

/* What the first bytes and the program headers say. */
struct program_file {
    enum program_kind kind;
    uint16_t machine;                 /* ELF's number */
    char loader[PROGRAM_LOADER_SIZE]; /* of a dynamic program; of a script, the line behind #! */
};

/* Looks at an open file. -EIO if it cannot be read. */
int program_read_file(struct program_file *out, int fd, struct err *e);

/* The program that a command starts in the end: scripts and `env` are followed. */
struct program {
    char path[PROGRAM_PATH_SIZE];    /* of what the command names */
    char checked[PROGRAM_PATH_SIZE]; /* what runs: path, or the interpreter of its script */
    struct program_file file;        /* of `checked` */
    bool raised;     /* setuid, setgid or file capabilities would raise our rights */
    bool containers; /* a client that has a daemon start containers: docker, podman ... */
};

/*
 * Finds the command as execvp would and looks at it. -ENOENT, -EACCES: there is nothing to run,
 * with words.
 */
int program_find(struct program *out, const char *command, struct err *e);

/* "is linked statically"; what a program of this kind does. */
const char *program_words(enum program_kind kind);

#endif
