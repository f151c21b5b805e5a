/* SPDX-License-Identifier: Apache-2.0 */
/* What nodes show, by plugin, sharing and MIG; what Karpenter believes, by overlays. */
#include "views.h"

#include <stdio.h>

#include "lint/view/supply.h"

static const char pool_text[] =
    "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: p}\nspec:\n  template:\n"
    "    metadata: {labels: {team: vision}}\n    spec:\n"
    "      requirements: [{key: karpenter.k8s.aws/instance-family, operator: In, values: [g6, p4d, "
    "g6f]}]\n";

static struct supply real_of(const char *type, bool *known)
{
    struct supply supply;
    struct system *s = &views_run.system;

    *known = supply_real(&views_run, &supply, s, &s->pools[0], views_type(type));
    return supply;
}

static int64_t real(const char *type, const char *resource)
{
    bool known;
    struct supply supply = real_of(type, &known);

    return known ? supply_of(&supply, resource) : -1;
}

static int64_t believed(const char *type, const char *resource)
{
    struct supply supply;
    struct system *s = &views_run.system;

    supply_believed(&views_run, &supply, s, &s->pools[0], views_type(type));
    return supply_of(&supply, resource);
}

static void test_without_plugin(void **state)
{
    struct supply supply;
    bool known;

    (void)state;
    views_file("p.yaml", pool_text);
    (void)views_read();
    supply = real_of("g6.12xlarge", &known);
    assert_false(known);
    assert_int_equal(supply_of(&supply, "nvidia.com/gpu"), 4);
    assert_int_equal(believed("g6.12xlarge", "nvidia.com/gpu"), 4);
    assert_int_equal(believed("g6f.large", "nvidia.com/gpu"), 0);
}

static void test_sharing(void **state)
{
    (void)state;
    views_file("p.yaml", pool_text);
    views_file("v.yaml",
               "config:\n  map:\n    default: |\n      version: v1\n      sharing:\n"
               "        timeSlicing:\n          resources: [{name: nvidia.com/gpu, replicas: 5}]\n"
               "    named: |\n      version: v1\n      sharing:\n        timeSlicing:\n"
               "          renameByDefault: true\n"
               "          resources: [{name: nvidia.com/gpu, replicas: 3}]\n");
    (void)views_read();
    assert_int_equal(views_run.system.n_plugins, 2);
    assert_int_equal(real("g6.12xlarge", "nvidia.com/gpu"), 20);
    assert_int_equal(real("g6f.large", "nvidia.com/gpu"), 5);
}

static void test_sharing_by_label_renamed(void **state)
{
    (void)state;
    views_file("p.yaml",
               "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: p}\nspec:\n"
               "  template:\n    metadata: {labels: {nvidia.com/device-plugin.config: named}}\n"
               "    spec: {requirements: [{key: karpenter.k8s.aws/instance-family, operator: In, "
               "values: [g6]}]}\n");
    views_file("v.yaml",
               "config:\n  map:\n    default: |\n      version: v1\n      sharing:\n"
               "        timeSlicing:\n          resources: [{name: nvidia.com/gpu, replicas: 5}]\n"
               "    named: |\n      version: v1\n      sharing:\n        timeSlicing:\n"
               "          renameByDefault: true\n"
               "          resources: [{name: nvidia.com/gpu, replicas: 3}]\n");
    (void)views_read();
    assert_int_equal(real("g6.12xlarge", "nvidia.com/gpu"), 0);
    assert_int_equal(real("g6.12xlarge", "nvidia.com/gpu.shared"), 12);
}

static void mig_set(const char *label, const char *values)
{
    char text[1024];

    (void)snprintf(text, sizeof text,
                   "apiVersion: karpenter.sh/v1\nkind: NodePool\nmetadata: {name: p}\nspec:\n"
                   "  template:\n    metadata: {labels: {%s}}\n"
                   "    spec: {requirements: [{key: karpenter.k8s.aws/instance-family, operator: "
                   "In, values: [p4d]}]}\n",
                   label);
    views_file("p.yaml", text);
    (void)snprintf(text, sizeof text, "helm install op nvidia/gpu-operator %s\n", values);
    views_file("run.sh", text);
    (void)views_read();
}

static void test_mig_mixed(void **state)
{
    (void)state;
    mig_set("nvidia.com/mig.config: all-balanced", "--set mig.strategy=mixed");
    assert_int_equal(real("p4d.24xlarge", "nvidia.com/mig-1g.5gb"), 16);
    assert_int_equal(real("p4d.24xlarge", "nvidia.com/mig-3g.20gb"), 8);
    assert_int_equal(real("p4d.24xlarge", "nvidia.com/gpu"), 0);
}

static void test_mig_single(void **state)
{
    (void)state;
    mig_set("nvidia.com/mig.config: all-1g.5gb", "");
    assert_int_equal(real("p4d.24xlarge", "nvidia.com/gpu"), 56);
}

static void test_mig_by_default(void **state)
{
    (void)state;
    mig_set("", "--set mig.strategy=mixed,migManager.config.default=all-2g.10gb");
    assert_int_equal(real("p4d.24xlarge", "nvidia.com/mig-2g.10gb"), 24);
}

static void test_mig_none(void **state)
{
    (void)state;
    mig_set("nvidia.com/mig.config: all-1g.5gb", "--set mig.strategy=none");
    assert_int_equal(real("p4d.24xlarge", "nvidia.com/gpu"), 8);
}

/* Slices of two kinds have no name with strategy single; an unknown wish tells nothing. */
static void test_mig_unknown(void **state)
{
    (void)state;
    mig_set("nvidia.com/mig.config: all-balanced", "--set mig.strategy=single");
    assert_int_equal(real("p4d.24xlarge", "nvidia.com/gpu"), -1);
}

static void test_mig_no_config(void **state)
{
    (void)state;
    mig_set("nvidia.com/mig.config: mine", "--set mig.strategy=mixed");
    assert_int_equal(real("p4d.24xlarge", "nvidia.com/gpu"), -1);
}

static void test_overlays(void **state)
{
    static const char form[] = "apiVersion: karpenter.sh/v1alpha1\nkind: NodeOverlay\n"
                               "metadata: {name: %s}\nspec: {weight: %d, requirements: [%s], "
                               "capacity: {%s}}\n";
    static const struct {
        const char *name;
        int weight;
        const char *requirements, *capacity;
    } rows[] = {
        {"low", 1, "", "nvidia.com/gpu: '3', carve.dev/gpu-x: '9'"},
        {"high", 9, "{key: node.kubernetes.io/instance-type, operator: In, values: [g6.xlarge]}",
         "nvidia.com/gpu: '0'"},
        {"other", 50, "{key: karpenter.sh/nodepool, operator: In, values: [q]}",
         "nvidia.com/gpu: '77'"},
        {"label", 20, "{key: team, operator: In, values: [vision]}", "carve.dev/gpu-y: '2'"},
        {"zone", 3, "{key: topology.kubernetes.io/zone, operator: In, values: [us-east-1b]}",
         "carve.dev/gpu-z: '1'"},
        {"b-tie", 30, "", "carve.dev/gpu-t: '5'"},
        {"a-tie", 30, "", "carve.dev/gpu-t: '6'"},
    };

    (void)state;
    views_file("p.yaml", pool_text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];

        (void)snprintf(text, sizeof text, form, rows[i].name, rows[i].weight, rows[i].requirements,
                       rows[i].capacity);
        views_file("o.yaml", text);
    }
    (void)views_read();
    assert_string_equal(views_run.system.overlays[0].name, "other");
    assert_int_equal(believed("g6.xlarge", "nvidia.com/gpu"), 0);
    assert_int_equal(believed("g6.2xlarge", "nvidia.com/gpu"), 3);
    assert_int_equal(believed("g6.2xlarge", "carve.dev/gpu-x"), 9);
    assert_int_equal(believed("g6.2xlarge", "carve.dev/gpu-y"), 2);
    assert_int_equal(believed("g6.2xlarge", "carve.dev/gpu-z"), 1);
    assert_int_equal(believed("g6.2xlarge", "carve.dev/gpu-t"), 5);
    assert_int_equal(believed("g6f.large", "nvidia.com/gpu"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEWS_TEST(test_without_plugin),
        VIEWS_TEST(test_sharing),
        VIEWS_TEST(test_sharing_by_label_renamed),
        VIEWS_TEST(test_mig_mixed),
        VIEWS_TEST(test_mig_single),
        VIEWS_TEST(test_mig_by_default),
        VIEWS_TEST(test_mig_none),
        VIEWS_TEST(test_mig_unknown),
        VIEWS_TEST(test_mig_no_config),
        VIEWS_TEST(test_overlays),
    };

    return cmocka_run_group_tests(tests, views_open, views_close);
}
