/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of charts: versions by their numbers, values by version, names that were meant. */
#include "test.h"

#include "lint/check/charts.h"

static const struct chart_facts *facts_of(enum chart chart)
{
    const struct chart_facts *f = charts_find(chart);

    assert_non_null(f);
    return f;
}

static void compares_versions_by_number(void **state)
{
    (void)state;
    assert_true(charts_compare("v24.9.2", "24.10.0") < 0);
    assert_true(charts_compare("0.20.0", "v0.9.0") > 0);
    assert_int_equal(charts_compare("v26.7.0", "26.7"), 0);
    assert_true(charts_compare("4.5.2-4.8.1", "4.5.2-4.8.2") < 0);
    assert_int_equal(charts_compare("", "x"), 0);
}

static void finds_versions(void **state)
{
    const struct chart_facts *f = facts_of(CHART_GPU_OPERATOR);
    int newest = (int)f->n_versions - 1;

    (void)state;
    assert_int_equal(charts_version(f, ""), newest);
    assert_int_equal(charts_version(f, charts_newest(f)), newest);
    assert_string_equal(f->versions[charts_version(f, "24.9.2")], "v24.9.2");
    assert_string_equal(f->versions[charts_version(f, "v24.9.9")], "v24.9.2");
    assert_int_equal(charts_version(f, "99.1.0"), -1);
    assert_int_equal(charts_version(f, "1.5.0"), -1);
    assert_int_equal(charts_version(f, "latest"), -1);
}

static void counts_minor_versions(void **state)
{
    const struct chart_facts *f = facts_of(CHART_DEVICE_PLUGIN);

    (void)state;
    assert_int_equal(charts_behind(f, charts_version(f, charts_newest(f))), 0);
    assert_true(charts_behind(f, charts_version(f, "0.16.0")) ==
                charts_behind(f, charts_version(f, "0.16.2")));
    assert_true(charts_behind(f, charts_version(f, "0.14.0")) >
                charts_behind(f, charts_version(f, "0.15.0")));
}

static enum charts_state state_of(enum chart chart, const char *version, const char *path)
{
    const struct chart_facts *f = facts_of(chart);
    const char *edge;

    return charts_value(f, charts_version(f, version), path, &edge);
}

static void knows_values_by_version(void **state)
{
    (void)state;
    assert_int_equal(state_of(CHART_GPU_OPERATOR, "", "driver.enabled"), CHARTS_KNOWN);
    assert_int_equal(state_of(CHART_GPU_OPERATOR, "24.9.2", "operator.defaultRuntime"),
                     CHARTS_GONE);
    assert_int_equal(state_of(CHART_GPU_OPERATOR, "24.9.2", "migManager.hostNetwork"),
                     CHARTS_LATER);
    assert_int_equal(state_of(CHART_GPU_OPERATOR, "", "migManager.default"), CHARTS_UNKNOWN);
    assert_int_equal(state_of(CHART_DEVICE_PLUGIN, "0.14.0", "legacyDaemonsetAPI"), CHARTS_GONE);
}

/* What a chart hands on as it is, lists and the values of charts below may hold anything. */
static void goes_no_further_than_it_knows(void **state)
{
    (void)state;
    assert_int_equal(state_of(CHART_GPU_OPERATOR, "", "migManager.env[0].name"), CHARTS_KNOWN);
    assert_int_equal(state_of(CHART_GPU_OPERATOR, "", "devicePlugin.resources.limits.cpu"),
                     CHARTS_KNOWN);
    assert_int_equal(state_of(CHART_DEVICE_PLUGIN, "", "nfd.worker.tolerations[0].key"),
                     CHARTS_KNOWN);
    assert_int_equal(state_of(CHART_DEVICE_PLUGIN, "", "nodeSelector.pool"), CHARTS_KNOWN);
    assert_int_equal(state_of(CHART_DEVICE_PLUGIN, "", "config.map.default"), CHARTS_KNOWN);
    assert_int_equal(state_of(CHART_DEVICE_PLUGIN, "", "migStrategy.name"), CHARTS_KNOWN);
    assert_int_equal(state_of(CHART_DEVICE_PLUGIN, "", "gfd.enabled.now"), CHARTS_UNKNOWN);
}

static void tells_what_was_meant(void **state)
{
    const struct chart_facts *f = facts_of(CHART_GPU_OPERATOR);
    int newest = (int)f->n_versions - 1;

    (void)state;
    assert_string_equal(charts_meant(f, newest, "migManager.default"), "migManager.config.default");
    assert_string_equal(charts_meant(f, newest, "mig.strategie"), "mig.strategy");
    assert_null(charts_meant(f, newest, "driver.somethingElseEntirely"));
    assert_true(charts_is_list(f, newest, "migManager.env"));
    assert_false(charts_is_list(f, newest, "migManager"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares_versions_by_number),   cmocka_unit_test(finds_versions),
        cmocka_unit_test(counts_minor_versions),         cmocka_unit_test(knows_values_by_version),
        cmocka_unit_test(goes_no_further_than_it_knows), cmocka_unit_test(tells_what_was_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
