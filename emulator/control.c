/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carve-emulator: looks at and changes the emulated machine that CARVE_EMULATOR_NODE and
 * CARVE_EMULATOR_STATE name, while other programs use it. What it shows is in show.c.
 */
#include "control.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "base/err.h"
#include "base/text.h"
#include "tree.h"

struct verb {
    const char *name;
    const char *args;
    const char *what;
    int min, max; /* arguments */
    int (*run)(struct control *c, struct err *e);
};

int control_gpu(const struct control *c, const char *text, unsigned *out, struct err *e)
{
    uint64_t index;

    if (text_uint(&index, text, c->node->n_gpus - 1)) {
        *out = (unsigned)index;
        return 0;
    }
    for (unsigned i = 0; i < c->node->n_gpus; i++) {
        if (strcmp(c->node->gpus[i].uuid, text) == 0) {
            *out = i;
            return 0;
        }
    }
    return err_set(e, EINVAL, "no GPU '%s' on node '%s' with %u GPUs", text, c->node->name,
                   c->node->n_gpus);
}

int control_number(const char *text, uint64_t max, uint64_t *out, struct err *e)
{
    return text_uint(out, text, max) ? 0 : err_set(e, EINVAL, "not a number: '%s'", text);
}

static int on_off(const char *text, bool *out, struct err *e)
{
    *out = strcmp(text, "on") == 0;
    if (!*out && strcmp(text, "off") != 0)
        return err_set(e, EINVAL, "'on' or 'off', not '%s'", text);
    return 0;
}

uint32_t control_instance(int64_t id)
{
    return id < 0 ? NVML_NO_INSTANCE : (uint32_t)id;
}

static int run_xid(struct control *c, struct err *e)
{
    unsigned gpu = 0;
    uint64_t code;

    if (control_gpu(c, c->args[0], &gpu, e) < 0 || control_number(c->args[1], 9999, &code, e) < 0)
        return -EINVAL;
    state_lock(&c->map);
    state_event(c->map.at, gpu, NVML_EVENT_XID, code, control_instance(c->gi),
                control_instance(c->ci));
    state_unlock(&c->map);
    return 0;
}

/* A GPU that fell off the bus also says so: XID 79. */
static int run_lose(struct control *c, struct err *e)
{
    unsigned gpu = 0;

    if (control_gpu(c, c->args[0], &gpu, e) < 0)
        return -EINVAL;
    state_lock(&c->map);
    c->map.at->gpus[gpu].lost = 1;
    state_event(c->map.at, gpu, NVML_EVENT_XID, 79, NVML_NO_INSTANCE, NVML_NO_INSTANCE);
    state_unlock(&c->map);
    return 0;
}

static int run_find(struct control *c, struct err *e)
{
    unsigned gpu = 0;

    if (control_gpu(c, c->args[0], &gpu, e) < 0)
        return -EINVAL;
    state_lock(&c->map);
    c->map.at->gpus[gpu].lost = 0;
    state_unlock(&c->map);
    return 0;
}

static int run_mig_pending(struct control *c, struct err *e)
{
    static const char *const holds[] = {"off", "reset", "reboot"}; /* by enum state_hold */
    unsigned gpu = 0;

    if (control_gpu(c, c->args[0], &gpu, e) < 0)
        return -EINVAL;
    for (uint32_t hold = 0; hold < 3; hold++) {
        if (strcmp(holds[hold], c->args[1]) == 0) {
            state_lock(&c->map);
            c->map.at->gpus[gpu].mig_hold = hold;
            state_unlock(&c->map);
            return 0;
        }
    }
    return err_set(e, EINVAL, "'reset', 'reboot' or 'off', not '%s'", c->args[1]);
}

static int run_refuse_reset(struct control *c, struct err *e)
{
    unsigned gpu = 0;
    bool on;

    if (control_gpu(c, c->args[0], &gpu, e) < 0 || on_off(c->args[1], &on, e) < 0)
        return -EINVAL;
    state_lock(&c->map);
    c->map.at->gpus[gpu].reset_refused = on;
    state_unlock(&c->map);
    return 0;
}

static void follow(struct control *c)
{
    for (unsigned i = 0; c->tree && i < c->node->n_gpus; i++)
        tree_follow(c->tree, &c->map.at->gpus[i], i);
}

static int run_reset(struct control *c, struct err *e)
{
    unsigned from = 0, to = c->node->n_gpus - 1;
    int rc = 0;

    if (strcmp(c->args[0], "all") != 0) {
        if (control_gpu(c, c->args[0], &from, e) < 0)
            return -EINVAL;
        to = from;
    }
    state_lock(&c->map);
    for (unsigned i = from; i <= to; i++) {
        int refusal = mig_reset(c->map.at, &c->node->gpus[i]);

        if (refusal != NVML_SUCCESS)
            rc = err_set(e, EBUSY, "reset GPU %u: %s", i,
                         refusal == NVML_ERROR_IN_USE        ? "in use"
                         : refusal == NVML_ERROR_GPU_IS_LOST ? "lost"
                                                             : "refused");
    }
    follow(c);
    state_unlock(&c->map);
    return rc;
}

static int run_reboot(struct control *c, struct err *e)
{
    (void)e;
    state_lock(&c->map);
    mig_reboot(c->map.at, c->node);
    follow(c);
    state_unlock(&c->map);
    return 0;
}

static int run_clear(struct control *c, struct err *e)
{
    (void)e;
    state_lock(&c->map);
    state_clear(c->map.at);
    follow(c);
    state_unlock(&c->map);
    return 0;
}

static int run_hang(struct control *c, struct err *e)
{
    bool on;

    if (on_off(c->args[0], &on, e) < 0)
        return -EINVAL;
    state_calls(c->map.at, on ? STATE_CALLS_HANG : STATE_CALLS_ANSWER);
    return 0;
}

/* As after rmmod, or with a driver that has died. */
static int run_unload(struct control *c, struct err *e)
{
    bool on;

    if (on_off(c->args[0], &on, e) < 0)
        return -EINVAL;
    state_calls(c->map.at, on ? STATE_CALLS_UNLOADED : STATE_CALLS_ANSWER);
    return 0;
}

/* NVML's nvmlDeviceGpuRecoveryAction_t by its numbers. */
static int run_recovery(struct control *c, struct err *e)
{
    static const char *const names[] = {"none",      "reset",           "reboot",
                                        "drain-p2p", "drain-and-reset", "imex-domain",
                                        "bus-reset", "system-reboot"};
    unsigned gpu = 0;
    uint32_t action = 0, n = sizeof names / sizeof names[0];

    if (control_gpu(c, c->args[0], &gpu, e) < 0)
        return -EINVAL;
    while (action < n && strcmp(names[action], c->args[1]) != 0)
        action++;
    if (action == n && strcmp(c->args[1], "untold") != 0)
        return err_set(e, EINVAL, "no recovery action '%s'", c->args[1]);
    c->map.at->gpus[gpu].recovery = action == n ? STATE_RECOVERY_UNTOLD : action;
    return 0;
}

/* How long a killed process's memory stays taken. */
static int run_teardown(struct control *c, struct err *e)
{
    uint64_t wait_ms;

    if (control_number(c->args[0], 3600000, &wait_ms, e) < 0)
        return -EINVAL;
    state_lock(&c->map);
    c->map.at->teardown_ms = (uint32_t)wait_ms;
    state_unlock(&c->map);
    return 0;
}

static int run_delay(struct control *c, struct err *e)
{
    struct state *s = c->map.at;
    uint64_t wait_ms;
    unsigned i = 0;
    int rc = 0;

    if (control_number(c->args[1], 3600000, &wait_ms, e) < 0)
        return -EINVAL;
    state_lock(&c->map);
    while (i < s->n_delays && i < STATE_DELAYS && strcmp(s->delays[i].call, c->args[0]) != 0)
        i++;
    if (i == STATE_DELAYS || !TEXT_COPY(s->delays[i].call, c->args[0])) {
        rc = err_set(e, EINVAL, "more than %d delays, or too long a name", STATE_DELAYS);
    } else {
        s->delays[i].wait_ms = (uint32_t)wait_ms;
        s->n_delays = i + 1 > s->n_delays ? i + 1 : s->n_delays;
    }
    state_unlock(&c->map);
    return rc;
}

/* The folder of the libraries: beside this program (build), or in libexec (installed). */
static int programs_folder(char out[4096], struct err *e)
{
    static const char *const behind[] = {"", "/../libexec/carve/emulator"};
    char self[2048], probe[4200];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);

    if (size < 0)
        return err_errno(e, errno, "own program's path");
    self[size] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < sizeof behind / sizeof behind[0]; i++) {
        (void)snprintf(out, 4096, "%s%s", self, behind[i]);
        (void)snprintf(probe, sizeof probe, "%s/libnvidia-ml.so.1", out);
        if (access(probe, R_OK) == 0)
            return 0;
    }
    return err_set(e, ENOENT, "libnvidia-ml.so.1 of the emulator not found near '%s'", self);
}

static int run_tree(struct control *c, struct err *e)
{
    char programs[4096];
    struct tree_report report;
    int rc;

    if (programs_folder(programs, e) < 0)
        return -ENOENT;
    state_lock(&c->map);
    rc = tree_write(c->args[0], programs, c->node, c->map.at, &report, e);
    state_unlock(&c->map);
    if (rc == 0)
        (void)printf("%s: driver %s; device nodes are %s\n", c->args[0], c->node->driver,
                     report.plain_nodes ? "plain files (no right to make device nodes)"
                                        : "character devices on the numbers of /dev/null");
    return rc;
}

static const struct verb verbs[] = {
    {"show", "", "boards, MIG, processes, faults", 0, 0, control_show},
    {"calls", "", "count of instances made, destroyed", 0, 0, control_calls},
    {"xid", "GPU CODE", "an XID event (see --gi, --ci)", 2, 2, run_xid},
    {"lose", "GPU", "it falls off the bus, XID 79", 1, 1, run_lose},
    {"find", "GPU", "it is back", 1, 1, run_find},
    {"mig-pending", "GPU reset|reboot|off", "hold MIG mode changes until then", 2, 2,
     run_mig_pending},
    {"refuse-reset", "GPU on|off", "GPU resets fail", 2, 2, run_refuse_reset},
    {"reset", "GPU|all", "a pending MIG mode takes force", 1, 1, run_reset},
    {"reboot", "", "the machine restarts", 0, 0, run_reboot},
    {"clear", "", "a machine just installed", 0, 0, run_clear},
    {"process", "add|remove GPU PID", "a process on the GPU", 3, 3, control_process},
    {"hang", "on|off", "every NVML call blocks until off", 1, 1, run_hang},
    {"unload", "on|off", "every NVML call says that the driver is not loaded", 1, 1, run_unload},
    {"recovery", "GPU ACTION", "what the driver asks for", 2, 2, run_recovery},
    {"delay", "CALL MS", "that NVML call takes so long", 2, 2, run_delay},
    {"teardown", "MS", "a killed process's memory stays taken so long", 1, 1, run_teardown},
    {"tree", "DIR", "write driver root, /dev, /proc, /sys", 1, 1, run_tree},
};

enum option_key {
    OPTION_GI = 256,
    OPTION_CI,
    OPTION_MEMORY,
    OPTION_NAME,
};

static const struct argp_option options[] = {
    {"output", 'o', "FORMAT", 0, "table or json (show, calls)", 0},
    {"gi", OPTION_GI, "ID", 0, "GPU instance id", 0},
    {"ci", OPTION_CI, "ID", 0, "compute instance id", 0},
    {"memory", OPTION_MEMORY, "SIZE", 0, "memory of a process: bytes, or with Ki, Mi, Gi", 0},
    {"name", OPTION_NAME, "NAME", 0, "name of a process", 0},
    {0},
};

/* "512", "512Mi" */
static bool parse_size(const char *text, int64_t *out)
{
    char digits[24];
    size_t n = strspn(text, "0123456789");
    const char *units[] = {"", "Ki", "Mi", "Gi"};
    uint64_t value;

    if (n == 0 || n >= sizeof digits)
        return false;
    memcpy(digits, text, n);
    digits[n] = '\0';
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(text + n, units[i]) == 0 && text_uint(&value, digits, INT64_MAX >> 10 * i)) {
            *out = (int64_t)(value << 10 * i);
            return true;
        }
    }
    return false;
}

static bool parse_id(const char *text, int64_t *out)
{
    uint64_t value;

    if (!text_uint(&value, text, 255))
        return false;
    *out = (int64_t)value;
    return true;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct control *c = state->input;

    switch (key) {
    case 'o':
        c->json = strcmp(arg, "json") == 0;
        if (!c->json && strcmp(arg, "table") != 0)
            argp_error(state, "output is 'table' or 'json', not '%s'", arg);
        return 0;
    case OPTION_GI:
    case OPTION_CI:
        if (!parse_id(arg, key == OPTION_GI ? &c->gi : &c->ci))
            argp_error(state, "not an instance id: '%s'", arg);
        return 0;
    case OPTION_MEMORY:
        if (!parse_size(arg, &c->mem_bytes))
            argp_error(state, "not a size: '%s'", arg);
        return 0;
    case OPTION_NAME:
        c->name = arg;
        return 0;
    case ARGP_KEY_ARGS:
        c->args = state->argv + state->next;
        c->n_args = state->argc - state->next;
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_usage(state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The verbs behind argp's own help, from the one table. */
static char *help_filter(int key, const char *text, void *input)
{
    char *out = NULL;
    size_t size = 0;
    FILE *f;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text; /* argp's type: what is not changed goes back as it came */
    f = open_memstream(&out, &size);
    if (!f)
        return NULL;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        (void)fprintf(f, "  %-13s%-22s%s\n", verbs[i].name, verbs[i].args, verbs[i].what);
    (void)fputs("\nThe machine is CARVE_EMULATOR_NODE (a name or a file; p4d.24xlarge),\n"
                "its state the file CARVE_EMULATOR_STATE. See carve-emulator(1).",
                f);
    (void)fclose(f);
    return out;
}

static int run(struct control *c, struct err *e)
{
    const char *state = secure_getenv("CARVE_EMULATOR_STATE");
    const struct verb *verb = NULL;

    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strcmp(verbs[i].name, c->args[0]) == 0)
            verb = &verbs[i];
    }
    if (!verb)
        return err_set(e, EINVAL, "unknown verb '%s'", c->args[0]);
    c->args++;
    c->n_args--;
    if (c->n_args < verb->min || c->n_args > verb->max)
        return err_set(e, EINVAL, "usage: carve-emulator %s %s", verb->name, verb->args);
    if ((!state || !*state) && verb->run != control_show && verb->run != run_tree)
        return err_set(e, EINVAL, "CARVE_EMULATOR_STATE is not set: there is no state to share");
    if (node_open(&c->node, secure_getenv("CARVE_EMULATOR_NODE"), e) < 0 ||
        state_open(&c->map, state, c->node, e) < 0)
        return -EINVAL;
    return verb->run(c, e);
}

int main(int argc, char **argv)
{
    static const struct argp argp = {.options = options,
                                     .parser = parse,
                                     .args_doc = "VERB [ARGUMENT...]",
                                     .doc = "Looks at and changes the emulated GPU node.\v",
                                     .help_filter = help_filter};
    struct control c = {.gi = -1, .ci = -1, .map = {.fd = -1}};
    struct err e = {0};
    int rc;

    argp_err_exit_status = 2;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &c);
    c.tree = secure_getenv("CARVE_EMULATOR_TREE");
    rc = run(&c, &e);
    if (rc < 0)
        (void)fprintf(stderr, "carve-emulator: %s\n", e.msg);
    state_close(&c.map);
    node_free(c.node);
    return rc < 0 ? 2 : 0;
}
