/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in schemas, and what they answer of kinds and versions. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
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

static void knows_what_is_served(void **state)
{
    static const char *const kinds[][2] = {
        {"karpenter.sh/v1", "NodePool"},
        {"karpenter.sh/v1alpha1", "NodeOverlay"},
        {"karpenter.k8s.aws/v1", "EC2NodeClass"},
        {"nvidia.com/v1", "ClusterPolicy"},
        {"nvidia.com/v1alpha1", "NVIDIADriver"},
        {"nfd.k8s-sigs.io/v1alpha1", "NodeFeatureRule"},
        {"v1", "Pod"},
        {"apps/v1", "DaemonSet"},
        {"resource.k8s.io/v1", "ResourceClaimTemplate"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        assert_int_equal(schema_ask(set, kinds[i][0], kinds[i][1]).known, SCHEMA_KNOWN);
    assert_true(schema_ask(set, "karpenter.sh/v1", "NodePool").cluster_scoped);
    assert_false(schema_ask(set, "v1", "Pod").cluster_scoped);
    assert_string_equal(schema_ask(set, "v1", "Pod").source, "Kubernetes 1.36.3");
}

static void says_what_came_instead(void **state)
{
    struct schema_answer a = schema_ask(set, "karpenter.sh/v1alpha5", "Provisioner");

    (void)state;
    assert_int_equal(a.known, SCHEMA_REMOVED);
    assert_string_equal(a.instead_version, "karpenter.sh/v1");
    assert_string_equal(a.instead_kind, "NodePool");
    assert_string_equal(a.since, "Karpenter 0.33.0");
    a = schema_ask(set, "policy/v1beta1", "PodSecurityPolicy");
    assert_int_equal(a.known, SCHEMA_REMOVED);
    assert_string_equal(a.instead_kind, "");
    a = schema_ask(set, "extensions/v1beta1", "Deployment");
    assert_string_equal(a.instead_version, "apps/v1");
}

static void finds_the_version_that_is_meant(void **state)
{
    struct schema_answer a = schema_ask(set, "v1", "Deployment");

    (void)state;
    assert_int_equal(a.known, SCHEMA_UNKNOWN_KIND);
    assert_string_equal(a.instead_version, "apps/v1");
    a = schema_ask(set, "karpenter.sh/v1", "EC2NodeClass");
    assert_string_equal(a.instead_version, "karpenter.k8s.aws/v1");
    a = schema_ask(set, "apps/v1", "Deploymnt");
    assert_string_equal(a.instead_kind, "Deployment");
}

/* Others write "v1" and their own kinds; groups of which not all is known say nothing. */
static void is_silent_about_what_others_make(void **state)
{
    (void)state;
    assert_int_equal(schema_ask(set, "v1", "Config").known, SCHEMA_UNKNOWN);
    assert_int_equal(schema_ask(set, "v1", "Template").known, SCHEMA_UNKNOWN);
    assert_int_equal(schema_ask(set, "nvidia.com/v1", "Anything").known, SCHEMA_UNKNOWN);
    assert_int_equal(schema_ask(set, "ray.io/v1", "RayCluster").known, SCHEMA_UNKNOWN);
    assert_int_equal(schema_ask(set, "", "").known, SCHEMA_UNKNOWN);
}

static void a_file_adds_and_replaces(void **state)
{
    static const char text[] =
        "source Mine 2\nobject\n spec! s\nkind ray.io/v1 RayCluster space 0\n"
        "kind v1 Pod cluster 0\n";
    char path[] = "/tmp/schema-test-XXXXXX";
    OWN_FD int fd = mkstemp(path);
    OWN(schema_freep) struct schema_set *s = NULL;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(file_write(path, text, sizeof text - 1, 0600, NULL), 0);
    assert_int_equal(schema_open(&s, NULL), 0);
    assert_int_equal(schema_add(s, path, NULL), 0);
    assert_int_equal(schema_ask(s, "ray.io/v1", "RayCluster").known, SCHEMA_KNOWN);
    assert_string_equal(schema_ask(s, "v1", "Pod").source, "Mine 2");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(schema_add(s, path, NULL), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_what_is_served),
        cmocka_unit_test(says_what_came_instead),
        cmocka_unit_test(finds_the_version_that_is_meant),
        cmocka_unit_test(is_silent_about_what_others_make),
        cmocka_unit_test(a_file_adds_and_replaces),
    };

    return cmocka_run_group_tests(tests, open_set, close_set);
}
