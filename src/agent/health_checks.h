/* SPDX-License-Identifier: Apache-2.0 */
/* Which XIDs take slices from containers: DP_DISABLE_HEALTHCHECKS and DP_ENABLE_HEALTHCHECKS. */
#ifndef AGENT_HEALTH_CHECKS_H
#define AGENT_HEALTH_CHECKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HEALTH_CHECKS_MAX = 256 }; /* numbers of a list */

/* One of the two lists. */
struct health_list {
    bool all;
    size_t count;
    uint64_t xids[HEALTH_CHECKS_MAX];
};

struct health_checks {
    struct health_list off, on;
    char junk[64]; /* the first word that is neither a number nor known, or "" */
};

/*
 * Lists are of numbers with commas between; "all" and "xids" mean every number. NULL is an empty
 * list. Words that mean nothing are skipped.
 */
void health_checks_read(struct health_checks *out, const char *disabled, const char *enabled);

/* Whether this number counts. Enabled goes before disabled, that before the application faults. */
bool health_checks_counts(const struct health_checks *c, uint64_t xid);

/* Nothing counts: health is not watched. */
bool health_checks_off(const struct health_checks *c);

#endif
