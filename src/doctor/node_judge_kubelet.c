/* SPDX-License-Identifier: Apache-2.0 */
/* The kubelet, and device plugins beside carved. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "doctor/node_say.h"
#include "node/node_state.h"

/* True if carved has told the kubelet of all its resources, so that it must be well. */
static bool all_registered(const struct node_facts *f)
{
    const struct node_state *s = f->carved.state;

    for (size_t i = 0; s && i < s->n_resources; i++)
        if (!s->resources[i].registered)
            return false;
    return s && s->n_resources > 0;
}

static void judge_socket(struct node_report *r, const struct node_facts *f)
{
    const struct node_kubelet_facts *k = &f->kubelet;

    switch (k->kubelet) {
    case NODE_SOCKET_LIVE:
        node_say(r, "kubelet", NODE_FINE, "listens in %s/device-plugins", k->folder);
        return;
    case NODE_SOCKET_DENIED:
        node_say(r, "kubelet", NODE_UNSEEN, "%s/device-plugins may not be looked at", k->folder);
        node_cure(r, "run as root");
        return;
    case NODE_SOCKET_DEAD:
        node_say(r, "kubelet", NODE_FAILED,
                 "nobody listens at %s/device-plugins/kubelet.sock: the kubelet does not run",
                 k->folder);
        break;
    case NODE_SOCKET_MISSING:
        node_say(r, "kubelet", NODE_FAILED, "%s/device-plugins%s is missing", k->folder,
                 k->plugins == NODE_MISSING ? "" : "/kubelet.sock");
        break;
    }
    node_cure(r, "see 'systemctl status kubelet' and its journal; where its folder is another, say "
                 "so to carved (--kubelet-socket) and here (--kubelet-dir)");
}

static void judge_kubelet(struct node_report *r, const struct node_facts *f)
{
    const struct node_kubelet_facts *k = &f->kubelet;

    if (k->sight == NODE_MISSING && all_registered(f)) {
        node_say(r, "kubelet", NODE_FINE, "carved is registered with it");
    } else if (!node_has_kubelet(f)) {
        node_say(r, "kubelet", NODE_ABSENT, "no %s/device-plugins: no kubelet runs here",
                 k->folder);
    } else if (k->sight == NODE_MISSING) {
        node_say(r, "kubelet", NODE_UNSEEN, "%s cannot be seen from here", k->folder);
    } else {
        judge_socket(r, f);
    }
    if (k->kubelet != NODE_SOCKET_LIVE)
        return;
    if (k->pod_resources == NODE_SOCKET_LIVE) {
        node_say(r, "pod-resources", NODE_FINE, "the kubelet tells who holds what");
    } else {
        node_say(r, "pod-resources",
                 k->pod_resources == NODE_SOCKET_DENIED ? NODE_UNSEEN : NODE_WARNING,
                 "%s/pod-resources/kubelet.sock does not answer: 'carve ps' names no pods, and MIG "
                 "changes do not see holders",
                 k->folder);
        node_cure(r, "see the kubelet's journal; in a container, mount the folder");
    }
}

/*
 * Whether carved serves this socket: "nvidia-gpu.sock" for nvidia.com/gpu. Its state does not name
 * resources that are leaving, but its process serves them.
 */
static bool is_carveds(const struct node_facts *f, const struct node_socket *socket)
{
    const struct node_state *s = f->carved.state;

    if (socket->pid > 0 && socket->pid == f->carved.pid)
        return true;
    for (size_t i = 0; i < s->n_resources; i++) {
        const char *resource = s->resources[i].name, *slash = strchr(resource, '/');
        char expected[512];

        (void)snprintf(expected, sizeof expected, "%.*s-%s.sock", (int)strcspn(resource, "./"),
                       resource, slash ? slash + 1 : "");
        if (strcmp(expected, socket->name) == 0)
            return true;
    }
    return false;
}

static void judge_plugins(struct node_report *r, const struct node_facts *f)
{
    const struct node_kubelet_facts *k = &f->kubelet;
    const char *who = k->other_plugin;

    for (size_t i = 0; !who && f->carved.state && i < k->n_sockets; i++)
        if (k->sockets[i].end == NODE_SOCKET_LIVE && text_starts(k->sockets[i].name, "nvidia-") &&
            !is_carveds(f, &k->sockets[i]))
            who = k->sockets[i].name;
    if (!who)
        return;
    node_say(r, "device-plugins", f->carved.found == 1 ? NODE_FAILED : NODE_WARNING,
             "another device plugin for NVIDIA's GPUs is here: %s; the kubelet heeds whichever "
             "registered last",
             who);
    node_cure(r, "remove it (NVIDIA's DaemonSet or the operator's devicePlugin); Bottlerocket has "
                 "one built in: label such nodes carve.dev/deploy=false or use AL2023");
}

void node_judge_kubelet(struct node_report *r, const struct node_facts *f)
{
    judge_kubelet(r, f);
    judge_plugins(r, f);
}
