/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that may crash or never come back, as calls into a vendor's library may: done in a child
 * process that has a deadline. To be called while the process has one thread; SIGCHLD is set to
 * its default.
 */
#ifndef DOCTOR_CHILD_H
#define DOCTOR_CHILD_H

#include <stddef.h>

struct buf;
struct err;

enum child_end {
    CHILD_DONE,    /* the work is over */
    CHILD_LATE,    /* the child had not ended in time, and is killed */
    CHILD_CRASHED, /* a signal or an exit code that is not its own ended it */
};

/* In the child: does the work and tells by child_tell() what comes of it. */
typedef void child_work(void *self, int fd);

/* In the child: sends the bytes to the parent. Nothing is told if the parent is gone. */
void child_tell(int fd, const void *data, size_t size);

/*
 * What the child told goes to `out`, as far as it came, however it ended. *out_signal (for
 * CHILD_CRASHED) is the signal, or 0. Negative errno: there was no child.
 */
int child_run(enum child_end *out_end, int *out_signal, struct buf *out, child_work *work,
              void *self, unsigned timeout_ms, struct err *e);

#endif
