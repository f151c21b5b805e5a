/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a cluster matters to the doctor: nodes with GPUs, pods that ask for GPUs or serve them,
 * Karpenter's objects, warnings. Everything lives as long as the lint run that holds the objects,
 * whose views (workloads, pools, overlays) are used as they are.
 */
#ifndef DOCTOR_CLUSTER_H
#define DOCTOR_CLUSTER_H

#include <time.h>

#include "doctor/doctor.h"
#include "lint/lint.h"
#include "lint/view/supply.h"

struct api;

enum {
    CLUSTER_MAX_NODES = 20000,
    CLUSTER_MAX_PODS = 100000, /* that ask for GPUs */
    CLUSTER_MAX_EVENTS = 20000,
    CLUSTER_MAX_CLAIMS = 20000,
    CLUSTER_MAX_VALUES = 1 << 24, /* of all objects together */
    CLUSTER_START_S = 300,        /* in which a node, or a claim of one, may well come up */
};

/* What could not be read, so that its absence says nothing. */
enum blind {
    BLIND_NODES = 1,
    BLIND_PODS = 2,
    BLIND_DAEMONS = 4,
    BLIND_SUPPLY = 8, /* what Karpenter would buy and what would become of it */
};

struct node {
    const char *name;
    const struct yaml_node *object, *labels;
    const struct pool *pool; /* Karpenter's that it is of; NULL */
    bool ready, cordoned;
    bool leaves;           /* it is being deleted */
    bool young;            /* made within CLUSTER_START_S */
    const char *not_ready; /* the kubelet's words */
    size_t n_taints, n_allocatable, n_capacity;
    struct taint *taints;
    struct amount *allocatable, *capacity; /* of all resources */
    int64_t *held;                         /* of each of capacity */
    const struct instance_type *type;      /* by its label; NULL */
};

struct pod {
    const struct document *doc;
    const struct workload *workload;                            /* its view */
    const char *name, *space, *phase, *node, *reason, *message; /* "" where nothing is said */
    const char *unschedulable;                                  /* the scheduler's words; "" */
    const char *pinned; /* the only node that its affinity names; "" */
    bool leaves;        /* it is being deleted */
    bool waits;         /* asks for a GPU and has no node */
    bool refused;       /* the kubelet refused it on its node */
    bool holds;         /* what it asks for is taken from its node */
};

/* A pod of any kind that was kept, on its node. */
struct place {
    const char *node;
    const struct workload *workload;
    const struct pod *pod; /* if it asks for GPUs; NULL */
};

struct event {
    const char *kind, *name, *space, *reason, *message;
    const char *time, *source; /* the last time, RFC 3339; who says it */
};

/* A Karpenter NodeClaim. */
struct claim {
    const struct document *doc;
    const char *name, *pool, *node;
    bool launched, registered, initialized;
    bool failed; /* the step that is not met is False, not just unknown yet */
    bool young;
    const char *reason, *message; /* of the first condition that is not met */
};

struct cluster {
    struct lint lint;
    struct catalog *catalog;
    struct schema_set *schemas;
    size_t n_nodes, n_pods, n_events, n_claims;
    struct node *nodes; /* those with GPUs, or meant to have some */
    size_t n_trees;     /* theirs, owned: lint takes a node for one that Karpenter did not buy */
    struct yaml_doc **trees;
    struct pod *pods;     /* those that ask for GPUs */
    struct event *events; /* warnings */
    struct claim *claims;
    size_t n_places;
    struct place *places; /* by node */
    size_t n_values;      /* of CLUSTER_MAX_VALUES */
    time_t now;
    unsigned blind; /* of enum blind */
    unsigned n_all_nodes;
    unsigned n_claiming; /* pods that wait with resource claims, which are not judged */
    bool has_karpenter_pools;
    bool karpenter_runs; /* its Deployment has an available replica, or cannot be seen */
    bool saw_karpenter;  /* a Deployment of it was found */
};

/* Sorts and sums up once all is read. -ENOMEM in the lint run. */
void cluster_index(struct cluster *c);

/* Reads all of it; what cannot be read goes to the report's `unseen`. */
int cluster_read(struct cluster *c, struct doctor_report *report, struct api *api, struct err *e);
void cluster_done(struct cluster *c);

/* A resource's amount in a list, 0 if it is not there. */
int64_t cluster_amount(const struct amount *items, size_t n, const char *resource);

/* How much of a resource the pods on a node have. */
int64_t cluster_held(const struct node *node, const char *resource);

/* The pods on a node. */
const struct place *cluster_places(const struct cluster *c, const char *node, size_t *n);

/* The last event about an object, of that reason if one is given; NULL. */
const struct event *cluster_event(const struct cluster *c, const char *kind, const char *space,
                                  const char *name, const char *reason);

/* Whether selector and required affinity of the pod let it onto the node; *label is one that not.
 */
bool cluster_selects(const struct workload *w, const struct node *node, const char **label);
/* Whether two wait for the same nodes and amounts. */
bool cluster_same(const struct pod *a, const struct pod *b);
/* Whether it tolerates the node's taints; *taint is one that it does not. */
bool cluster_tolerates(const struct workload *w, const struct node *node,
                       const struct taint **taint);

/* Whether a taint is there for the node's start alone and somebody has to take it off. */
bool cluster_startup_taint(const struct node *n, const struct taint *t);

/* Whether it is that, or one that comes and goes with the node's state. */
bool cluster_passing_taint(const struct node *n, const struct taint *t);

/* The start-up taint that keeps pods off a node whose kubelet is ready; NULL: none does. */
const struct taint *cluster_stuck(const struct node *n);

/* What Karpenter believes of a node like this; false where it did not buy it, or nobody can say. */
bool cluster_believed(struct cluster *c, struct supply *out, const struct node *n);

/* Whether a pod that waits will get the node's slices once it serves as Karpenter believes. */
bool cluster_waits_for(const struct pod *p, const struct node *n, const struct supply *believed);

/* A condition's map in status.conditions, or NULL. */
const struct yaml_node *cluster_condition(const struct yaml_node *object, const char *type);

/* The DaemonSets of a device plugin, by a part of its image; NULL past the last. */
const struct workload *cluster_daemon(const struct cluster *c, const char *image, size_t *index);

#endif
