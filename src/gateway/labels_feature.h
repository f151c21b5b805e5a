/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NodeFeature object by which labels reach a node where the Node Feature Discovery (NFD) runs:
 * "nvidia-features-for-<node>" in our namespace, of the name and form that GPU feature discovery
 * gives it. Watches all of that name, so that NFD is noticed when it comes and goes, and so is
 * another program that writes one.
 */
#ifndef GATEWAY_LABELS_FEATURE_H
#define GATEWAY_LABELS_FEATURE_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct gateway;
struct labels;
struct labels_feature;

int labels_feature_open(struct labels_feature **out, struct gateway *g, struct err *e);
void labels_feature_close(struct labels_feature *f);

enum labels_nfd {
    LABELS_NFD_UNKNOWN, /* the API server has not answered yet */
    LABELS_NFD_ABSENT,  /* it has no NodeFeatures, or we may not read them */
    LABELS_NFD_THERE,
};
enum labels_nfd labels_feature_nfd(const struct labels_feature *f);

/* Whether GPU feature discovery itself writes the object of our name in our namespace. */
bool labels_feature_is_taken(const struct labels_feature *f);

/* Whether there is one of ours, or a request of ours for it is under way. */
bool labels_feature_is_ours(const struct labels_feature *f);

/* Whether the last attempt to write the object failed. */
bool labels_feature_fails(const struct labels_feature *f);

/*
 * The object shall have these labels; NULL: it shall not be there. Begins what is missing. Every
 * part looks again when that has ended, and when it is time to try again.
 */
void labels_feature_want(struct labels_feature *f, const struct labels *wanted);

/* The object is deleted if it is ours, without an end to trying; `done` may come at once. */
typedef void labels_feature_removed(void *self);
void labels_feature_remove(struct labels_feature *f, labels_feature_removed *done, void *self);

#endif
