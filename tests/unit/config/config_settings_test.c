/* SPDX-License-Identifier: Apache-2.0 */
/* Command line over environment over file over default, by one table of settings. */
#include "test.h"

#include <stdlib.h>

#include "base/file.h"
#include "config/parsed.h"

static const char *manual; /* carved.conf.5.scd */

/* The text with overrides over it. */
static void read_over(struct parsed *p, const char *text, const struct config_override *overrides,
                      size_t count)
{
    *p = (struct parsed){0};
    findings_init(&p->findings, "f.yaml");
    p->result = config_parse(&p->config, "f.yaml", text, strlen(text), overrides, count, false,
                             &p->findings, &p->err);
}

static void clear_environment(void)
{
    size_t count;
    const struct config_setting *settings = config_settings(&count);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < 2 && settings[i].environment[j]; j++)
            (void)unsetenv(settings[i].environment[j] + 1);
}

static const struct config_setting *find(const char *key)
{
    size_t count;
    const struct config_setting *settings = config_settings(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(settings[i].key, key) == 0)
            return &settings[i];
    fail_msg("no setting %s", key);
    return NULL;
}

static void the_table_has_the_names_of_the_original(void **state)
{
    static const char *const known[][4] = {
        {"flags.migStrategy", "mig-strategy", "", "$MIG_STRATEGY"},
        {"flags.failOnInitError", "fail-on-init-error", "", "$FAIL_ON_INIT_ERROR"},
        {"flags.nvidiaDriverRoot", "driver-root", "nvidia-driver-root", "$NVIDIA_DRIVER_ROOT"},
        {"flags.nvidiaDevRoot", "dev-root", "nvidia-dev-root", "$NVIDIA_DEV_ROOT"},
        {"flags.plugin.passDeviceSpecs", "pass-device-specs", "", "$PASS_DEVICE_SPECS"},
        {"flags.plugin.deviceListStrategy", "device-list-strategy", "", "$DEVICE_LIST_STRATEGY"},
        {"flags.plugin.deviceIDStrategy", "device-id-strategy", "", "$DEVICE_ID_STRATEGY"},
        {"flags.gdrcopyEnabled", "gdrcopy-enabled", "", "$GDRCOPY_ENABLED"},
        {"flags.gdsEnabled", "gds-enabled", "", "$GDS_ENABLED"},
        {"flags.mofedEnabled", "mofed-enabled", "", "$MOFED_ENABLED"},
        {"flags.plugin.cdiAnnotationPrefix", "cdi-annotation-prefix", "", "$CDI_ANNOTATION_PREFIX"},
        {"flags.plugin.nvidiaCTKPath", "nvidia-cdi-hook-path", "nvidia-ctk-path",
         "$NVIDIA_CDI_HOOK_PATH"},
        {"flags.plugin.containerDriverRoot", "driver-root-ctr-path", "container-driver-root",
         "$DRIVER_ROOT_CTR_PATH"},
        {"flags.mpsRoot", "mps-root", "", "$MPS_ROOT"},
        {"flags.deviceDiscoveryStrategy", "device-discovery-strategy", "",
         "$DEVICE_DISCOVERY_STRATEGY"},
        {"flags.plugin.sharedDevicesAllocationPolicy", "shared-devices-allocation-policy", "",
         "$SHARED_DEVICES_ALLOCATION_POLICY"},
        {"cdiFeatureFlags", "cdi-feature-flags", "", "$CDI_FEATURE_FLAGS"},
        {"cdiDisableHooks", "cdi-disable-hooks", "", "$CDI_DISABLE_HOOKS"},
        {"imex.channelIDs", "imex-channel-ids", "", "$IMEX_CHANNEL_IDS"},
        {"imex.required", "imex-required", "", "$IMEX_REQUIRED"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct config_setting *s = find(known[i][0]);

        assert_string_equal(s->flag, known[i][1]);
        assert_string_equal(s->alias ? s->alias : "", known[i][2]);
        assert_string_equal(s->environment[0], known[i][3]);
        assert_non_null(s->help);
        assert_non_null(s->argument);
    }
}

static void every_refused_value_says_what_to_do(void **state)
{
    size_t count;
    const struct config_setting *settings = config_settings(&count);

    (void)state;
    assert_true(count <= CONFIG_MAX_SETTINGS);
    for (size_t i = 0; i < count; i++)
        assert_true(!settings[i].refused || settings[i].instead);
}

static void later_overrides_win(void **state)
{
    static const struct config_override overrides[] = {
        {"flags.migStrategy", "single", "$MIG_STRATEGY"},
        {"flags.nvidiaDriverRoot", "/env", "$NVIDIA_DRIVER_ROOT"},
        {"flags.migStrategy", "mixed", "--mig-strategy"},
        {"flags.failOnInitError", "0", "--fail-on-init-error"},
    };
    struct parsed p;

    (void)state;
    read_over(&p, "flags: {migStrategy: none, nvidiaDriverRoot: /file, nvidiaDevRoot: /dev-file}",
              overrides, 4);
    assert_int_equal(p.result, 0);
    assert_int_equal(p.config->mig_strategy, CONFIG_MIG_MIXED);
    assert_string_equal(p.config->driver_root, "/env");
    assert_string_equal(p.config->dev_root, "/dev-file");
    assert_false(p.config->fail_on_init_error);
    parsed_done(&p);
}

static void overrides_stand_alone_without_a_file(void **state)
{
    static const struct config_override overrides[] = {
        {"flags.plugin.deviceListStrategy", "cdi-cri,envvar", "$DEVICE_LIST_STRATEGY"},
        {"flags.failOnInitError", "true", "--fail-on-init-error"},
    };
    struct parsed p = {0};

    (void)state;
    findings_init(&p.findings, "f.yaml");
    p.result = config_parse(&p.config, "f.yaml", NULL, 0, overrides, 2, true, &p.findings, &p.err);
    assert_int_equal(p.result, 0);
    assert_int_equal(p.config->injection, CONFIG_INJECT_CDI_CRI | CONFIG_INJECT_ENVVAR);
    parsed_done(&p);
}

static void a_repeated_flag_adds_to_its_list(void **state)
{
    static const struct config_override overrides[] = {
        {"flags.plugin.deviceListStrategy", "envvar", "$DEVICE_LIST_STRATEGY"},
        {"flags.plugin.deviceListStrategy", "cdi-cri", "--device-list-strategy"},
        {"flags.plugin.deviceListStrategy", "envvar", "--device-list-strategy"},
    };
    struct parsed p;

    (void)state;
    read_over(&p, "", overrides, 3);
    assert_int_equal(p.config->injection, CONFIG_INJECT_CDI_CRI | CONFIG_INJECT_ENVVAR);
    parsed_done(&p);
    read_over(&p, "", overrides, 2);
    assert_int_equal(p.config->injection, CONFIG_INJECT_CDI_CRI);
    parsed_done(&p);
}

static void an_impossible_override_is_an_error_with_its_origin(void **state)
{
    static const struct config_override overrides[] = {
        {"flags.migStrategy", "both", "--mig-strategy"},
        {"flags.failOnInitError", "maybe", "$FAIL_ON_INIT_ERROR"},
        {"flags.gdsEnabled", "true", "$GDS_ENABLED"},
    };
    struct parsed p;

    (void)state;
    read_over(&p, "", overrides, 3);
    assert_int_equal(p.result, -EINVAL);
    assert_int_equal(p.findings.count, 3);
    assert_string_equal(p.err.msg, "error: --mig-strategy: unknown value 'both'; known: none, "
                                   "single, mixed");
    assert_non_null(parsed_find(&p.findings, "$FAIL_ON_INIT_ERROR: expected true or false"));
    assert_non_null(parsed_find(&p.findings, "$GDS_ENABLED: 'true' is not supported by carve yet"));
    parsed_done(&p);
}

static void only_the_value_that_counts_is_refused(void **state)
{
    static const struct config_override overrides[] = {
        {"flags.plugin.passDeviceSpecs", "false", "--pass-device-specs"},
        {"imex.channelIDs", "", "$IMEX_CHANNEL_IDS"},
    };
    struct parsed p;

    (void)state;
    read_over(&p, "{flags: {plugin: {passDeviceSpecs: true}}, imex: {channelIDs: [0]}}", overrides,
              2);
    assert_int_equal(p.result, 0);
    assert_int_equal(p.findings.count, 0);
    parsed_done(&p);
    read_over(&p, "{flags: {plugin: {passDeviceSpecs: true}}, imex: {channelIDs: [0]}}", overrides,
              1);
    assert_int_equal(p.result, -EINVAL);
    assert_int_equal(p.findings.count, 1);
    parsed_done(&p);
}

static void the_environment_gives_overrides(void **state)
{
    struct config_override out[CONFIG_MAX_SETTINGS];
    struct parsed p;
    size_t count;

    (void)state;
    clear_environment();
    assert_int_equal(config_environment(out, CONFIG_MAX_SETTINGS), 0);
    assert_int_equal(setenv("MIG_STRATEGY", "single", 1), 0);
    assert_int_equal(setenv("CONTAINER_DRIVER_ROOT", "/second", 1), 0);
    assert_int_equal(setenv("NVIDIA_DEV_ROOT", "", 1), 0);
    count = config_environment(out, CONFIG_MAX_SETTINGS);
    assert_int_equal(count, 2);
    assert_string_equal(out[0].origin, "$MIG_STRATEGY");
    read_over(&p, "flags: {nvidiaDevRoot: /d}", out, count);
    assert_int_equal(p.config->mig_strategy, CONFIG_MIG_SINGLE);
    assert_string_equal(p.config->container_driver_root, "/second");
    assert_string_equal(p.config->dev_root, "/d");
    parsed_done(&p);
    assert_int_equal(setenv("DRIVER_ROOT_CTR_PATH", "/first", 1), 0);
    count = config_environment(out, CONFIG_MAX_SETTINGS);
    assert_int_equal(count, 2);
    assert_string_equal(out[1].value, "/first");
    assert_int_equal(config_environment(out, 1), 1);
    clear_environment();
}

static void empty_roots_mean_the_default(void **state)
{
    struct parsed p;

    (void)state;
    read_over(&p, "flags: {nvidiaDriverRoot: '', nvidiaDevRoot: ''}", NULL, 0);
    assert_int_equal(p.result, 0);
    assert_string_equal(p.config->driver_root, "/");
    assert_null(p.config->dev_root);
    parsed_done(&p);
}

static void the_hook_is_chosen_and_turned_off(void **state)
{
    static const char *const lists[] = {
        "all", "update-ldcache",    "create-symlinks, update-ldcache", "create-symlinks",
        "",    "update-ldcaches,al"};
    struct parsed p;

    (void)state;
    read_over(&p, "flags: {plugin: {nvidiaCTKPath: /opt/nvidia-ctk}}", NULL, 0);
    assert_string_equal(p.config->cdi_hook, "/opt/nvidia-ctk");
    assert_false(p.config->no_cdi_hook);
    parsed_done(&p);
    read_over(&p, "flags: {plugin: {nvidiaCTKPath: nvidia-ctk}}", NULL, 0);
    assert_int_equal(p.result, -EINVAL);
    parsed_done(&p);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        struct config_override o = {"cdiDisableHooks", lists[i], "--cdi-disable-hooks"};

        read_over(&p, "", &o, 1);
        assert_null(p.config->cdi_hook);
        assert_int_equal(p.config->no_cdi_hook, i < 3);
        parsed_done(&p);
    }
}

static void says(const char *text, const char *what, const char *word)
{
    char marked[96];

    (void)snprintf(marked, sizeof marked, "*%s%s*", what, word);
    if (!strstr(text, marked))
        fail_msg("the manual has no %s", marked);
}

static void the_manual_has_every_setting(void **state)
{
    OWN_MEM char *text = NULL;
    size_t count;
    const struct config_setting *settings = config_settings(&count);

    (void)state;
    assert_int_equal(file_read(&text, NULL, manual, 1 << 20, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        says(text, "", settings[i].key);
        if (settings[i].flag)
            says(text, "--", settings[i].flag);
        if (settings[i].alias)
            says(text, "--", settings[i].alias);
        for (size_t j = 0; j < 2 && settings[i].environment[j]; j++)
            says(text, "", settings[i].environment[j]);
        for (size_t j = 0; settings[i].choices[j]; j++)
            if (strcmp(settings[i].choices[j], "0") != 0)
                says(text, "", settings[i].choices[j]);
    }
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_the_names_of_the_original),
        cmocka_unit_test(every_refused_value_says_what_to_do),
        cmocka_unit_test(later_overrides_win),
        cmocka_unit_test(overrides_stand_alone_without_a_file),
        cmocka_unit_test(a_repeated_flag_adds_to_its_list),
        cmocka_unit_test(an_impossible_override_is_an_error_with_its_origin),
        cmocka_unit_test(only_the_value_that_counts_is_refused),
        cmocka_unit_test(the_environment_gives_overrides),
        cmocka_unit_test(empty_roots_mean_the_default),
        cmocka_unit_test(the_hook_is_chosen_and_turned_off),
        cmocka_unit_test(the_manual_has_every_setting),
    };

    if (argc != 2)
        return 2;
    manual = argv[1];
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
