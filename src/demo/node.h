/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node of the demo: the emulated driver, the real carved on it, the stand-in kubelet and the
 * containers that it has started. SIGINT, SIGTERM and SIGHUP end what is waited for with -EINTR.
 */
#ifndef DEMO_NODE_H
#define DEMO_NODE_H

#include <stdbool.h>
#include <uv.h>

#include "demo/container.h"
#include "demo/places.h"

struct err;
struct kubelet;

enum { NODE_MAX_CONTAINERS = 64, NODE_MAX_TENANTS = 2, NODE_SIGNALS = 3 };

/* A program under way or ended. */
struct node_program {
    uv_process_t process;
    bool runs;
    bool failed; /* ended, and not with 0 */
};

struct node {
    uv_loop_t *loop;
    struct places places;
    struct kubelet *kubelet;
    struct node_program carved, other;
    uv_signal_t signals[NODE_SIGNALS];
    bool interrupted;
    size_t log_read; /* bytes of carved's log that node_read_log gave */
    size_t n_containers;
    struct container containers[NODE_MAX_CONTAINERS];
    size_t n_tenants;
    struct node_program tenants[NODE_MAX_TENANTS];
};

/* `name` is what CARVE_EMULATOR_NODE takes: an EC2 type or a file. */
int node_open(struct node *n, const char *name, struct err *e);
void node_close(struct node *n);

/* Replaces carved's configuration file by rename, as a ConfigMap update would. */
int node_configure(struct node *n, const char *text, struct err *e);

/* Starts carved with the configuration as it stands, and waits until it serves. */
int node_start(struct node *n, struct err *e);

/*
 * Runs `carve WORDS…` on the node. What it says, errors included, is in *output (free() it) even if
 * it fails, which is -EIO.
 */
int node_carve(struct node *n, const char *const *words, char **output, struct err *e);

/*
 * Starts `carve WORDS…` and waits until what it says ends with `last`; it then stays until
 * node_end_tenants. What it has said is in *output as of node_carve.
 */
int node_carve_stays(struct node *n, const char *const *words, const char *last, char **output,
                     struct err *e);
void node_end_tenants(struct node *n);

/* What carved has logged since the last time; new string, NULL: nothing. */
char *node_read_log(struct node *n);

/* Waits until the kubelet's summary is `summary`; the error says what it is instead. */
int node_expect(struct node *n, const char *summary, struct err *e);

/* Waits until the kubelet has something and it changes no more. */
int node_settle(struct node *n, struct err *e);

/* Waits for a signal. */
void node_hold(struct node *n);

/* A container with `count` slices; its report is appended to out. */
int node_run(struct node *n, const char *pod, const char *resource, size_t count, struct buf *out,
             struct err *e);
void node_end_containers(struct node *n);

#endif
