/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charges of this process to its slice. The order of everything that takes memory: room is charged,
 * the driver is called, the charge is set right. Between begin and end the slot says that memory is
 * changing, so that nobody who measures then believes what it sees.
 */
#include <errno.h>
#include <stdatomic.h>

#include "page/page_charge.h"
#include "shim/shim.h"

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

void charge_end(int device, int64_t change)
{
    const struct shim *s = shim_get();

    if (!charged(s, device))
        return;
    if (change > 0)
        page_charge(s->slot, (unsigned)device, (uint64_t)change);
    else if (change < 0)
        page_release(s->slot, (unsigned)device, (uint64_t)-change);
    page_change_end(s->slot, (unsigned)device);
}

static bool try_room(const struct shim *s, int device, uint64_t bytes,
                     bool (*try)(struct page *, struct page_slot *, unsigned, uint64_t))
{
    page_change_begin(s->slot, (unsigned)device);
    if (try(s->page, s->slot, (unsigned)device, bytes))
        return true;
    page_change_end(s->slot, (unsigned)device);
    return false;
}

/* There is no room: the dead are looked for, then what the driver keeps, then what is really used.
 */
static bool find_room(const struct shim *s, int device, uint64_t bytes)
{
    if (bytes <= s->page->head.limits[device].limit_bytes) {
        if (try_room(s, device, bytes, page_attempt))
            return true;
        if (memory_pool_trim(device) && try_room(s, device, bytes, page_attempt))
            return true;
        if (measure_or_reap(device) && try_room(s, device, bytes, page_attempt))
            return true;
    }
    page_refuse(s->slot, (unsigned)device, bytes);
    return false;
}

bool charge_begin_if_easy(int device, uint64_t bytes)
{
    const struct shim *s = shim_get();

    return s->state == SHIM_OFF || (charged(s, device) && try_room(s, device, bytes, page_try));
}

bool charge_begin(int device, uint64_t bytes)
{
    const struct shim *s = shim_get();
    int saved = errno;
    bool ok;

    if (charge_begin_if_easy(device, bytes))
        return true;
    if (!charged(s, device))
        return false;
    ok = find_room(s, device, bytes);
    errno = saved;
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
