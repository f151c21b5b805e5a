/* SPDX-License-Identifier: Apache-2.0 */
/* The place of a run in the ledger: a page of its own, or a slot in one that is there. See run.h.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/process.h"
#include "cli/run.h"

static const uint32_t FIRST_NAMESPACE = 0xeffffffc; /* the kernel's inode of the first one */

static bool is_own(const struct run *r, const struct slices_item *item)
{
    return item->fault == PAGE_SOUND && item->alive && item->uid == getuid() &&
           item->claim != PAGE_ENDED && strcmp(item->head.name, r->o.name) == 0;
}

/* The slice of our name, if it has been granted. */
static const struct slices_item *find_own(const struct run *r)
{
    for (size_t i = 0; *r->o.name && i < r->slices->count; i++)
        if (is_own(r, &r->slices->items[i]) && r->slices->items[i].claim == PAGE_GRANTED)
            return &r->slices->items[i];
    return NULL;
}

int run_look(struct run *r, struct err *e)
{
    int code;

    slices_free(TAKE(r->slices));
    r->own = NULL;
    code = slices_read(&r->slices, page_folder(), e);
    for (size_t i = 0; code == 0 && i < meter_count(r->meter); i++)
        code = meter_read(r->meter, i, e);
    if (code == 0)
        code = slices_measure(r->slices, r->meter, e);
    if (code < 0)
        return code;
    r->own = find_own(r);
    code = run_choose(r, e);
    return code < 0 ? code : run_check_memory(r, e);
}

static int make_error(int code, struct err *e)
{
    const char *folder = page_folder();

    switch (-code) {
    case ENOSPC:
        return err_set(
            e, ENOSPC,
            "'%s', where slices are kept, is full; make room there, or name another folder "
            "in CARVE_PAGES",
            folder);
    case EOPNOTSUPP:
        return err_set(
            e, EOPNOTSUPP,
            "'%s' is on a file system that slices cannot be kept on (no O_TMPFILE); name a "
            "folder on a tmpfs in CARVE_PAGES",
            folder);
    case ESRCH:
        return err_set(e, ESRCH,
                       "/proc cannot be read, by which slices know their processes; mount it");
    case ENOENT:
    case ENOTDIR:
        return err_set(
            e, ENOENT,
            "there is no folder '%s', where slices are kept; mount a tmpfs there, or name "
            "another folder in CARVE_PAGES",
            folder);
    case EACCES:
    case EPERM:
    case EROFS:
        return err_set(
            e, -code,
            "slices cannot be kept in '%s': no right to write there; name another folder "
            "in CARVE_PAGES",
            folder);
    default:
        return err_errno(e, -code, "make a slice in '%s'", folder);
    }
}

/* A page that nobody but us has, and that we do not want any more. */
static void drop(struct run *r)
{
    if (!r->page)
        return;
    r->page->common.claim = PAGE_ENDED;
    if (r->slot)
        page_detach(r->slot);
    (void)unlink(r->path);
    page_unmap(r->page);
    r->page = NULL;
    r->slot = NULL;
}

static int make(struct run *r, struct err *e)
{
    struct page_wish wish = {
        .name = r->o.name,
        .flags = r->o.allow_unattached ? PAGE_ALLOW_UNATTACHED : 0,
        .n_devices = r->n_devices,
    };
    int code;

    for (unsigned i = 0; i < r->n_devices; i++) {
        const struct meter_device *d = meter_device(r->meter, r->devices[i]);

        memcpy(wish.limits[i].uuid, d->uuid_bytes, PAGE_UUID_SIZE);
        wish.limits[i].limit_bytes = r->o.memory_bytes;
        wish.limits[i].total_bytes = d->total_bytes;
        wish.limits[i].context_bytes = (uint64_t)RUN_CONTEXT_MIB << 20;
    }
    code = page_make(&r->page, r->path, page_folder(), &wish);
    if (code < 0)
        return make_error(code, e);
    r->slot = page_attach(r->page, PAGE_RUN); /* the one that making it gave us */
    if (r->slot)
        return 0;
    drop(r);
    return err_set(e, ESRCH,
                   "/proc cannot be read, by which slices know their processes; mount it");
}

/*
 * Two runs may make a slice of one name at once. Each looks for the other once its own can be seen:
 * the later yields to one that is granted, and of two that still ask the larger id yields, while
 * the smaller waits until the other has.
 */
enum twin { TWIN_NONE, TWIN_WAIT, TWIN_YIELD };

static enum twin find_twin(const struct run *r)
{
    OWN(slices_freep) struct slices *now = NULL;
    struct err e;
    enum twin twin = TWIN_NONE;

    if (!*r->o.name)
        return TWIN_NONE;
    if (slices_read(&now, page_folder(), &e) < 0)
        return TWIN_YIELD;
    for (size_t i = 0; i < now->count; i++) {
        const struct slices_item *item = &now->items[i];

        if (!is_own(r, item) || item->head.id == r->page->head.id)
            continue;
        if (item->claim == PAGE_GRANTED || item->head.id < r->page->head.id)
            return TWIN_YIELD;
        twin = TWIN_WAIT;
    }
    return twin;
}

/* 1: ours, 0: no room, -EAGAIN: to be tried again soon. */
static int decide(struct run *r, struct err *e)
{
    uint32_t device = 0;
    int code = 0;

    if (find_twin(r) != TWIN_NONE) {
        code = -EAGAIN;
    } else {
        switch (claim_decide(r->page, page_folder(), &device)) {
        case CLAIM_GRANTED:
            return 1;
        case CLAIM_NO_ROOM:
            break;
        case CLAIM_CROWDED:
            code = -EAGAIN;
            break;
        case CLAIM_UNREADABLE:
            code = err_errno(e, errno, "read the slices in '%s'", page_folder());
            break;
        }
    }
    drop(r);
    return code;
}

static int join(struct run *r, struct err *e)
{
    enum page_fault fault;

    (void)TEXT_COPY(r->path, r->own->path);
    fault = page_map(&r->page, r->path);
    if (fault == PAGE_ABSENT)
        return -EAGAIN;
    if (fault != PAGE_SOUND)
        return err_set(e, EINVAL, "'%s' %s; end its programs, then start anew", r->path,
                       page_fault_words(fault));
    r->slot = page_attach(r->page, PAGE_RUN);
    r->joined = r->slot != NULL;
    if (r->joined)
        return 1;
    page_unmap(TAKE(r->page));
    return -EAGAIN; /* it ended just now, or is full: the next look tells */
}

/* Without writing anything, so that who waits wakes nobody. */
bool run_has_room(const struct run *r)
{
    for (unsigned i = 0; i < r->n_devices; i++) {
        const struct meter_device *d = meter_device(r->meter, r->devices[i]);
        uint64_t promised = slices_promised(r->slices, d->uuid_bytes, d->total_bytes);

        if (promised > d->total_bytes || r->o.memory_bytes > d->total_bytes - promised)
            return false;
    }
    return true;
}

int run_claim(struct run *r, struct err *e)
{
    int code = run_look(r, e);

    if (code < 0)
        return code;
    if (r->own)
        return join(r, e);
    if (!run_has_room(r))
        return 0;
    (void)claim_clean(page_folder());
    code = make(r, e);
    return code < 0 ? code : decide(r, e);
}

/* Is all that may still be in the page of pid namespaces in which no process is left? */
static bool is_of_gone_namespaces(const struct page *p)
{
    for (unsigned i = 0; i < page_slots(p); i++) {
        const struct page_slot *slot = &p->slots[i];
        uint32_t inode = (uint32_t)slot->pid_namespace; /* the half that tells it */

        if (page_life(slot) == PAGE_DEAD)
            continue;
        if (inode == 0 || inode == (uint32_t)page_self_namespace() ||
            process_lives_in(inode, getuid()))
            return false;
    }
    return true;
}

/*
 * Who was in another pid namespace is never seen to be dead, so its page would stay for good. True
 * if all of them are gone; nobody comes in any more then. Namespaces beside ours are out of sight:
 * a container that the program handed the slice to is in one, unless ours is that of the machine.
 */
static bool end_what_is_gone(struct run *r)
{
    bool all_in_sight = (uint32_t)page_self_namespace() == FIRST_NAMESPACE;

    if ((!all_in_sight && run_hands_on(r)) || !is_of_gone_namespaces(r->page))
        return false;
    r->page->common.claim = PAGE_ENDED;
    if (is_of_gone_namespaces(r->page)) /* nobody came meanwhile */
        return true;
    r->page->common.claim = PAGE_GRANTED;
    return false;
}

/* The last one takes the page away. */
void run_leave(struct run *r)
{
    if (!r->page)
        return;
    (void)page_reap(r->page);
    if (r->slot)
        page_detach(r->slot);
    if (!page_alive(r->page) || end_what_is_gone(r))
        (void)unlink(r->path);
    page_unmap(r->page);
    r->page = NULL;
    r->slot = NULL;
}
