/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Kubernetes' API server checks of pods and of what makes them beyond their schema: names of
 * containers, images, labels, selectors that fit, restart policies. Only what is certain.
 */
#include <stdio.h>
#include <string.h>

#include "schema/schema_check.h"

enum { MOST_CONTAINERS = 64 };

/* Where a kind has its pod template, and which restart policies it takes. */
struct maker {
    const char *kind;
    const char *template; /* path of metadata and spec; "": the object itself */
    const char *selector; /* path of the selector that must fit the template's labels; "" */
    bool only_always, never_always;
};

static const struct maker makers[] = {
    {"Pod", "", "", false, false},
    {"Deployment", "spec.template", "spec.selector", true, false},
    {"StatefulSet", "spec.template", "spec.selector", true, false},
    {"DaemonSet", "spec.template", "spec.selector", true, false},
    {"ReplicaSet", "spec.template", "spec.selector", true, false},
    {"ReplicationController", "spec.template", "", true, false},
    {"Job", "spec.template", "", false, true},
    {"CronJob", "spec.jobTemplate.spec.template", "", false, true},
    {"PodTemplate", "template", "", false, false},
};

static bool is_text(const struct yaml_node *node)
{
    return node && node->kind == YAML_SCALAR;
}

/* A name by its own rule; where the names of a list must differ, the list is given. */
static void check_dns_name(struct check *c, const struct yaml_node *map, const char *field,
                           const char *what)
{
    const struct yaml_node *node = verify_get(map, field);
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_NAME, .node = node, .map = map, .field = field};

    if (is_text(node) && !verify_placeholder(node->text) && !verify_is_dns_label(node->text))
        verify_fault(c, at,
                     "%s: at most 63 lower case letters, digits and '-', a letter or a digit "
                     "at both ends",
                     what);
}

static void check_twice(struct check *c, const struct yaml_node *list, size_t i, const char *field)
{
    const char *name = verify_text(list->items[i], field);

    for (size_t j = 0; *name && j < i && j < MOST_CONTAINERS; j++) {
        struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE,
                                     .node = verify_get(list->items[i], field),
                                     .map = list->items[i],
                                     .field = field};

        if (strcmp(verify_text(list->items[j], field), name) != 0 || verify_placeholder(name))
            continue;
        verify_fault(c, at, "item %zu has the same %s", j + 1, field);
        return;
    }
}

static void check_ports(struct check *c, const struct yaml_node *container)
{
    const struct yaml_node *list = verify_get(container, "ports");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const struct yaml_node *port = verify_get(list->items[i], "containerPort");
        struct schema_fault_at at = {.fault = SCHEMA_VALUE_BOUNDS,
                                     .node = port,
                                     .map = list->items[i],
                                     .field = "containerPort"};
        const char *text = is_text(port) ? port->text : "1";

        if (strspn(text, "0123456789") == strlen(text) && strcmp(text, "0") != 0 &&
            (strlen(text) < 5 || (strlen(text) == 5 && strcmp(text, "65535") <= 0)))
            continue;
        if (is_text(port) && schema_scalar(port) == SCHEMA_SCALAR_WHOLE)
            verify_fault(c, at, "from 1 to 65535");
    }
}

static void check_containers(struct check *c, const struct yaml_node *spec, const char *field,
                             bool image_wanted)
{
    const struct yaml_node *list = verify_get(spec, field);
    size_t outer = verify_enter(c, field);

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const struct yaml_node *item = list->items[i], *mounts = verify_get(item, "volumeMounts");
        struct schema_fault_at at = {
            .fault = SCHEMA_FIELD_MISSING, .node = item, .map = item, .field = "image"};
        size_t before = verify_enter_item(c, i);

        check_dns_name(c, item, "name", "a container's name");
        check_twice(c, list, i, "name");
        check_ports(c, item);
        if (image_wanted && item->kind == YAML_MAP && !*verify_text(item, "image"))
            verify_fault(c, at, "the container's image");
        for (size_t m = 0; mounts && mounts->kind == YAML_LIST && m < mounts->count; m++)
            check_twice(c, mounts, m, "mountPath");
        verify_leave(c, before);
    }
    verify_leave(c, outer);
}

static void check_tolerations(struct check *c, const struct yaml_node *spec)
{
    const struct yaml_node *list = verify_get(spec, "tolerations");
    size_t outer = verify_enter(c, "tolerations");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        const struct yaml_node *item = list->items[i], *key = verify_get(item, "key");
        const char *operator= verify_text(item, "operator"), *value = verify_text(item, "value");
        struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE, .node = item, .map = item};
        size_t before = verify_enter_item(c, i);

        if (is_text(key) && *key->text)
            verify_label_key(c, item, "key", key, "a taint's key");
        if (item->kind == YAML_MAP && !*verify_text(item, "key") && !verify_placeholder(operator) &&
            strcmp(operator, "Exists") != 0)
            verify_fault(c, at, "without a key the operator must be Exists");
        at.node = verify_get(item, "value");
        at.field = "value";
        if (strcmp(operator, "Exists") == 0 && *value)
            verify_fault(c, at, "operator Exists takes no value");
        at.node = verify_get(item, "tolerationSeconds");
        at.field = "tolerationSeconds";
        if (at.node && strcmp(verify_text(item, "effect"), "NoExecute") != 0 &&
            !verify_placeholder(verify_text(item, "effect")))
            verify_fault(c, at, "tolerationSeconds needs effect NoExecute");
        verify_leave(c, before);
    }
    verify_leave(c, outer);
}

static void check_volumes(struct check *c, const struct yaml_node *spec)
{
    const struct yaml_node *list = verify_get(spec, "volumes");
    size_t outer = verify_enter(c, "volumes");

    for (size_t i = 0; list && list->kind == YAML_LIST && i < list->count; i++) {
        size_t before = verify_enter_item(c, i);

        check_dns_name(c, list->items[i], "name", "a volume's name");
        check_twice(c, list, i, "name");
        verify_leave(c, before);
    }
    verify_leave(c, outer);
}

/* Mounts of volumes that the pod lacks; claims of a StatefulSet's template are volumes too. */
static void check_mounts(struct check *c, const struct yaml_node *spec, const char *field)
{
    const struct yaml_node *containers = verify_get(spec, field), *volumes[2];

    volumes[0] = verify_get(spec, "volumes");
    volumes[1] = verify_get(verify_get(c->root, "spec"), "volumeClaimTemplates");
    for (size_t i = 0; containers && containers->kind == YAML_LIST && i < containers->count; i++) {
        const struct yaml_node *mounts = verify_get(containers->items[i], "volumeMounts");

        for (size_t m = 0; mounts && mounts->kind == YAML_LIST && m < mounts->count; m++) {
            const char *name = verify_text(mounts->items[m], "name");
            struct schema_fault_at at = {.fault = SCHEMA_VALUE_RULE,
                                         .node = verify_get(mounts->items[m], "name"),
                                         .map = mounts->items[m],
                                         .field = "name"};
            bool found = !*name || verify_placeholder(name);

            for (size_t v = 0; volumes[0] && v < volumes[0]->count && !found; v++)
                found = volumes[0]->kind != YAML_LIST ||
                        strcmp(verify_text(volumes[0]->items[v], "name"), name) == 0;
            for (size_t v = 0; volumes[1] && v < volumes[1]->count && !found; v++)
                found = volumes[1]->kind != YAML_LIST ||
                        strcmp(verify_text(verify_get(volumes[1]->items[v], "metadata"), "name"),
                               name) == 0;
            if (!found)
                verify_fault(c, at, "the pod has no volume of this name");
        }
    }
}

static void check_restart(struct check *c, const struct maker *m, const struct yaml_node *spec)
{
    const struct yaml_node *node = verify_get(spec, "restartPolicy");
    const char *policy = verify_text(spec, "restartPolicy");
    struct schema_fault_at at = {
        .node = node, .map = spec, .field = "restartPolicy", .fault = SCHEMA_VALUE_RULE};

    if (verify_placeholder(policy))
        return;
    if (m->only_always && (strcmp(policy, "Never") == 0 || strcmp(policy, "OnFailure") == 0)) {
        at.instead = "Always";
        verify_fault(c, at, "a %s takes only restartPolicy Always", m->kind);
    }
    if (!m->never_always)
        return;
    if (!*policy) {
        at.fault = SCHEMA_FIELD_MISSING;
        at.node = spec;
        verify_fault(c, at, "OnFailure or Never, as it is a %s", m->kind);
    } else if (strcmp(policy, "Always") == 0) {
        at.instead = "OnFailure";
        verify_fault(c, at, "a %s takes only restartPolicy OnFailure or Never", m->kind);
    }
}

/* Labels that a selector wants and the template does not carry. */
static void check_selector(struct check *c, const struct maker *m, const struct yaml_node *labels)
{
    const struct yaml_node *selector = *m->selector ? verify_go(c, m->selector) : NULL;
    const struct yaml_node *wanted = verify_get(selector, "matchLabels");
    struct schema_fault_at empty = {.fault = SCHEMA_VALUE_RULE, .node = selector, .map = selector};
    size_t before;

    if (!selector || selector->kind != YAML_MAP)
        return;
    if (!wanted && !verify_get(selector, "matchExpressions"))
        verify_fault(c, empty, "an empty selector fits no pod and is refused");
    before = verify_enter(c, "matchLabels");
    for (size_t i = 0; wanted && wanted->kind == YAML_MAP && i < wanted->count; i++) {
        const struct yaml_pair *p = &wanted->pairs[i];
        struct schema_fault_at at = {
            .fault = SCHEMA_VALUE_RULE, .node = p->value, .map = wanted, .field = p->key->text};
        const struct yaml_node *has = verify_get(labels, p->key->text);

        if (!is_text(p->value) || verify_placeholder(p->value->text) ||
            verify_placeholder(p->key->text) || (has && !is_text(has)) ||
            (has && (verify_placeholder(has->text) || strcmp(has->text, p->value->text) == 0)))
            continue;
        verify_fault(c, at, "%s.metadata.labels lacks it%s%s%s", m->template,
                     has ? ": there it is '" : "", has ? has->text : "", has ? "'" : "");
    }
    verify_leave(c, before);
}

static void check_template(struct check *c, const struct maker *m, const struct yaml_node *object)
{
    const struct yaml_node *spec = verify_get(object, "spec");
    const struct yaml_node *containers = verify_get(spec, "containers");
    const struct yaml_node *labels = verify_get(verify_get(object, "metadata"), "labels");
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_BOUNDS, .node = containers, .map = spec, .field = "containers"};
    size_t before;

    if (!spec) {
        at = (struct schema_fault_at){
            .fault = SCHEMA_FIELD_MISSING, .node = object, .map = object, .field = "spec"};
        verify_fault(c, at, "what the pod runs");
        return;
    }
    if (spec->kind == YAML_MAP) {
        before = verify_enter(c, "spec");
        if (containers && containers->kind == YAML_LIST && containers->count == 0)
            verify_fault(c, at, "at least one container");
        check_containers(c, spec, "containers", strcmp(m->kind, "PodTemplate") != 0);
        check_containers(c, spec, "initContainers", strcmp(m->kind, "PodTemplate") != 0);
        check_tolerations(c, spec);
        check_volumes(c, spec);
        check_mounts(c, spec, "containers");
        check_mounts(c, spec, "initContainers");
        check_restart(c, m, spec);
        verify_leave(c, before);
    }
    if (*m->template) {
        before = verify_enter(c, "metadata.labels");
        verify_labels(c, labels, true);
        verify_leave(c, before);
    }
    check_selector(c, m, labels);
}

void verify_pods(struct check *c)
{
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++) {
        const struct maker *m = &makers[i];
        const struct yaml_node *object;

        if (strcmp(m->kind, c->kind->kind) != 0)
            continue;
        object = *m->template ? verify_go(c, m->template) : c->root;
        if (object && object->kind == YAML_MAP)
            check_template(c, m, object);
        return;
    }
}
