/* SPDX-License-Identifier: Apache-2.0 */
/* Pages for the tests: a folder of their own in /dev/shm, and children that take part. */
#ifndef TESTS_UNIT_PAGE_PAGES_H
#define TESTS_UNIT_PAGE_PAGES_H

#include <sys/types.h>

#include "page/claim.h"
#include "page/page_charge.h"
#include "page/page_file.h"
#include "page/page_slot.h"

enum { PAGES_LIMIT = 1000, PAGES_TOTAL = 4000 };

/* A folder that any user may write to, as /dev/shm. Ends the test program where it cannot be. */
char *pages_folder_make(void);
void pages_folder_remove(char *folder);

/* One device with PAGES_LIMIT of PAGES_TOTAL bytes; we have its first slot. */
struct page *pages_make(const char *folder, char path[PAGE_PATH_SIZE]);
struct page_wish pages_wish(uint64_t limit_bytes);

/* A child that ends with what `run` returns, and its end: that, or 128 + the signal. */
pid_t pages_child(int (*run)(void *), void *argument);
int pages_end(pid_t pid);

/* Until the condition holds; false after 60 s. */
bool pages_until(bool (*holds)(void *), void *argument);

#endif
