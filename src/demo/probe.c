/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program inside a demo container: says what it was given, opens every device node, loads every
 * library, looks for NVIDIA nodes that it was not given, ends its report with "ok" when all is as
 * promised, and then stays until its standard input ends. Links nothing but libc.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

/* Whether one of the pairs of argv is "option path". */
static bool promised(char **argv, const char *option, const char *path)
{
    for (char **word = argv + 1; word[0] && word[1]; word += 2)
        if (strcmp(word[0], option) == 0 && strcmp(word[1], path) == 0)
            return true;
    return false;
}

static void show_environment(void)
{
    for (char **variable = environ; *variable; variable++)
        if (strncmp(*variable, "NVIDIA", 6) == 0 || strncmp(*variable, "CUDA", 4) == 0 ||
            strncmp(*variable, "CARVE", 5) == 0)
            (void)printf("environment  %s\n", *variable);
}

/* Opens the nodes that were promised; counts those that cannot be opened. */
static int open_nodes(char **argv)
{
    int bad = 0;

    (void)printf("nodes        ");
    for (char **word = argv + 1; word[0] && word[1]; word += 2) {
        int fd;

        if (strcmp(word[0], "-d") != 0)
            continue;
        fd = open(word[1], O_RDWR | O_CLOEXEC);
        (void)printf("%s%s ", word[1] + strlen("/dev/"), fd < 0 ? " (cannot be opened!)" : "");
        bad += fd < 0;
        if (fd >= 0)
            (void)close(fd);
    }
    if (bad == 0)
        (void)printf("(all open)");
    (void)printf("\n");
    return bad;
}

/* Counts NVIDIA nodes below folder that nobody promised. */
static int find_others(char **argv, const char *folder)
{
    DIR *entries = opendir(folder);
    int others = 0;

    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        char path[512];

        if (strncmp(entry->d_name, "nvidia", 6) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_type == DT_DIR) {
            others += find_others(argv, path);
        } else if (!promised(argv, "-d", path)) {
            (void)printf("NOT PROMISED %s\n", path);
            others++;
        }
    }
    if (entries)
        (void)closedir(entries);
    return others;
}

/* Loads the libraries; names those that others link by their short name. */
static int load_libraries(char **argv)
{
    int bad = 0, loaded = 0;

    (void)printf("libraries    ");
    for (char **word = argv + 1; word[0] && word[1]; word += 2) {
        const char *name = strrchr(word[1], '/');
        size_t size = strlen(word[1]);

        if (strcmp(word[0], "-l") != 0 || !name)
            continue;
        if (!dlopen(word[1], RTLD_NOW | RTLD_LOCAL)) {
            (void)printf("%s (%s) ", word[1], dlerror());
            bad++;
            continue;
        }
        loaded++;
        if (size > 2 && strcmp(word[1] + size - 2, ".1") == 0)
            (void)printf("%s ", name + 1);
    }
    (void)printf("(%d loaded)\n", loaded);
    return bad;
}

int main(int argc, char **argv)
{
    int bad, others;
    char byte;

    (void)argc;
    show_environment();
    bad = open_nodes(argv);
    bad += load_libraries(argv);
    others = find_others(argv, "/dev");
    if (others == 0)
        (void)printf("others       no other NVIDIA node is here\n");
    (void)printf("%s\n", bad || others ? "not as promised" : "ok");
    if (fflush(stdout) != 0)
        return 2;
    (void)close(STDOUT_FILENO);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return bad || others ? 1 : 0;
}
