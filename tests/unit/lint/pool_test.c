/* SPDX-License-Identifier: Apache-2.0 */
/* The view of NodePools: fields wherever they stand, and the types that requirements allow. */
#include "views.h"

#include <stdio.h>

/* A pool with these requirements in flow style. */
static const struct pool *pool_of(const char *requirements)
{
    char text[2048];
    struct system *s;

    (void)snprintf(text, sizeof text,
                   "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: p}\n"
                   "spec:\n  template:\n    spec:\n      requirements: %s\n",
                   requirements);
    views_file("pool.yaml", text);
    s = views_read();
    assert_int_equal(s->n_pools, 1);
    return &s->pools[0];
}

static bool allows(const struct pool *p, const char *type)
{
    for (size_t i = 0; i < p->n_types; i++)
        if (strcmp(p->types[i]->name, type) == 0)
            return true;
    return false;
}

static void test_right_places(void **state)
{
    const struct pool *p;
    struct system *s;

    (void)state;
    views_file("pool.yaml",
               "apiVersion: karpenter.sh/v1\n"
               "kind: NodePool\n"
               "metadata: {name: fast, labels: {team: none}}\n"
               "spec:\n"
               "  weight: 7\n"
               "  limits: {cpu: '64', nvidia.com/gpu: 8}\n"
               "  template:\n"
               "    metadata: {labels: {team: vision, nvidia.com/gpu.present: 'true'}}\n"
               "    spec:\n"
               "      nodeClassRef: {group: karpenter.k8s.aws, kind: EC2NodeClass, name: c}\n"
               "      taints: [{key: a, value: b, effect: NoSchedule}]\n"
               "      startupTaints: [{key: s, effect: NoExecute}]\n"
               "      requirements:\n"
               "        - {key: karpenter.k8s.aws/instance-family, operator: In, values: [g6]}\n"
               "        - {key: kubernetes.io/arch, operator: In, values: [amd64]}\n"
               "---\n"
               "apiVersion: karpenter.k8s.aws/v1\n"
               "kind: EC2NodeClass\n"
               "metadata: {name: c}\n"
               "spec: {amiSelectorTerms: [{alias: bottlerocket@v1.49.0}]}\n");
    s = views_read();
    p = &s->pools[0];
    assert_string_equal(p->name, "fast");
    assert_int_equal(p->weight, 7);
    assert_int_equal(p->n_limits, 2);
    assert_int_equal(p->limits[0].count, 64000);
    assert_int_equal(p->limits[1].count, 8);
    assert_int_equal(p->n_taints, 1);
    assert_string_equal(p->taints[0].value, "b");
    assert_string_equal(p->startup_taints[0].key, "s");
    assert_string_equal(pool_label(p, "team"), "vision");
    assert_string_equal(pool_label(p, "kubernetes.io/arch"), "amd64");
    assert_string_equal(pool_label(p, "karpenter.sh/nodepool"), "fast");
    assert_null(pool_label(p, "none"));
    assert_ptr_equal(p->class, &s->classes[0]);
    assert_string_equal(p->class->family, "Bottlerocket");
    assert_true(p->gpu && p->names_types && !p->types_open && !p->others);
    assert_int_equal(p->n_types, 8);
    assert_true(s->eks);
}

static void test_wrong_places(void **state)
{
    const struct pool *p;
    struct system *s;

    (void)state;
    views_file("old.yaml", "apiVersion: karpenter.sh/v1alpha5\n"
                           "kind: Provisioner\n"
                           "metadata: {name: old}\n"
                           "spec:\n"
                           "  constraints:\n"
                           "    labels: {team: vision}\n"
                           "    taints: [{key: a, effect: NoSchedule}]\n"
                           "    requirements: [{key: node.kubernetes.io/instance-type, operator: "
                           "In, values: [g4dn.xlarge]}]\n"
                           "  limits: {resources: {cpu: 100, nvidia.com/gpu: 2}}\n"
                           "  providerRef: {name: t}\n"
                           "---\n"
                           "apiVersion: karpenter.k8s.aws/v1alpha1\n"
                           "kind: AWSNodeTemplate\n"
                           "metadata: {name: t}\n"
                           "spec: {amiFamily: AL2}\n");
    views_file("flat.yaml", "apiVersion: karpenter.sh/v1beta1\n"
                            "kind: NodePool\n"
                            "metadata: {name: flat}\n"
                            "spec:\n"
                            "  requirements: [{key: karpenter.k8s.aws/instance-type, operator: In, "
                            "values: [g5.xlarge]}]\n"
                            "  taints: [{key: b, effect: NoSchedule}]\n"
                            "  nodeClassRef: {name: x}\n");
    s = views_read();
    assert_int_equal(s->n_pools, 2);
    p = &s->pools[0];
    assert_true(allows(p, "g4dn.xlarge"));
    assert_int_equal(p->n_types, 1);
    assert_int_equal(p->n_limits, 2);
    assert_int_equal(p->n_taints, 1);
    assert_string_equal(pool_label(p, "team"), "vision");
    assert_ptr_equal(p->class, &s->classes[0]);
    assert_string_equal(p->class->family, "AL2");
    p = &s->pools[1];
    assert_int_equal(p->n_types, 1);
    assert_int_equal(p->n_taints, 1);
    assert_string_equal(p->class_name, "x");
    assert_null(p->class);
}

static void test_whole_types_as_sizes(void **state)
{
    const struct pool *p = pool_of(
        "[{key: karpenter.k8s.aws/instance-family, operator: In, values: [g5]},"
        " {key: karpenter.k8s.aws/instance-size, operator: In, values: [g5.xlarge, g5.2xlarge]}]");

    (void)state;
    assert_int_equal(p->n_types, 2);
    assert_true(allows(p, "g5.xlarge") && allows(p, "g5.2xlarge"));
    assert_false(p->types_open);
}

static void test_whole_types_excluded(void **state)
{
    const struct pool *p = pool_of(
        "[{key: karpenter.k8s.aws/instance-family, operator: In, values: [g5]},"
        " {key: karpenter.k8s.aws/instance-size, operator: NotIn, values: [g5.xlarge, 2xlarge]}]");

    (void)state;
    assert_int_equal(p->n_types, 6);
    assert_false(allows(p, "g5.xlarge") || allows(p, "g5.2xlarge"));
}

static void test_placeholder(void **state)
{
    const struct pool *p = pool_of("[{key: node.kubernetes.io/instance-type, operator: In, "
                                   "values: ['${TYPE}']}]");

    (void)state;
    assert_true(p->types_open);
}

static void test_unknown_type(void **state)
{
    const struct pool *p = pool_of(
        "[{key: node.kubernetes.io/instance-type, operator: In, values: [g9.xlarge, g6.xlarge]}]");

    (void)state;
    assert_true(p->types_open && p->gpu && !p->others);
    assert_int_equal(p->n_types, 1);
}

static void test_cpu_pool(void **state)
{
    const struct pool *p =
        pool_of("[{key: karpenter.k8s.aws/instance-category, operator: In, values: [c, m, r]}]");

    (void)state;
    assert_true(p->others && p->names_types);
    assert_false(p->gpu || p->types_open);
    assert_int_equal(p->n_types, 0);
}

static void test_everything_pool(void **state)
{
    const struct pool *p = pool_of("[{key: kubernetes.io/arch, operator: In, values: [amd64]}]");

    (void)state;
    assert_true(p->others && p->n_types > 50);
    assert_false(p->gpu || p->names_types || p->types_open);
}

static void test_gpu_keys(void **state)
{
    const struct pool *p =
        pool_of("[{key: karpenter.k8s.aws/instance-gpu-name, operator: In, values: [h100]},"
                " {key: karpenter.k8s.aws/instance-gpu-count, operator: Gt, values: ['1']}]");

    (void)state;
    assert_true(p->gpu && p->names_types && !p->others);
    assert_int_equal(p->n_types, 1);
    assert_true(allows(p, "p5.48xlarge"));
}

static void test_gpu_resource_key_filters_nothing(void **state)
{
    const struct pool *p = pool_of("[{key: nvidia.com/gpu, operator: Exists}]");

    (void)state;
    assert_true(p->gpu && p->others);
    assert_false(p->names_types);
    assert_true(p->n_types > 50);
}

static void test_static_and_auto_mode(void **state)
{
    struct system *s;

    (void)state;
    views_file("p.yaml",
               "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: a}\n"
               "spec:\n  replicas: 2\n  template:\n    spec:\n"
               "      nodeClassRef: {group: eks.amazonaws.com, kind: NodeClass, name: default}\n"
               "      requirements: [{key: eks.amazonaws.com/instance-family, operator: In, "
               "values: [g6e]}]\n");
    s = views_read();
    assert_true(s->pools[0].fixed && s->pools[0].foreign_class && s->pools[0].gpu);
    assert_int_equal(s->pools[0].n_types, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEWS_TEST(test_right_places),
        VIEWS_TEST(test_wrong_places),
        VIEWS_TEST(test_whole_types_as_sizes),
        VIEWS_TEST(test_whole_types_excluded),
        VIEWS_TEST(test_placeholder),
        VIEWS_TEST(test_unknown_type),
        VIEWS_TEST(test_cpu_pool),
        VIEWS_TEST(test_everything_pool),
        VIEWS_TEST(test_gpu_keys),
        VIEWS_TEST(test_gpu_resource_key_filters_nothing),
        VIEWS_TEST(test_static_and_auto_mode),
    };

    return cmocka_run_group_tests(tests, views_open, views_close);
}
