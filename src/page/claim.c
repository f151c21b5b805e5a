/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger of all users: what the pages in the folder claim. See claim.h. */
#include "page/claim.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "page/page_slot.h"

enum {
    LOOKS = 8,
    TRIES = 40, /* 0.6 s to 1.2 s in all */
    LONGEST_WAIT_MS = 32,
};

/*
 * Reads the page, and whether it is alive. Where all in our copy are dead, one that came since may
 * be alive: so "dead" is said only of a page to which nobody came.
 */
static void look(struct claim *c)
{
    uint64_t before = 0;

    for (unsigned i = 0; i < LOOKS; i++) {
        c->alive = false;
        c->fault = page_read(&c->page, c->path, &c->uid);
        if (c->fault != PAGE_SOUND)
            return;
        c->alive = true;
        if (page_alive(&c->page))
            return;
        if (i > 0 && page_owners(&c->page) == before) {
            c->alive = false;
            return;
        }
        before = page_owners(&c->page);
    }
}

/* How many files named as pages a user has, by who owns them, not by their names. */
struct user {
    uint32_t uid, n;
};

/* Of one walk. */
struct walk {
    const char *folder;
    bool (*each)(void *self, const struct claim *c);
    void *self;
    unsigned pages, n_users;
    bool too_many_of_ours;
    struct user users[CLAIMS_MAX];
    struct claim claim;
};

/* One more of the user's. 0: too many of his, to be passed over; -EOVERFLOW: too many in all. */
static int count_page(struct walk *w, uint32_t uid)
{
    unsigned i = 0;

    while (i < w->n_users && w->users[i].uid != uid)
        i++;
    if (i < w->n_users && w->users[i].n == CLAIMS_OF_USER) {
        w->too_many_of_ours = w->too_many_of_ours || uid == (uint32_t)geteuid();
        return 0;
    }
    if (w->pages == CLAIMS_MAX)
        return -EOVERFLOW;
    if (i == w->n_users)
        w->users[w->n_users++] = (struct user){.uid = uid};
    w->users[i].n++;
    w->pages++;
    return 1;
}

/* 1: go on; 0: the caller has seen enough; negative errno. */
static int visit(struct walk *w, const char *name)
{
    struct claim *c = &w->claim;
    struct stat st;
    uint64_t id;
    int r;

    if (!page_name(&c->uid, &id, name) ||
        snprintf(c->path, sizeof c->path, "%s/%s", w->folder, name) >= (int)sizeof c->path ||
        lstat(c->path, &st) != 0)
        return 1;
    r = count_page(w, st.st_uid);
    if (r <= 0)
        return r < 0 ? r : 1;
    look(c);
    if (c->fault == PAGE_ABSENT && errno == ENOENT)
        return 1; /* taken away meanwhile */
    return w->each(w->self, c);
}

static int walk(struct walk *w, DIR *d)
{
    unsigned entries = 0;
    int r = 1;

    for (const struct dirent *entry = readdir(d); entry && r > 0; entry = readdir(d))
        r = ++entries > CLAIM_ENTRIES ? -EOVERFLOW : visit(w, entry->d_name);
    return r > 0 && w->too_many_of_ours ? -EOVERFLOW : r < 0 ? r : 0;
}

int claim_walk(const char *folder, bool (*each)(void *self, const struct claim *c), void *self)
{
    struct walk *w;
    DIR *d = opendir(folder);
    int r = -ENOMEM;

    if (!d)
        return -errno;
    w = aligned_alloc(_Alignof(struct walk), sizeof *w);
    if (w) {
        w->folder = folder;
        w->each = each;
        w->self = self;
        w->pages = w->n_users = 0;
        w->too_many_of_ours = false;
        r = walk(w, d);
    }
    free(w);
    (void)closedir(d);
    return r;
}

/* What all others claim on the devices of `mine`. */
struct others {
    const struct page_limit *devices;
    uint32_t n_devices;
    uint64_t id;
    struct claim_sum sums[PAGE_DEVICES];
    bool earlier; /* one of them asks too, and is before us */
};

static void count(struct claim_sum *sum, const struct page_limit *device, const struct page *p)
{
    for (unsigned i = 0; i < p->head.n_devices; i++) {
        const struct page_limit *limit = &p->head.limits[i];

        if (memcmp(limit->uuid, device->uuid, PAGE_UUID_SIZE) != 0 ||
            limit->limit_bytes > device->total_bytes)
            continue;
        if (p->common.claim == PAGE_ASKING)
            sum->asking_bytes += limit->limit_bytes;
        else
            sum->granted_bytes += limit->limit_bytes;
        sum->n++;
    }
}

/* Sums do not overflow: CLAIMS_MAX pages of at most 2^50 bytes. */
static bool count_other(void *self, const struct claim *c)
{
    struct others *o = self;

    if (c->fault != PAGE_SOUND || !c->alive || c->page.head.id == o->id ||
        c->page.common.claim == PAGE_WAITING)
        return true;
    for (unsigned i = 0; i < o->n_devices; i++) {
        uint64_t asking = o->sums[i].asking_bytes;

        count(&o->sums[i], &o->devices[i], &c->page);
        if (o->sums[i].asking_bytes > asking && c->page.head.id < o->id)
            o->earlier = true;
    }
    return true;
}

int claim_sum(struct claim_sum *out, const char *folder, const struct page_limit *device,
              uint64_t except_id)
{
    struct others o = {.devices = device, .n_devices = 1, .id = except_id};
    int r = claim_walk(folder, count_other, &o);

    if (r == 0)
        *out = o.sums[0];
    return r;
}

/* One look at the ledger while the claim asks. */
static enum claim_answer judge(const struct page *p, const char *folder, uint32_t *out_device,
                               bool *out_earlier)
{
    struct others o = {.devices = p->head.limits, .n_devices = p->head.n_devices, .id = p->head.id};
    enum claim_answer answer = CLAIM_GRANTED;
    int r = claim_walk(folder, count_other, &o);

    if (r != 0) {
        errno = -r;
        return CLAIM_UNREADABLE;
    }
    *out_earlier = o.earlier;
    for (unsigned i = 0; i < o.n_devices; i++) {
        uint64_t room = o.devices[i].total_bytes - o.devices[i].limit_bytes;

        if (o.sums[i].granted_bytes > room) {
            *out_device = i;
            return CLAIM_NO_ROOM;
        }
        if (o.sums[i].granted_bytes + o.sums[i].asking_bytes > room)
            answer = CLAIM_CROWDED;
    }
    return answer;
}

/* Between half a wait and a whole one; longer each time. */
static void wait_ms(uint64_t id, unsigned tried)
{
    uint64_t half_us = (tried < 5 ? 1ull << tried : LONGEST_WAIT_MS) * 500;
    uint64_t us = half_us + (id >> tried) % half_us;
    const struct timespec t = {.tv_nsec = (long)us * 1000};

    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/*
 * "No room" is said only twice in a row: of a claim that ends and one that comes while we read,
 * both may have been counted.
 */
enum claim_answer claim_decide(struct page *p, const char *folder, uint32_t *out_device)
{
    enum claim_answer last = CLAIM_CROWDED;

    for (unsigned try = 0; try < TRIES; try++) {
        bool earlier = false;
        enum claim_answer answer;

        p->common.claim = PAGE_ASKING;
        answer = judge(p, folder, out_device, &earlier);
        if (answer == CLAIM_GRANTED) {
            p->common.claim = PAGE_GRANTED;
            return answer;
        }
        if (answer == CLAIM_UNREADABLE || (answer == CLAIM_NO_ROOM && last == CLAIM_NO_ROOM)) {
            p->common.claim = PAGE_WAITING;
            return answer;
        }
        last = answer;
        if (earlier)
            p->common.claim = PAGE_WAITING;
        if (answer == CLAIM_CROWDED)
            wait_ms(p->head.id, try);
    }
    p->common.claim = PAGE_WAITING;
    return CLAIM_CROWDED;
}

struct cleaner {
    uint32_t uid;
    unsigned n;
};

static bool clean(void *self, const struct claim *c)
{
    struct cleaner *cleaner = self;

    if (c->fault == PAGE_SOUND && !c->alive && (cleaner->uid == 0 || cleaner->uid == c->uid) &&
        unlink(c->path) == 0)
        cleaner->n++;
    return true;
}

/* Whoever else finds them dead at the same time takes them away no less. */
unsigned claim_clean(const char *folder)
{
    struct cleaner cleaner = {.uid = (uint32_t)geteuid()};

    (void)claim_walk(folder, clean, &cleaner);
    return cleaner.n;
}
