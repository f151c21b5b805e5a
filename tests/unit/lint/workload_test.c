/* SPDX-License-Identifier: Apache-2.0 */
/* The view of what makes pods: how many, what each asks for, where it may stand. */
#include "views.h"

static const struct workload *read_one(const char *text)
{
    struct system *s;

    views_file("w.yaml", text);
    s = views_read();
    assert_int_equal(s->n_workloads, 1);
    return &s->workloads[0];
}

static int64_t asks(const struct workload *w, const char *name)
{
    for (size_t i = 0; i < w->n_asks; i++)
        if (strcmp(w->asks[i].name, name) == 0)
            return w->asks[i].count;
    return -1;
}

static void test_sums(void **state)
{
    const struct workload *w =
        read_one("apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: n}\nspec:\n"
                 "  initContainers:\n"
                 "    - {name: i, resources: {requests: {cpu: '3', memory: 1Gi}}}\n"
                 "    - {name: s, restartPolicy: Always, resources: {requests: {cpu: 100m}}}\n"
                 "  containers:\n"
                 "    - {name: c, resources: {requests: {cpu: 500m}, limits: {cpu: '2', memory: "
                 "2Gi, nvidia.com/gpu: 1}}}\n"
                 "    - {name: d, resources: {limits: {nvidia.com/gpu: '2'}}}\n");

    (void)state;
    assert_string_equal(w->space, "n");
    assert_int_equal(w->pods, 1);
    assert_int_equal(asks(w, "nvidia.com/gpu"), 3);
    assert_int_equal(asks(w, "cpu"), 3000);
    assert_int_equal(asks(w, "memory"), 2147483648);
    assert_true(w->gpu);
    assert_string_equal(w->ask->name, "nvidia.com/gpu");
    assert_int_equal(w->ask->node->line, 9);
}

static void test_counts(void **state)
{
    static const struct {
        const char *text;
        unsigned pods;
    } rows[] = {
        {"{apiVersion: apps/v1, kind: Deployment, spec: {template: {spec: {containers: []}}}}", 1},
        {"{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 0, template: {spec: {}}}}", 0},
        {"{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 4, template: {spec: {}}}}", 4},
        {"{apiVersion: extensions/v1beta1, kind: Deployment, spec: {replicas: 2, template: {spec: "
         "{}}}}",
         2},
        {"{apiVersion: batch/v1, kind: Job, spec: {parallelism: 9, completions: 4, template: "
         "{spec: {}}}}",
         4},
        {"{apiVersion: batch/v1, kind: Job, spec: {completions: 4, template: {spec: {}}}}", 1},
        {"{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {parallelism: 3, "
         "template: {spec: {}}}}}}",
         3},
        {"{apiVersion: apps/v1, kind: Deployment, spec: {replicas: '${N}', template: {spec: {}}}}",
         1},
        {"{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 99999999999, template: {spec: "
         "{}}}}",
         UINT32_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        views_file("w.yaml", rows[i].text);
    assert_int_equal(views_read()->n_workloads, sizeof rows / sizeof rows[0]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(views_run.system.workloads[i].pods, rows[i].pods);
}

static void test_places(void **state)
{
    const struct workload *w = read_one(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n"
        "  nodeSelector: {team: vision}\n"
        "  tolerations: [{key: k, operator: Equal, value: v, effect: NoSchedule}, {operator: "
        "Exists}]\n"
        "  affinity:\n    nodeAffinity:\n      requiredDuringSchedulingIgnoredDuringExecution:\n"
        "        nodeSelectorTerms:\n"
        "          - matchExpressions: [{key: a, operator: In, values: [b, c]}, {key: d, operator: "
        "DoesNotExist}]\n"
        "          - matchExpressions: [{key: e, operator: Gt, values: ['3']}]\n"
        "  containers: [{name: c, resources: {limits: {nvidia.com/mig-1g.5gb: 1}}}]\n");
    const struct taint other = {.key = "x", .value = "y", .effect = "NoExecute"};
    const struct taint known = {.key = "k", .value = "v", .effect = "NoSchedule"};

    (void)state;
    assert_int_equal(w->n_tolerations, 2);
    assert_true(taint_tolerated(&other, w->tolerations, 2));
    assert_false(taint_tolerated(&other, w->tolerations, 1));
    assert_true(taint_tolerated(&known, w->tolerations, 1));
    assert_int_equal(w->n_affinity, 2);
    assert_int_equal(w->affinity[0].n_requirements, 2);
    assert_true(requirement_meets(&w->affinity[0].requirements[0], "c"));
    assert_false(requirement_meets(&w->affinity[0].requirements[0], NULL));
    assert_true(requirement_meets(&w->affinity[0].requirements[1], NULL));
    assert_true(requirement_meets(&w->affinity[1].requirements[0], "4"));
    assert_false(requirement_meets(&w->affinity[1].requirements[0], "3"));
    assert_string_equal(node_text(node_get(w->node_selector, "team"), ""), "vision");
}

static void test_tolerations(void **state)
{
    static const struct {
        struct toleration toleration;
        const char *value, *effect;
        bool tolerated;
    } rows[] = {
        {{"k", "", "", "NoSchedule", NULL}, "", "NoSchedule", true},
        {{"k", "Equal", "", "NoSchedule", NULL}, "true", "NoSchedule", false},
        {{"k", "Exists", "", "", NULL}, "true", "NoExecute", true},
        {{"k", "Exists", "", "NoSchedule", NULL}, "", "NoExecute", false},
        {{"k", "Equal", "${V}", "", NULL}, "true", "NoExecute", true},
        {{"", "Equal", "", "", NULL}, "", "NoSchedule", false},
        {{"j", "Exists", "", "", NULL}, "", "NoSchedule", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct taint t = {.key = "k", .value = rows[i].value, .effect = rows[i].effect};

        if (taint_tolerated(&t, &rows[i].toleration, 1) != rows[i].tolerated)
            fail_msg("row %zu", i);
    }
}

static void test_names(void **state)
{
    static const char *const gpus[] = {
        "nvidia.com/gpu",     "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb",
        "nvidia.com/4g.20gb", "carve.dev/gpu-10g",     "mig-1g.5gb",
        "1c.3g.20gb"};
    static const char *const others[] = {"cpu",
                                         "memory",
                                         "amd.com/gpu",
                                         "nvidia.com/hostdev",
                                         "nvidia.com/rdma_shared",
                                         "vpc.amazonaws.com/efa",
                                         "4g",
                                         "example.com/widget",
                                         "nvidia.com/"};

    (void)state;
    for (size_t i = 0; i < sizeof gpus / sizeof gpus[0]; i++)
        if (!resource_is_gpu(gpus[i]))
            fail_msg("%s is no GPU", gpus[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (resource_is_gpu(others[i]))
            fail_msg("%s is a GPU", others[i]);
    assert_string_equal(resource_profile("nvidia.com/mig-1g.10gb.me"), "1g.10gb.me");
    assert_null(resource_profile("nvidia.com/gpu"));
    assert_null(resource_profile("nvidia.com/mig-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEWS_TEST(test_sums),        VIEWS_TEST(test_counts), VIEWS_TEST(test_places),
        VIEWS_TEST(test_tolerations), VIEWS_TEST(test_names),
    };

    return cmocka_run_group_tests(tests, views_open, views_close);
}
