/* SPDX-License-Identifier: Apache-2.0 */
/* How the judges put what they find into the report. */
#ifndef DOCTOR_SAY_H
#define DOCTOR_SAY_H

#include "doctor/cluster.h"

/*
 * A diagnosis of a thing; one of the same cause and words that is there already counts one subject
 * more and is given back. Never NULL: without memory it is a spare one, and the arena has failed.
 */
struct diagnosis *say(struct doctor_report *r, const char *cause, unsigned likelihood,
                      const char *subject, const char *words);
void say_evidence(struct doctor_report *r, struct diagnosis *d, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void say_next(struct doctor_report *r, struct diagnosis *d, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void say_cure(struct doctor_report *r, struct diagnosis *d, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Text in the report's arena; "" without memory. */
const char *say_text(struct doctor_report *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Whether its evidence is that of the subject at hand, not of one like it before. */
bool say_first(const struct doctor_report *r, const struct diagnosis *d);

/*
 * Why a pod that has a node does not start there, by the kubelet's words; false if they do not say.
 * Also for a device plugin's pods.
 */
struct trouble {
    const char *cause, *words, *cure;
    unsigned likelihood;
    const char *evidence;
};
bool judge_trouble(struct doctor_report *r, const struct cluster *c, const struct workload *pod,
                   struct trouble *out);

/* Evidence: the pods that wait for a node that does not serve yet as Karpenter believes. */
void say_waiting(struct doctor_report *r, struct diagnosis *d, struct cluster *c,
                 const struct node *n);

/* The same if the node is behind its start-up taint, with the taint. */
void say_stuck(struct doctor_report *r, struct diagnosis *d, struct cluster *c,
               const struct node *n);

/* A container of the pod that does not run, with the kubelet's word for it; NULL if all do. */
const struct yaml_node *judge_failing(const struct workload *pod, const char **reason);

/* What a node says of itself in a condition; false: nothing is wrong with that. */
bool judge_configured(struct doctor_report *r, struct cluster *c, const struct node *n);
bool judge_hardware(struct doctor_report *r, struct cluster *c, const struct node *n);
/* A start-up taint of which nobody says why it stays. */
void judge_startup_taint(struct doctor_report *r, struct cluster *c, const struct node *n);

/* The likeliest first; then those with more subjects. */
void say_sort(struct doctor_report *r);

/* The judges, each over the whole cluster. */
void judge_nodes(struct doctor_report *r, struct cluster *c);
void judge_amounts(struct doctor_report *r, struct cluster *c);
void judge_plugins(struct doctor_report *r, const struct cluster *c);
void judge_pods(struct doctor_report *r, const struct cluster *c);
void judge_starts(struct doctor_report *r, const struct cluster *c);
void judge_karpenter(struct doctor_report *r, const struct cluster *c);

#endif
