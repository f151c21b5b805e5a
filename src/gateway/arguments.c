/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading command line and environment: see arguments.h. Names that go into the API's paths are
 * checked here, so that nobody behind this has to.
 */
#include "gateway/arguments.h"

#include <argp.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

enum {
    KEY_FIRST = 1024,
    MAX_WAIT_MS = 7 * 24 * 3600 * 1000,
    NAME_MAX_BYTES = 253, /* of an object */
    LABEL_MAX_BYTES = 63, /* of what follows the slash of a label's name */
};

enum kind {
    KIND_TEXT,
    KIND_PATH,       /* absolute */
    KIND_OBJECT,     /* an object's name */
    KIND_CONFIG_MAP, /* one, or "namespace/name" */
    KIND_LABEL,
    KIND_TAINT, /* "key[=value]:effect" */
    KIND_TRUTH,
    KIND_WAIT,
    KIND_LABELS,
    KIND_REBALANCE,
    KIND_ENDPOINT, /* "http://host[:port]" */
    KIND_LEVEL,
};

/* One option, and where its value goes in struct arguments. */
struct setting {
    const char *flag;
    const char *environment; /* without the dollar */
    const char *argument;
    const char *help;
    const char *preset; /* NULL: none */
    enum kind kind;
    size_t offset;
};

#define OPTION(field) offsetof(struct arguments, options.field)

static const struct setting settings[] = {
    {"node-name", "NODE_NAME", "NAME", "this node's name in Kubernetes", NULL, KIND_OBJECT,
     OPTION(node_name)},
    {"socket", "CARVE_SOCKET", "PATH", "where carved serves carve.v1.Node",
     "/run/carve/carved.sock", KIND_PATH, OPTION(socket)},
    {"kubeconfig", "CARVE_KUBECONFIG", "FILE",
     "how to reach the API server; without: $KUBECONFIG, ~/.kube/config, the pod's service account",
     NULL, KIND_TEXT, OPTION(kubeconfig)},
    {"namespace", "NAMESPACE", "NAME", "of this pod, its DaemonSet and its ConfigMaps", "default",
     KIND_OBJECT, OPTION(namespace)},
    {"pod-name", "POD_NAME", "NAME", "of this pod, for Events and as the NodeFeature's owner", NULL,
     KIND_OBJECT, OPTION(pod_name)},
    {"daemon-set", "CARVE_DAEMON_SET", "NAME",
     "that this pod belongs to; when it is deleted, what the gateway wrote is removed", NULL,
     KIND_OBJECT, OPTION(daemon_set)},
    {"labels", "CARVE_LABELS", "WHERE",
     "where the labels of the GPUs go: auto, node, node-feature or off", "auto", KIND_LABELS,
     OPTION(labels)},
    {"no-timestamp", "GFD_NO_TIMESTAMP", "BOOL", "leave label nvidia.com/gfd.timestamp out",
     "false", KIND_TRUTH, OPTION(no_timestamp)},
    {"config-map", "CARVE_CONFIG_MAP", "NAME",
     "ConfigMap (or NAMESPACE/NAME) with a configuration under each key; without: no configuration "
     "by label",
     NULL, KIND_CONFIG_MAP, OPTION(config_map)},
    {"config-label", "CARVE_CONFIG_LABEL", "LABEL", "of the node, that chooses the key",
     "nvidia.com/device-plugin.config", KIND_LABEL, OPTION(config_label)},
    {"config-default", "DEFAULT_CONFIG", "KEY", "chosen where the label is not set", NULL,
     KIND_TEXT, OPTION(config_default)},
    {"config-fallbacks", "FALLBACK_STRATEGIES", "LIST",
     "how a key is found with neither: named (the key 'default'), single (the only key), empty "
     "(none); the first that serves",
     "named,single", KIND_TEXT, OPTION(config_fallbacks)},
    {"mig", "CARVE_MIG", "BOOL", "cut the GPUs as the node's label says", "false", KIND_TRUTH,
     OPTION(mig)},
    {"mig-label", "CARVE_MIG_LABEL", "LABEL", "of the node, that names a MIG configuration",
     "nvidia.com/mig.config", KIND_LABEL, OPTION(mig_label)},
    {"mig-config-map", "CARVE_MIG_CONFIG_MAP", "NAME",
     "ConfigMap (or NAMESPACE/NAME) with mig-parted's config.yaml; without: the node's default "
     "configurations",
     NULL, KIND_CONFIG_MAP, OPTION(mig_config_map)},
    {"mig-default", "CARVE_MIG_DEFAULT", "CONFIG",
     "MIG configuration of a node without the label; without: it is left as it is", NULL, KIND_TEXT,
     OPTION(mig_default)},
    {"mig-deadline", "CARVE_MIG_DEADLINE", "TIME", "for one MIG change, with its drain", "10m",
     KIND_WAIT, OPTION(mig_deadline_ms)},
    {"mig-drain", "CARVE_MIG_DRAIN", "BOOL",
     "evict the pods that hold slices in the way, on nodes with label carve.dev/mig.drain=true",
     "false", KIND_TRUTH, OPTION(mig_drain)},
    {"mig-reboot", "CARVE_MIG_REBOOT", "BOOL",
     "reboot the node where a change of MIG mode needs it and nothing else serves", "false",
     KIND_TRUTH, OPTION(mig_reboot)},
    {"ready-deadline", "CARVE_READY_DEADLINE", "TIME",
     "how long the start-up taint may stay before the node is called broken", "5m", KIND_WAIT,
     OPTION(ready_deadline_ms)},
    {"carved-grace", "CARVE_CARVED_GRACE", "TIME",
     "how long carved may be away before condition AcceleratedHardwareReady is Unknown", "60s",
     KIND_WAIT, OPTION(carved_grace_ms)},
    {"fault-taint", "CARVE_FAULT_TAINT", "TAINT",
     "put on the node while a whole GPU is broken, such as carve.dev/fault:NoExecute; without: "
     "none",
     NULL, KIND_TAINT, OPTION(fault_taint)},
    {"interruption", "CARVE_INTERRUPTION", "BOOL",
     "read EC2's notices of this instance's end; taint the node and evict the pods that hold "
     "slices",
     "false", KIND_TRUTH, OPTION(interruption)},
    {"interruption-rebalance", "CARVE_INTERRUPTION_REBALANCE", "WHAT",
     "what EC2's recommendation to rebalance brings about: event, taint or drain", "event",
     KIND_REBALANCE, OPTION(interruption_rebalance)},
    {"metadata-endpoint", "CARVE_METADATA_ENDPOINT", "URL", "EC2's instance metadata service",
     "http://169.254.169.254", KIND_ENDPOINT, OPTION(metadata_endpoint)},
    {"metadata-interval", "CARVE_METADATA_INTERVAL", "TIME", "between two looks there", "5s",
     KIND_WAIT, OPTION(metadata_interval_ms)},
    {"log-level", "CARVE_LOG_LEVEL", "LEVEL", "error, warning, info or debug", "info", KIND_LEVEL,
     offsetof(struct arguments, log_level)},
    {"uninstall", "CARVE_UNINSTALL", "BOOL",
     "do not run: delete the DaemonSet, wait until its pods have removed what they wrote, and exit",
     "false", KIND_TRUTH, offsetof(struct arguments, uninstall)},
    {"uninstall-deadline", "CARVE_UNINSTALL_DEADLINE", "TIME", "for that", "4m", KIND_WAIT,
     offsetof(struct arguments, uninstall_deadline_ms)},
};

enum { N_SETTINGS = sizeof settings / sizeof settings[0] };

/* Some time, not none. */
static bool parse_wait(unsigned *out, const char *text)
{
    unsigned wait_ms;

    if (!text_wait_ms(&wait_ms, text, MAX_WAIT_MS) || wait_ms == 0)
        return false;
    *out = wait_ms;
    return true;
}

/* The position of a text in a list that ends with NULL, or -1. */
static int find_word(const char *const *words, const char *text)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    return -1;
}

static bool parse_truth(bool *out, const char *text)
{
    /* As Go's programs take it. */
    static const char *const words[] = {"false", "0", "f", "F",    "False", "FALSE", "true",
                                        "1",     "t", "T", "True", "TRUE",  NULL};
    int n = find_word(words, text);

    if (n >= 0)
        *out = n >= 6;
    return n >= 0;
}

static bool parse_labels(enum gateway_labels *out, const char *text)
{
    static const char *const words[] = {"auto", "node", "node-feature", "off", NULL};
    int n = find_word(words, text);

    if (n >= 0)
        *out = (enum gateway_labels)n;
    return n >= 0;
}

static bool parse_rebalance(enum gateway_rebalance *out, const char *text)
{
    static const char *const words[] = {"event", "taint", "drain", NULL};
    int n = find_word(words, text);

    if (n >= 0)
        *out = (enum gateway_rebalance)n;
    return n >= 0;
}

/* Plain HTTP and no path: what is asked for there is fixed. */
static bool is_endpoint(const char *text)
{
    static const char start[] = "http://";
    const char *host = text + strlen(start);

    return text_starts(text, start) && *host && strlen(host) <= NAME_MAX_BYTES &&
           host[strspn(host,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]")] ==
               '\0';
}

/* "a-b.c": what may be a name in the API, and stands in a path as it is. */
static bool is_object(const char *text, size_t size)
{
    return size > 0 && size <= NAME_MAX_BYTES &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") >= size && text[0] != '-' &&
           text[0] != '.' && text[size - 1] != '-' && text[size - 1] != '.';
}

static bool is_config_map(const char *text)
{
    const char *slash = strchr(text, '/');

    if (!slash)
        return is_object(text, strlen(text));
    return is_object(text, (size_t)(slash - text)) && is_object(slash + 1, strlen(slash + 1));
}

/* "name" or "prefix/name", `size` bytes of text. */
static bool is_label(const char *text, size_t size)
{
    static const char inner[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *slash = memchr(text, '/', size);

    if (slash) {
        if (!is_object(text, (size_t)(slash - text)))
            return false;
        size -= (size_t)(slash + 1 - text);
        text = slash + 1;
    }
    return size > 0 && size <= LABEL_MAX_BYTES && strspn(text, inner) >= size &&
           !strchr("-_.", text[0]) && !strchr("-_.", text[size - 1]);
}

static bool is_taint(const char *text)
{
    static const char *const effects[] = {"NoSchedule", "PreferNoSchedule", "NoExecute", NULL};
    const char *colon = strrchr(text, ':');
    const char *equals = strchr(text, '=');
    size_t key_size, value_size;

    if (!colon || find_word(effects, colon + 1) < 0 || (equals && equals > colon))
        return false;
    key_size = (size_t)((equals ? equals : colon) - text);
    value_size = equals ? (size_t)(colon - equals - 1) : 0;
    return is_label(text, key_size) && (value_size == 0 || (is_label(equals + 1, value_size) &&
                                                            !memchr(equals + 1, '/', value_size)));
}

/* What a value of this kind has to be; NULL: this one is. Puts it where it goes. */
static const char *set(struct arguments *o, const struct setting *s, const char *value)
{
    void *field = (char *)o + s->offset;

    switch (s->kind) {
    case KIND_TRUTH:
        return parse_truth(field, value) ? NULL : "true or false";
    case KIND_WAIT:
        return parse_wait(field, value) ? NULL : "a time such as 30s, 500ms, 5m or 1h";
    case KIND_LABELS:
        return parse_labels(field, value) ? NULL : "auto, node, node-feature or off";
    case KIND_REBALANCE:
        return parse_rebalance(field, value) ? NULL : "event, taint or drain";
    case KIND_ENDPOINT:
        if (!is_endpoint(value))
            return "an address such as http://169.254.169.254";
        break;
    case KIND_LEVEL:
        return log_level_read(field, value) ? NULL : "error, warning, info or debug";
    case KIND_PATH:
        if (value[0] != '/')
            return "an absolute path";
        break;
    case KIND_OBJECT:
        if (!is_object(value, strlen(value)))
            return "a name that Kubernetes takes (lower case, digits, '-' and '.')";
        break;
    case KIND_CONFIG_MAP:
        if (!is_config_map(value))
            return "NAME or NAMESPACE/NAME of a ConfigMap";
        break;
    case KIND_LABEL:
        if (!is_label(value, strlen(value)))
            return "a label's name such as nvidia.com/mig.config";
        break;
    case KIND_TAINT:
        if (!is_taint(value))
            return "a taint such as carve.dev/fault:NoExecute";
        break;
    case KIND_TEXT:
        break;
    }
    memcpy(field, &value, sizeof value);
    return NULL;
}

/* What is set to nothing counts as not set. */
static bool read_environment(struct arguments *o, struct err *e)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        const struct setting *s = &settings[i];
        const char *value = secure_getenv(s->environment);
        const char *wanted = NULL;

        if (s->preset)
            (void)set(o, s, s->preset);
        if (value && value[0] != '\0')
            wanted = set(o, s, value);
        if (wanted) {
            (void)err_set(e, EINVAL, "$%s: '%s' is not %s", s->environment, value, wanted);
            return false;
        }
    }
    return true;
}

/* What only all options together tell. NULL: fine. */
static const char *check(const struct arguments *o)
{
    const struct gateway_options *options = &o->options;
    const char *slash = strchr(options->mig_label, '/');

    if (o->uninstall)
        return options->daemon_set ? NULL : "--uninstall needs --daemon-set";
    if (!options->node_name)
        return "which node is this? --node-name or $NODE_NAME must say it (in a pod: "
               "fieldRef spec.nodeName)";
    if ((options->mig_drain || options->mig_reboot) && !options->mig)
        return "--mig-drain and --mig-reboot mean nothing without --mig";
    if (strlen(slash ? slash + 1 : options->mig_label) > LABEL_MAX_BYTES - strlen(".state"))
        return "--mig-label: no more than 57 characters behind '/', for '.state' comes behind them";
    return NULL;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *o = state->input;
    const char *wrong;

    if (key == ARGP_KEY_END) {
        wrong = check(o);
        if (wrong)
            argp_error(state, "%s", wrong);
        return 0;
    }
    if (key < KEY_FIRST || key >= KEY_FIRST + (int)N_SETTINGS)
        return ARGP_ERR_UNKNOWN;
    wrong = set(o, &settings[key - KEY_FIRST], argument ? argument : "true");
    if (wrong)
        argp_error(state, "--%s: '%s' is not %s", settings[key - KEY_FIRST].flag, argument, wrong);
    return 0;
}

/* Adds what an option is when nobody gives it. */
static char *help_text(int key, const char *text, void *input)
{
    const char *preset = NULL;
    char *longer;

    (void)input;
    if (key >= KEY_FIRST && key < KEY_FIRST + (int)N_SETTINGS)
        preset = settings[key - KEY_FIRST].preset;
    if (preset && asprintf(&longer, "%s (default %s)", text, preset) >= 0)
        return longer;
    return text ? strdup(text) : NULL; /* argp frees what it did not give */
}

static void print_version(FILE *stream, struct argp_state *state)
{
    (void)state;
    (void)fprintf(stream, "carve-gateway %s\n", CARVE_VERSION);
}

void arguments_read(struct arguments *o, int argc, char **argv)
{
    struct argp_option table[N_SETTINGS + 1] = {0};
    struct argp argp = {
        .options = table,
        .parser = parse_option,
        .help_filter = help_text,
        .doc = "carve's face to the cluster: writes what carved knows of this node to the "
               "Kubernetes API, and brings to carved what the cluster wants of it.\vEvery option "
               "has a name in the environment; see carve-gateway(8).",
    };
    struct err e = {0};

    *o = (struct arguments){0};
    argp_err_exit_status = 2;
    argp_program_version_hook = print_version;
    if (!read_environment(o, &e)) {
        (void)fprintf(stderr, "carve-gateway: %s\n", e.msg);
        exit(2);
    }
    for (int i = 0; i < (int)N_SETTINGS; i++)
        table[i] = (struct argp_option){
            .name = settings[i].flag,
            .key = KEY_FIRST + i,
            .arg = settings[i].argument,
            .flags = settings[i].kind == KIND_TRUTH ? OPTION_ARG_OPTIONAL : 0,
            .doc = settings[i].help,
        };
    (void)argp_parse(&argp, argc, argv, 0, NULL, o);
}
