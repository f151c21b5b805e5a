/* SPDX-License-Identifier: Apache-2.0 */
/* See pages.h. */
#include "pages.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void give_up(const char *what)
{
    perror(what);
    abort();
}

char *pages_folder_make(void)
{
    char *folder = strdup("/dev/shm/test-page-XXXXXX");

    if (!folder || !mkdtemp(folder) || chmod(folder, 01777) != 0)
        give_up("make a folder in /dev/shm");
    return folder;
}

void pages_folder_remove(char *folder)
{
    char path[PAGE_PATH_SIZE];
    DIR *d = opendir(folder);

    if (!d)
        give_up(folder);
    for (const struct dirent *entry = readdir(d); entry; entry = readdir(d)) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    (void)closedir(d);
    if (rmdir(folder) != 0)
        give_up(folder);
    free(folder);
}

struct page_wish pages_wish(uint64_t limit_bytes)
{
    return (struct page_wish){
        .name = "test",
        .n_devices = 1,
        .limits = {{.uuid = "GPU", .limit_bytes = limit_bytes, .total_bytes = PAGES_TOTAL}}};
}

struct page *pages_make(const char *folder, char path[PAGE_PATH_SIZE])
{
    const struct page_wish wish = pages_wish(PAGES_LIMIT);
    struct page *p = NULL;

    if (page_make(&p, path, folder, &wish) != 0)
        give_up("page_make");
    return p;
}

pid_t pages_child(int (*run)(void *), void *argument)
{
    pid_t pid;

    (void)fflush(NULL);
    pid = fork();
    if (pid < 0)
        give_up("fork");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing behind */
        _exit(run(argument));
    }
    return pid;
}

int pages_end(pid_t pid)
{
    int status = 0;

    if (waitpid(pid, &status, 0) != pid)
        give_up("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool pages_until(bool (*holds)(void *), void *argument)
{
    const struct timespec a_moment = {.tv_nsec = 1000000};

    for (unsigned i = 0; i < 60000; i++) {
        if (holds(argument))
            return true;
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &a_moment, NULL);
    }
    return false;
}
