/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An instance type as a file tells it, in the file's numbers; made into a type of the catalogue:
 * its labels' parts, what of its GPU is known, and what a node of it has to give by Karpenter's
 * reckoning (default settings, the VPC CNI without prefixes, AL2023).
 */
#ifndef COST_DRAFT_H
#define COST_DRAFT_H

#include "cost/rows.h"

enum { DRAFT_TEXT_SIZE = 64 };

/* What nobody told is 0 or "". */
struct draft {
    char name[DRAFT_TEXT_SIZE];
    char arch[DRAFT_TEXT_SIZE]; /* "amd64", "arm64" */
    char cpu_manufacturer[DRAFT_TEXT_SIZE], hypervisor[DRAFT_TEXT_SIZE];
    char gpu_name[DRAFT_TEXT_SIZE];         /* "L4", "RTX PRO 4500" or as in the label */
    char gpu_manufacturer[DRAFT_TEXT_SIZE]; /* "NVIDIA" */
    unsigned vcpus, efa_interfaces, max_pods;
    uint64_t memory_mib, local_nvme_gb, network_mbps;
    unsigned gpus;        /* whole boards */
    unsigned gpu_devices; /* as the guest sees them; 0: as many as boards */
    double gpu_part;      /* 0: whole */
    uint64_t gpu_memory_mib, gpu_total_mib;
    bool old; /* of a generation that is no longer current */
};

/* The most pods by network addresses: each interface keeps one of its own, two pods need none. */
unsigned draft_pods(unsigned interfaces, unsigned addresses);

/* What kubelet and the VM leave for pods. */
unsigned draft_allocatable_milli_cpu(unsigned vcpus);
uint64_t draft_allocatable_memory_mib(uint64_t memory_mib, const char *arch, unsigned max_pods);

/* Sets what is allocatable; pods, where nobody told, are kubelet's default. */
void draft_reckon(struct instance_type *t);

/*
 * Judges the draft and adds it to the rows, not yet reckoned. What is known of its GPU comes from
 * `now`.
 */
int draft_add(const struct draft *d, struct rows *rows, const struct catalog_content *now,
              const struct catalog_place *place, struct err *e);

#endif
