/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for room: asleep until a process that holds a claim ends (pidfd) or a page comes or goes
 * (inotify on the folder). Where a claim's processes cannot be watched, it is looked at every few
 * seconds. See run.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/bytes.h"
#include "cli/report.h"
#include "cli/run.h"

enum {
    WATCHED_MAX = 512,    /* claims; beyond, the folder and the timer alone tell */
    UNWATCHED_MS = 5000,  /* how often claims are looked at that cannot be watched */
    CALM_MS = 20,         /* between two looks at least: the folder is other programs' too */
    CROWDED_FIRST_MS = 2, /* doubles */
    CROWDED_LAST_MS = 500,
    CROWDED_TRIES = 12, /* without --wait: 2 s in all */
};

struct waiting {
    int folder_fd;
    uint64_t deadline_ms; /* 0: none */
    unsigned crowded;     /* times in a row */
    char said[256];       /* the progress that was told last */
};

static uint64_t now_ms(void)
{
    struct timespec t = {0};

    (void)clock_gettime(CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void rest(unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* Longer each time, and by half different for each of us. */
static void rest_crowded(unsigned times)
{
    unsigned ms = times < 8 ? (unsigned)CROWDED_FIRST_MS << times : CROWDED_LAST_MS;
    unsigned noise = 0;

    if (getrandom(&noise, sizeof noise, GRND_NONBLOCK) != (ssize_t)sizeof noise)
        noise = (unsigned)getpid();
    rest(ms / 2 + noise % (ms / 2 + 1));
}

static int watch_folder(struct waiting *w, struct err *e)
{
    const char *folder = page_folder();

    w->folder_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (w->folder_fd < 0)
        return err_errno(e, errno, "watch '%s' (fs.inotify.max_user_instances may be too small)",
                         folder);
    if (inotify_add_watch(w->folder_fd, folder, IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) <
        0)
        return err_errno(e, errno, "watch '%s'", folder);
    return 0;
}

static void drain(int fd)
{
    char events[4096];

    while (read(fd, events, sizeof events) > 0)
        ;
}

/* One live process of the claim, by a pidfd; -1: none that can be watched. */
static int watch_claim(const struct slices_item *item)
{
    for (size_t i = 0; i < item->n_processes; i++) {
        const struct slices_process *p = &item->processes[i];
        int fd = p->here ? pidfd_open((pid_t)p->pid, 0) : -1;

        if (fd >= 0 || (p->here && errno == ESRCH))
            return fd;
    }
    return -1;
}

/* pidfds of all claims into fds[1...]; *all: each claim has one. */
static nfds_t watch_claims(struct pollfd *fds, const struct slices *s, bool *all)
{
    nfds_t n = 1;

    *all = true;
    for (size_t i = 0; i < s->count; i++) {
        const struct slices_item *item = &s->items[i];
        int fd;

        if (item->fault != PAGE_SOUND || !item->alive)
            continue;
        fd = n < WATCHED_MAX ? watch_claim(item) : -1;
        if (fd >= 0)
            fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
        else
            *all = false;
    }
    return n;
}

static int left_ms(const struct waiting *w, bool all_watched)
{
    uint64_t now = now_ms(), left = all_watched ? INT32_MAX : UNWATCHED_MS;

    if (w->deadline_ms != 0 && w->deadline_ms <= now)
        return 0;
    if (w->deadline_ms != 0 && w->deadline_ms - now < left)
        left = w->deadline_ms - now;
    return (int)left;
}

static void sleep_until_change(struct waiting *w, const struct slices *s)
{
    struct pollfd fds[WATCHED_MAX] = {{.fd = w->folder_fd, .events = POLLIN}};
    bool all;
    nfds_t n = watch_claims(fds, s, &all);

    (void)poll(fds, n, left_ms(w, all));
    for (nfds_t i = 1; i < n; i++)
        (void)close(fds[i].fd);
    rest(CALM_MS);
}

/* Once for each state of things. */
static void tell_progress(struct waiting *w, const struct run *r)
{
    char words[sizeof w->said] = "", name[RUN_DEVICE_SIZE], want[BYTES_TEXT_SIZE],
                      room[BYTES_TEXT_SIZE];

    for (unsigned i = 0; i < r->n_devices; i++) {
        const struct meter_device *d = meter_device(r->meter, r->devices[i]);
        uint64_t promised = slices_promised(r->slices, d->uuid_bytes, d->total_bytes);
        uint64_t left = promised < d->total_bytes ? d->total_bytes - promised : 0;

        if (left >= r->o.memory_bytes)
            continue;
        (void)snprintf(words, sizeof words, "waiting for %s on %s, where %s are not promised",
                       bytes_text(want, r->o.memory_bytes), run_device_name(name, d),
                       bytes_text(room, left));
        break;
    }
    if (!*words || strcmp(words, w->said) == 0)
        return;
    (void)TEXT_COPY(w->said, words);
    report_note("%s", words);
    run_note_holders(r);
}

static int refuse(struct run *r, const struct waiting *w, struct err *e)
{
    char name[RUN_DEVICE_SIZE], want[BYTES_TEXT_SIZE], room[BYTES_TEXT_SIZE];
    size_t tight = r->devices[0];
    const struct meter_device *d;
    uint64_t promised;

    for (unsigned i = 1; i < r->n_devices; i++)
        if (run_room_bytes(r, r->devices[i]) < run_room_bytes(r, tight))
            tight = r->devices[i];
    d = meter_device(r->meter, tight);
    promised = slices_promised(r->slices, d->uuid_bytes, d->total_bytes);
    r->no_room = true;
    return err_set(e, ENOSPC, "%s for %s on %s: %s of it are not promised yet; %s",
                   r->o.wait ? "waited in vain" : "no room", bytes_text(want, r->o.memory_bytes),
                   run_device_name(name, d),
                   bytes_text(room, promised < d->total_bytes ? d->total_bytes - promised : 0),
                   w->deadline_ms != 0
                       ? "wait longer, ask for less, or name another GPU"
                       : "--wait waits for it; or ask for less, or name another GPU");
}

/* After a try that was not granted: 0 to try again, or the error that ends it. */
static int after_try(struct waiting *w, struct run *r, int code, struct err *e)
{
    bool late = w->deadline_ms != 0 && now_ms() >= w->deadline_ms;

    if (code == -EAGAIN) {
        if (late || (!r->o.wait && w->crowded == CROWDED_TRIES))
            return err_set(e, EAGAIN,
                           "others ask for slices at the same time, and no one yields; try "
                           "again");
        rest_crowded(w->crowded++);
        return 0;
    }
    if (!r->o.wait || late)
        return refuse(r, w, e);
    w->crowded = 0;
    tell_progress(w, r);
    sleep_until_change(w, r->slices);
    return 0;
}

static int try_until(struct waiting *w, struct run *r, struct err *e)
{
    for (;;) {
        int code;

        if (w->folder_fd >= 0)
            drain(w->folder_fd);
        code = run_claim(r, e);
        if (code > 0)
            return 0;
        if (code < 0 && code != -EAGAIN)
            return code;
        code = after_try(w, r, code, e);
        if (code < 0)
            return code;
    }
}

int run_claim_or_wait(struct run *r, struct err *e)
{
    struct waiting w = {
        .folder_fd = -1,
        .deadline_ms = r->o.wait && r->o.wait_ms > 0 ? now_ms() + r->o.wait_ms : 0,
    };
    int code = r->o.wait ? watch_folder(&w, e) : 0;

    if (code == 0)
        code = try_until(&w, r, e);
    if (w.folder_fd >= 0)
        (void)close(w.folder_fd);
    return code;
}
