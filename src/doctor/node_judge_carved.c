/* SPDX-License-Identifier: Apache-2.0 */
/* carved: whether it runs, what it says of itself, its slices and their registration. */
#include <string.h>

#include "doctor/node_say.h"
#include "gpu/gpu.h"
#include "node/node_state.h"

enum { FREE_MIN_BYTES = 1 << 20 };

static void judge_running(struct node_report *r, const struct node_facts *f)
{
    const struct node_carved_facts *c = &f->carved;

    if (c->found == 0) {
        if (!node_has_kubelet(f)) {
            node_say(r, "carved", NODE_ABSENT,
                     "nobody listens at %s: commands read the driver "
                     "themselves",
                     c->socket);
            return;
        }
        node_say(r, "carved", NODE_FAILED, "carved does not run: nobody listens at %s", c->socket);
        node_cure(r, "see 'kubectl get pods -A -o wide | grep carve' and its log; does the "
                     "DaemonSet select and tolerate this node?");
    } else if (c->found < 0) {
        node_say(r, "carved", NODE_UNSEEN, "%s", c->error ? c->error : "cannot be asked");
        node_cure(r, "run as root, or name its socket with --socket");
    } else if (!c->state) {
        node_say(r, "carved", NODE_FAILED, "it listens but does not answer: %s",
                 c->error ? c->error : "no state");
        node_cure(r, "see its log and restart it");
    } else if (*c->state->version && strcmp(c->state->version, CARVE_VERSION) != 0) {
        node_say(r, "carved", NODE_WARNING, "runs %s, this carve is %s", c->state->version,
                 CARVE_VERSION);
        node_cure(r, "finish the upgrade: use programs of one version");
    } else {
        node_say(r, "carved", NODE_FINE, "answers at %s", c->socket);
    }
}

static void judge_hardware(struct node_report *r, const struct node_state *s)
{
    static const char *const causes[] = {"pci",      "kernel-module", "driver-library",
                                         "versions", "nvml",          "device-nodes"};

    for (size_t i = 0; i < s->n_faults; i++) {
        const struct node_fault *fault = &s->faults[i];

        const char *where =
            !*fault->uuid ? "the node" : arena_printf(&r->arena, "GPU %u", fault->gpu);
        const char *xid =
            fault->xid ? arena_printf(&r->arena, " (Xid %llu)", (unsigned long long)fault->xid)
                       : "";

        node_say(r, "faults", fault->slices > 0 ? NODE_FAILED : NODE_WARNING, "%s%s: %s%s%s",
                 where ? where : "", xid ? xid : "", fault->what, *fault->cause ? ": " : "",
                 fault->cause);
        node_cure(r, "%s", fault->cure);
    }
    if (!*s->driver_error)
        return;
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++)
        if (node_follows(r, "carved-driver", causes[i]))
            return;
    node_say(r, "carved-driver", NODE_FAILED, "carved cannot read the hardware: %s",
             s->driver_error);
    node_cure(r, "if the driver answers here, restart carved; in a pod, look at its mounts of the "
                 "driver and /dev");
}

static void judge_configuration(struct node_report *r, const struct node_state *s)
{
    if (*s->config_error) {
        node_say(r, "configuration", NODE_FAILED, "refused: %s; %s", s->config_error,
                 s->last_good ? "an older one is in force" : "none is in force");
        node_cure(r, "correct it: 'carved --check-config %s' judges a file",
                  *s->config_file ? s->config_file : "FILE");
    } else if (s->n_findings > 0) {
        node_say(r, "configuration", NODE_WARNING, "%s", node_list(r, s->findings, s->n_findings));
        node_cure(r, "correct it: 'carved --check-config %s' judges a file",
                  *s->config_file ? s->config_file : "FILE");
    } else {
        node_say(r, "configuration", NODE_FINE, "in force: %s",
                 *s->config_name   ? s->config_name
                 : *s->config_file ? s->config_file
                                   : "flags and environment alone");
    }
    if (s->n_notes > 0) {
        node_say(r, "slices", NODE_WARNING, "cannot be had: %s",
                 node_list(r, s->notes, s->n_notes));
        node_cure(r, "cut the GPUs as the configuration wants them ('carve mig apply'), or change "
                     "it");
    }
}

static void judge_registration(struct node_report *r, const struct node_facts *f,
                               const struct node_state *s)
{
    const char *names[64];
    size_t n = 0;

    for (size_t i = 0; i < s->n_resources && n < sizeof names / sizeof names[0]; i++)
        if (!s->resources[i].registered)
            names[n++] = s->resources[i].name;
    if (s->n_resources == 0)
        return;
    if (n == 0) {
        node_say(r, "registration", NODE_FINE, "the kubelet has taken all %zu resources",
                 s->n_resources);
    } else if (!node_has_kubelet(f)) {
        node_say(r, "registration", NODE_ABSENT, "there is no kubelet to register with");
    } else if (!node_follows(r, "registration", "kubelet")) {
        node_say(r, "registration", NODE_FAILED, "the kubelet has not taken %s",
                 node_list(r, names, n));
        node_cure(r, "see carved's log for the kubelet's answer; the folder of --kubelet-socket "
                     "must be the kubelet's own (in a pod: mounted)");
    }
}

static void judge_slices(struct node_report *r, const struct node_facts *f,
                         const struct node_state *s)
{
    unsigned long long slices = 0, healthy = 0;

    for (size_t i = 0; i < s->n_resources; i++) {
        slices += s->resources[i].slices;
        healthy += s->resources[i].healthy;
    }
    if (slices == 0) {
        if (node_follows(r, "slices", "configuration") ||
            node_follows(r, "slices", "carved-driver") || node_follows(r, "slices", "nvml") ||
            node_follows(r, "slices", "driver-library"))
            return;
        node_say(r, "slices", s->resolved || !s->inventory ? NODE_FAILED : NODE_UNSEEN,
                 "carved offers no slices");
        node_cure(r, "look at 'carve gpus': MIG strategy single or mixed wants GPUs that are cut");
    } else if (healthy < slices) {
        node_say(r, "slices", healthy ? NODE_WARNING : NODE_FAILED,
                 "%llu of %llu slices are not healthy", slices - healthy, slices);
        node_cure(r, "see the faults in 'carve gpus'");
    } else {
        node_say(r, "slices", NODE_FINE, "%llu in %zu resource%s, all healthy", slices,
                 s->n_resources, s->n_resources == 1 ? "" : "s");
    }
    judge_registration(r, f, s);
}

static void judge_state_folder(struct node_report *r, const struct node_facts *f)
{
    const struct node_carved_facts *c = &f->carved;

    if (c->state_sight != NODE_THERE) {
        if (c->found == 1)
            node_say(r, "state", NODE_UNSEEN, "%s cannot be seen from here", c->state_folder);
    } else if (!c->state_writable || c->state_free_bytes < FREE_MIN_BYTES) {
        node_say(r, "state", NODE_FAILED, "%s is %s: the last good configuration is not kept",
                 c->state_folder, c->state_writable ? "full" : "read-only");
        node_cure(r, "%s",
                  c->state_writable ? "make room on its disk"
                                    : "mount it writable, or name another --state-dir");
    } else {
        node_say(r, "state", NODE_FINE, "%s can be written", c->state_folder);
    }
}

void node_judge_carved(struct node_report *r, const struct node_facts *f)
{
    judge_running(r, f);
    if (f->carved.state) {
        judge_hardware(r, f->carved.state);
        judge_configuration(r, f->carved.state);
        judge_slices(r, f, f->carved.state);
    }
    judge_state_folder(r, f);
}
