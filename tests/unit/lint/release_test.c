/* SPDX-License-Identifier: Apache-2.0 */
/* Releases: out of commands, objects and values files, with their values by path. */
#include "views.h"

#include <stdio.h>

static const char *value(const struct release *r, const char *path)
{
    const struct helm_value *v = release_value(r, path);

    return v ? v->text : NULL;
}

static void test_command(void **state)
{
    const struct release *r;
    struct system *s;

    (void)state;
    views_file("run.sh",
               "helm upgrade --install plugin nvdp/nvidia-device-plugin \\\n"
               "  -n gpu-system --create-namespace --version=v0.17.1 \\\n"
               "  --set 'config.name=sharing,gfd.enabled=true' \\\n"
               "  --set nodeSelector.nvidia\\\\.com/gpu\\\\.present=yes \\\n"
               "  --set tolerations={a,b} --set-json 'resources={\"limits\":{\"cpu\":\"1\"}}' \\\n"
               "  --set-string migStrategy=single --set migStrategy=mixed\n");
    s = views_read();
    assert_int_equal(s->n_releases, 1);
    r = &s->releases[0];
    assert_int_equal(r->chart, CHART_DEVICE_PLUGIN);
    assert_string_equal(r->name, "plugin");
    assert_string_equal(r->space, "gpu-system");
    assert_string_equal(r->reference, "nvdp/nvidia-device-plugin");
    assert_string_equal(r->version, "0.17.1");
    assert_string_equal(r->version_word->text, "--version=v0.17.1");
    assert_int_equal(r->version_spot.line, 2);
    assert_string_equal(value(r, "config.name"), "sharing");
    assert_string_equal(value(r, "gfd.enabled"), "true");
    assert_string_equal(value(r, "nodeSelector.nvidia.com/gpu.present"), "yes");
    assert_string_equal(value(r, "tolerations[1]"), "b");
    assert_string_equal(value(r, "resources.limits.cpu"), "1");
    assert_string_equal(value(r, "migStrategy"), "mixed");
    assert_null(value(r, "none"));
    assert_false(r->values_open);
    assert_int_equal(release_value(r, "migStrategy")->spot.line, 6);
    assert_true(s->has_plugin);
}

static void test_names(void **state)
{
    static const struct {
        const char *command, *name;
        enum chart chart;
        bool open;
    } rows[] = {
        {"helm install --generate-name nvidia/gpu-operator --wait", "", CHART_GPU_OPERATOR, false},
        {"helm install --timeout 5m op nvidia/gpu-operator", "op", CHART_GPU_OPERATOR, false},
        {"helm template gpu-operator --repo https://x", "", CHART_GPU_OPERATOR, false},
        {"sudo helm upgrade -i k oci://public.ecr.aws/karpenter/karpenter", "k", CHART_KARPENTER,
         false},
        {"helm install k ./charts/carve --reuse-values", "k", CHART_CARVE, true},
        {"helm install k https://x/nvidia-device-plugin-0.17.1.tgz -f no.yaml", "k",
         CHART_DEVICE_PLUGIN, true},
        {"helm install k karpenter-crd", "k", CHART_OTHER, false},
        {"helm -n kube-system install k nvidia/gpu-operator", "k", CHART_GPU_OPERATOR, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[256];

        (void)snprintf(text, sizeof text, "%s\n", rows[i].command);
        views_file("run.sh", text);
    }
    views_file("run.sh", "helm repo add nvidia https://x\nhelm uninstall op\nhelm install\n");
    assert_int_equal(views_read()->n_releases, sizeof rows / sizeof rows[0]);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct release *r = &views_run.system.releases[i];

        if (strcmp(r->name, rows[i].name) != 0 || r->chart != rows[i].chart ||
            r->values_open != rows[i].open)
            fail_msg("%s: '%s' %d %d", rows[i].command, r->name, (int)r->chart, r->values_open);
    }
}

static void test_values_file(void **state)
{
    const struct release *r;
    struct system *s;

    (void)state;
    views_file("charts/plugin-values.yaml",
               "config:\n  map:\n    default: |-\n"
               "      version: v1\n      sharing:\n        timeSlicing:\n"
               "          resources:\n"
               "            - {name: nvidia.com/gpu, replicas: 4}\n");
    views_file("run.sh", "helm install p nvdp/nvidia-device-plugin --values plugin-values.yaml\n");
    s = views_read();
    assert_int_equal(s->n_releases, 1);
    r = &s->releases[0];
    assert_false(r->values_open);
    assert_int_equal(r->n_values, 1);
    assert_string_equal(r->values[0].path, "config.map.default");
    assert_non_null(r->values[0].pair);
    assert_int_equal(s->n_plugins, 1);
    assert_string_equal(s->plugins[0].key, "default");
    assert_ptr_equal(s->plugins[0].holder, r->values[0].doc);
    assert_true(s->plugins[0].loaded);
    assert_int_equal(s->plugins[0].config->shares[0].replicas, 4);
}

static void test_here_document(void **state)
{
    struct system *s;

    (void)state;
    views_file("run.sh",
               "cat <<EOF > op.yaml\nmig:\n  strategy: mixed\nEOF\n"
               "helm install op nvidia/gpu-operator -f op.yaml --set mig.strategy=single\n"
               "helm install op nvidia/gpu-operator -f - <<EOF\ndriver:\n  enabled: false\nEOF\n");
    s = views_read();
    assert_int_equal(s->n_releases, 2);
    assert_string_equal(value(&s->releases[0], "mig.strategy"), "single");
    assert_int_equal(s->releases[0].n_values, 2);
    assert_string_equal(value(&s->releases[1], "driver.enabled"), "false");
    assert_false(s->releases[0].values_open || s->releases[1].values_open);
}

static void test_objects(void **state)
{
    const struct release *r;
    struct system *s;

    (void)state;
    views_file("flux.yaml",
               "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
               "metadata: {name: op, namespace: flux}\nspec:\n  targetNamespace: gpus\n"
               "  chart: {spec: {chart: gpu-operator, version: v25.3.0}}\n"
               "  values: {mig: {strategy: mixed}}\n");
    views_file(
        "argo.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: dp}\nspec:\n"
        "  destination: {namespace: gpus}\n  source:\n    chart: nvidia-device-plugin\n"
        "    targetRevision: 0.17.1\n    helm:\n      values: |\n        migStrategy: single\n"
        "        config:\n          map:\n            any: |\n              version: v1\n"
        "              sharing:\n                timeSlicing:\n                  resources: "
        "[{name: nvidia.com/gpu, replicas: 3}]\n"
        "      parameters: [{name: gfd.enabled, value: 'true'}]\n");
    s = views_read();
    assert_int_equal(s->n_releases, 2);
    r = &s->releases[0];
    assert_int_equal(r->chart, CHART_GPU_OPERATOR);
    assert_string_equal(r->space, "gpus");
    assert_string_equal(r->version, "25.3.0");
    assert_string_equal(value(r, "mig.strategy"), "mixed");
    r = &s->releases[1];
    assert_int_equal(r->chart, CHART_DEVICE_PLUGIN);
    assert_string_equal(r->version, "0.17.1");
    assert_string_equal(value(r, "migStrategy"), "single");
    assert_string_equal(value(r, "gfd.enabled"), "true");
    assert_int_equal(s->n_plugins, 1);
    assert_int_equal(s->plugins[0].config->shares[0].replicas, 3);
}

static void test_bare_values(void **state)
{
    struct system *s;

    (void)state;
    views_file("values.yaml", "migManager: {config: {default: all-balanced}}\n");
    views_file("other.yaml", "image: {tag: v1}\naffinity: {}\n");
    s = views_read();
    assert_int_equal(s->n_releases, 1);
    assert_int_equal(s->releases[0].chart, CHART_GPU_OPERATOR);
    assert_string_equal(s->releases[0].name, "");
    assert_string_equal(value(&s->releases[0], "migManager.config.default"), "all-balanced");
}

static void test_loaded(void **state)
{
    static const char map[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sharing}\ndata:\n"
                              "  a: |\n    version: v1\n    flags: {migStrategy: none}\n"
                              "    allocation: 3\n";
    struct system *s;

    (void)state;
    views_file("map.yaml", map);
    s = views_read();
    assert_int_equal(s->n_plugins, 1);
    assert_true(s->plugins[0].loaded); /* the plugin is not in this set */
    assert_int_equal(s->plugins[0].n_notes, 1);
    assert_false(s->plugins[0].notes[0].error);
    assert_int_equal(s->plugins[0].notes[0].spot.line, 8);
    assert_int_equal(s->plugins[0].notes[0].spot.column, 5);
}

static void test_not_loaded(void **state)
{
    struct system *s;

    (void)state;
    views_file("map.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sharing}\ndata:\n"
                           "  a: |\n    version: v1\n    flags: {migStrategy: none}\n");
    views_file("run.sh", "kubectl apply -f https://x/v0.17.1/nvidia-device-plugin.yml\n");
    s = views_read();
    assert_true(s->has_plugin);
    assert_false(s->plugins[0].loaded);
}

/* A release that names no configuration does not load one; the second one here does. */
static void test_release_loads(void **state)
{
    static const char map[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sharing}\ndata:\n"
                              "  a: |\n    version: v1\n    flags: {migStrategy: none}\n";
    struct system *s;

    (void)state;
    views_file("map.yaml", map);
    views_file("run.sh", "helm install p nvdp/nvidia-device-plugin --set gfd.enabled=true\n");
    s = views_read();
    assert_false(s->plugins[0].loaded);
    lint_done(&views_run);
    lint_init(&views_run, views_catalog, NULL);
    views_file("map.yaml", map);
    views_file("run.sh", "helm upgrade p nvdp/nvidia-device-plugin --set config.name=sharing\n");
    assert_true(views_read()->plugins[0].loaded);
}

/* Places are those of the file, also behind other documents and indented. */
static void test_note_places(void **state)
{
    struct system *s;

    (void)state;
    views_file("m.yaml",
               "# first\nversion: v1\nflags: {migStrategy: none}\n---\n# second\n"
               "version: v1\nsharing:\n  timeSlicing:\n"
               "    resources: [{name: nvidia.com/gpu, replicas: 1}]\n---\n"
               "version: v1\nmig-configs:\n  a:\n"
               "    - {devices: all, mig-enabled: true, mig-devices: {1g.5gb: 7}, more: 1}\n");
    s = views_read();
    assert_int_equal(s->n_plugins, 2);
    assert_int_equal(s->plugins[0].n_notes, 0);
    assert_int_equal(s->plugins[1].n_notes, 1);
    assert_null(s->plugins[1].config);
    assert_true(s->plugins[1].notes[0].error);
    assert_int_equal(s->plugins[1].notes[0].spot.line, 9);
    assert_int_equal(s->plugins[1].notes[0].spot.column, 50);
    assert_int_equal(s->n_migs, 1);
    assert_int_equal(s->migs[0].n_notes, 1);
    assert_int_equal(s->migs[0].notes[0].spot.line, 14);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VIEWS_TEST(test_command),       VIEWS_TEST(test_names),      VIEWS_TEST(test_values_file),
        VIEWS_TEST(test_here_document), VIEWS_TEST(test_objects),    VIEWS_TEST(test_bare_values),
        VIEWS_TEST(test_loaded),        VIEWS_TEST(test_not_loaded), VIEWS_TEST(test_release_loads),
        VIEWS_TEST(test_note_places),
    };

    return cmocka_run_group_tests(tests, views_open, views_close);
}
