/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds what: see holders.h. The kubelet knows containers and their slices but no processes,
 * the driver knows processes but no containers. A process in a pod's cgroup on a device that a
 * container holds is taken for the container's; every other one stands in the list by itself.
 */
#include "agent/holders.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "gpu/gpu.h"
#include "kube/podresources.h"

enum {
    ANSWER_TIMEOUT_MS = 5000,
    MAX_HOLDERS = 65536,
    MAX_PROC_BYTES = 64 << 10,
};

/* One question to the kubelet. */
struct asking {
    struct agent *agent;
    struct holder_list *list;
    size_t room;
    bool no_memory;
    holders_found *found;
    void *self;
};

static void holder_done(struct holder *h)
{
    free(h->namespace);
    free(h->pod);
    free(h->container);
    free(h->resource);
    free(h->slice);
}

void holder_list_free(struct holder_list *list)
{
    if (!list)
        return;
    for (size_t i = 0; i < list->count; i++)
        holder_done(&list->holders[i]);
    free(list->holders);
    free(list);
}

bool holders_place(struct holder *out, const struct inventory *inv, const char *device_uuid)
{
    for (unsigned g = 0; g < inv->n_gpus; g++) {
        const struct gpu *gpu = &inv->gpus[g];

        out->gpu = g;
        out->instance = out->compute = -1;
        if (strcmp(gpu->uuid, device_uuid) == 0)
            return true;
        for (unsigned i = 0; i < gpu->n_instances; i++) {
            for (unsigned c = 0; c < gpu->instances[i].n_computes; c++) {
                if (strcmp(gpu->instances[i].computes[c].uuid, device_uuid) != 0)
                    continue;
                out->instance = (int)i;
                out->compute = (int)c;
                return true;
            }
        }
    }
    return false;
}

/* A new entry at the end, or NULL. */
static struct holder *add(struct asking *q)
{
    struct holder_list *list = q->list;

    if (!list->holders || list->count == q->room) {
        size_t room = q->room ? q->room * 2 : 64;
        struct holder *more =
            room <= MAX_HOLDERS ? realloc(list->holders, room * sizeof *more) : NULL;

        if (!more) {
            q->no_memory = true;
            return NULL;
        }
        list->holders = more;
        q->room = room;
    }
    list->holders[list->count] = (struct holder){.instance = -1, .compute = -1};
    return &list->holders[list->count++];
}

/* Where a slice ("<uuid>" or "<uuid>::<replica>") is; false: no device of ours. */
static bool place_slice(struct holder *out, const struct inventory *inv, const char *slice)
{
    size_t uuid_length = strcspn(slice, ":");
    char uuid[GPU_UUID_SIZE];

    if (!inv || uuid_length >= sizeof uuid)
        return false;
    (void)snprintf(uuid, sizeof uuid, "%.*s", (int)uuid_length, slice);
    return holders_place(out, inv, uuid);
}

static void on_device(void *self, const struct podresources_holder *device)
{
    struct asking *q = self;
    struct holder at, *h;

    if (!place_slice(&at, q->agent->inventory, device->device_id))
        return;
    h = add(q);
    if (!h)
        return;
    h->namespace = strdup(device->namespace);
    h->pod = strdup(device->pod);
    h->container = strdup(device->container);
    h->resource = strdup(device->resource);
    h->slice = strdup(device->device_id);
    if (!h->namespace || !h->pod || !h->container || !h->resource || !h->slice) {
        holder_done(h);
        q->list->count--;
        q->no_memory = true;
    }
}

/* At the end of the answer, since the inventory may be another one than at its beginning. */
static void place_containers(struct asking *q)
{
    struct holder_list *list = q->list;
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct holder *h = &list->holders[i];

        if (place_slice(h, q->agent->inventory, h->slice))
            list->holders[n++] = *h;
        else
            holder_done(h);
    }
    list->count = n;
}

/* A file of /proc/PID; "" if it cannot be read. */
static char *read_proc(const struct agent *a, uint32_t pid, const char *name)
{
    char path[512], *text;

    (void)snprintf(path, sizeof path, "%s/%u/%s", a->options.proc_root, pid, name);
    if (file_read(&text, NULL, path, MAX_PROC_BYTES, NULL) < 0)
        return strdup("");
    return text;
}

static bool is_in_pod(const struct agent *a, uint32_t pid)
{
    OWN_MEM char *cgroup = read_proc(a, pid, "cgroup");

    return cgroup && strstr(cgroup, "kubepods");
}

static void read_name(char out[64], const struct agent *a, uint32_t pid)
{
    OWN_MEM char *name = read_proc(a, pid, "comm");

    (void)snprintf(out, 64, "unknown");
    if (name && *name && *name != '\n')
        (void)snprintf(out, 64, "%.*s", (int)strcspn(name, "\n"), name);
}

/* The one container that holds the device where h is; NULL: none, or several share it. */
static struct holder *find_container(const struct holder_list *list, size_t n_containers,
                                     const struct holder *h, bool *is_held)
{
    struct holder *found = NULL;

    *is_held = false;
    for (size_t i = 0; i < n_containers; i++) {
        struct holder *c = &list->holders[i];

        if (c->gpu != h->gpu || c->instance != h->instance || c->compute != h->compute)
            continue;
        found = *is_held ? NULL : c;
        *is_held = true;
    }
    return found;
}

static void place_process(struct holder *h, const struct gpu *gpu, const struct gpu_process *p)
{
    for (unsigned i = 0; i < gpu->n_instances && p->gi_id >= 0; i++) {
        const struct gpu_instance *gi = &gpu->instances[i];

        if (gi->id != (unsigned)p->gi_id)
            continue;
        h->instance = (int)i;
        for (unsigned c = 0; c < gi->n_computes && p->ci_id >= 0; c++)
            if (gi->computes[c].id == (unsigned)p->ci_id)
                h->compute = (int)c;
    }
}

/* Which of the containers that share a device a process belongs to is not known. */
static void add_process(struct asking *q, size_t n_containers, unsigned g,
                        const struct gpu_process *process)
{
    struct holder *h = add(q), *container;
    bool is_held;
    char name[64];
    size_t used;

    if (!h)
        return;
    h->gpu = g;
    h->pid = process->pid;
    place_process(h, &q->agent->inventory->gpus[g], process);
    read_name(name, q->agent, h->pid);
    container = find_container(q->list, n_containers, h, &is_held);
    if (!is_held || !is_in_pod(q->agent, h->pid)) {
        (void)TEXT_COPY(h->process, name);
        return;
    }
    if (container) {
        used = strlen(container->process);
        (void)snprintf(container->process + used, sizeof container->process - used, "%s%u (%s)",
                       used ? ", " : "", h->pid, name);
    }
    q->list->count--;
}

static void add_processes(struct asking *q)
{
    const struct inventory *inv = q->agent->inventory;
    size_t n_containers = q->list->count;

    for (unsigned g = 0; inv && g < inv->n_gpus; g++)
        for (unsigned p = 0; p < inv->gpus[g].n_processes; p++)
            add_process(q, n_containers, g, &inv->gpus[g].processes[p]);
}

/*
 * Without both of its sockets there is no kubelet here, and so no container. With the one for
 * plugins alone there are containers that we cannot see.
 */
static bool kubelet_is_absent(const struct agent *a)
{
    return a->options.kubelet_socket[0] == '\0' || access(a->options.kubelet_socket, F_OK) < 0;
}

static void answer(struct asking *q, int r, const struct err *e)
{
    holders_found *found = q->found;
    struct holder_list *list = TAKE(q->list);
    void *self = q->self;
    const char *words = NULL;

    if (q->no_memory)
        words = "there are too many holders";
    else if (r < 0 && !(r == -ENOENT && kubelet_is_absent(q->agent)))
        words = e->msg;
    free(q);
    found(self, list, words);
}

static void on_listed(void *self, int r, const struct err *e)
{
    struct asking *q = self;

    q->list->n_pods = r < 0 ? -1 : r;
    place_containers(q);
    add_processes(q);
    answer(q, r, e);
}

void holders_read(struct agent *a, holders_found *found, void *self)
{
    struct asking *q = calloc(1, sizeof *q);
    struct err e = {0};
    int r;

    if (q)
        q->list = calloc(1, sizeof *q->list);
    if (!q || !q->list) {
        free(q);
        found(self, NULL, "out of memory");
        return;
    }
    q->agent = a;
    q->found = found;
    q->self = self;
    if (!a->options.kubelet_socket[0] && !a->options.pod_resources_socket[0]) {
        on_listed(q, 0, &e);
        return;
    }
    r = podresources_list(a->loop, a->options.pod_resources_socket, ANSWER_TIMEOUT_MS, on_device,
                          on_listed, q, &e);
    if (r < 0)
        on_listed(q, r, &e);
}

char *holder_text(const struct holder *h)
{
    char *text;

    if (h->pod ? asprintf(&text, "pod %s/%s, container %s", h->namespace, h->pod, h->container) < 0
               : asprintf(&text, "process %u (%s)", h->pid, h->process) < 0)
        return NULL;
    return text;
}
