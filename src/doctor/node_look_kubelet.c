/* SPDX-License-Identifier: Apache-2.0 */
/* The kubelet of this machine: its folder, its sockets, the device plugins beside carved. */
#include <string.h>

#include "base/text.h"
#include "doctor/node_look.h"

enum { PROCESSES_MAX = 65536 };

/* As the kernel cuts them: 15 characters. */
static const char *const other_plugins[] = {"nvidia-device-p", "nvidia-gpu-devi"};

static void look_sockets(struct node_facts *f, const char *folder)
{
    struct node_kubelet_facts *k = &f->kubelet;
    size_t n;
    const char **names = look_folder(f, &n, &k->plugins, folder, NODE_SOCKETS_MAX);

    for (size_t i = 0; i < n; i++) {
        size_t size = strlen(names[i]);

        if (size < 6 || strcmp(names[i] + size - 5, ".sock") != 0 ||
            strcmp(names[i], "kubelet.sock") == 0)
            continue;
        k->sockets[k->n_sockets].name = names[i];
        k->sockets[k->n_sockets].end =
            look_socket(look_text(f, "%s/%s", folder, names[i]), &k->sockets[k->n_sockets].pid);
        k->n_sockets++;
    }
}

static void look_processes(struct node_facts *f, const struct node_places *p)
{
    enum node_sight sight;
    size_t n;
    const char **names = look_folder(f, &n, &sight, p->proc_root, PROCESSES_MAX);

    for (size_t i = 0; i < n; i++) {
        char comm[64];

        if (strspn(names[i], "0123456789") != strlen(names[i]) ||
            !look_line(comm, sizeof comm, look_text(f, "%s/%s/comm", p->proc_root, names[i])))
            continue;
        for (size_t o = 0; o < sizeof other_plugins / sizeof other_plugins[0]; o++)
            if (strcmp(comm, other_plugins[o]) == 0)
                f->kubelet.other_plugin = look_text(f, "process %s (%s)", names[i], comm);
    }
}

void look_kubelet(struct node_facts *f, const struct node_places *p)
{
    struct node_kubelet_facts *k = &f->kubelet;
    const char *plugins;
    int pid;

    k->folder =
        p->kubelet_folder ? p->kubelet_folder : look_text(f, "%s/var/lib/kubelet", p->host_root);
    plugins = look_text(f, "%s/device-plugins", k->folder);
    k->sight = look_at(k->folder);
    k->kubelet = look_socket(look_text(f, "%s/kubelet.sock", plugins), &pid);
    k->pod_resources = look_socket(look_text(f, "%s/pod-resources/kubelet.sock", k->folder), &pid);
    if (f->carved.found == 1)
        (void)look_socket(f->carved.socket, &f->carved.pid);
    look_sockets(f, plugins);
    look_processes(f, p);
}
