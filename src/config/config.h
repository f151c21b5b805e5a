/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's configuration: NVIDIA's device-plugin file, version v1, with everything of carve's own
 * under the top-level key `carve`; and the settings that flags and environment may lay over it.
 * Source of names, defaults and precedence: NVIDIA k8s-device-plugin v0.20.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/own.h"

struct err;
struct findings;

/* One GPU's list of more replicas than this is over the kubelet's 4 MiB whatever their names. */
enum { CONFIG_MAX_REPLICAS = 70000 };

enum config_mig {
    CONFIG_MIG_NONE,
    CONFIG_MIG_SINGLE,
    CONFIG_MIG_MIXED,
};

/* How a container gets its slice; may be combined. */
enum config_injection {
    CONFIG_INJECT_ENVVAR = 1 << 0,
    CONFIG_INJECT_CDI_CRI = 1 << 1,
};

enum config_spread {
    CONFIG_DISTRIBUTED,
    CONFIG_PACKED,
};

/* Which GPUs of a resource an entry means. */
enum config_devices_kind {
    CONFIG_DEVICES_ALL,
    CONFIG_DEVICES_COUNT, /* the first `count` */
    CONFIG_DEVICES_LIST,  /* index, "i:j", UUIDs */
};

/*
 * One entry of sharing.timeSlicing.resources. No two mean all devices of one resource; where
 * entries of one resource (honor: [devices]) overlap, the later counts. Owns its strings.
 */
struct config_share {
    char *name;   /* with its prefix: "nvidia.com/gpu"; the node may have no such resource */
    char *rename; /* NULL: as renameByDefault says; else with its prefix */
    unsigned replicas;
    enum config_devices_kind devices_kind;
    unsigned devices_count;
    size_t n_devices;
    char **devices;
    unsigned line, column;
};

/*
 * One entry of resources.gpus or resources.mig (only with honor: [resources]). The first that
 * matches a GPU's product name or a MIG profile names its resource; behind the file's own stand
 * '*' as nvidia.com/gpu for GPUs and, with strategy single, for MIG. Owns its strings.
 */
struct config_pattern {
    char *pattern; /* '*' matches anything; anchored at both ends */
    char *name;    /* with its prefix */
};

/* Owns everything it points to. */
struct config {
    enum config_mig mig_strategy;
    bool fail_on_init_error;
    char *driver_root;           /* on the host */
    char *dev_root;              /* on the host; NULL: driver_root */
    char *container_driver_root; /* where driver_root is seen from here */
    char *cdi_hook;              /* NVIDIA's hook program, on the host; NULL: looked for */
    bool no_cdi_hook;            /* --cdi-disable-hooks */
    unsigned injection;          /* enum config_injection bits */
    enum config_spread spread;
    bool strict; /* asked for by the file or the caller */
    bool honor_resources, honor_devices, honor_rename;
    bool rename_by_default;
    bool fail_requests_greater_than_one;
    size_t n_shares;
    struct config_share *shares;
    size_t n_gpu_patterns, n_mig_patterns;
    struct config_pattern *gpu_patterns, *mig_patterns;
};

/* What a setting's value may be. */
enum config_kind {
    CONFIG_TRUTH,
    CONFIG_CHOICE,  /* one of `choices` */
    CONFIG_CHOICES, /* some of them: a list, or joined by commas */
    CONFIG_PATH,    /* absolute */
    CONFIG_TEXT,
    CONFIG_FREE, /* another program's: not looked at */
};

/* A setting that file, flags and environment may give. */
struct config_setting {
    const char *key;            /* in the file: "flags.migStrategy"; without a dot: not in it */
    const char *flag;           /* without dashes; NULL: only in the file */
    const char *alias;          /* another flag of the same meaning, or NULL */
    const char *environment[2]; /* with the dollar: "$MIG_STRATEGY"; the first that is set counts */
    const char *argument; /* placeholder for help; of a CONFIG_TRUTH flag it may be left out */
    const char *help;
    enum config_kind kind;
    const char *choices[5]; /* NULL-ended */
    unsigned refused;       /* bits of choices (CONFIG_TRUTH: 2 is true) that carve cannot do yet */
    const char *instead;    /* what to do then */
};

/* The table has no more entries, and the environment gives no more overrides, than this. */
enum { CONFIG_MAX_SETTINGS = 32 };

/* The table that command line, environment, --help and manual share. */
const struct config_setting *config_settings(size_t *count);

/*
 * A setting that was given on the command line or in the environment: key as in the file
 * ("flags.migStrategy"), value as text, origin for messages ("--mig-strategy", "$MIG_STRATEGY").
 * A flag without a value is "true". Borrows its strings.
 */
struct config_override {
    const char *key;
    const char *value;
    const char *origin;
};

/* The overrides that the environment holds; returns their number. Empty variables are not set. */
size_t config_environment(struct config_override *out, size_t max);

/*
 * Reads a file's text (size 0: defaults only) and lays the overrides over it, later ones over
 * earlier ones: give the environment's first, then the command line's. (The same origin twice
 * adds to a list.) All warnings and errors go to f, by place. Returns 0 with *out, also with
 * warnings; -EINVAL when f holds an error (with `strict` also unknown and inert keys are errors)
 * and -ENOMEM. e gets the first error's line.
 */
int config_parse(struct config **out, const char *file, const char *text, size_t size,
                 const struct config_override *overrides, size_t n_overrides, bool strict,
                 struct findings *f, struct err *e);
void config_free(struct config *c);
OWN_POINTER(struct config, config_free);

/* Whether '*'-pattern matches all of text. */
bool config_glob(const char *pattern, const char *text);

#endif
