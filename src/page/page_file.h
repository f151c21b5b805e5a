/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page as a file: /dev/shm/carve-UID-ID, mode 0644, written by its owner alone. The folder is
 * sticky and belongs to root, so no one can take another's page away, and since ID is random, no
 * one can take its name in advance. CARVE_PAGES names another folder (a ledger of its own).
 */
#ifndef PAGE_PAGE_FILE_H
#define PAGE_PAGE_FILE_H

#include <limits.h>
#include <stdio.h>

#include "page/page.h"

enum { PAGE_PATH_SIZE = 512 };

/* What is wrong with a page. */
enum page_fault {
    PAGE_SOUND,
    PAGE_ABSENT,     /* errno says why it cannot be opened */
    PAGE_NOT_A_FILE, /* a link, a pipe, a device */
    PAGE_OTHERS_OWN, /* its owner may not give us a page, or is not the one whom name and head tell
                      */
    PAGE_OTHERS_WRITE,
    PAGE_WRONG_SIZE,
    PAGE_NOT_A_PAGE, /* magic */
    PAGE_OTHER_VERSION,
    PAGE_SEAL_BROKEN, /* the head was changed after it was written */
    PAGE_NONSENSE,    /* numbers beyond their bounds */
    PAGE_FAULTS,
};

/* "is not a page of carve"; what the page (or path) does wrong. */
const char *page_fault_words(enum page_fault fault);

/* $CARVE_PAGES (not for setuid programs) or "/dev/shm". */
const char *page_folder(void);

/* What a new page says; the rest is filled in. */
struct page_wish {
    const char *name; /* "" for none */
    uint32_t flags;
    uint32_t n_devices;
    struct page_limit limits[PAGE_DEVICES];
};

/*
 * Makes, maps and names a page, its claim PAGE_ASKING; the caller has its first slot, as PAGE_RUN.
 * Negative errno: ENOSPC the folder is full, ENOENT there is no such folder, EOPNOTSUPP it is on a
 * file system without O_TMPFILE, EINVAL a wish beyond the bounds or a name that is not printable
 * ASCII without spaces, ESRCH /proc cannot be read. Unmap with page_unmap.
 */
int page_make(struct page **out, char path[PAGE_PATH_SIZE], const char *folder,
              const struct page_wish *wish);

/*
 * Maps a page of ours or of root's (as root: of anyone's) to take part in it. PAGE_ABSENT with
 * errno. Never waits.
 */
enum page_fault page_map(struct page **out, const char *path);
void page_unmap(struct page *p);

/*
 * Copies a page of whomever, so that its owner cannot pull it away meanwhile. Name and head must
 * tell the file's owner and each other's id. *out_uid is set where the file could be looked at.
 */
enum page_fault page_read(struct page *out, const char *path, uint32_t *out_uid);

/* Is it the name of a page, and what does it tell? */
bool page_name(uint32_t *out_uid, uint64_t *out_id, const char *path);

/* What the head's seal should be. */
uint64_t page_seal(const struct page_head *head);

/* Checks what is in memory already: the bounds, the version, the seal. Looks at the head alone. */
enum page_fault page_check(const struct page *p, uint64_t size);

#endif
