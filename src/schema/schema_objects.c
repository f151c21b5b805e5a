/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that Kubernetes' API server has for objects around pods: who is bound to a role, what a
 * claim of storage must say. Only what is certain.
 */
#include <string.h>

#include "schema/schema_check.h"

static const char rbac_group[] = "rbac.authorization.k8s.io";

static void check_subjects(struct check *c)
{
    const struct yaml_node *list = verify_go(c, "subjects");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const struct yaml_node *item = list->items[i];
        struct schema_fault_at at = {
            .fault = SCHEMA_FIELD_MISSING, .node = item, .map = item, .field = "namespace"};
        size_t before = verify_enter_item(c, i);

        if (strcmp(verify_text(item, "kind"), "ServiceAccount") == 0 &&
            !*verify_text(item, "namespace"))
            verify_fault(c, at, "that of the ServiceAccount");
        verify_leave(c, before);
    }
}

static void check_binding(struct check *c)
{
    const struct yaml_node *reference = verify_go(c, "roleRef");
    const struct yaml_node *group = verify_get(reference, "apiGroup");
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_ENUM,
                                 .node = group,
                                 .map = reference,
                                 .field = "apiGroup",
                                 .instead = rbac_group};

    if (group && group->kind == YAML_SCALAR && *group->text && !verify_placeholder(group->text) &&
        strcmp(group->text, rbac_group) != 0)
        verify_fault(c, at, "%s", rbac_group);
    if (strcmp(c->kind->kind, "ClusterRoleBinding") == 0)
        check_subjects(c); /* in a RoleBinding its own namespace is the default */
}

static void check_claim(struct check *c)
{
    const struct yaml_node *spec = verify_go(c, "spec");
    const struct yaml_node *requests = verify_get(verify_get(spec, "resources"), "requests");
    struct schema_fault_at at = {
        .fault = SCHEMA_FIELD_MISSING, .node = spec, .map = spec, .field = "accessModes"};

    if (!spec || spec->kind != YAML_MAP)
        return;
    if (!verify_get(spec, "accessModes"))
        verify_fault(c, at, "such as [ReadWriteOnce]");
    at.field = "resources.requests.storage";
    if (!verify_get(requests, "storage"))
        verify_fault(c, at, "how much storage is asked for");
}

void verify_objects(struct check *c)
{
    if (strcmp(c->kind->kind, "RoleBinding") == 0 ||
        strcmp(c->kind->kind, "ClusterRoleBinding") == 0)
        check_binding(c);
    if (strcmp(c->kind->kind, "PersistentVolumeClaim") == 0)
        check_claim(c);
}
