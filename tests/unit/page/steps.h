/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All interleavings of a few actors on one page, of the real code: page_charge.c and page_slot.c
 * are compiled with calls at every atomic access (as for ThreadSanitizer, but the calls are ours),
 * and each such call may go on with another actor, or kill this one there. Actors are contexts of
 * one thread, each a process of its own to page_process.h.
 */
#ifndef TESTS_UNIT_PAGE_STEPS_H
#define TESTS_UNIT_PAGE_STEPS_H

#include "page/page.h"

enum { STEPS_ACTORS = 3 };

struct steps_plan {
    unsigned n_actors;
    void (*actors[STEPS_ACTORS])(struct page *p);
    unsigned switches; /* away from one that could go on; at most, a run */
    bool kill;         /* one of the actors may be killed at any step */
    bool same_owners;  /* no slot changes hands: looking at who has it is no step */
    /* Before and after each run; `dead` has a bit for the actor that was killed. */
    void (*prepare)(struct page *p);
    void (*check)(struct page *p, unsigned dead);
};

/* Runs the plan in all orders; how many there were. */
unsigned long steps_explore(struct page *p, const struct steps_plan *plan);

/* Kills for good an actor that does not run: for prepare. */
void steps_declare_dead(unsigned actor);

/* The word of an actor, as page_self() gives it. */
uint64_t steps_word(unsigned actor);

#endif
