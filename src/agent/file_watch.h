/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notices changes of one file: the folder that its path names and the one where it really is are
 * watched, so that edits, renames and the swap of Kubernetes' "..data" link are all seen. What has
 * changed is the caller's business.
 */
#ifndef AGENT_FILE_WATCH_H
#define AGENT_FILE_WATCH_H

#include <uv.h>

struct err;
struct file_watch;

/* Called a moment after something happened in those folders. */
typedef void file_watch_changed(void *self);

int file_watch_open(struct file_watch **out, uv_loop_t *loop, file_watch_changed *changed,
                    void *self, struct err *e);
void file_watch_close(struct file_watch *w);

/* Watches the folders that are now those of `path`: links may lead elsewhere than they did. */
void file_watch_follow(struct file_watch *w, const char *path);

#endif
