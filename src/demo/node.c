/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's node: see node.h. */
#include "demo/node.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "demo/ask.h"
#include "demo/kubelet.h"

enum {
    PROGRAM_MS = 60000,
    START_MS = 10000,
    SETTLE_MS = 10000,
    SETTLE_ANY_MS = 5000, /* with nothing said about what is to come */
    QUIET_MS = 200,
    END_MS = 5000,
    MAX_OUTPUT = 1 << 20,
    MAX_WORDS = 16,
};

/* Programs that the demo starts find the emulated driver by these. */
static int set_environment(const struct places *p, const char *name, struct err *e)
{
    const struct {
        const char *name, *value;
    } settings[] = {
        {"CARVE_EMULATOR_NODE", name},    {"CARVE_EMULATOR_STATE", p->state},
        {"CARVE_EMULATOR_TREE", p->tree}, {"LD_LIBRARY_PATH", p->library_folder},
        {"CARVE_SOCKET", p->socket},      {"CARVE_PAGES", p->pages},
        {"CARVE_LIBRARY", p->library},
    };

    (void)unsetenv("CUDA_VISIBLE_DEVICES"); /* of the machine's own GPUs */
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (setenv(settings[i].name, settings[i].value, 1) < 0)
            return err_errno(e, errno, "set %s", settings[i].name);
    return 0;
}

static int check_interrupted(const struct node *n, struct err *e)
{
    return n->interrupted ? err_set(e, EINTR, "interrupted") : 0;
}

static void program_let_go(uv_handle_t *process)
{
    ((struct node_program *)process->data)->runs = false;
}

static void program_ended(uv_process_t *process, int64_t status, int signal)
{
    ((struct node_program *)process->data)->failed = status != 0 || signal != 0;
    uv_close((uv_handle_t *)process, program_let_go);
}

/* Starts a program whose output and errors go to a file. */
static int program_start(struct node_program *p, uv_loop_t *loop, const char *const *argv,
                         const char *output, struct err *e)
{
    OWN_FD int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    uv_stdio_container_t stdio[] = {
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = fd},
        {.flags = UV_INHERIT_FD, .data.fd = fd},
    };
    uv_process_options_t options = {.exit_cb = program_ended,
                                    .file = argv[0],
                                    .args = (char **)argv,
                                    .stdio_count = 3,
                                    .stdio = stdio};
    int r;

    if (fd < 0)
        return err_errno(e, errno, "create '%s'", output);
    *p = (struct node_program){.process.data = p};
    r = uv_spawn(loop, &p->process, &options);
    if (r < 0) {
        uv_close((uv_handle_t *)&p->process, NULL);
        return err_errno(e, -r, "start '%s'", argv[0]);
    }
    p->runs = true;
    return 0;
}

static bool program_is_over(void *self)
{
    return !((struct node_program *)self)->runs;
}

static void program_stop(struct node_program *p, uv_loop_t *loop)
{
    if (!p->runs)
        return;
    (void)uv_process_kill(&p->process, SIGTERM);
    if (ask_wait(loop, program_is_over, p, END_MS))
        return;
    (void)uv_process_kill(&p->process, SIGKILL);
    (void)ask_wait(loop, program_is_over, p, END_MS);
}

static bool other_is_over(void *self)
{
    const struct node *n = self;

    return !n->other.runs || n->interrupted;
}

/* Runs a program to its end. The loop goes on, since carved may ask this process, as the kubelet.
 */
static int run(struct node *n, const char *const *argv, struct err *e)
{
    int r = check_interrupted(n, e);

    if (r == 0)
        r = program_start(&n->other, n->loop, argv, n->places.output, e);
    if (r < 0)
        return r;
    (void)ask_wait(n->loop, other_is_over, n, PROGRAM_MS);
    if (n->other.runs && !n->interrupted)
        r = err_set(e, ETIMEDOUT, "'%s' takes more than %d s", argv[0], PROGRAM_MS / 1000);
    program_stop(&n->other, n->loop);
    return r < 0 ? r : check_interrupted(n, e);
}

static void signaled(uv_signal_t *handle, int number)
{
    (void)number;
    ((struct node *)handle->data)->interrupted = true;
}

static void watch_signals(struct node *n)
{
    static const int numbers[NODE_SIGNALS] = {SIGINT, SIGTERM, SIGHUP};

    for (size_t i = 0; i < NODE_SIGNALS; i++) {
        (void)uv_signal_init(n->loop, &n->signals[i]);
        n->signals[i].data = n;
        (void)uv_signal_start(&n->signals[i], signaled, numbers[i]);
    }
}

static int make_tree(struct node *n, struct err *e)
{
    OWN_MEM char *words = NULL;
    int r = run(n, (const char *[]){n->places.control, "tree", n->places.tree, NULL}, e);

    if (r < 0 || !n->other.failed)
        return r;
    r = file_read(&words, NULL, n->places.output, MAX_OUTPUT, e);
    return r < 0 ? r : err_set(e, EINVAL, "%.*s", (int)strcspn(words, "\n"), words);
}

int node_open(struct node *n, const char *name, struct err *e)
{
    int r;

    memset(n, 0, sizeof *n);
    n->loop = uv_default_loop();
    watch_signals(n);
    r = places_init(&n->places, e);
    if (r == 0)
        r = set_environment(&n->places, name, e);
    if (r == 0)
        r = make_tree(n, e);
    if (r == 0)
        r = kubelet_open(&n->kubelet, n->loop, n->places.kubelet, e);
    if (r < 0)
        node_close(n);
    return r;
}

void node_close(struct node *n)
{
    node_end_tenants(n);
    node_end_containers(n);
    program_stop(&n->carved, n->loop);
    kubelet_close(n->kubelet);
    n->kubelet = NULL;
    for (size_t i = 0; i < NODE_SIGNALS; i++)
        uv_close((uv_handle_t *)&n->signals[i], NULL);
    (void)uv_run(n->loop, UV_RUN_DEFAULT); /* until it has let go of all of them */
    places_done(&n->places);
}

int node_configure(struct node *n, const char *text, struct err *e)
{
    return file_write(n->places.config, text, strlen(text), 0644, e);
}

static bool serves_or_over(void *self)
{
    const struct node *n = self;

    return access(n->places.socket, F_OK) == 0 || !n->carved.runs || n->interrupted;
}

int node_start(struct node *n, struct err *e)
{
    const struct places *p = &n->places;
    OWN_MEM char *driver = file_join(p->tree, "driver");
    OWN_MEM char *proc = file_join(p->tree, "proc");
    OWN_MEM char *sys = file_join(p->tree, "sys");
    OWN_MEM char *kubelet = file_join(p->kubelet, "kubelet.sock");
    OWN_MEM char *pods = file_join(p->kubelet, "pod-resources.sock");
    OWN_MEM char *state = file_join(p->work, "carved");
    const struct {
        const char *name, *value;
    } flags[] = {
        {"--config-file", p->config},
        {"--socket", p->socket},
        {"--state-dir", state},
        {"--cdi-dir", p->cdi},
        {"--kubelet-socket", kubelet},
        {"--pod-resources-socket", pods},
        {"--nvidia-driver-root", driver},
        {"--container-driver-root", driver},
        {"--nvidia-dev-root", p->tree},
        {"--proc-root", proc},
        {"--sysfs-root", sys},
        {"--device-list-strategy", "cdi-cri"},
        {"--log-level", "warning"},
    };
    enum { N_FLAGS = sizeof flags / sizeof *flags };
    const char *argv[1 + 2 * N_FLAGS + 1] = {p->carved};
    int r;

    if (!driver || !proc || !sys || !kubelet || !pods || !state)
        return err_memory(e);
    for (size_t i = 0; i < N_FLAGS; i++) {
        argv[1 + 2 * i] = flags[i].name;
        argv[2 + 2 * i] = flags[i].value;
    }
    r = program_start(&n->carved, n->loop, argv, p->log, e);
    if (r < 0)
        return r;
    (void)ask_wait(n->loop, serves_or_over, n, START_MS);
    if (check_interrupted(n, e) < 0)
        return -EINTR;
    return access(p->socket, F_OK) == 0 ? 0 : err_set(e, EIO, "carved does not start");
}

/* The words of a carve command, as execv takes them. */
static void add_words(const char *argv[MAX_WORDS], const struct node *n, const char *const *words)
{
    argv[0] = n->places.carve;
    for (size_t i = 0; words[i] && i + 2 < MAX_WORDS; i++)
        argv[i + 1] = words[i];
}

int node_carve(struct node *n, const char *const *words, char **output, struct err *e)
{
    const char *argv[MAX_WORDS] = {0};
    int r;

    add_words(argv, n, words);
    r = run(n, argv, e);
    if (r < 0)
        return r;
    r = file_read(output, NULL, n->places.output, MAX_OUTPUT, e);
    if (r == 0 && n->other.failed)
        r = err_set(e, EIO, "'carve %s' failed", words[0]);
    return r;
}

/* A program that is to stay, and the last that it says before it does. */
struct stay {
    struct node *node;
    const struct node_program *program;
    const char *path, *last;
    char *said;
};

static bool said_all(const struct stay *s)
{
    const char *said = s->said ? s->said : "";
    size_t size = strlen(said), end = strlen(s->last);

    return size >= end && strcmp(said + size - end, s->last) == 0;
}

static bool stays_or_over(void *self)
{
    struct stay *s = self;

    free(TAKE(s->said));
    (void)file_read(&s->said, NULL, s->path, MAX_OUTPUT, NULL);
    return said_all(s) || !s->program->runs || s->node->interrupted;
}

int node_carve_stays(struct node *n, const char *const *words, const char *last, char **output,
                     struct err *e)
{
    struct stay stay = {.node = n, .last = last, .path = n->places.output};
    const char *argv[MAX_WORDS] = {0};
    int r = check_interrupted(n, e);

    if (r == 0 && n->n_tenants == NODE_MAX_TENANTS)
        r = err_set(e, ENOSPC, "the demo keeps at most %d programs", NODE_MAX_TENANTS);
    add_words(argv, n, words);
    stay.program = &n->tenants[n->n_tenants];
    if (r == 0)
        r = program_start(&n->tenants[n->n_tenants], n->loop, argv, stay.path, e);
    if (r < 0)
        return r;
    n->n_tenants++;
    (void)ask_wait(n->loop, stays_or_over, &stay, START_MS);
    *output = stay.said;
    r = check_interrupted(n, e);
    if (r == 0 && (!said_all(&stay) || !stay.program->runs))
        r = err_set(e, EIO, "'carve %s' does not stay", words[0]);
    return r;
}

void node_end_tenants(struct node *n)
{
    for (size_t i = 0; i < n->n_tenants; i++)
        program_stop(&n->tenants[i], n->loop);
    n->n_tenants = 0;
}

char *node_read_log(struct node *n)
{
    OWN_MEM char *all = NULL;
    char *news;
    size_t size;

    if (!n->places.log || file_read(&all, &size, n->places.log, MAX_OUTPUT, NULL) < 0 ||
        size <= n->log_read)
        return NULL;
    news = strdup(all + n->log_read);
    n->log_read = size;
    return news;
}

struct expectation {
    struct node *node;
    const char *summary; /* NULL: anything that stays */
    char last[256];
    uint64_t since_ms;
};

/* Also when it cannot come about any more. */
static bool as_expected(void *self)
{
    struct expectation *x = self;
    OWN_MEM char *now = kubelet_summary(x->node->kubelet);
    uint64_t now_ms = uv_now(x->node->loop);

    if (!x->node->carved.runs || x->node->interrupted)
        return true;
    if (!now)
        return false;
    if (x->summary)
        return strcmp(now, x->summary) == 0;
    if (strncmp(now, x->last, sizeof x->last - 1) != 0) {
        (void)snprintf(x->last, sizeof x->last, "%s", now);
        x->since_ms = now_ms;
    }
    return now[0] != '\0' && now_ms - x->since_ms >= QUIET_MS;
}

static int expect(struct node *n, const char *summary, unsigned limit_ms, struct err *e)
{
    struct expectation expected = {.node = n, .summary = summary};
    bool met = ask_wait(n->loop, as_expected, &expected, limit_ms);
    OWN_MEM char *now = kubelet_summary(n->kubelet);

    if (check_interrupted(n, e) < 0)
        return -EINTR;
    if (!n->carved.runs)
        return err_set(e, EIO, "carved has ended");
    if (met)
        return 0;
    if (!summary)
        return err_set(e, ETIMEDOUT, "carved offers the kubelet nothing");
    return err_set(e, ETIMEDOUT, "the kubelet should have '%s', and has '%s'", summary,
                   now ? now : "");
}

int node_expect(struct node *n, const char *summary, struct err *e)
{
    return expect(n, summary, SETTLE_MS, e);
}

int node_settle(struct node *n, struct err *e)
{
    return expect(n, NULL, SETTLE_ANY_MS, e);
}

static bool is_interrupted(void *self)
{
    return ((struct node *)self)->interrupted;
}

void node_hold(struct node *n)
{
    while (!n->interrupted)
        (void)ask_wait(n->loop, is_interrupted, n, PROGRAM_MS);
}

int node_run(struct node *n, const char *pod, const char *resource, size_t count, struct buf *out,
             struct err *e)
{
    OWN(container_edits_freep) struct container_edits *edits = NULL;
    struct Deviceplugin__ContainerAllocateResponse *answer = NULL;
    OWN_MEM char *root = file_join(n->places.roots, pod);
    int r = check_interrupted(n, e);

    if (r < 0)
        return r;
    if (!root)
        return err_memory(e);
    if (n->n_containers == NODE_MAX_CONTAINERS)
        return err_set(e, ENOSPC, "the demo runs at most %d containers", NODE_MAX_CONTAINERS);
    r = kubelet_allocate(&answer, n->kubelet, pod, resource, count, e);
    if (r == 0)
        r = container_edits_make(&edits, answer, n->places.cdi, e);
    kubelet_answer_free(answer);
    if (r == 0)
        r = file_make_folder(root, e);
    if (r == 0)
        r = container_start(&n->containers[n->n_containers], pod, edits, n->places.probe, root, out,
                            e);
    if (r < 0) {
        kubelet_release(n->kubelet, pod);
        return r;
    }
    n->n_containers++;
    return 0;
}

void node_end_containers(struct node *n)
{
    for (size_t i = 0; i < n->n_containers; i++) {
        container_stop(&n->containers[i]);
        kubelet_release(n->kubelet, n->containers[i].name);
    }
    n->n_containers = 0;
}
