/* SPDX-License-Identifier: Apache-2.0 */
/* Reading command line and environment: see arguments.h. Both say the same in the same words. */
#include "agent/arguments.h"

#include <argp.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "kube/deviceplugin.h"
#include "kube/podresources.h"

enum {
    KEY_FIRST_SETTING = 1024, /* argp keys of config's table */
    KEY_FIRST_OWN = 2048,     /* and of the one below */
    KEY_CHECK = 4096,
    MAX_WAIT_MS = 24 * 3600 * 1000,
    NOBODY = 65534, /* whom the kernel shows for every user that has no number here */
};

enum own_kind {
    OWN_TEXT,
    OWN_PATH, /* absolute */
    OWN_PATH_OR_EMPTY,
    OWN_WAIT,
    OWN_LEVEL,
    OWN_USER,
    OWN_SWITCH,
};

/* A setting that is carve's own, and where it goes in struct arguments. */
struct own_setting {
    const char *flag;
    const char *environment; /* without the dollar */
    const char *argument;
    const char *help;
    const char *preset; /* NULL: none */
    enum own_kind kind;
    size_t offset;
};

#define AGENT(field) offsetof(struct arguments, agent.field)

static const struct own_setting own_settings[] = {
    {"config-file", "CONFIG_FILE", "FILE", "the node's configuration; watched and applied live",
     NULL, OWN_TEXT, AGENT(config_file)},
    {"socket", "CARVE_SOCKET", "PATH", "where carve.v1.Node is served", "/run/carve/carved.sock",
     OWN_PATH, AGENT(socket)},
    {"state-dir", "CARVE_STATE_DIR", "FOLDER", "where the last good configuration is kept",
     "/var/lib/carve", OWN_PATH, AGENT(state_folder)},
    {"cdi-dir", "CARVE_CDI_DIR", "FOLDER", "where the CDI file is written", "/var/run/cdi",
     OWN_PATH, AGENT(cdi_folder)},
    {"kubelet-socket", "KUBELET_SOCKET", "PATH",
     "the kubelet's; empty: serve beside --socket and do not register",
     DEVICEPLUGIN_FOLDER "/" DEVICEPLUGIN_KUBELET, OWN_PATH_OR_EMPTY, AGENT(kubelet_socket)},
    {"pod-resources-socket", "CARVE_POD_RESOURCES_SOCKET", "PATH",
     "the kubelet's pod resources, which say who holds what", PODRESOURCES_SOCKET, OWN_PATH,
     AGENT(pod_resources_socket)},
    {"proc-root", "CARVE_PROC_ROOT", "FOLDER", "the host's /proc as seen from here", "/proc",
     OWN_PATH, AGENT(proc_root)},
    {"sysfs-root", "CARVE_SYSFS_ROOT", "FOLDER", "the host's /sys as seen from here", "/sys",
     OWN_PATH, AGENT(sysfs_root)},
    {"rescan-interval", "CARVE_RESCAN_INTERVAL", "TIME",
     "how often the hardware is looked at again (s, or with ms, s, m); 0: never", "30s", OWN_WAIT,
     AGENT(rescan_ms)},
    {"driver-timeout", "CARVE_DRIVER_TIMEOUT", "TIME",
     "after which a call of the driver counts as hung", "30s", OWN_WAIT, AGENT(driver_timeout_ms)},
    {"driver-grace", "CARVE_DRIVER_GRACE", "TIME",
     "how long the driver may fail before all slices are withdrawn; 0: for ever", "10s", OWN_WAIT,
     AGENT(driver_grace_ms)},
    {"health-probation", "CARVE_HEALTH_PROBATION", "TIME",
     "how long a fault that passes by itself keeps its slices back; 0: it takes none", "5m",
     OWN_WAIT, AGENT(health_probation_ms)},
    {"disable-healthchecks", "DP_DISABLE_HEALTHCHECKS", "LIST",
     "XIDs that take no slices, beside those of applications; 'all' or 'xids': none does", NULL,
     OWN_TEXT, AGENT(disabled_healthchecks)},
    {"enable-healthchecks", "DP_ENABLE_HEALTHCHECKS", "LIST",
     "XIDs that do take slices, whatever else is said; 'all': every one", NULL, OWN_TEXT,
     AGENT(enabled_healthchecks)},
    {"gateway-user", "CARVE_GATEWAY_USER", "UID",
     "the user that may configure and change this node, beside root and carved's own", NULL,
     OWN_USER, AGENT(gateway_user)},
    {"await-configuration", "CARVE_AWAIT_CONFIGURATION", "TIME",
     "how long the first slices of a new node wait for the gateway to configure it", "0", OWN_WAIT,
     AGENT(await_ms)},
    {"reboot-command", "CARVE_REBOOT_COMMAND", "COMMAND",
     "reboots the host when the gateway asks for it, such as \"/usr/bin/systemctl reboot\"", NULL,
     OWN_PATH, AGENT(reboot_command)},
    {"network-bar", "CARVE_NETWORK_BAR", "on|off",
     "carved bars itself from the network by seccomp; off where that is forbidden", "on",
     OWN_SWITCH, offsetof(struct arguments, network_bar)},
    {"log-level", "CARVE_LOG_LEVEL", "LEVEL", "error, warning, info or debug", "info", OWN_LEVEL,
     offsetof(struct arguments, log_level)},
};

enum { N_OWN = sizeof own_settings / sizeof own_settings[0] };

/* A user's number. That of nobody would let in everybody from outside of this user namespace. */
static bool parse_user(int64_t *out, const char *text)
{
    uint64_t uid;

    if (!text_uint(&uid, text, UINT32_MAX - 1) || uid == NOBODY)
        return false;
    *out = (int64_t)uid;
    return true;
}

static bool parse_switch(bool *out, const char *text)
{
    if (strcmp(text, "on") != 0 && strcmp(text, "off") != 0)
        return false;
    *out = strcmp(text, "on") == 0;
    return true;
}

/* Puts a value where it goes; false, with words, if it makes no sense. */
static bool set_own(struct arguments *o, const struct own_setting *s, const char *value,
                    struct err *e)
{
    void *field = (char *)o + s->offset;

    if ((s->kind == OWN_PATH && value[0] != '/') ||
        (s->kind == OWN_PATH_OR_EMPTY && value[0] != '/' && value[0] != '\0')) {
        (void)err_set(e, EINVAL, "'%s' is no absolute path", value);
        return false;
    }
    if (s->kind == OWN_WAIT && !text_wait_ms(field, value, MAX_WAIT_MS)) {
        (void)err_set(e, EINVAL, "'%s' is no time such as 30s, 500ms, 5m or 1h", value);
        return false;
    }
    if (s->kind == OWN_LEVEL && !log_level_read(field, value)) {
        (void)err_set(e, EINVAL, "'%s' is not error, warning, info or debug", value);
        return false;
    }
    if (s->kind == OWN_USER && !parse_user(field, value)) {
        (void)err_set(e, EINVAL, "'%s' is no user's number, or nobody's (%d)", value, NOBODY);
        return false;
    }
    if (s->kind == OWN_SWITCH && !parse_switch(field, value)) {
        (void)err_set(e, EINVAL, "'%s' is not on or off", value);
        return false;
    }
    if (s->kind <= OWN_PATH_OR_EMPTY)
        memcpy(field, &value, sizeof value);
    return true;
}

/* What is set to nothing counts as not set, but where nothing means something. */
static bool read_environment(struct arguments *o, struct err *e)
{
    for (size_t i = 0; i < N_OWN; i++) {
        const struct own_setting *s = &own_settings[i];
        const char *value = secure_getenv(s->environment);

        if (s->preset)
            (void)set_own(o, s, s->preset, e);
        if (!value || (value[0] == '\0' && s->kind != OWN_PATH_OR_EMPTY))
            continue;
        if (!set_own(o, s, value, e)) {
            (void)err_wrap(e, "$%s", s->environment);
            return false;
        }
    }
    return true;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    struct arguments *o = state->input;
    struct agent_options *a = &o->agent;
    size_t n_settings;
    const struct config_setting *settings = config_settings(&n_settings);
    struct err e = {0};

    if (key == KEY_CHECK) {
        o->check_config = argument;
    } else if (key >= KEY_FIRST_OWN && key < KEY_FIRST_OWN + (int)N_OWN) {
        const struct own_setting *s = &own_settings[key - KEY_FIRST_OWN];

        if (!set_own(o, s, argument, &e))
            argp_error(state, "--%s: %s", s->flag, e.msg);
    } else if (key >= KEY_FIRST_SETTING && key < KEY_FIRST_SETTING + (int)n_settings) {
        const struct config_setting *s = &settings[key - KEY_FIRST_SETTING];

        if (a->n_overrides == ARGUMENTS_MAX_OVERRIDES)
            argp_error(state, "too many options");
        (void)snprintf(o->origins[a->n_overrides], sizeof o->origins[0], "--%s", s->flag);
        o->overrides[a->n_overrides] = (struct config_override){
            .key = s->key,
            .value = argument ? argument : "true",
            .origin = o->origins[a->n_overrides],
        };
        a->n_overrides++;
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* argp's table of config's settings, their other names, carve's own, and one for checking. */
static void fill_table(struct argp_option *table)
{
    size_t n_settings;
    const struct config_setting *settings = config_settings(&n_settings);

    *table++ =
        (struct argp_option){.doc = "NVIDIA's settings, which the file may also give:", .group = 1};
    for (size_t i = 0; i < n_settings; i++) {
        if (!settings[i].flag)
            continue;
        *table++ = (struct argp_option){
            .name = settings[i].flag,
            .key = KEY_FIRST_SETTING + (int)i,
            .arg = settings[i].argument,
            .flags = settings[i].kind == CONFIG_TRUTH ? OPTION_ARG_OPTIONAL : 0,
            .doc = settings[i].help,
            .group = 1,
        };
        if (settings[i].alias)
            *table++ =
                (struct argp_option){.name = settings[i].alias, .flags = OPTION_ALIAS, .group = 1};
    }
    *table++ = (struct argp_option){.doc = "carve's own:", .group = 2};
    for (size_t i = 0; i < N_OWN; i++)
        *table++ = (struct argp_option){.name = own_settings[i].flag,
                                        .key = KEY_FIRST_OWN + (int)i,
                                        .arg = own_settings[i].argument,
                                        .doc = own_settings[i].help,
                                        .group = 2};
    *table++ = (struct argp_option){.name = "check-config",
                                    .key = KEY_CHECK,
                                    .arg = "FILE",
                                    .doc = "check a configuration strictly, print what is wrong "
                                           "with it, and exit: 0 fine, 1 not, 2 cannot be read",
                                    .group = 2};
    *table = (struct argp_option){0};
}

/* Adds what an option of our own is when nobody gives it. */
static char *help_text(int key, const char *text, void *input)
{
    const char *preset = NULL;
    char *longer;

    (void)input;
    if (key >= KEY_FIRST_OWN && key < KEY_FIRST_OWN + (int)N_OWN)
        preset = own_settings[key - KEY_FIRST_OWN].preset;
    if (preset && asprintf(&longer, "%s (default %s)", text, preset) >= 0)
        return longer;
    return text ? strdup(text) : NULL; /* argp frees what it did not give */
}

static void print_version(FILE *stream, struct argp_state *state)
{
    (void)state;
    (void)fprintf(stream, "carved %s\n", CARVE_VERSION);
}

void arguments_read(struct arguments *o, int argc, char **argv)
{
    struct argp_option table[2 * CONFIG_MAX_SETTINGS + N_OWN + 4];
    struct argp argp = {
        .options = table,
        .parser = parse_option,
        .help_filter = help_text,
        .doc = "carve's node daemon: cuts the GPUs of this node into slices and offers them to "
               "the kubelet.\vEvery option has a name in the environment; see carved(8).",
    };
    struct err e = {0};

    *o = (struct arguments){.agent.gateway_user = -1};
    argp_err_exit_status = 2;
    argp_program_version_hook = print_version;
    if (!read_environment(o, &e)) {
        (void)fprintf(stderr, "carved: %s\n", e.msg);
        exit(2);
    }
    o->agent.overrides = o->overrides;
    o->agent.n_overrides = config_environment(o->overrides, CONFIG_MAX_SETTINGS);
    fill_table(table);
    (void)argp_parse(&argp, argc, argv, 0, NULL, o);
}
