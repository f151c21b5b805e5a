/* SPDX-License-Identifier: Apache-2.0 */
/* Watching a file through its folders: see file_watch.h. */
#include "agent/file_watch.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/own.h"

enum {
    SETTLE_MS = 50, /* an editor empties the file before it writes it */
    N_FOLDERS = 2,
};

struct folder {
    uv_fs_event_t event;
    ino_t inode; /* 0: not watching */
};

struct file_watch {
    struct folder folders[N_FOLDERS];
    uv_timer_t settle;
    unsigned open_handles;
    file_watch_changed *changed;
    void *self;
};

static void settled(uv_timer_t *timer)
{
    struct file_watch *w = timer->data;

    w->changed(w->self);
}

static void folder_changed(uv_fs_event_t *event, const char *name, int events, int status)
{
    struct file_watch *w = event->data;

    (void)name, (void)events, (void)status;
    if (!uv_is_active((uv_handle_t *)&w->settle))
        (void)uv_timer_start(&w->settle, settled, SETTLE_MS, 0);
}

/* Watches the folder that is now at this path, or nothing. */
static void watch_folder(struct folder *f, const char *path)
{
    struct stat st = {0};

    if (path && stat(path, &st) < 0)
        st.st_ino = 0;
    if (st.st_ino == f->inode)
        return;
    if (f->inode)
        (void)uv_fs_event_stop(&f->event);
    f->inode = 0;
    if (st.st_ino != 0 && uv_fs_event_start(&f->event, folder_changed, path, 0) == 0)
        f->inode = st.st_ino;
}

static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

void file_watch_follow(struct file_watch *w, const char *path)
{
    OWN_MEM char *real = realpath(path, NULL);
    OWN_MEM char *named = folder_of(path);
    OWN_MEM char *behind = real ? folder_of(real) : NULL;

    watch_folder(&w->folders[0], named);
    watch_folder(&w->folders[1], behind);
}

int file_watch_open(struct file_watch **out, uv_loop_t *loop, file_watch_changed *changed,
                    void *self, struct err *e)
{
    OWN_MEM struct file_watch *w = calloc(1, sizeof *w);

    if (!w)
        return err_memory(e);
    w->changed = changed;
    w->self = self;
    /* These two only link a handle to its loop: they cannot fail. */
    for (size_t i = 0; i < N_FOLDERS; i++) {
        (void)uv_fs_event_init(loop, &w->folders[i].event);
        w->folders[i].event.data = w;
    }
    (void)uv_timer_init(loop, &w->settle);
    w->settle.data = w;
    w->open_handles = N_FOLDERS + 1;
    *out = TAKE(w);
    return 0;
}

static void handle_closed(uv_handle_t *handle)
{
    struct file_watch *w = handle->data;

    if (--w->open_handles == 0)
        free(w);
}

void file_watch_close(struct file_watch *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < N_FOLDERS; i++)
        uv_close((uv_handle_t *)&w->folders[i].event, handle_closed);
    uv_close((uv_handle_t *)&w->settle, handle_closed);
}
