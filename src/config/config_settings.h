/* SPDX-License-Identifier: Apache-2.0 */
/* The order of config.h's table of settings, for config_values.c, and where a key belongs. */
#ifndef CONFIG_CONFIG_SETTINGS_H
#define CONFIG_CONFIG_SETTINGS_H

#include "config/config.h"

/* What comes behind these has no effect on a node. */
enum config_setting_index {
    MIG_STRATEGY,
    FAIL_ON_INIT_ERROR,
    DRIVER_ROOT,
    DEV_ROOT,
    CONTAINER_DRIVER_ROOT,
    DEVICE_LIST_STRATEGY,
    ALLOCATION_POLICY,
    CDI_HOOK_PATH,
    CDI_DISABLE_HOOKS,
};

/* The full path of a key that is known somewhere in the file, or NULL. */
const char *config_settings_home(const char *key);

#endif
