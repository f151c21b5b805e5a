/* SPDX-License-Identifier: Apache-2.0 */
/* Charges against a slice's limit. See page_charge.h. */
#include "page/page_charge.h"

#include <stdatomic.h>
#include <time.h>

#include "page/page_slot.h"

enum {
    TRIES = 64,
    FIRST_WAIT_NS = 2000, /* doubles to the longest: 220 ms in all */
    LONGEST_WAIT_NS = 4000000,
};

/* Beyond all memory that there is. What a page tells is not trusted: a number that went below zero
   is a very large one, and the sum stays at the end of the scale instead of starting anew. */
static uint64_t add(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Without what is being asked for. An overhead below zero is a look at the driver in the middle of
   an allocation, and makes no room. */
uint64_t page_slot_used(const struct page_slot *slot, unsigned device)
{
    const struct page_use *use = &slot->use[device];
    int64_t overhead = use->overhead_bytes;

    return add(use->tracked_bytes, overhead > 0 ? (uint64_t)overhead : 0);
}

uint64_t page_used(const struct page *p, unsigned device)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < page_slots(p); i++)
        if (page_held(&p->slots[i]))
            sum = add(sum, page_slot_used(&p->slots[i], device));
    return sum;
}

struct look {
    uint64_t asked, used;
    uint64_t print; /* of all that `used` was made of */
};

/* First what is asked for, then what is used: who gets what it asked for moves it from one to the
   other, and is seen in at least one of them. */
static struct look look(const struct page *p, unsigned device)
{
    struct look l = {0};

    for (unsigned i = 0; i < page_slots(p); i++)
        if (page_held(&p->slots[i]))
            l.asked = add(l.asked, p->slots[i].use[device].asking_bytes);
    for (unsigned i = 0; i < page_slots(p); i++) {
        uint64_t used = page_held(&p->slots[i]) ? page_slot_used(&p->slots[i], device) : 0;

        l.used = add(l.used, used);
        l.print = (l.print ^ used) * 0x9e3779b97f4a7c15ull + i;
    }
    return l;
}

void page_change_begin(struct page_slot *slot, unsigned device)
{
    (void)atomic_fetch_add(&slot->use[device].changing, 1);
}

void page_change_end(struct page_slot *slot, unsigned device)
{
    (void)atomic_fetch_add(&slot->use[device].changing, (1ull << 32) - 1);
}

enum answer { FITS, CROWDED, FULL };

/*
 * Asks once. Nothing fits always, also where the overhead has grown beyond the limit: what takes no
 * memory is not refused. FULL is said only when two looks see the same: of memory that goes from
 * one process to another between our looks at the two, both would be counted.
 */
static enum answer ask(struct page *p, struct page_slot *slot, unsigned device, uint64_t bytes)
{
    struct page_use *use = &slot->use[device];
    uint64_t limit = p->head.limits[device].limit_bytes;
    enum answer answer = CROWDED;
    struct look once;

    if (bytes == 0) {
        page_change_begin(slot, device);
        return FITS;
    }
    (void)atomic_fetch_add(&use->asking_bytes, bytes);
    once = look(p, device);
    if (add(once.asked, once.used) <= limit) {
        page_change_begin(slot, device); /* first: what is charged is not yet the driver's */
        (void)atomic_fetch_add(&use->tracked_bytes, bytes);
        answer = FITS;
    }
    (void)atomic_fetch_sub(&use->asking_bytes, bytes);
    if (answer != FITS && add(once.used, bytes) > limit && look(p, device).print == once.print)
        answer = FULL;
    return answer;
}

/* Longer each time, and different for each thread: two do not meet again and again. */
static void pause_ns(unsigned tried)
{
    uint64_t ns = LONGEST_WAIT_NS;
    struct timespec t = {0};

    if (tried < 11)
        ns = (uint64_t)FIRST_WAIT_NS << tried;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    ns -= ((uint64_t)t.tv_nsec ^ (uintptr_t)&t >> 8) * 2654435761u % (ns / 2);
    t = (struct timespec){.tv_nsec = (long)ns};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

/* More than the limit is never asked for. */
static bool is_thinkable(const struct page *p, unsigned device, uint64_t bytes)
{
    return device < PAGE_DEVICES && bytes <= p->head.limits[device].limit_bytes;
}

bool page_try(struct page *p, struct page_slot *slot, unsigned device, uint64_t bytes)
{
    return is_thinkable(p, device, bytes) && ask(p, slot, device, bytes) == FITS;
}

bool page_attempt(struct page *p, struct page_slot *slot, unsigned device, uint64_t bytes)
{
    if (!is_thinkable(p, device, bytes))
        return false;
    for (unsigned tried = 0; tried < TRIES; tried++) {
        enum answer answer = ask(p, slot, device, bytes);

        if (answer == FITS)
            return true;
        if (tried == 0 && page_reap(p) > 0)
            continue;
        if (answer == FULL)
            return false;
        pause_ns(tried);
    }
    return false;
}

void page_refuse(struct page_slot *slot, unsigned device, uint64_t bytes)
{
    slot->use[device].refused_bytes = bytes;
    (void)atomic_fetch_add(&slot->use[device].refused, 1);
}

bool page_reserve(struct page *p, struct page_slot *slot, unsigned device, uint64_t bytes)
{
    if (page_attempt(p, slot, device, bytes)) {
        page_change_end(slot, device);
        return true;
    }
    if (device < PAGE_DEVICES)
        page_refuse(slot, device, bytes);
    return false;
}

void page_release(struct page_slot *slot, unsigned device, uint64_t bytes)
{
    _Atomic uint64_t *tracked = &slot->use[device].tracked_bytes;
    uint64_t had = *tracked;

    while (!atomic_compare_exchange_weak(tracked, &had, had > bytes ? had - bytes : 0))
        ;
}

void page_charge(struct page_slot *slot, unsigned device, uint64_t bytes)
{
    (void)atomic_fetch_add(&slot->use[device].tracked_bytes, bytes);
}

bool page_measured(struct page_slot *slot, uint64_t owner, unsigned device, int64_t overhead_bytes,
                   uint32_t asked)
{
    struct page_use *use = &slot->use[device];
    int64_t before = use->overhead_bytes, ours = overhead_bytes;

    do {
        if (slot->owner != owner)
            return false;
    } while (!atomic_compare_exchange_weak(&use->overhead_bytes, &before, overhead_bytes));
    if (slot->owner != owner) { /* it died, and another may have the slot: not its overhead */
        (void)atomic_compare_exchange_strong(&use->overhead_bytes, &ours, 0);
        return false;
    }
    use->measured = asked;
    return true;
}
