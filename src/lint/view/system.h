/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system that the documents and commands describe together, as typed views: who asks for GPUs,
 * which nodes Karpenter may buy, what the device plugin and MIG make of them. Views read leniently:
 * also where a field stands in a wrong or an old place, so that one run finds everything.
 * A NULL node means that nothing was written.
 */
#ifndef LINT_SYSTEM_H
#define LINT_SYSTEM_H

#include "config/config.h"
#include "config/mig_file.h"
#include "cost/catalog.h"
#include "lint/read/text.h"

struct lint;

/* Requirement operators of Karpenter, and of node affinity. */
enum operator{
    OPERATOR_IN,
    OPERATOR_NOT_IN,
    OPERATOR_EXISTS,
    OPERATOR_DOES_NOT_EXIST,
    OPERATOR_GT,
    OPERATOR_LT,
    OPERATOR_GTE,
    OPERATOR_LTE,
    OPERATOR_UNKNOWN,
};

struct requirement {
    const char *key;
    enum operator op;
    size_t n_values;
    const char **values;
    const struct yaml_node *node;        /* the whole entry */
    const struct yaml_node *values_node; /* may be NULL */
};

struct taint {
    const char *key, *value, *effect; /* "" where nothing is written */
    const struct yaml_node *node;
};

struct toleration {
    const char *key, *op, *value, *effect; /* "" where nothing is written; no key: all */
    const struct yaml_node *node;
};

/* A resource name with a whole amount (a quantity rounded up; memory in bytes, CPU in milli). */
struct amount {
    const char *name;
    int64_t count;
    const struct yaml_node *node; /* of the value */
    const struct yaml_pair *pair;
};

/* A NodePool, or a Provisioner of old. */
struct pool {
    const struct document *doc;
    const char *name;
    const struct yaml_node *template_spec; /* where it is, or spec where a template lacks */
    const struct yaml_node *labels;        /* of the template: what its nodes will carry */
    size_t n_requirements;
    struct requirement *requirements;
    const struct yaml_node *requirements_node;
    size_t n_taints, n_startup_taints;
    struct taint *taints, *startup_taints;
    size_t n_limits;
    struct amount *limits;
    const struct yaml_node *limits_node; /* the flat or the nested map */
    const char *class_name;              /* "" if it names none */
    const struct node_class *class;      /* if it is in the set */
    bool foreign_class;                  /* of EKS Auto Mode: no EC2NodeClass can be meant */
    bool fixed;                          /* a static pool (spec.replicas): never grows for pods */
    int weight;
    /* The catalogue's types that its requirements allow; values that name no size or type as such
     * ("g5.xlarge" as a size) count as what was meant. */
    size_t n_types;
    const struct instance_type **types;
    bool types_open;  /* a placeholder or an unknown type: more than `types` may be meant */
    bool others;      /* allows types without GPUs too, which the catalogue does not have */
    bool names_types; /* types, families, sizes or GPU names are named: not simply everything */
    bool gpu;         /* its types have GPUs, or it asks for them in its own words */
};

/* An EC2NodeClass, or an AWSNodeTemplate of old. */
struct node_class {
    const struct document *doc;
    const char *name;
    const char *family; /* amiFamily, or that of the alias; in the spelling of amiFamily */
    const char *alias;  /* "" if there is none */
    const struct yaml_node *spec;
};

struct overlay {
    const struct document *doc;
    const char *name;
    size_t n_requirements;
    struct requirement *requirements;
    size_t n_capacity;
    struct amount *capacity;
    const struct yaml_node *price; /* price or priceAdjustment */
    int weight;
};

/* A thing that makes pods: Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob. */
struct workload {
    const struct document *doc;
    const char *kind, *name, *space;
    const struct yaml_node *pod;      /* the pod's spec */
    const struct yaml_node *pod_meta; /* its metadata; may be NULL */
    const char *pod_path;             /* "spec", "spec.template.spec", "spec.jobTemplate.…" */
    unsigned pods;                    /* as many as it makes at once; 0 if it is scaled to none */
    size_t n_tolerations;
    struct toleration *tolerations;
    const struct yaml_node *node_selector;
    size_t n_affinity; /* required node affinity: terms, any of which is enough */
    struct affinity_term {
        size_t n_requirements;
        struct requirement *requirements;
    } * affinity;
    size_t n_asks; /* of a whole pod, its containers summed up, init containers' maximum in */
    struct amount *asks;
    bool gpu;                 /* asks for a resource of a GPU, or of a name like one */
    const struct amount *ask; /* the first such; NULL */
    unsigned told;            /* enum reach_fault bits that an error tells of already */
    struct alike *alike;      /* match_index.h: all that pools cannot tell from it */
};

/* What the reader of a configuration file says of it. */
struct config_note {
    bool error; /* else a warning */
    struct spot spot;
    const char *text; /* the thing and the cure */
};

/* A device plugin's configuration file. */
struct plugin_config {
    const struct document *doc;    /* the file's own document */
    const struct document *holder; /* the ConfigMap or the Helm values around it; NULL: a file */
    const char *key;               /* its name in there, what the node label picks; "" */
    struct config *config;         /* owned; NULL: not readable */
    size_t n_notes;
    struct config_note *notes; /* of config_parse, by place; none of a template's */
    bool loaded; /* a release or a DaemonSet of the set names its holder, or cannot be seen here */
};

/* A mig-parted file. */
struct mig_configs {
    const struct document *doc;
    const struct document *holder;
    const char *key;
    struct mig_file *file; /* owned; NULL: not readable */
    size_t n_notes;
    struct config_note *notes; /* of mig_file_parse */
};

enum chart {
    CHART_OTHER,
    CHART_DEVICE_PLUGIN, /* NVIDIA's nvidia-device-plugin */
    CHART_GPU_OPERATOR,
    CHART_GPU_FEATURE_DISCOVERY,
    CHART_NFD,
    CHART_DCGM_EXPORTER,
    CHART_KARPENTER,
    CHART_CARVE,
};

/* One value that a release sets: --set, --set-string, --set-json, or a leaf of a values file. */
struct helm_value {
    const char *path; /* "migManager.config.default", "config.map.default" */
    const char *text; /* of a scalar; "" for {} and [] */
    struct spot spot;
    const struct word *word;      /* of a command; NULL */
    const struct document *doc;   /* of a file; NULL */
    const struct yaml_pair *pair; /* in it */
};

/* A chart as it is installed: helm install|upgrade|template, Flux, Argo CD, or a values file. */
struct release {
    enum chart chart;
    const char *name;              /* "" if it is generated */
    const char *space;             /* its namespace; "" if none is said */
    const char *reference;         /* "nvdp/nvidia-device-plugin" */
    const char *version;           /* "" if none is said; without a leading v */
    const struct command *command; /* or */
    const struct document *doc;
    struct spot spot, version_spot;
    const struct word *version_word; /* NULL */
    size_t n_values;
    struct helm_value *values; /* the last of a path counts */
    bool values_open;          /* takes values from where this run cannot look */
};

struct system {
    size_t n_documents, n_commands;
    struct document **documents;
    struct command **commands;
    size_t n_pools, n_classes, n_overlays, n_workloads, n_plugins, n_migs, n_releases;
    struct pool *pools;
    struct node_class *classes;
    struct overlay *overlays; /* as Karpenter applies them: by weight, then name, descending */
    struct workload *workloads;
    struct plugin_config *plugins;
    struct mig_configs *migs;
    struct release *releases;
    size_t n_defaults; /* mig-parted's default configurations that were asked for, by board */
    struct mig_default {
        const char *board;
        struct mig_file *file; /* owned */
    } * defaults;
    bool eks;                      /* something in the set belongs to EKS or to Karpenter on AWS */
    const struct document *policy; /* the GPU operator's ClusterPolicy; NULL */
    bool has_plugin;               /* something in the set brings a device plugin */
    bool partial;                  /* a bound was met: what was left out cannot be judged */
    struct match_index *index;     /* match_index.h */
};

/* Makes the views of all documents and commands; -ENOMEM. */
struct err;
int system_read(struct lint *l, struct system *s, struct err *e);

/* Frees what the views own beside the run's arena. */
void system_done(struct system *s);

/* The last value at that path, or NULL. */
const struct helm_value *release_value(const struct release *r, const char *path);

/* The label of the pool's nodes, or NULL. A requirement In with one value is a label too. */
const char *pool_label(const struct pool *p, const char *key);

/* "nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-…", and names meant as such. */
bool resource_is_gpu(const char *name);
/* The profile in "nvidia.com/mig-1g.5gb", or NULL for another resource. */
const char *resource_profile(const char *name);
/* Whether two profiles are the same: "1g.5gb+me" is "1g.5gb.me" in names of resources. */
bool resource_same_profile(const char *a, const char *b);

/* A Kubernetes quantity ("500m", "2Gi", "4"), rounded up, times `unit`; false if it is none. */
bool quantity_read(int64_t *out, const char *text, int64_t unit);

bool taint_tolerated(const struct taint *t, const struct toleration *tolerations, size_t n);

/* Whether a value meets a requirement; NULL: the label is not there. */
bool requirement_meets(const struct requirement *r, const char *value);

#endif
