/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process is which, and whether it lives: by /proc, and by kill(pid, 0) where /proc is hidden
 * or no descriptor is left. "Dead" is said only when it is certain: who cannot be seen may live.
 */
#ifndef PAGE_PAGE_PROCESS_H
#define PAGE_PAGE_PROCESS_H

#include <stdint.h>

/*
 * One process in one word: pid, start time, a hash of its namespaces. A pid that is used again
 * gives another word; exec keeps it. 0: /proc does not say (not mounted, no descriptor left). Bit
 * 63 is free for others to use.
 */
uint64_t page_self(void);

/* Our pid and time namespaces in one number: who has another has other pids or start times. 0:
   /proc does not say. */
uint64_t page_self_namespace(void);

enum page_life {
    PAGE_ALIVE,
    PAGE_DEAD,    /* and the kernel has closed all its files */
    PAGE_UNKNOWN, /* in namespaces that we cannot look into, or hidden: it may live */
};

/* Of the process behind a word. `namespace` is its page_self_namespace, or 0 if not known. */
enum page_life page_process_life(uint64_t word, uint64_t namespace);

#endif
