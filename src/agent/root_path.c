/* SPDX-License-Identifier: Apache-2.0 */
/* Following links below a root: see root_path.h. openat2() could do it, but is not in Linux 4.18.
 */
#include "agent/root_path.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"

enum { MAX_LINKS = 40 };

/* What is walked, and what has been. */
struct walk {
    const char *root;
    char done[PATH_MAX]; /* "" or "/usr/lib" */
    char rest[PATH_MAX];
    unsigned n_links;
};

static void go_up(struct walk *w)
{
    char *slash = strrchr(w->done, '/');

    if (slash)
        *slash = '\0';
}

/* Takes the first name off the rest; false: there is none. */
static bool next_name(struct walk *w, char name[NAME_MAX + 1])
{
    const char *start = w->rest + strspn(w->rest, "/");
    size_t size = strcspn(start, "/");

    if (size == 0 || size > NAME_MAX)
        return false;
    memcpy(name, start, size);
    name[size] = '\0';
    memmove(w->rest, start + size, strlen(start + size) + 1);
    return true;
}

/* Puts where a link leads before the rest. */
static bool enter_link(struct walk *w, const char *link)
{
    char whole[2 * PATH_MAX];
    ssize_t size = readlink(link, whole, PATH_MAX);

    if (size <= 0 || size == PATH_MAX || ++w->n_links > MAX_LINKS)
        return false;
    (void)snprintf(whole + size, sizeof whole - (size_t)size, "/%s", w->rest);
    if (whole[0] == '/')
        w->done[0] = '\0';
    return snprintf(w->rest, sizeof w->rest, "%s", whole) < PATH_MAX;
}

static bool step(struct walk *w, const char *name)
{
    size_t before = strlen(w->done);
    OWN_MEM char *here = NULL;
    struct stat st;

    if (snprintf(w->done + before, PATH_MAX - before, "/%s", name) >= (int)(PATH_MAX - before))
        return false;
    if (asprintf(&here, "%s%s", w->root, w->done) < 0) {
        here = NULL;
        return false;
    }
    if (lstat(here, &st) < 0)
        return false;
    if (!S_ISLNK(st.st_mode))
        return true;
    go_up(w);
    return enter_link(w, here);
}

char *root_path_follow(const char *root, const char *path)
{
    struct walk w = {.root = root};
    char name[NAME_MAX + 1];

    if (snprintf(w.rest, sizeof w.rest, "%s", path) >= PATH_MAX)
        return NULL;
    while (next_name(&w, name)) {
        if (strcmp(name, "..") == 0)
            go_up(&w);
        else if (strcmp(name, ".") != 0 && !step(&w, name))
            return NULL;
    }
    /* A name that is too long is left over. */
    return w.rest[strspn(w.rest, "/")] ? NULL : strdup(w.done);
}
