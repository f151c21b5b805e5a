/* SPDX-License-Identifier: Apache-2.0 */
/* The shared state file: mapping, lock, futex words. What its fields mean to a board: mig.c. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/err.h"
#include "base/text.h"

static const uint64_t STATE_MAGIC = 0x6d65657672616301; /* in a hex dump: "\1carveem" */

static void file_lock(int fd, short type)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};

    while (fcntl(fd, F_OFD_SETLKW, &lock) < 0 && errno == EINTR)
        ;
}

static bool is_file(const struct state_map *m, int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_dev == m->device && st.st_ino == m->file;
}

/* The file again: in a fork, whose lock must not be the parent's, or when the program closed it. */
static void reopen(struct state_map *m, bool is_open)
{
    OWN_FD int fd = open(m->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 || !is_file(m, fd))
        return;
    if (is_open)
        (void)close(m->fd);
    m->fd = TAKE_FD(fd);
}

void state_lock(struct state_map *m)
{
    bool is_fork = m->pid != getpid(), is_open;

    if (is_fork) {
        (void)pthread_mutex_init(&m->threads, NULL);
        m->pid = getpid();
    }
    (void)pthread_mutex_lock(&m->threads);
    if (m->fd < 0)
        return;
    is_open = is_file(m, m->fd);
    if (!is_open || is_fork)
        reopen(m, is_open);
    if (is_file(m, m->fd))
        file_lock(m->fd, F_WRLCK);
}

void state_unlock(struct state_map *m)
{
    if (m->fd >= 0 && is_file(m, m->fd))
        file_lock(m->fd, F_UNLCK);
    (void)pthread_mutex_unlock(&m->threads);
}

/* What is not said here is zero in a new file. */
static void fill(struct state *s, const struct node *n)
{
    s->version = STATE_VERSION;
    s->size = sizeof *s;
    s->node_hash = n->hash;
    s->n_gpus = n->n_gpus;
    (void)TEXT_COPY(s->node_name, n->name);
    __atomic_store_n(&s->magic, STATE_MAGIC, __ATOMIC_RELEASE);
}

void state_clear(struct state *s)
{
    for (unsigned i = 0; i < s->n_gpus; i++) {
        uint32_t serial = s->gpus[i].serial;

        memset(&s->gpus[i], 0, sizeof s->gpus[i]);
        s->gpus[i].serial = serial;
    }
    s->n_delays = 0;
    s->teardown_ms = 0;
    state_calls(s, STATE_CALLS_ANSWER);
}

void state_calls(struct state *s, enum state_calls calls)
{
    __atomic_store_n(&s->calls, calls, __ATOMIC_RELEASE);
    state_wake(&s->calls);
}

/* Under the lock: a new file is filled, another one must fit. */
static int check(struct state_map *m, const struct node *n, struct err *e)
{
    struct stat st;
    struct state *s;

    if (fstat(m->fd, &st) < 0)
        return err_errno(e, errno, "emulator state '%s'", m->path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, EINVAL, "emulator state '%s' is not a regular file", m->path);
    if (st.st_size != 0 && st.st_size != sizeof *s)
        return err_set(e, EINVAL, "emulator state '%s' was made by another version", m->path);
    if (st.st_size == 0 && ftruncate(m->fd, sizeof *s) < 0)
        return err_errno(e, errno, "emulator state '%s'", m->path);
    s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
    if (s == MAP_FAILED)
        return err_errno(e, errno, "map emulator state '%s'", m->path);
    m->at = s;
    if (s->magic == 0) /* new, or its maker was killed before it was done */
        fill(s, n);
    if (s->magic != STATE_MAGIC || s->version != STATE_VERSION || s->size != sizeof *s)
        return err_set(e, EINVAL, "emulator state '%s' was made by another version", m->path);
    if (s->node_hash != n->hash || s->n_gpus != n->n_gpus) {
        s->node_name[sizeof s->node_name - 1] = '\0';
        return err_set(e, EINVAL, "emulator state '%s' belongs to another node: '%s', not '%s'",
                       m->path, s->node_name, n->name);
    }
    return 0;
}

static int open_own(struct state_map *m, const struct node *n, struct err *e)
{
    m->at = mmap(NULL, sizeof *m->at, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m->at == MAP_FAILED) {
        m->at = NULL;
        return err_errno(e, errno, "emulator state");
    }
    fill(m->at, n);
    return 0;
}

int state_open(struct state_map *m, const char *path, const struct node *n, struct err *e)
{
    OWN_MEM char *full = NULL;
    struct stat st;
    int rc;

    *m = (struct state_map){.fd = -1, .pid = getpid()};
    (void)pthread_mutex_init(&m->threads, NULL);
    if (!path || !*path)
        return open_own(m, n, e);
    if (!TEXT_COPY(m->path, path))
        return err_set(e, ENAMETOOLONG, "emulator state: path too long");
    m->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->fd < 0)
        return err_errno(e, errno, "emulator state '%s'", path);
    if (fstat(m->fd, &st) == 0) {
        m->device = st.st_dev;
        m->file = st.st_ino;
    }
    full = realpath(path, NULL); /* the program may go elsewhere */
    if (full)
        (void)TEXT_COPY(m->path, full);
    state_lock(m);
    rc = check(m, n, e);
    state_unlock(m);
    if (rc < 0)
        state_close(m);
    return rc;
}

void state_close(struct state_map *m)
{
    if (m->at)
        (void)munmap(m->at, sizeof *m->at);
    if (m->fd >= 0 && is_file(m, m->fd))
        (void)close(m->fd);
    m->at = NULL;
    m->fd = -1;
}

void state_event(struct state *s, unsigned gpu, uint64_t type, uint64_t data, uint32_t gi,
                 uint32_t ci)
{
    s->events[s->next_event % STATE_EVENTS] =
        (struct state_event){.gpu = gpu, .type = type, .data = data, .gi = gi, .ci = ci};
    __atomic_add_fetch(&s->next_event, 1, __ATOMIC_RELEASE);
    __atomic_add_fetch(&s->changed, 1, __ATOMIC_RELEASE);
    state_wake(&s->changed);
}

void state_wake(uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

bool state_wait(uint32_t *word, uint32_t seen, int64_t wait_ms)
{
    struct timespec limit = {.tv_sec = wait_ms / 1000, .tv_nsec = wait_ms % 1000 * 1000000};

    return syscall(SYS_futex, word, FUTEX_WAIT, seen, wait_ms < 0 ? NULL : &limit, NULL, 0) == 0 ||
           (errno != ETIMEDOUT && errno != EINTR);
}
