/* SPDX-License-Identifier: Apache-2.0 */
/* Who has which slot of a page, and whether it still lives. */
#ifndef PAGE_PAGE_SLOT_H
#define PAGE_PAGE_SLOT_H

#include "page/page.h"
#include "page/page_process.h"

/* Of the process that has the slot. PAGE_DEAD: nobody has it, or it is being emptied. */
enum page_life page_life(const struct page_slot *slot);

/* Somebody has the slot: what it says counts. Not so while it is being emptied. */
bool page_held(const struct page_slot *slot);

/*
 * Takes a free slot, emptying those of the dead if there is none; once a process and page. Who has
 * one already (from before an exec) gets that one, empty. NULL: all are held, or /proc cannot be
 * read, or the slice has ended: a page without a living process is never used again, as the ledger
 * may have given its memory away.
 */
struct page_slot *page_attach(struct page *p, enum page_kind kind);

/* The same for the maker of a page that nobody else can see yet. */
struct page_slot *page_attach_first(struct page *p, enum page_kind kind);

/* Empties the slot and gives it back: for who has nothing left on a GPU. */
void page_detach(struct page_slot *slot);

/* Empties the slots of the dead; returns how many there were. */
unsigned page_reap(struct page *p);

/* Slots to look at: the ones from here on were never used. Never beyond PAGE_SLOTS. */
unsigned page_slots(const struct page *p);

/* Is any process of this kind in, and alive (or may be)? */
bool page_has(const struct page *p, enum page_kind kind);

/* Is any process alive, or may be, so that the claim counts? */
bool page_alive(const struct page *p);

/* Who has the slots, in one number: the same as before means that nobody came. */
uint64_t page_owners(const struct page *p);

#endif
