/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charges: what a process takes of a slice's memory. Atomic across processes and threads, without
 * a lock: a process first puts down what it asks for in its own slot, then adds up all slots. Of
 * two that ask at once, at least the later sees the other; so the limit is never passed. Where two
 * turn each other away although one would fit, both wait a little and ask again, for a quarter of a
 * second at most. A process that is stopped while it asks is counted with what it asks for.
 */
#ifndef PAGE_PAGE_CHARGE_H
#define PAGE_PAGE_CHARGE_H

#include "page/page.h"

/* Of all processes: allocations and what the driver shows beyond them, not what is being asked for.
   Bytes; UINT64_MAX where the page tells nonsense. */
uint64_t page_used(const struct page *p, unsigned device);

/* Of one process. */
uint64_t page_slot_used(const struct page_slot *slot, unsigned device);

/*
 * Charges `bytes` more on the device to the slot, if they fit: then true. Looks for dead processes
 * before it says no, and then counts the refusal.
 */
bool page_reserve(struct page *p, struct page_slot *slot, unsigned device, uint64_t bytes);

/*
 * The same for who then calls the driver: if true, a change is begun (page_change_end must follow).
 * Asks once, and neither looks for the dead nor counts.
 */
bool page_try(struct page *p, struct page_slot *slot, unsigned device, uint64_t bytes);

/* The same, but looks for the dead: for who, if not, frees something and asks again. */
bool page_attempt(struct page *p, struct page_slot *slot, unsigned device, uint64_t bytes);

/* Counts a refusal of so many bytes. */
void page_refuse(struct page_slot *slot, unsigned device, uint64_t bytes);

/* Around a driver call that takes or gives memory, see `changing` in page.h. */
void page_change_begin(struct page_slot *slot, unsigned device);
void page_change_end(struct page_slot *slot, unsigned device);

/* Takes back what was charged; never below zero. */
void page_release(struct page_slot *slot, unsigned device, uint64_t bytes);

/* Charges without asking: what is there already, whatever the limit (imported, grown by the
 * driver). */
void page_charge(struct page_slot *slot, unsigned device, uint64_t bytes);

/*
 * For who measures: the overhead of the process that had the slot as `owner` when the driver was
 * asked, and the `measure_asked` that was seen before. False: it is gone, nothing was written.
 */
bool page_measured(struct page_slot *slot, uint64_t owner, unsigned device, int64_t overhead_bytes,
                   uint32_t asked);

#endif
