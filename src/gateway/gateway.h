/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's network face: what it knows, and the parts that act on it. Everything is level-
 * triggered: whenever anything known changes, gateway_changed() makes every part look at the whole
 * again, compare what should be with what is, and start what is missing. So an API outage, a lost
 * message or a restart needs no repair of its own.
 *
 *   carved --link----> state ---+--labels----> node labels or NodeFeature
 *   API ---own_node--> node ----+--choice----> carved: configuration
 *                               +--mig-------> carved: MIG change; state label
 *                               +--condition-> AcceleratedHardwareReady, Events, fault taint
 *                               +--ready-----> start-up taint gone
 *   EC2 ----metadata--> notice -----interruption-> Events, taint, evictions
 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct choice;
struct condition;
struct err;
struct events;
struct http;
struct interruption;
struct labels_part;
struct link;
struct mig_part;
struct node_state;
struct own_node;
struct ready;

#define GATEWAY_MANAGER "carve-gateway" /* field manager of all that we write */
#define GATEWAY_NOT_READY_TAINT "carve.dev/not-ready"

/* Where features are written: on the node, as a NodeFeature for NFD, or (auto) whichever serves. */
enum gateway_labels {
    GATEWAY_LABELS_AUTO,
    GATEWAY_LABELS_NODE,
    GATEWAY_LABELS_NODE_FEATURE,
    GATEWAY_LABELS_OFF,
};

/* What is done about EC2's recommendation to rebalance, each with what is before it. */
enum gateway_rebalance {
    GATEWAY_REBALANCE_EVENT,
    GATEWAY_REBALANCE_TAINT,
    GATEWAY_REBALANCE_DRAIN,
};

/* From the command line and the environment. Strings are borrowed; NULL: not given. */
struct gateway_options {
    const char *socket;     /* carved's; "/run/carve/carved.sock" */
    const char *kubeconfig; /* NULL: $KUBECONFIG, else the pod's service account */
    const char *node_name;  /* $NODE_NAME */
    const char *namespace;  /* $NAMESPACE; "default" */
    const char *pod_name;   /* $POD_NAME: owner of the NodeFeature, with its DaemonSet */
    const char *daemon_set; /* its name; gone or going: what is ours is removed at the end */
    enum gateway_labels labels;
    bool no_timestamp; /* no nvidia.com/gfd.timestamp */

    const char *config_map;       /* with the node's configurations; NULL: none by label */
    const char *config_label;     /* "nvidia.com/device-plugin.config" */
    const char *config_default;   /* key without a label; NULL: the fallbacks */
    const char *config_fallbacks; /* "named,single" */

    bool mig;                   /* act on mig_label */
    const char *mig_label;      /* "nvidia.com/mig.config" */
    const char *mig_config_map; /* with mig-parted's file; NULL: the node's default configuration */
    const char *mig_default;  /* configuration of a node without the label; NULL: leave it alone */
    unsigned mig_deadline_ms; /* for one change with its drain; 10 min */
    bool mig_drain;           /* holders may be evicted where the node's label asks for it */
    bool mig_reboot;          /* carved may be asked to reboot the node */

    unsigned ready_deadline_ms; /* behind the start-up taint; 5 min */
    unsigned carved_grace_ms;   /* without carved, until the node counts as unwatched; 1 min */
    const char
        *fault_taint; /* "carve.dev/fault:NoExecute" while a GPU-wide fault lasts; NULL: none */

    bool interruption;             /* act on EC2's notices of this instance's end */
    const char *metadata_endpoint; /* "http://169.254.169.254" */
    unsigned metadata_interval_ms; /* between two looks there; 5 s */
    enum gateway_rebalance interruption_rebalance;
};

/* Owns everything below it but the loop. */
struct gateway {
    uv_loop_t *loop;
    struct gateway_options options;
    struct http *http;
    struct link *link;         /* carve.v1.Node */
    struct own_node *own_node; /* this node's Node object */
    struct events *events;     /* Kubernetes Events */
    uv_idle_t soon;            /* parts are to look again in this turn of the loop */
    uint64_t started_ms;       /* the loop's time */
    bool ending;               /* no part looks any more */

    struct labels_part *labels;
    struct choice *choice;
    struct mig_part *mig;
    struct condition *condition;
    struct ready *ready;
    struct interruption *interruption;
};

int gateway_open(struct gateway *g, uv_loop_t *loop, const struct gateway_options *options,
                 struct err *e);
void gateway_close(struct gateway *g);

/* Something that is known has changed: every part looks again, in this turn of the loop. */
void gateway_changed(struct gateway *g);

/* What carved told last, borrowed until the next turn of the loop; NULL: nothing yet. */
const struct node_state *gateway_state(const struct gateway *g);

/*
 * A part, in the way of all six:
 *   int  x_open(struct x **out, struct gateway *g, struct err *e);
 *   void x_look(struct x *x);   compare and act; cheap, and harmless at any time; never blocks
 *   void x_close(struct x *x);  may end after the call, with the loop
 * A part that failed waits with its own back-off (api/backoff.h, a timer of its own) and does not
 * repeat what was refused for good until something changes.
 */
#endif
