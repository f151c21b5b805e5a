/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `carve demo`: the scenes. The usual one is a p4d.24xlarge, shared by time-slicing and cut by MIG;
 * with --node and --config it is the reader's own case. What is emulated and what is real is said
 * at the start; every count comes from the kubelet's side of the wire.
 */
#include "demo/demo.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "demo/kubelet.h"
#include "demo/node.h"
#include "demo/story.h"
#include "demo/tenants.h"

enum {
    MAX_CONFIG_BYTES = 1 << 20,
    USUAL_GPUS = 8, /* of a p4d.24xlarge */
    SHOWN_RESOURCES = 8,
    EXIT_INTERRUPTED = 130, /* as a shell says it of Ctrl-C */
};

static const char MIXED[] = "version: v1\nflags:\n  migStrategy: mixed\n";

struct arguments {
    const char *node;
    const char *config;
    const char *mig_file;
    const char *mig_config;
    bool hold;
};

static double seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void title(unsigned number, const char *text)
{
    (void)printf("\n%u. %s\n\n", number, text);
}

/* What carved has to say, without the time of day. */
static void tell_log(struct node *n)
{
    OWN_MEM char *log = node_read_log(n);

    for (const char *line = log; line && *line;) {
        size_t size = strcspn(line, "\n");
        size_t time = strcspn(line, " \n") + 1;

        if (time < size)
            (void)printf("   carved: %.*s\n", (int)(size - time), line + time);
        line += size + (line[size] == '\n');
    }
}

static void tell_kubelet(struct node *n)
{
    OWN_MEM char *summary = kubelet_summary(n->kubelet);

    tell_log(n);
    (void)printf("   the kubelet has: %s\n", summary ? summary : "");
}

/* Starts `each` containers, one slice each, on a resource; the first one's report is shown. */
static int start_some(struct node *n, const char *resource, size_t each, size_t *number,
                      struct err *e)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < each; i++) {
        OWN(buf_done) struct buf report;
        char pod[32];

        buf_init(&report, MAX_CONFIG_BYTES);
        (void)snprintf(pod, sizeof pod, "pod-%zu", ++*number);
        r = node_run(n, pod, resource, 1, &report, e);
        if (i > 0 && r == 0)
            continue;
        (void)printf("   container %s asks 1 %s:\n", pod, resource);
        story_text(report.data);
    }
    if (r == 0 && each > 1)
        (void)printf("   %zu more containers like it: all ok\n", each - 1);
    return r;
}

/* Shows what the kubelet has, then starts containers on the first resources. */
static int containers(struct node *n, size_t n_resources, size_t each, struct err *e)
{
    const char *resource = NULL;
    size_t number = 0;
    int r = 0;

    tell_kubelet(n);
    for (size_t i = 0; r == 0 && i < n_resources; i++) {
        resource = kubelet_resource(n->kubelet, resource);
        if (!resource)
            break;
        r = start_some(n, resource, each, &number, e);
    }
    return r;
}

static int hardware(struct node *n, const char *config, struct err *e)
{
    int r = node_configure(n, config, e);

    title(1, "The hardware, as carved reads it through NVML");
    if (r == 0)
        r = node_start(n, e);
    return r < 0 ? r : story_carve(n, (const char *[]){"gpus", NULL}, NULL, e);
}

static int share(struct node *n, unsigned replicas, size_t n_containers, struct err *e)
{
    char config[256], expected[64];
    int r;

    (void)snprintf(config, sizeof config,
                   "version: v1\nsharing:\n  timeSlicing:\n    resources:\n"
                   "    - name: nvidia.com/gpu\n      replicas: %u\n",
                   replicas);
    (void)printf("   the configuration, NVIDIA's own format:\n");
    story_text(config);
    (void)snprintf(expected, sizeof expected, "nvidia.com/gpu %u", replicas * USUAL_GPUS);
    r = node_configure(n, config, e);
    if (r == 0)
        r = node_expect(n, expected, e);
    if (r == 0)
        r = containers(n, 1, n_containers, e);
    if (r == 0)
        r = story_carve(n, (const char *[]){"ps", NULL}, NULL, e);
    node_end_containers(n);
    return r;
}

/* A MIG strategy and what the kubelet has with it, then a layout and what it has with that. */
struct scene {
    const char *strategy, *before, *layout, *after;
};

static int cut(struct node *n, const struct scene *scene, struct err *e)
{
    char config[128];
    double begin;
    int r;

    (void)snprintf(config, sizeof config, "version: v1\nflags:\n  migStrategy: %s\n",
                   scene->strategy);
    (void)printf("   the configuration:\n");
    story_text(config);
    r = node_configure(n, config, e);
    if (r == 0)
        r = node_expect(n, scene->before, e);
    if (r < 0)
        return r;
    tell_kubelet(n);
    begin = seconds();
    r = story_carve(n, (const char *[]){"mig", "apply", "-c", scene->layout, NULL}, NULL, e);
    if (r == 0)
        r = node_expect(n, scene->after, e);
    if (r == 0)
        (void)printf("   %.0f ms from the command to the kubelet (a change waits until 1 s after "
                     "the last Allocate)\n",
                     (seconds() - begin) * 1000);
    if (r == 0)
        r = containers(n, 3, 1, e);
    node_end_containers(n);
    return r;
}

/* The story that `make demo` tells; what is expected is what must come over the wire. */
static int usual_story(struct node *n, struct err *e)
{
    static const struct scene single = {"single", "nvidia.com/gpu 8", "all-1g.5gb",
                                        "nvidia.com/gpu 56"};
    static const struct scene mixed = {
        "mixed", "nvidia.com/mig-1g.5gb 56", "all-balanced",
        "nvidia.com/mig-1g.5gb 16, nvidia.com/mig-2g.10gb 8, nvidia.com/mig-3g.20gb 8"};
    int r = hardware(n, "version: v1\n", e);

    if (r < 0)
        return r;
    title(2, "Without Kubernetes: two programs on one GPU, a limit each");
    r = tenants_show(n, e);
    if (r < 0)
        return r;
    title(3, "Time-slicing by 4: every GPU is offered four times");
    r = share(n, 4, USUAL_GPUS + 1, e); /* so two share a GPU */
    if (r < 0)
        return r;
    title(4, "The same file edited to 10: applied live, no restart");
    r = share(n, 10, 1, e);
    if (r < 0)
        return r;
    title(5, "MIG, one size: seven slices a GPU, all under the usual name");
    r = cut(n, &single, e);
    if (r < 0)
        return r;
    title(6, "MIG, mixed sizes: each under its own name");
    r = cut(n, &mixed, e);
    return r < 0 ? r : story_carve(n, (const char *[]){"mig", "show", NULL}, NULL, e);
}

/* The reader's own node and files. MIG devices are offered with a strategy alone. */
static int own_story(struct node *n, const struct arguments *a, struct err *e)
{
    const char *usual = a->mig_config ? MIXED : "version: v1\n";
    const char *words[] = {"mig",       "apply", "-c", a->mig_config, a->mig_file ? "-f" : NULL,
                           a->mig_file, NULL};
    OWN_MEM char *config = NULL;
    int r = a->config ? file_read(&config, NULL, a->config, MAX_CONFIG_BYTES, e) : 0;

    if (r == 0)
        r = hardware(n, config ? config : usual, e);
    if (r == 0 && a->mig_config) {
        title(2, "MIG as asked");
        if (!config) {
            (void)printf("   the configuration, as none was given:\n");
            story_text(usual);
        }
        r = story_carve(n, words, NULL, e);
    }
    if (r < 0)
        return r;
    title(a->mig_config ? 3 : 2, "Slices");
    r = node_settle(n, e);
    if (r == 0)
        r = containers(n, SHOWN_RESOURCES, 1, e);
    return r < 0 ? r : story_carve(n, (const char *[]){"ps", NULL}, NULL, e);
}

static void hold(struct node *n)
{
    const struct places *p = &n->places;

    (void)printf("\nThe node stays until Ctrl-C. Look at it from another terminal:\n\n"
                 "   export CARVE_SOCKET=%s\n   %s gpus\n   %s ps\n   %s mig show\n\n"
                 "Its configuration is %s (edit it), carved logs to %s,\n"
                 "its device plugins are in %s.\n",
                 p->socket, p->carve, p->carve, p->carve, p->config, p->log, p->kubelet);
    node_hold(n);
}

/* Containers need namespaces: an ordinary user gets them in a user namespace of his own. */
static int become_root(struct err *e)
{
    OWN_MEM char *uids = NULL, *gids = NULL;
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int r;

    if (uid == 0)
        return 0;
    if (asprintf(&uids, "0 %u 1", (unsigned)uid) < 0 ||
        asprintf(&gids, "0 %u 1", (unsigned)gid) < 0)
        return err_memory(e);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return err_errno(e, errno, "the demo's containers need root or user namespaces");
    for (int i = 0; i < 3; i++) {
        static const char *const files[] = {"/proc/self/setgroups", "/proc/self/uid_map",
                                            "/proc/self/gid_map"};
        const char *const texts[] = {"deny", uids, gids};
        OWN_FD int fd = open(files[i], O_WRONLY | O_CLOEXEC);

        r = fd < 0 || write(fd, texts[i], strlen(texts[i])) < 0;
        if (r)
            return err_errno(e, errno, "write '%s'", files[i]);
    }
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct arguments *a = state->input;

    switch (key) {
    case 'n':
        a->node = arg;
        return 0;
    case 'f':
        a->config = arg;
        return 0;
    case 'm':
        a->mig_file = arg;
        return 0;
    case 'c':
        a->mig_config = arg;
        return 0;
    case 'H':
        a->hold = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int tell(const struct arguments *a, struct err *e)
{
    bool own = a->node || a->config || a->mig_config;
    const char *name = a->node ? a->node : "p4d.24xlarge";
    double begin = seconds();
    struct node node;
    int r = node_open(&node, name, e);

    if (r < 0)
        return r;
    (void)printf(
        "carve on an emulated node: %s\n\n"
        "Emulated: the GPUs (NVML, CUDA, /proc; their device nodes lead to /dev/null), the "
        "kubelet\n          (on the real protocol) and the container runtime.\n"
        "Real:     carved, carve, libcarve.so, and every process, namespace and mount "
        "below.\n",
        name);
    r = own ? own_story(&node, a, e) : usual_story(&node, e);
    if (r < 0)
        tell_log(&node);
    if (r == 0 && a->hold)
        hold(&node);
    node_close(&node);
    if (r == 0)
        (void)printf("\nDone in %.1f s; nothing is left behind.\n", seconds() - begin);
    return r;
}

int cmd_demo(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"node", 'n', "NODE", 0,
         "Emulate this node: an EC2 type (p4d.24xlarge, p5.48xlarge, g7e.2xlarge, g6.12xlarge, "
         "g6.xlarge, g5.xlarge, g4dn.xlarge), h200-x2, or a node file",
         0},
        {"config", 'f', "FILE", 0, "Configure it with this device-plugin file", 0},
        {"mig-file", 'm', "FILE", 0, "mig-parted's file for --mig-config", 0},
        {"mig-config", 'c', "NAME", 0, "Cut the GPUs so", 0},
        {"hold", 'H', NULL, 0, "Keep the node running at the end, and say how to look at it", 0},
        {0},
    };
    static const struct argp argp = {
        options, parse,
        NULL,    "Runs the whole job on an emulated GPU node: no GPU, no cluster, under a minute.",
        NULL,    NULL,
        NULL};
    struct arguments a = {0};
    struct err e = {0};
    int r;

    if (argp_parse(&argp, argc, argv, 0, NULL, &a) != 0)
        return 2;
    if (a.mig_file && !a.mig_config) {
        (void)fprintf(stderr, "carve: demo: --mig-file needs --mig-config\n");
        return 2;
    }
    /* Who reads the story may leave; the node is to be taken down all the same. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a story is read as it goes, through a pipe too */
    r = become_root(&e);
    if (r == 0)
        r = tell(&a, &e);
    if (ferror(stdout) && r == 0)
        r = err_set(&e, EIO,
                    "the story could not be written: its reader left, or the disk is full");
    if (r < 0)
        (void)fprintf(stderr, "carve: demo: %s\n", e.msg);
    if (r == -EINTR)
        return EXIT_INTERRUPTED;
    return r < 0 ? 2 : 0;
}
