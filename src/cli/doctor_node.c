/* SPDX-License-Identifier: Apache-2.0 */
/* carve doctor node: whether this node is fit, and a kernel in a slice of it. */
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/doctor.h"
#include "cli/report.h"
#include "cli/view.h"
#include "doctor/cuda_run.h"
#include "doctor/cuda_slice.h"
#include "doctor/node_facts.h"
#include "doctor/node_judge.h"
#include "gpu/gpu.h"
#include "node/node_state.h"

enum {
    KEY_SOCKET = 0x100,
    KEY_CONTEXT,
    KEY_NODE,
    KEY_DRIVER_ROOT,
    KEY_DEV_ROOT,
    KEY_PROC_ROOT,
    KEY_SYSFS_ROOT,
    KEY_HOST_ROOT,
    KEY_CDI_DIR,
    KEY_KUBELET_DIR,
    KEY_STATE_DIR,
    KEY_TIMEOUT,
    KEY_RUN_CUDA,
    KEY_SLICE,
    KEY_RESOURCE,

    TIMEOUT_S = 30,
    TIMEOUT_MAX_S = 3600,
};

/* Strings are borrowed from argv and the environment. */
struct arguments {
    struct node_places places;
    const char *socket;
    const char *slice, *resource;
    bool json, run_cuda;
};

static const struct argp_option node_options[] = {
    {"output", 'o', "FORMAT", 0, "table (default) or json", 0},
    {"run-cuda", KEY_RUN_CUDA, NULL, 0, "also run a small kernel in a slice", 0},
    {"slice", KEY_SLICE, "ID", 0,
     "in which: a slice's id, a UUID or its start, a GPU's index, or GPU:DEVICE (default the first "
     "healthy one, the least used)",
     0},
    {"resource", KEY_RESOURCE, "NAME", 0, "or in one of this resource, nvidia.com/mig-1g.5gb", 0},
    {"timeout", KEY_TIMEOUT, "SECONDS", 0, "after which a driver counts as hung (default 30)", 0},
    {"socket", KEY_SOCKET, "PATH", 0,
     "carved's socket (CARVE_SOCKET; default /run/carve/carved.sock)", 1},
    {"kubeconfig", 'k', "FILE", 0,
     "kubeconfig file (default KUBECONFIG, ~/.kube/config, a pod's service account, or the "
     "kubelet's own)",
     1},
    {"context", KEY_CONTEXT, "NAME", 0, "its context (default the current one)", 1},
    {"node", KEY_NODE, "NAME", 0, "this node's name (NODE_NAME; default the host's)", 1},
    {"driver-root", KEY_DRIVER_ROOT, "DIR", 0,
     "where the driver's files are (DRIVER_ROOT_CTR_PATH; default /driver-root if it is there, "
     "else /)",
     2},
    {"dev-root", KEY_DEV_ROOT, "DIR", 0,
     "what holds /dev/nvidia0 (default the driver root if that has /dev, else /)", 2},
    {"proc-root", KEY_PROC_ROOT, "DIR", 0,
     "the host's /proc (CARVE_PROC_ROOT; default /host/proc if it is there, else /proc)", 2},
    {"sysfs-root", KEY_SYSFS_ROOT, "DIR", 0,
     "the host's /sys (CARVE_SYSFS_ROOT; default /host/sys if it is there, else /sys)", 2},
    {"host-root", KEY_HOST_ROOT, "DIR", 0,
     "the host's /, with /etc/containerd, /etc/cdi and the like (default /)", 2},
    {"cdi-dir", KEY_CDI_DIR, "DIR", 0,
     "where carved writes the CDI file (CARVE_CDI_DIR; default /var/run/cdi of the host)", 2},
    {"kubelet-dir", KEY_KUBELET_DIR, "DIR", 0,
     "the kubelet's folder (default /var/lib/kubelet of the host)", 2},
    {"state-dir", KEY_STATE_DIR, "DIR", 0,
     "carved's state folder (CARVE_STATE_DIR; default /var/lib/carve of the host)", 2},
    {0},
};

/* A root without the slash at its end: "/" becomes "". */
static const char *root_of(char *text)
{
    for (size_t n = strlen(text); n > 0 && text[n - 1] == '/'; n--)
        text[n - 1] = '\0';
    return text;
}

static bool set_place(struct node_places *p, int key, char *value)
{
    const struct {
        int key;
        const char **field;
    } fields[] = {
        {'k', &p->kubeconfig},
        {KEY_CONTEXT, &p->context},
        {KEY_NODE, &p->node_name},
        {KEY_DRIVER_ROOT, &p->driver_root},
        {KEY_DEV_ROOT, &p->dev_root},
        {KEY_PROC_ROOT, &p->proc_root},
        {KEY_SYSFS_ROOT, &p->sysfs_root},
        {KEY_HOST_ROOT, &p->host_root},
        {KEY_CDI_DIR, &p->cdi_folder},
        {KEY_KUBELET_DIR, &p->kubelet_folder},
        {KEY_STATE_DIR, &p->state_folder},
    };

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (fields[i].key != key)
            continue;
        *fields[i].field = key == KEY_DEV_ROOT || key == KEY_HOST_ROOT ? root_of(value) : value;
        return true;
    }
    return false;
}

static error_t on_option(int key, char *value, struct argp_state *state)
{
    struct arguments *a = state->input;
    uint64_t seconds;

    switch (key) {
    case 'o':
        if (strcmp(value, "json") != 0 && strcmp(value, "table") != 0)
            argp_error(state, "output format '%s' is neither table nor json", value);
        a->json = strcmp(value, "json") == 0;
        return 0;
    case KEY_SOCKET:
        a->socket = value;
        return 0;
    case KEY_RUN_CUDA:
        a->run_cuda = true;
        return 0;
    case KEY_SLICE:
        a->slice = value;
        return 0;
    case KEY_RESOURCE:
        a->resource = value;
        return 0;
    case KEY_TIMEOUT:
        if (!text_uint(&seconds, value, TIMEOUT_MAX_S) || seconds == 0)
            argp_error(state, "'%s' is no number of seconds from 1 to %d", value, TIMEOUT_MAX_S);
        a->places.timeout_ms = (unsigned)seconds * 1000;
        return 0;
    case ARGP_KEY_END:
        if ((a->slice || a->resource) && !a->run_cuda)
            argp_error(state, "--slice and --resource are for --run-cuda");
        if (a->slice && a->resource)
            argp_error(state, "give only one of --slice and --resource");
        return 0;
    default:
        return set_place(&a->places, key, value) ? 0 : ARGP_ERR_UNKNOWN;
    }
}

/* The variable's value or, without one, a folder that is mounted in carve's pods, or `otherwise`.
 */
static const char *place(const char *variable, const char *mounted, const char *otherwise)
{
    const char *value = secure_getenv(variable);

    if (value && *value)
        return value;
    return mounted && access(mounted, F_OK) == 0 ? mounted : otherwise;
}

static void set_defaults(struct arguments *a)
{
    struct node_places *p = &a->places;

    *a = (struct arguments){.socket = place("CARVE_SOCKET", NULL, "/run/carve/carved.sock")};
    p->driver_root = place("DRIVER_ROOT_CTR_PATH", "/driver-root/usr", "/");
    if (strcmp(p->driver_root, "/driver-root/usr") == 0)
        p->driver_root = "/driver-root";
    p->proc_root = place("CARVE_PROC_ROOT", "/host/proc", "/proc");
    p->sysfs_root = place("CARVE_SYSFS_ROOT", "/host/sys", "/sys");
    p->host_root = "";
    p->cdi_folder = place("CARVE_CDI_DIR", NULL, NULL);
    p->state_folder = place("CARVE_STATE_DIR", NULL, NULL);
    p->node_name = place("NODE_NAME", NULL, NULL);
    p->namespace = place("NAMESPACE", NULL, NULL);
    p->timeout_ms = TIMEOUT_S * 1000;
}

/* Where device nodes are, once the driver root is known. */
static const char *dev_root_of(const struct node_places *p)
{
    char nodes[4096];

    if (p->dev_root)
        return p->dev_root;
    (void)snprintf(nodes, sizeof nodes, "%s/dev/nvidiactl", p->driver_root);
    return strcmp(p->driver_root, "/") != 0 && access(nodes, F_OK) == 0 ? p->driver_root : "";
}

static void ask_carved(struct node_facts *f, struct node_state **state, const char *socket)
{
    struct node_carved_facts *c = &f->carved;
    struct err e = {0};

    c->socket = socket;
    c->found = client_find(socket, &e);
    if (c->found == 1 && view_state(state, socket, &e) == 0)
        c->state = *state;
    else if (c->found != 0)
        c->error = arena_text(&f->arena, e.msg);
}

/* Without knowing the hardware CUDA's first device is taken, whatever it is. */
static int run_kernel(struct node_facts *f, struct node_cuda_facts *cuda, const struct arguments *a,
                      struct err *e)
{
    const struct inventory *inv = node_hardware(f);
    struct cuda_wish wish = {.driver_root = a->places.driver_root,
                             .uuid = cuda->uuid,
                             .timeout_ms = 2 * a->places.timeout_ms};

    f->cuda = cuda;
    if (inv)
        cuda_slice_choose(cuda, inv, f->carved.state, a->slice, a->resource);
    else if (a->slice || a->resource)
        (void)TEXT_COPY(cuda->refused, "the hardware is not known, so no slice can be chosen");
    else
        (void)TEXT_COPY(cuda->slice, "the first device that CUDA shows");
    return *cuda->refused ? 0 : cuda_run(cuda, &wish, e);
}

/* The API comes last: its client may start threads, after which no child may be made. */
static int look(struct node_facts *f, struct node_cuda_facts *cuda, const struct arguments *a,
                struct err *e)
{
    int r = node_look(f, &a->places, e);

    if (r == 0 && a->run_cuda)
        r = run_kernel(f, cuda, a, e);
    return r < 0 ? r : node_look_api(f, &a->places, e);
}

int doctor_node_run(int argc, char **argv)
{
    static const struct argp parser = {
        .options = node_options,
        .parser = on_option,
        .doc = "Whether this node is fit to give slices of its GPUs to containers: driver, device "
               "nodes, container runtime, kubelet, carved, and what the API server knows of the "
               "node, each with its cure. Changes nothing.",
    };
    OWN(node_state_freep) struct node_state *state = NULL;
    OWN(node_report_done) struct node_report report = {.n_findings = 0};
    OWN(node_facts_done) struct node_facts facts = {.is_root = false};
    struct node_cuda_facts cuda = {.n_devices = 0};
    struct arguments a;
    struct err e = {0};

    set_defaults(&a);
    if (argp_parse(&parser, argc, argv, 0, NULL, &a) != 0)
        return REPORT_FAILED;
    a.places.dev_root = dev_root_of(&a.places);
    ask_carved(&facts, &state, a.socket);
    if (look(&facts, &cuda, &a, &e) < 0 || node_judge(&report, &facts, &e) < 0)
        return report_error(&e);
    return a.json ? doctor_node_json(&report, &facts) : doctor_node_table(&report, &facts);
}
