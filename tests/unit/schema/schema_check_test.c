/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects against their schemas: each case is a document and the faults that must be found in it,
 * as "LINE FAULT PATH FIELD INSTEAD" lines; none for documents that are right.
 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "schema/schema.h"

static struct schema_set *set;

static int open_set(void **state)
{
    (void)state;
    return schema_open(&set, NULL);
}

static int close_set(void **state)
{
    (void)state;
    schema_free(set);
    return 0;
}

static const char *const names[] = {
    [SCHEMA_FIELD_UNKNOWN] = "unknown", [SCHEMA_FIELD_MISPLACED] = "misplaced",
    [SCHEMA_FIELD_RENAMED] = "renamed", [SCHEMA_FIELD_MISSING] = "missing",
    [SCHEMA_VALUE_TYPE] = "type",       [SCHEMA_VALUE_ENUM] = "enum",
    [SCHEMA_VALUE_PATTERN] = "pattern", [SCHEMA_VALUE_BOUNDS] = "bounds",
    [SCHEMA_VALUE_RULE] = "rule",       [SCHEMA_VALUE_NAME] = "name",
    [SCHEMA_VALUE_LABEL] = "label",     [SCHEMA_VALUE_KEY] = "key",
};

static void note(void *self, const struct schema_fault_at *at)
{
    buf_printf(self, "%u %s %s %s%s%s\n", at->node->line, names[at->fault], at->path, at->field,
               *at->instead ? " " : "", at->instead);
}

static const char *field_of(const struct yaml_node *root, const char *key)
{
    for (size_t i = 0; i < root->count; i++) {
        if (strcmp(root->pairs[i].key->text, key) == 0)
            return root->pairs[i].value->text;
    }
    return "";
}

static void expect(const char *text, const char *faults)
{
    OWN(yaml_doc_freep) struct yaml_doc *doc = NULL;
    struct err e = {0};
    struct buf b;

    buf_init(&b, 1 << 16);
    buf_text(&b, "");
    if (yaml_read(&doc, "f", text, strlen(text), &e) < 0)
        fail_msg("%s", e.msg);
    assert_int_equal(schema_check(set, doc->root, field_of(doc->root, "apiVersion"),
                                  field_of(doc->root, "kind"), note, &b, NULL),
                     0);
    assert_string_equal(b.data ? b.data : "", faults);
    buf_done(&b);
}

#define POOL_HEAD                                                                                  \
    "apiVersion: karpenter.sh/v1\n"                                                                \
    "kind: NodePool\n"                                                                             \
    "metadata: {name: a}\n"                                                                        \
    "spec:\n"                                                                                      \
    "  template:\n"                                                                                \
    "    spec:\n"                                                                                  \
    "      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: b}\n"
#define POOL POOL_HEAD "      requirements: []\n"
#define CLASS                                                                                      \
    "apiVersion: karpenter.k8s.aws/v1\n"                                                           \
    "kind: EC2NodeClass\n"                                                                         \
    "metadata: {name: a}\n"                                                                        \
    "spec:\n"                                                                                      \
    "  subnetSelectorTerms: [{tags: {a: b}}]\n"                                                    \
    "  securityGroupSelectorTerms: [{tags: {a: b}}]\n"
#define POD "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"

static void is_silent_about_what_is_right(void **state)
{
    (void)state;
    expect(POOL, "");
    expect(POOL "  disruption:\n  limits: {cpu: 10, nvidia.com/gpu: \"8\", memory: }\n", "");
    expect(POOL "  disruption: {consolidateAfter: 1h30m}\n  weight: 1.0\n", "");
    expect(CLASS "  role: r\n  amiSelectorTerms: [{alias: al2023@latest}]\n", "");
    expect(CLASS "  instanceProfile: r\n  amiFamily: Custom\n  amiSelectorTerms: [{id: ami-1}]\n",
           "");
    expect(POD
           "  containers: [{name: a, image: b, resources: {limits: {cpu: 0.5, memory: 1e3}}}]\n",
           "");
    expect(POD "  tolerations: [{operator: Exists}]\n  containers: [{name: \"${N}\", image: b},"
               " {name: $NAME, image: b}, {name: <name>, image: b}]\n",
           "");
    expect("apiVersion: ray.io/v1\nkind: RayCluster\nspec: {x: 1}\n", "");
}

static void finds_fields_that_are_not_there(void **state)
{
    (void)state;
    expect(POOL "  disruptoin: {consolidateAfter: 0s}\n", "9 unknown spec disruptoin disruption\n");
    expect(POOL "  colour: blue\n", "9 unknown spec colour\n");
    expect(POD "  containers: [{name: a, imag: b}]\n",
           "5 unknown spec.containers[0] imag image\n5 missing spec.containers[0] image\n");
    expect("apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: a}\n",
           "1 missing  spec\n");
}

static void finds_the_place_that_is_meant(void **state)
{
    (void)state;
    expect(POOL "  taints: [{key: a, effect: NoSchedule}]\n",
           "9 misplaced spec taints spec.template.spec.taints\n");
    expect(POOL "  labels: {a: b}\n", "9 misplaced spec labels spec.template.metadata.labels\n");
    expect(POD "  containers: [{name: a, image: b, nodeSelector: {a: b}}]\n",
           "5 misplaced spec.containers[0] nodeSelector spec.nodeSelector\n");
    expect("apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: a}\nspec:\n"
           "  constraints:\n    requirements: [{key: a, operator: Exists}]\n",
           "6 misplaced spec.constraints requirements spec.template.spec.requirements\n"
           "5 unknown spec constraints\n"
           "5 missing spec template\n"
           "5 missing spec.template.spec nodeClassRef\n");
}

static void of_many_places_only_a_plain_one_is_told(void **state)
{
    (void)state;
    expect("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n"
           "  selector: {matchLabels: {app: a}}\n  restartPolicy: Always\n  image: b\n"
           "  template:\n    metadata: {labels: {app: a}}\n"
           "    spec: {containers: [{name: a, image: b}]}\n",
           "6 misplaced spec restartPolicy spec.template.spec.restartPolicy\n"
           "7 unknown spec image\n");
}

static void names_what_came_instead_of_old_fields(void **state)
{
    (void)state;
    expect(POOL "  ttlSecondsAfterEmpty: 30\n",
           "9 renamed spec ttlSecondsAfterEmpty spec.disruption.consolidateAfter\n");
    expect(POOL "  limits: {resources: {cpu: 1}}\n",
           "9 renamed spec.limits resources spec.limits\n");
    expect(POOL_HEAD "      kubelet: {maxPods: 1}\n      requirements: []\n",
           "8 renamed spec.template.spec kubelet EC2NodeClass:spec.kubelet\n");
    expect("apiVersion: karpenter.sh/v1beta1\nkind: NodePool\nmetadata: {name: a}\nspec:\n  "
           "template:\n"
           "    spec:\n      requirements: []\n"
           "      nodeClassRef: {apiVersion: karpenter.k8s.aws/v1beta1, kind: EC2NodeClass, name: "
           "a}\n",
           "8 renamed spec.template.spec.nodeClassRef apiVersion "
           "spec.template.spec.nodeClassRef.group\n");
    expect("apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: a}\nspec:\n  template:\n"
           "    spec:\n      requirements: []\n"
           "  nodeClassRef: {apiVersion: karpenter.k8s.aws/v1, kind: EC2NodeClass, name: a}\n",
           "8 misplaced spec nodeClassRef spec.template.spec.nodeClassRef\n"
           "8 renamed spec.nodeClassRef apiVersion spec.template.spec.nodeClassRef.group\n");
}

static void checks_values(void **state)
{
    (void)state;
    expect(POOL "  weight: \"5\"\n", "9 type spec weight\n");
    expect(POOL "  weight: 101\n", "9 bounds spec weight\n");
    expect(POOL "  limits: {cpu: 0.5}\n", "9 type spec.limits cpu\n");
    expect(POOL "  limits: {memory: 10GB}\n", "9 pattern spec.limits memory\n");
    expect(POOL "  disruption: {consolidateAfter: 10d}\n",
           "9 pattern spec.disruption consolidateAfter\n");
    expect(POOL "  disruption: {consolidateAfter: 0s, consolidationPolicy: WhenUnderutilized}\n",
           "9 enum spec.disruption consolidationPolicy WhenEmptyOrUnderutilized\n");
    expect(POOL "  disruption: {consolidateAfter: 0s, budgets: [{nodes: 10}]}\n",
           "9 type spec.disruption.budgets[0] nodes\n");
    expect(POOL "  disruption: {consolidateAfter: 0s, budgets: [{nodes: '1', duration: 1h}]}\n",
           "9 rule spec.disruption.budgets \n");
    expect(POD "  restartPolicy: always\n  containers: [{name: a, image: b, command: sh}]\n",
           "5 enum spec restartPolicy Always\n6 type spec.containers[0] command\n");
    expect("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, annotations: {a: yes}}\n"
           "data: {a: 1}\n",
           "3 type metadata.annotations a\n4 type data a\n");
}

static void checks_requirements(void **state)
{
    (void)state;
    expect(POOL_HEAD
           "      requirements:\n        - {key: karpenter.k8s.aws/instance-type, operator: In,"
           " values: [a]}\n",
           "9 key spec.template.spec.requirements[0] key node.kubernetes.io/instance-type\n");
    expect(POOL_HEAD
           "      requirements:\n        - {key: karpenter.sh/capacity-type, operator: In,"
           " values: [ondemand]}\n",
           "9 enum spec.template.spec.requirements[0]  on-demand\n");
    expect(POOL_HEAD "      requirements:\n        - {key: a, operator: In}\n"
                     "        - {key: a, operator: Gt, values: [\"1\", \"2\"]}\n"
                     "        - {key: a, operator: Gt, values: [\"-1\"]}\n"
                     "        - {key: a, operator: In, values: [b], minValues: 2}\n",
           "9 rule spec.template.spec.requirements[0] values\n"
           "10 rule spec.template.spec.requirements[1] values\n"
           "11 rule spec.template.spec.requirements[2] values\n"
           "11 label spec.template.spec.requirements[2] \n"
           "12 rule spec.template.spec.requirements[3] minValues\n");
    expect(POOL "      taints: [{key: a, effect: NoSchedule}]\n"
                "      startupTaints: [{key: a, effect: NoSchedule}]\n",
           "10 rule spec.template.spec.startupTaints \n");
}

static void checks_classes(void **state)
{
    (void)state;
    expect(CLASS "  amiSelectorTerms: [{alias: al2023}]\n",
           "7 rule spec.amiSelectorTerms[0] alias\n5 missing spec role\n");
    expect(CLASS "  role: a\n  amiFamily: AL2\n  amiSelectorTerms: [{alias: al2023@latest}]\n",
           "8 rule spec.amiSelectorTerms[0] amiFamily AL2023\n");
    expect(CLASS "  role: a\n  amiSelectorTerms: [{id: ami-1, name: a}]\n",
           "8 rule spec.amiSelectorTerms[0] id\n5 missing spec amiFamily\n");
    expect(CLASS "  role: a\n  amiSelectorTerms: [{alias: al2023@latest}]\n"
                 "  blockDeviceMappings: [{ebs: {encrypted: true}}]\n",
           "9 rule spec.blockDeviceMappings[0] ebs\n");
}

static void checks_names_and_labels(void **state)
{
    (void)state;
    expect("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A_b, labels: {a: b=c, /x: z}}\n",
           "3 name metadata name\n3 label metadata.labels a\n3 name metadata.labels /x\n");
    expect("apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n",
           "3 missing metadata name\n");
    expect("apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: "
           "'system:A'}\n",
           "");
}

static void checks_what_makes_pods(void **state)
{
    (void)state;
    expect(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n"
        "  selector: {matchLabels: {app: a}}\n  template:\n    metadata: {labels: {app: b}}\n"
        "    spec:\n      restartPolicy: Never\n      containers: [{name: a, image: b}]\n",
        "9 rule spec.template.spec restartPolicy Always\n5 rule spec.selector.matchLabels app\n");
    expect("apiVersion: batch/v1\nkind: Job\nmetadata: {name: a}\nspec:\n  template:\n    spec:\n"
           "      containers: [{name: a, image: b, volumeMounts: [{name: v, mountPath: /v}]}]\n",
           "7 rule spec.template.spec name\n7 missing spec.template.spec restartPolicy\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_silent_about_what_is_right),
        cmocka_unit_test(finds_fields_that_are_not_there),
        cmocka_unit_test(finds_the_place_that_is_meant),
        cmocka_unit_test(of_many_places_only_a_plain_one_is_told),
        cmocka_unit_test(names_what_came_instead_of_old_fields),
        cmocka_unit_test(checks_values),
        cmocka_unit_test(checks_requirements),
        cmocka_unit_test(checks_classes),
        cmocka_unit_test(checks_names_and_labels),
        cmocka_unit_test(checks_what_makes_pods),
    };

    return cmocka_run_group_tests(tests, open_set, close_set);
}
