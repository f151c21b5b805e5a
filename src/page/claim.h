/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: how much of each GPU is promised to which slice, of all users together. It is the
 * folder of pages and nothing else. A claim counts while a process of its slice lives, and a page
 * without one never lives again. To claim, a page is published as PAGE_ASKING, then all others are
 * read: of two that claim at once at least the later sees the earlier. Where the memory is too
 * little only because of others that ask too, the one with the lowest id stays and the others step
 * back.
 */
#ifndef PAGE_CLAIM_H
#define PAGE_CLAIM_H

#include "page/page_file.h"

/* One page of the folder. */
struct claim {
    char path[PAGE_PATH_SIZE];
    enum page_fault fault; /* not PAGE_SOUND: `page` holds nothing */
    uint32_t uid;          /* of the file */
    bool alive;            /* a process of it lives, or may */
    struct page page;      /* a copy */
};

enum {
    CLAIMS_MAX = 4096,       /* pages */
    CLAIMS_OF_USER = 1024,   /* of them, of one user */
    CLAIM_ENTRIES = 1 << 20, /* files of all kinds */
};

/*
 * Calls `each` for every page in the folder (self->... is the caller's); false ends the walk.
 * Negative errno: of the folder, ENOMEM, EOVERFLOW there are more files than we look at, or more of
 * ours than CLAIMS_OF_USER. What others have beyond that is passed over: their own carve grants
 * them nothing more either, so that no user can stop all.
 */
int claim_walk(const char *folder, bool (*each)(void *self, const struct claim *c), void *self);

/* Bytes promised on the device by living claims: granted ones, and those that ask. */
struct claim_sum {
    uint64_t granted_bytes, asking_bytes;
    unsigned n;
};

/* `device` says which one, and how much it has: who claims more than that is not counted. */
int claim_sum(struct claim_sum *out, const char *folder, const struct page_limit *device,
              uint64_t except_id);

enum claim_answer {
    CLAIM_GRANTED,
    CLAIM_NO_ROOM,
    CLAIM_CROWDED,    /* others ask too, and have for a second: try again */
    CLAIM_UNREADABLE, /* the folder cannot be read; errno */
};

/*
 * Decides the claim of a page that page_make made: PAGE_GRANTED, or else PAGE_WAITING. On
 * CLAIM_NO_ROOM *out_device says where. May be asked again.
 */
enum claim_answer claim_decide(struct page *p, const char *folder, uint32_t *out_device);

/* Takes away the pages in the folder that are ours (or anyone's, for root) and dead; how many. */
unsigned claim_clean(const char *folder);

#endif
