/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's state and the wiring between its parts. One thread runs the loop; the driver is only
 * touched by jobs of the worker (worker.h). State flows one way:
 *
 *   driver --observe--> inventory --+
 *                                   +--resolve--> resources --advertise--> kubelet
 *   file ----reload---> config -----+                  |
 *                                                      +--> CDI file, carve.v1.Node watchers
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "config/config.h"
#include "config/findings.h"
#include "gpu/driver.h"

struct advertise;
struct apply;
struct cdi_file;
struct configure;
struct err;
struct held;
struct health;
struct inventory;
struct observe;
struct reboot;
struct reload;
struct resource_list;
struct service;
struct worker;

/* Where things are; from the command line. Strings are borrowed from argv, environment or config.
 */
struct agent_options {
    const char *config_file;           /* NULL: defaults */
    const char *socket;                /* carve.v1.Node; "/run/carve/carved.sock" */
    const char *state_folder;          /* last good configuration; "/var/lib/carve" */
    const char *cdi_folder;            /* "/var/run/cdi" */
    const char *kubelet_socket;        /* "": serve plugins beside `socket`, do not register */
    const char *pod_resources_socket;  /* "/var/lib/kubelet/pod-resources/kubelet.sock" */
    const char *proc_root;             /* "/proc" */
    const char *sysfs_root;            /* "/sys" */
    unsigned rescan_ms;                /* how often the hardware is looked at again; 0: never */
    unsigned await_ms;                 /* for a first Configure, before slices are offered */
    unsigned driver_timeout_ms;        /* after which a driver call counts as hung */
    unsigned driver_grace_ms;          /* without the driver until all is withdrawn; 0: never */
    unsigned health_probation_ms;      /* of faults that pass by themselves; 0: they take nothing */
    const char *disabled_healthchecks; /* XIDs; NULL: none */
    const char *enabled_healthchecks;
    const char *reboot_command; /* in the host's mounts; NULL: nobody may reboot */
    int64_t gateway_user;       /* may change the node beside root and carved's own; -1: none */
    struct config_override *overrides; /* flags and environment */
    size_t n_overrides;
};

/* Owns everything below it but the loop. */
struct agent {
    uv_loop_t *loop;
    struct agent_options options;
    uint64_t generation; /* grows with every change of the node's state */

    struct worker *worker;
    struct driver driver;        /* only jobs touch it; closed while it cannot be opened */
    struct observe *observe;     /* keeps the inventory true */
    struct health *health;       /* faults, and what they take from containers */
    struct inventory *inventory; /* NULL until the first read */
    char driver_error[512];      /* "" or why the hardware cannot be read now */

    struct reload *reload;    /* watches the configuration file */
    struct config *defaults;  /* flags and environment over no file; never NULL */
    struct config *config;    /* in force; NULL: none good yet, no slices */
    struct findings findings; /* of the newest content */
    char config_error[512];   /* "" or why the newest content is not in force */
    bool last_good;           /* an older content is in force */

    struct resource_list *resources; /* NULL: nothing promised */
    struct held *held;               /* slices that stay until they are released */
    struct cdi_file *cdi_file;       /* what containers get by CDI */
    struct advertise *advertise;     /* device plugins and their registration */
    struct service *service;         /* carve.v1.Node */
    struct apply *apply;             /* MIG change under way, or NULL */
    struct configure *configure;     /* configuration that waits for its judgment, or NULL */
    struct reboot *reboot;           /* under way, or NULL */
    uint64_t allocated_ms;           /* when a slice was last given away; the loop's time */
    bool failed;                     /* agent_fail() was called */
    bool driver_lost;                /* a driver call never ended, closing did not wait for it */
};

/*
 * Opens everything and starts the first look at the hardware. -EINVAL: flags or environment make no
 * sense. agent_close() must follow on failure too.
 */
int agent_open(struct agent *a, uv_loop_t *loop, const struct agent_options *options,
               struct err *e);

/* The configuration in force or, without one, what flags and environment say. */
const struct config *agent_config(const struct agent *a);
/* Its driver root as seen from here: a workstation has no mount of it at another place. */
const char *agent_driver_root(const struct agent *a);

/* Closes everything; agent_done() when the loop has nothing more to do. */
void agent_close(struct agent *a);
void agent_done(struct agent *a);

/* Cannot go on: stops the loop, and the process with an error. */
void agent_fail(struct agent *a);

/* Whether the configuration can be had on this node; 0 while the hardware is not known. */
int agent_judge(const struct agent *a, const struct config *config, struct err *e);

/* Looks at everything but the hardware again, in case a notice of a change was missed. */
void agent_tick(struct agent *a);

/* The agent's inventory is another one; resolves. */
void agent_hardware_changed(struct agent *a);

/*
 * Makes resources from inventory and configuration, writes the CDI file, then tells kubelet and
 * watchers; to be called after either has changed. The kubelet is told only what changed.
 */
void agent_resolve(struct agent *a);

/*
 * Reads the hardware again on the worker; then resolves, then calls done(self, r, e) (may be NULL).
 * `words` say why when r < 0; the last inventory stays in force then. With a driver that hangs,
 * done is called at once.
 */
typedef void agent_observed(void *self, int r, const char *words);
void agent_observe(struct agent *a, agent_observed *done, void *self);

/* Something that watchers see has changed: grows the generation and wakes them. */
void agent_changed(struct agent *a);

#endif
