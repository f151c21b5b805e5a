/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the MIG part shows on the node: the state label, annotations that tell why and of which
 * wish, and the taint that keeps new pods away while holders are evicted. Kept true, not just
 * written once.
 */
#ifndef GATEWAY_MIG_MARK_H
#define GATEWAY_MIG_MARK_H

#include <stdbool.h>

struct err;
struct gateway;
struct mig_mark;

#define MIG_MARK_TAINT "carve.dev/mig-change"
#define MIG_MARK_DRAIN_LABEL "carve.dev/mig.drain"

/* Borrowed. state NULL: label and annotations are not touched; "": ours are to be gone. */
struct mig_mark_wish {
    const char *state;
    const char *message;
    const char *wish; /* name of the configuration */
    bool rebooted;    /* the one reboot for it was asked for */
    bool taint;
};

int mig_mark_open(struct mig_mark **out, struct gateway *g, struct err *e);
void mig_mark_close(struct mig_mark *m);

/* Compares and writes what differs. */
void mig_mark_keep(struct mig_mark *m, const struct mig_mark_wish *wish);

/* Whether label and annotations (or the taint) are on the node, as far as is known. */
bool mig_mark_shown(const struct mig_mark *m, const struct mig_mark_wish *wish);
bool mig_mark_tainted(const struct mig_mark *m);
bool mig_mark_untainted(const struct mig_mark *m); /* nor on its way there */

/* Whether this may not be written at all (403): e gets the words. */
bool mig_mark_forbidden(const struct mig_mark *m, bool taint, struct err *e);

/* What an earlier run has left on the node about this wish: NULL if it tells of another. */
const char *mig_mark_state(const struct mig_mark *m, const char *wish);
const char *mig_mark_message(const struct mig_mark *m, const char *wish);
bool mig_mark_rebooted(const struct mig_mark *m, const char *wish);

#endif
