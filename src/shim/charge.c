/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charges of this process to its slice. The order of everything that takes memory: room is charged,
 * the driver is called, the charge is set right. Between begin and end the slot says that memory is
 * changing, so that nobody who measures then believes what it sees.
 */
#include <stdatomic.h>
#include <time.h>

#include "page/page_charge.h"
#include "shim/shim.h"

enum {
    NAPS = 200,
    LONG_NAPS = 7, /* this and later ones are of the longest: 0.2 s in all */
    FIRST_NAP_NS = 10000,
    LONGEST_NAP_NS = 1000000,
};

static bool charged(const struct shim *s, int device)
{
    return s->state == SHIM_ATTACHED && device >= 0;
}

void charge_begin_free(int device)
{
    const struct shim *s = shim_get();

    if (charged(s, device))
        page_change_begin(s->slot, (unsigned)device);
}

void charge_change(int device, int64_t change)
{
    const struct shim *s = shim_get();

    if (!charged(s, device))
        return;
    if (change > 0)
        page_charge(s->slot, (unsigned)device, (uint64_t)change);
    else if (change < 0)
        page_release(s->slot, (unsigned)device, (uint64_t)-change);
}

void charge_end(int device, int64_t change)
{
    const struct shim *s = shim_get();

    charge_change(device, change);
    if (charged(s, device))
        page_change_end(s->slot, (unsigned)device);
}

/* Sleeps, longer each time; false: for as long as we may. */
static bool nap(unsigned napped)
{
    struct timespec t = {.tv_nsec = LONGEST_NAP_NS};

    if (napped < LONG_NAPS)
        t.tv_nsec = FIRST_NAP_NS << napped;
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
    return napped < NAPS;
}

/*
 * The calls of other threads that are under way have ended, or as many others: they charged at
 * least what they took, so there may be more room now, or memory left in a pool. So there may be if
 * one ended since `changing` was `before`. False: there was none, or they take too long.
 */
static bool others_ended(const struct page_use *use, uint64_t before)
{
    uint64_t first = use->changing, now = first;
    uint32_t under_way = (uint32_t)first;

    for (unsigned i = 0; (uint32_t)now != 0 && (uint32_t)((now - first) >> 32) < under_way; i++) {
        if (!nap(i))
            return false;
        now = use->changing;
    }
    return now != before;
}

/* There is no room: the dead are looked for, then what others are about to give back, then what the
   driver keeps, then what is really used. */
static bool find_room(const struct shim *s, unsigned device, uint64_t bytes)
{
    const struct page_use *use = &s->slot->use[device];
    uint64_t changing = use->changing;

    if (bytes > s->page->head.limits[device].limit_bytes)
        return false;
    if (page_attempt(s->page, s->slot, device, bytes))
        return true;
    if (others_ended(use, changing) && page_attempt(s->page, s->slot, device, bytes))
        return true;
    if (memory_pool_trim((int)device) && page_attempt(s->page, s->slot, device, bytes))
        return true;
    return measure_or_reap((int)device) && page_attempt(s->page, s->slot, device, bytes);
}

bool charge_begin_if_easy(int device, uint64_t bytes)
{
    const struct shim *s = shim_get();

    return s->state == SHIM_OFF ||
           (charged(s, device) && page_try(s->page, s->slot, (unsigned)device, bytes));
}

bool charge_begin_or_not(int device, uint64_t bytes)
{
    const struct shim *s = shim_get();
    struct shim_aside aside;
    bool ok;

    if (charge_begin_if_easy(device, bytes))
        return true;
    if (!charged(s, device))
        return false;
    aside = shim_aside_begin();
    ok = find_room(s, (unsigned)device, bytes);
    shim_aside_end(&aside);
    return ok;
}

static bool within_limit(const struct shim *s, unsigned device)
{
    return page_used(s->page, device) <= s->page->head.limits[device].limit_bytes;
}

bool charge_fits(int device, bool wait)
{
    const struct shim *s = shim_get();
    struct shim_aside aside;
    bool ok;

    if (!charged(s, device))
        return true;
    aside = shim_aside_begin();
    for (unsigned i = 0;; i++) {
        uint32_t under_way = (uint32_t)s->slot->use[device].changing;

        ok = within_limit(s, (unsigned)device);
        if (ok || !wait || under_way == 0 || !nap(i))
            break;
    }
    shim_aside_end(&aside);
    return ok;
}

void charge_refused(int device, uint64_t bytes)
{
    const struct shim *s = shim_get();

    if (charged(s, device))
        page_refuse(s->slot, (unsigned)device, bytes);
}

bool charge_begin(int device, uint64_t bytes)
{
    bool ok = charge_begin_or_not(device, bytes);

    if (!ok)
        charge_refused(device, bytes);
    return ok;
}

void charge_managed(int device, int64_t change)
{
    const struct shim *s = shim_get();

    if (charged(s, device))
        (void)atomic_fetch_add(&s->slot->use[device].managed_bytes, (uint64_t)change);
}

void charge_uncounted(void)
{
    const struct shim *s = shim_get();

    if (s->state == SHIM_ATTACHED)
        (void)atomic_fetch_add_explicit(&s->slot->uncounted, 1, memory_order_relaxed);
}

void charge_counted(enum charge_count what)
{
    const struct shim *s = shim_get();

    if (s->state == SHIM_ATTACHED)
        (void)atomic_fetch_add_explicit(what == CHARGE_ALLOCATION ? &s->slot->allocations
                                                                  : &s->slot->frees,
                                        1, memory_order_relaxed);
}
