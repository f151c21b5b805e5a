/* SPDX-License-Identifier: Apache-2.0 */
/* How the judges of a node put findings into the report, and the judges. */
#ifndef DOCTOR_NODE_SAY_H
#define DOCTOR_NODE_SAY_H

#include "doctor/node_facts.h"
#include "doctor/node_judge.h"

/* A new finding; its cure is "" until node_cure(). Without memory the arena has failed. */
void node_say(struct node_report *r, const char *check, enum node_level level, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Of the newest finding. */
void node_cure(struct node_report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* "not judged: <the words of a check that failed>"; false if it did not fail. */
bool node_follows(struct node_report *r, const char *check, const char *from);

bool node_has_failed(const struct node_report *r, const char *check);

/* "a, b and 3 more" out of texts. */
const char *node_list(struct node_report *r, const char *const *texts, size_t n);

/*
 * Whether this process sees less than carved does: it is in a container without the driver or the
 * GPUs, or runs as a user who may not open them. What is missing here then says nothing about the
 * node.
 */
bool node_elsewhere(const struct node_facts *f);

/* Whether a kubelet belongs to this machine. */
bool node_has_kubelet(const struct node_facts *f);

/* The judges, in the order of cause and effect. */
void node_judge_driver(struct node_report *r, const struct node_facts *f);
void node_judge_nodes(struct node_report *r, const struct node_facts *f);
void node_judge_nvml(struct node_report *r, const struct node_facts *f);
void node_judge_devices(struct node_report *r, const struct node_facts *f);
void node_judge_runtime(struct node_report *r, const struct node_facts *f);
void node_judge_kubelet(struct node_report *r, const struct node_facts *f);
void node_judge_carved(struct node_report *r, const struct node_facts *f);
void node_judge_cluster(struct node_report *r, const struct node_facts *f);
void node_judge_cuda(struct node_report *r, const struct node_facts *f);

#endif
