/* SPDX-License-Identifier: Apache-2.0 */
/* The list of checks, in the order in which they run. */
#include "lint/check/checks.h"

#include "lint/lint.h"

lint_check *const lint_checks[] = {
    check_text,           check_schema,       check_pool,          check_class,
    check_overlay,        check_workload,     check_reach,         check_plugin,
    check_plugin_install, check_plugin_nodes, check_plugin_choice, check_sharing,
    check_strategy,       check_mig,          check_mig_file,      check_helm,
    check_helm_command,   check_kubectl,      check_kubectl_space, check_kubectl_url,
    check_kubectl_file,   check_shell,        check_bounds,        NULL,
};
