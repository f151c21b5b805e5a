/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by /proc: see process.h. */
#include "cli/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/own.h"
#include "base/text.h"

const char *process_name(char buffer[PROCESS_NAME_SIZE], uint32_t pid)
{
    OWN_MEM char *text = NULL;
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%u/comm", pid);
    if (file_read(&text, NULL, path, 4096, NULL) < 0)
        (void)snprintf(buffer, PROCESS_NAME_SIZE, "?");
    else
        (void)snprintf(buffer, PROCESS_NAME_SIZE, "%.*s", (int)strcspn(text, "\n"), text);
    return buffer;
}

/* The line of /proc/PID/status that begins so, without its end; NULL: there is none. */
static char *status_line(char **out_text, uint32_t pid, const char *start)
{
    char path[64];
    char *line;

    (void)snprintf(path, sizeof path, "/proc/%u/status", pid);
    if (file_read(out_text, NULL, path, 65536, NULL) < 0)
        return NULL;
    line = strstr(*out_text, start);
    if (!line)
        return NULL;
    line += strlen(start);
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static uint32_t number(const char *text)
{
    uint64_t value;

    return text_uint(&value, text, UINT32_MAX) ? (uint32_t)value : 0;
}

uint32_t process_inside_pid(uint32_t pid)
{
    OWN_MEM char *text = NULL;
    const char *line = status_line(&text, pid, "\nNSpid:\t");
    const char *last = line ? strrchr(line, '\t') : NULL;

    return last ? number(last + 1) : 0;
}

uint32_t process_parent(uint32_t pid)
{
    OWN_MEM char *text = NULL;
    const char *line = status_line(&text, pid, "\nPPid:\t");

    return line ? number(line) : 0;
}

int64_t process_user(uint32_t pid)
{
    OWN_MEM char *text = NULL;
    char *line = status_line(&text, pid, "\nUid:\t");
    uint64_t value;

    if (!line)
        return -1;
    line[strcspn(line, "\t")] = '\0';
    return text_uint(&value, line, UINT32_MAX) ? (int64_t)value : -1;
}

/* Is it in a namespace within ours, and of this user? */
static bool may_live_in_another(uint32_t pid, uint32_t uid)
{
    OWN_MEM char *text = NULL;
    const char *inside = status_line(&text, pid, "\nNSpid:\t");

    return (!inside || strchr(inside, '\t')) && process_user(pid) == (int64_t)uid;
}

/* One that we may not look at is taken to be in it if that can be. */
static bool lives_in(const char *pid, uint32_t namespace_inode, uint32_t uid)
{
    char path[64];
    struct stat st;

    (void)snprintf(path, sizeof path, "/proc/%.20s/ns/pid", pid);
    if (stat(path, &st) == 0)
        return st.st_ino == namespace_inode;
    return (errno == EACCES || errno == EPERM) && may_live_in_another(number(pid), uid);
}

bool process_lives_in(uint32_t namespace_inode, uint32_t uid)
{
    DIR *all = opendir("/proc");
    const struct dirent *one;
    bool found = false;

    if (!all)
        return true;
    while (!found && (one = readdir(all)))
        found = number(one->d_name) != 0 && lives_in(one->d_name, namespace_inode, uid);
    (void)closedir(all);
    return found;
}
