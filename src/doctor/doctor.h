/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why GPUs do not serve in a cluster, found by reading its API: pods that wait, nodes that do not
 * become ready, plugins and labels that lack. Pure once the objects are there.
 */
#ifndef DOCTOR_DOCTOR_H
#define DOCTOR_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct api;
struct err;
struct lint;

/* What is wrong with one thing. Its texts live in the report's arena. */
struct diagnosis {
    const char *cause;   /* stable id: "taint-not-tolerated" */
    const char *subject; /* "pod team-a/train-7d9f", "node ip-10-0-1-2" */
    unsigned n_subjects; /* that have the same cause, this one included */
    unsigned likelihood; /* percent that this is the true cause */
    const char *words;   /* what is wrong, with names and numbers */
    size_t n_evidence;
    const char **evidence; /* what was seen, each with where it was seen */
    const char *next;      /* the next command to run; "" */
    const char *cure;      /* what to change; "" */
};

/* Who has GPUs of a node. */
struct holding {
    const char *node, *resource;
    long long allocatable, held;
    size_t n_holders;
    const char **holders; /* "team-a/train-7d9f (1)" */
};

struct doctor_report {
    struct arena arena;
    size_t n_diagnoses;
    struct diagnosis *diagnoses; /* the likeliest first */
    size_t n_holdings;
    struct holding *holdings;
    unsigned n_nodes, n_gpu_nodes, n_gpu_pods, n_pending; /* pods that ask for GPUs and wait */
    struct diagnosis spare;                               /* for what memory was not enough for */
    size_t n_unseen;
    const char *
        *unseen; /* what could not be read, and so was not judged: "nodepools: not allowed" */
};

/* Reads the cluster through the API and judges. Only what is not there or not allowed is passed
 * over (unseen); a server that cannot be reached is an error. */
int doctor_cluster(struct doctor_report *out, struct api *api, struct err *e);
void doctor_done(struct doctor_report *r);

#endif
