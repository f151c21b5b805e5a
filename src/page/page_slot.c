/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots. A slot belongs to whom its `owner` word says; taking one, and emptying a dead one, are a
 * compare-and-swap of that word, so there is no lock that a killed process could hold.
 *
 *   0 --attach--> self --detach--> EMPTYING|self --> 0
 *                  |dies, found by X
 *                  +--------------> EMPTYING|X ----> 0     (X dies here: found again)
 *
 * From the swap to EMPTYING on, nothing in the slot counts: the memory of the dead is back in one
 * step, even if X stops right behind it. `kind` is set last: a slot without one is of a process
 * that is not in yet, and keeps nobody else in.
 */
#include "page/page_slot.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static const uint64_t EMPTYING = 1ull << 63;
enum { LOOKS = 100 };

bool page_held(const struct page_slot *slot)
{
    uint64_t owner = slot->owner;

    return owner != 0 && !(owner & EMPTYING);
}

enum page_life page_life(const struct page_slot *slot)
{
    uint64_t owner = slot->owner, namespace = slot->pid_namespace;

    return owner == 0 || owner & EMPTYING ? PAGE_DEAD : page_process_life(owner, namespace);
}

unsigned page_slots(const struct page *p)
{
    unsigned high = p->common.slots_high;

    return high < PAGE_SLOTS ? high : PAGE_SLOTS;
}

/* What the process has and did; the counters of measuring only ever grow. */
static void clear_use(struct page_slot *slot)
{
    for (unsigned i = 0; i < PAGE_DEVICES; i++) {
        struct page_use *use = &slot->use[i];

        use->tracked_bytes = 0;
        use->asking_bytes = 0;
        use->managed_bytes = 0;
        use->overhead_bytes = 0;
        use->contexts = 0;
        use->measured = use->measure_asked;
        use->refused = 0;
        use->refused_bytes = 0;
        use->changing = 0;
    }
    slot->routes = 0;
    slot->library = 0;
    slot->attach_ns = 0;
    slot->launches = 0;
    slot->allocations = 0;
    slot->frees = 0;
    slot->uncounted = 0;
}

/* All but the owner word. */
static void clear(struct page_slot *slot)
{
    slot->kind = 0;
    slot->pid_namespace = 0;
    slot->pid = 0;
    memset(slot->command, 0, sizeof slot->command);
    clear_use(slot);
}

/* What was seen as `owner` becomes free; false: somebody else was at it, or we do not know who we
   are. */
static bool empty(struct page_slot *slot, uint64_t owner, uint64_t self)
{
    if (self == 0 || !atomic_compare_exchange_strong(&slot->owner, &owner, EMPTYING | self))
        return false;
    clear(slot);
    slot->owner = 0;
    return true;
}

/* The word of a slot whose process, or who was emptying it, is dead; else 0. */
static uint64_t dead_owner(const struct page_slot *slot)
{
    uint64_t owner = slot->owner;
    uint64_t namespace = owner & EMPTYING ? 0 : slot->pid_namespace;

    return owner != 0 && page_process_life(owner & ~EMPTYING, namespace) == PAGE_DEAD ? owner : 0;
}

unsigned page_reap(struct page *p)
{
    uint64_t self = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < page_slots(p); i++) {
        uint64_t owner = dead_owner(&p->slots[i]);

        if (owner == 0)
            continue;
        if (self == 0)
            self = page_self();
        n += empty(&p->slots[i], owner, self);
    }
    return n;
}

static void raise_high(struct page *p, unsigned n)
{
    uint32_t high = p->common.slots_high;

    while (high < n && !atomic_compare_exchange_strong(&p->common.slots_high, &high, n))
        ;
}

static void read_command(char out[PAGE_COMMAND_SIZE])
{
    int fd = open("/proc/self/comm", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return;
    n = read(fd, out, PAGE_COMMAND_SIZE - 1);
    (void)close(fd);
    if (n > 0 && out[n - 1] == '\n')
        out[n - 1] = '\0';
}

/* What a process left of itself in the page before an exec: NULL, or its slot. */
static struct page_slot *take_own(struct page *p, uint64_t self)
{
    struct page_slot *own = NULL;

    for (unsigned i = 0; i < page_slots(p); i++) {
        struct page_slot *slot = &p->slots[i];

        if (slot->owner == (EMPTYING | self))
            (void)empty(slot, EMPTYING | self, self);
        else if (slot->owner == self)
            own = slot;
    }
    return own;
}

static struct page_slot *take_free(struct page *p, uint64_t self)
{
    for (unsigned i = 0; i < PAGE_SLOTS; i++) {
        struct page_slot *slot = &p->slots[i];
        uint64_t nobody = 0;

        if (slot->owner != 0)
            continue;
        raise_high(p, i + 1); /* first: whoever sums must not miss it */
        if (atomic_compare_exchange_strong(&slot->owner, &nobody, self))
            return slot;
    }
    return NULL;
}

static struct page_slot *take(struct page *p, uint64_t self)
{
    struct page_slot *slot = take_free(p, self);

    if (!slot && page_reap(p) > 0)
        slot = take_free(p, self);
    if (!slot) {
        (void)atomic_fetch_add(&p->common.turned_away, 1);
        return NULL;
    }
    slot->pid = (uint32_t)getpid();
    read_command(slot->command);
    slot->pid_namespace = page_self_namespace();
    return slot;
}

/* Who is in keeps the page alive, so that another may come in. */
static bool may_enter(const struct page *p)
{
    return p->common.claim != PAGE_ENDED && (page_has(p, PAGE_RUN) || page_has(p, PAGE_PROCESS));
}

struct page_slot *page_attach(struct page *p, enum page_kind kind)
{
    uint64_t self = page_self();
    struct page_slot *slot;

    if (self == 0)
        return NULL;
    slot = take_own(p, self);
    if (slot) {
        clear_use(slot);
        read_command(slot->command);
    } else {
        slot = take(p, self);
        if (slot && !may_enter(p)) {
            page_detach(slot);
            slot = NULL;
        }
    }
    if (slot)
        slot->kind = kind;
    return slot;
}

struct page_slot *page_attach_first(struct page *p, enum page_kind kind)
{
    uint64_t self = page_self();
    struct page_slot *slot = self != 0 ? take(p, self) : NULL;

    if (slot)
        slot->kind = kind;
    return slot;
}

/* The pid: a forked child must not give its parent's away. */
void page_detach(struct page_slot *slot)
{
    uint64_t owner = slot->owner;

    if (page_held(slot) && slot->pid == (uint32_t)getpid())
        (void)empty(slot, owner, owner);
}

uint64_t page_owners(const struct page *p)
{
    uint64_t print = 0;

    for (unsigned i = 0; i < page_slots(p); i++)
        print = (print ^ p->slots[i].owner) * 0x100000001b3ull + i;
    return print;
}

static bool is_kind(const struct page_slot *slot, unsigned kinds)
{
    return kinds & 1u << slot->kind % 32;
}

/*
 * Is a process of these kinds (bits) in? Between our looks at two slots, one may come to a slot
 * that we saw empty and the one that let it in may die; so "none" is said only when nobody came.
 */
static bool any_alive(const struct page *p, unsigned kinds)
{
    for (unsigned try = 0; try < LOOKS; try++) {
        uint64_t before = page_owners(p);

        for (unsigned i = 0; i < page_slots(p); i++) {
            const struct page_slot *slot = &p->slots[i];

            if (is_kind(slot, kinds) && page_life(slot) != PAGE_DEAD)
                return true;
        }
        if (page_owners(p) == before)
            return false;
    }
    return true;
}

bool page_has(const struct page *p, enum page_kind kind)
{
    return any_alive(p, 1u << kind);
}

bool page_alive(const struct page *p)
{
    return any_alive(p, ~0u);
}
