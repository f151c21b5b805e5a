/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings, with the names of NVIDIA k8s-device-plugin v0.20, and what the environment
 * says about them. How values are judged and used is in config_values.c.
 */
#include "config/config_settings.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct config_setting table[] = {
    [MIG_STRATEGY] = {.key = "flags.migStrategy",
                      .flag = "mig-strategy",
                      .environment = {"$MIG_STRATEGY"},
                      .argument = "STRATEGY",
                      .help = "how MIG devices are offered: none, single or mixed",
                      .kind = CONFIG_CHOICE,
                      .choices = {"none", "single", "mixed"}},
    [FAIL_ON_INIT_ERROR] = {.key = "flags.failOnInitError",
                            .flag = "fail-on-init-error",
                            .environment = {"$FAIL_ON_INIT_ERROR"},
                            .argument = "BOOL",
                            .help = "exit if the driver library cannot be started (default true)",
                            .kind = CONFIG_TRUTH},
    [DRIVER_ROOT] = {.key = "flags.nvidiaDriverRoot",
                     .flag = "driver-root",
                     .alias = "nvidia-driver-root",
                     .environment = {"$NVIDIA_DRIVER_ROOT"},
                     .argument = "PATH",
                     .help = "where the driver is installed on the host (default /)",
                     .kind = CONFIG_PATH},
    [DEV_ROOT] = {.key = "flags.nvidiaDevRoot",
                  .flag = "dev-root",
                  .alias = "nvidia-dev-root",
                  .environment = {"$NVIDIA_DEV_ROOT"},
                  .argument = "PATH",
                  .help = "where dev/nvidia* is on the host (default: the driver root)",
                  .kind = CONFIG_PATH},
    [CONTAINER_DRIVER_ROOT] = {.key = "flags.plugin.containerDriverRoot",
                               .flag = "driver-root-ctr-path",
                               .alias = "container-driver-root",
                               .environment = {"$DRIVER_ROOT_CTR_PATH", "$CONTAINER_DRIVER_ROOT"},
                               .argument = "PATH",
                               .help = "where carved sees the driver root (default /driver-root)",
                               .kind = CONFIG_TEXT},
    [DEVICE_LIST_STRATEGY] = {.key = "flags.plugin.deviceListStrategy",
                              .flag = "device-list-strategy",
                              .environment = {"$DEVICE_LIST_STRATEGY"},
                              .argument = "LIST",
                              .help = "how a container gets its slice: envvar, cdi-cri or both",
                              .kind = CONFIG_CHOICES,
                              .choices = {"envvar", "cdi-cri", "volume-mounts", "cdi-annotations"},
                              .refused = 1 << 2 | 1 << 3,
                              .instead = "use envvar or cdi-cri"},
    [ALLOCATION_POLICY] = {.key = "flags.plugin.sharedDevicesAllocationPolicy",
                           .flag = "shared-devices-allocation-policy",
                           .environment = {"$SHARED_DEVICES_ALLOCATION_POLICY"},
                           .argument = "POLICY",
                           .help = "how slices are chosen among GPUs: distributed or packed",
                           .kind = CONFIG_CHOICE,
                           .choices = {"distributed", "packed"}},
    [CDI_HOOK_PATH] = {.key = "flags.plugin.nvidiaCTKPath",
                       .flag = "nvidia-cdi-hook-path",
                       .alias = "nvidia-ctk-path",
                       .environment = {"$NVIDIA_CDI_HOOK_PATH", "$NVIDIA_CTK_PATH"},
                       .argument = "PATH",
                       .help = "NVIDIA's CDI hook program on the host (default: nvidia-cdi-hook or "
                               "nvidia-ctk, if usr/bin below the driver root has one)",
                       .kind = CONFIG_PATH},
    [CDI_DISABLE_HOOKS] = {.key = "cdiDisableHooks",
                           .flag = "cdi-disable-hooks",
                           .environment = {"$CDI_DISABLE_HOOKS"},
                           .argument = "LIST",
                           .help = "CDI hooks to leave out: all, or update-ldcache, the only one "
                                   "that carve names; others have no effect",
                           .kind = CONFIG_TEXT},
    {.key = "flags.plugin.deviceIDStrategy",
     .flag = "device-id-strategy",
     .environment = {"$DEVICE_ID_STRATEGY"},
     .argument = "STRATEGY",
     .help = "how devices are named to the runtime: uuid",
     .kind = CONFIG_CHOICE,
     .choices = {"uuid", "index"},
     .refused = 1 << 1,
     .instead = "use uuid"},
    {.key = "flags.plugin.passDeviceSpecs",
     .flag = "pass-device-specs",
     .environment = {"$PASS_DEVICE_SPECS"},
     .argument = "BOOL",
     .help = "only false: device nodes come with cdi-cri",
     .kind = CONFIG_TRUTH,
     .refused = 1 << 1,
     .instead = "leave it false and use deviceListStrategy cdi-cri, which brings the device nodes"},
    {.key = "flags.plugin.cdiAnnotationPrefix",
     .flag = "cdi-annotation-prefix",
     .environment = {"$CDI_ANNOTATION_PREFIX"},
     .argument = "PREFIX",
     .help = "accepted, no effect: carve writes no CDI annotations",
     .kind = CONFIG_TEXT},
    {.key = "cdiFeatureFlags",
     .flag = "cdi-feature-flags",
     .environment = {"$CDI_FEATURE_FLAGS"},
     .argument = "LIST",
     .help = "accepted, no effect: carve makes CDI files in its own way",
     .kind = CONFIG_TEXT},
    {.key = "flags.deviceDiscoveryStrategy",
     .flag = "device-discovery-strategy",
     .environment = {"$DEVICE_DISCOVERY_STRATEGY"},
     .argument = "STRATEGY",
     .help = "how GPUs are found: auto or nvml, which are the same",
     .kind = CONFIG_CHOICE,
     .choices = {"auto", "nvml", "tegra"},
     .refused = 1 << 2,
     .instead = "carve finds GPUs through NVML, use auto or nvml"},
    {.key = "flags.mpsRoot",
     .flag = "mps-root",
     .environment = {"$MPS_ROOT"},
     .argument = "PATH",
     .help = "accepted, no effect while sharing.mps is not supported",
     .kind = CONFIG_TEXT},
    {.key = "flags.gdrcopyEnabled",
     .flag = "gdrcopy-enabled",
     .environment = {"$GDRCOPY_ENABLED"},
     .argument = "BOOL",
     .help = "only false: GDRCopy devices are not added yet",
     .kind = CONFIG_TRUTH,
     .refused = 1 << 1,
     .instead = "leave it false and mount /dev/gdrdrv in the pods that need it"},
    {.key = "flags.gdsEnabled",
     .flag = "gds-enabled",
     .environment = {"$GDS_ENABLED"},
     .argument = "BOOL",
     .help = "only false: GPUDirect Storage devices are not added yet",
     .kind = CONFIG_TRUTH,
     .refused = 1 << 1,
     .instead = "leave it false and mount /dev/nvidia-fs* in the pods that need it"},
    {.key = "flags.mofedEnabled",
     .flag = "mofed-enabled",
     .environment = {"$MOFED_ENABLED"},
     .argument = "BOOL",
     .help = "only false: Mellanox devices are not added yet",
     .kind = CONFIG_TRUTH,
     .refused = 1 << 1,
     .instead = "leave it false and mount /dev/infiniband in the pods that need it"},
    {.key = "imex.channelIDs",
     .flag = "imex-channel-ids",
     .environment = {"$IMEX_CHANNEL_IDS"},
     .argument = "LIST",
     .help = "only the empty list: IMEX channels are not added yet",
     .kind = CONFIG_CHOICES,
     .choices = {"0"},
     .refused = 1 << 0,
     .instead = "leave the list empty"},
    {.key = "imex.required",
     .flag = "imex-required",
     .environment = {"$IMEX_REQUIRED"},
     .argument = "BOOL",
     .help = "only false: IMEX channels are not added yet",
     .kind = CONFIG_TRUTH,
     .refused = 1 << 1,
     .instead = "leave it false"},
    {.key = "flags.useNodeFeatureAPI", .kind = CONFIG_FREE},
    {.key = "flags.gfd.oneshot", .kind = CONFIG_FREE},
    {.key = "flags.gfd.noTimestamp", .kind = CONFIG_FREE},
    {.key = "flags.gfd.sleepInterval", .kind = CONFIG_FREE},
    {.key = "flags.gfd.outputFile", .kind = CONFIG_FREE},
    {.key = "flags.gfd.machineTypeFile", .kind = CONFIG_FREE},
};

#define SETTINGS (sizeof table / sizeof *table)
_Static_assert(SETTINGS <= CONFIG_MAX_SETTINGS, "whoever has room for the maximum has enough");

const struct config_setting *config_settings(size_t *count)
{
    *count = SETTINGS;
    return table;
}

size_t config_environment(struct config_override *out, size_t max)
{
    size_t count = 0;

    for (size_t i = 0; i < SETTINGS; i++) {
        const char *value = NULL;

        for (size_t j = 0; j < 2 && table[i].environment[j] && !value && count < max; j++) {
            const char *name = table[i].environment[j];

            value = secure_getenv(name + 1);
            if (value && !*value)
                value = NULL;
            if (value)
                out[count++] = (struct config_override){table[i].key, value, name};
        }
    }
    return count;
}

const char *config_settings_home(const char *key)
{
    static const char *const others[] = {
        "flags.plugin",
        "flags.gfd",
        "sharing.timeSlicing",
        "sharing.mps",
        "sharing.timeSlicing.renameByDefault",
        "sharing.timeSlicing.failRequestsGreaterThanOne",
        "sharing.timeSlicing.resources.replicas",
        "carve.strict",
        "carve.honor",
        "carve.fractions",
    };

    for (size_t i = 0; i < SETTINGS; i++) {
        const char *dot = strrchr(table[i].key, '.');

        if (dot && strcasecmp(dot + 1, key) == 0)
            return table[i].key;
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcasecmp(strrchr(others[i], '.') + 1, key) == 0)
            return others[i];
    return NULL;
}
