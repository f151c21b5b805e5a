/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AWS sells with GPUs: instance types, their GPUs and MIG geometry, what a node of each has
 * to give, and dated prices. Built in from data/ec2-gpu-instances.json; files in AWS's own formats
 * and the user's own are laid over it.
 */
#ifndef COST_CATALOG_H
#define COST_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"
#include "gpu/gpu.h"

struct err;

enum {
    CATALOG_MAX_TYPES = 4096,
    CATALOG_MAX_PRICES = 1 << 20,
    CATALOG_MAX_QUOTAS = 1024,
    CATALOG_STALE_DAYS = 180, /* after which a price is said to be old */
};

enum purchase {
    PURCHASE_ON_DEMAND,
    PURCHASE_SPOT,
    PURCHASE_COMMITTED, /* Savings Plans, reservations, private prices: what the user says he pays
                         */
};

/* One price of a type. Zone "" where it holds for the whole region. */
struct price {
    const char *region, *zone;
    enum purchase purchase;
    double usd_per_hour;
    const char *date;  /* "2026-07-20", "2025-H2" (some day of that half); "" if nobody said */
    const char *basis; /* "exact", "estimated, from the family factor", the user's file */
};

/* Where a type is known not to be sold. Zone "" means the whole region. */
struct absence {
    const char *region, *zone;
};

/* A MIG profile by its name, and how many of it fit on one empty GPU. */
struct catalog_mig {
    const char *name;
    unsigned per_gpu;
};

struct instance_type {
    const char *name;   /* "g6.xlarge" */
    const char *family; /* "g6" */
    const char *size;   /* "xlarge" */
    const char *arch;   /* "amd64", "arm64" */
    const char *cpu_manufacturer, *hypervisor;
    unsigned vcpus;
    uint64_t memory_mib;
    uint64_t local_nvme_gb;
    uint64_t network_mbps;
    unsigned efa_interfaces;
    /*
     * 0 GPUs for a type without; then the rest of the GPU's fields is empty. Of p6e-gb200 nobody
     * told the numbers: vcpus, memory_mib and gpus are 0, gpu_product and what follows from it say
     * that it has some.
     */
    unsigned gpus;                       /* boards, or parts of one that AWS sells as a GPU */
    double gpu_part;                     /* 1, or 0.125 for a g6f.large */
    const char *gpu_name;                /* as Karpenter labels it: "l4", "a100" */
    const char *gpu_manufacturer;        /* as Karpenter labels it: "nvidia", "amd" */
    const char *gpu_product;             /* "NVIDIA L4" */
    const char *gpu_architecture;        /* "Ada Lovelace" */
    const char *compute_capability;      /* "8.9" */
    uint64_t gpu_memory_mib;             /* of each */
    unsigned label_gpu_count;            /* Karpenter's instance-gpu-count; 0 for g6f */
    unsigned catalog_gpus;               /* nvidia.com/gpu in Karpenter's catalogue; 0 for g6f */
    const char *board;                   /* key of the MIG table ("a100-40gb"), or NULL */
    const struct gpu_geometry *geometry; /* NULL: no MIG, or none known */
    bool mig;
    size_t n_mig_profiles; /* what AWS's and NVIDIA's papers say; also where geometry is NULL */
    const struct catalog_mig *mig_profiles; /* the smallest first */
    const char *mig_min_driver;             /* "" */
    unsigned allocatable_milli_cpu;         /* by Karpenter's reckoning, default settings */
    uint64_t allocatable_memory_mib;
    unsigned max_pods;
    bool legacy;     /* of a generation that AWS no longer lists among the current ones */
    const char *ami; /* architecture of EKS's AL2023 NVIDIA image: "x86_64", "arm64", "" */
    size_t n_prices;
    const struct price *prices;
    size_t n_absences;
    const struct absence *absences;
};

/* How many vCPUs of running instances an account may have, of all the families together. */
struct quota {
    const char *region;
    enum purchase purchase; /* on-demand or spot: AWS counts them apart */
    size_t n_families;
    const char *const *families; /* "g6", or a category of Karpenter's: "g" is g4dn, g5, g6e, … */
    unsigned vcpus;
};

/* Owns everything in it. Immutable once loaded. */
struct catalog;

/* The built-in one; then catalog_add lays files over it. */
int catalog_open(struct catalog **out, struct err *e);
void catalog_free(struct catalog *c);
OWN_POINTER(struct catalog, catalog_free);

/*
 * A file in any of: `aws ec2 describe-instance-types`, AWS's price list (offer file, or
 * `aws pricing get-products`), `aws ec2 describe-spot-price-history`, carve's own
 * (carve-catalog(5)). It is known by its content. Contradictions are errors that name both sides;
 * nothing changes then.
 */
int catalog_add(struct catalog *c, const char *file, struct err *e);

/* The same for who wants to know how far a long file is read; total is 0 for a pipe. */
struct catalog_watch {
    void *self;
    void (*read)(void *self, uint64_t done_bytes, uint64_t total_bytes);
};
int catalog_add_watched(struct catalog *c, const char *file, const struct catalog_watch *watch,
                        struct err *e);

const struct instance_type *catalog_find(const struct catalog *c, const char *name);
const struct instance_type *catalog_at(const struct catalog *c,
                                       size_t index); /* NULL past the last */
const char *catalog_date(const struct catalog *c);    /* of the built-in prices */

/* A family ("g6"), a region, a size ("xlarge") that the catalogue has. */
bool catalog_has_family(const struct catalog *c, const char *family);
bool catalog_has_region(const struct catalog *c, const char *region);
bool catalog_has_size(const struct catalog *c, const char *size);

/* The region of a zone ("eu-west-1a" is in "eu-west-1") by its name; false if it has none. */
enum { CATALOG_REGION_SIZE = 32 };
bool catalog_zone_region(char out[CATALOG_REGION_SIZE], const char *zone);

/* The nearest type, family or region that there is, for "did you mean"; NULL if none is near. */
const char *catalog_nearest_type(const struct catalog *c, const char *name);
const char *catalog_nearest_family(const struct catalog *c, const char *family);
const char *catalog_nearest_region(const struct catalog *c, const char *region);

/*
 * The lowest price of a type in a region for one of the purchase options (bits 1 << enum purchase),
 * or NULL: not sold there, or unknown.
 */
const struct price *catalog_price(const struct instance_type *t, const char *region,
                                  unsigned purchases);

enum {
    PURCHASE_ANY = 1 << PURCHASE_ON_DEMAND | 1 << PURCHASE_SPOT | 1 << PURCHASE_COMMITTED,
};
const char *purchase_name(enum purchase purchase); /* "on-demand", "spot", "committed" */

/*
 * Whether a type is sold in a region, or in a zone of it (NULL: the region as a whole). A price is
 * proof that it is; that there is none is no proof that it is not.
 */
enum sold {
    SOLD_UNKNOWN,
    SOLD_YES,
    SOLD_NO,
};
enum sold catalog_sold(const struct instance_type *t, const char *region, const char *zone);

/*
 * The latest day on which a price can have been seen, in days since 1970-01-01; 0 if the date says
 * nothing.
 */
int64_t price_day(const struct price *p);

/* The smallest quota that counts nodes of this type, or NULL: the user told none. */
const struct quota *catalog_quota(const struct catalog *c, const struct instance_type *t,
                                  const char *region, enum purchase purchase);

/*
 * The value of one of Karpenter's well-known labels on a node of this type
 * ("karpenter.k8s.aws/instance-family", "kubernetes.io/arch", …); false if the type does not
 * carry it. Zone, capacity type and hostname are no labels of a type.
 */
enum { CATALOG_LABEL_SIZE = 64 };
bool catalog_label(char out[CATALOG_LABEL_SIZE], const struct instance_type *t, const char *key);

/*
 * Labels of Karpenter that nodes of every type carry with a value that the catalogue does not know
 * ("karpenter.k8s.aws/instance-ebs-bandwidth"): a requirement on one may meet anything.
 */
bool catalog_label_open(const char *key);

#endif
