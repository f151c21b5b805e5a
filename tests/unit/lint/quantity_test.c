/* SPDX-License-Identifier: Apache-2.0 */
/* Quantities as Kubernetes writes them, rounded up to whole units. */
#include "test.h"

#include "lint/view/system.h"

static void test_values(void **state)
{
    static const struct {
        const char *text;
        int64_t unit, value;
    } rows[] = {
        {"0", 1, 0},
        {"4", 1, 4},
        {"+4", 1, 4},
        {"-1", 1, -1},
        {"500m", 1000, 500},
        {"500m", 1, 1},
        {"0.5", 1, 1},
        {".5", 1000, 500},
        {"2.", 1, 2},
        {"0.1", 1000, 100},
        {"1.0001", 1, 2},
        {"100u", 1000, 1},
        {"1n", 1000, 1},
        {"2Ki", 1, 2048},
        {"1.5Gi", 1, 1610612736},
        {"128Gi", 1, 137438953472},
        {"1k", 1, 1000},
        {"3M", 1, 3000000},
        {"1e3", 1, 1000},
        {"12E2", 1, 1200},
        {"1e-3", 1, 1},
        {"5E", 1, 5000000000000000000},
        {"7Ei", 1, 8070450532247928832},
        {"9Ei", 1, INT64_MAX},
        {"99999999999999999999", 1, INT64_MAX},
        {"1e999", 1, INT64_MAX},
        {"1e-999", 1, 1},
        {"0.00000000000000000000001", 1, 1},
        {"0.0000", 1, 0},
        {"1.0000000000000001", 1, 2},
        {"1000000000000000000", 1, 1000000000000000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t value = 77;

        if (!quantity_read(&value, rows[i].text, rows[i].unit))
            fail_msg("'%s' is refused", rows[i].text);
        if (value != rows[i].value)
            fail_msg("'%s' is %lld", rows[i].text, (long long)value);
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {"",      " 4",   "4 ",  "Gi", "4gi", "4KiB",
                                        "1.2.3", "--4",  "e3",  "4e", "4e+", "4e1x",
                                        "abc",   "0x10", "1,5", ".",  "4GB", "1e99999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int64_t value = 77;

        if (quantity_read(&value, texts[i], 1))
            fail_msg("'%s' is taken for %lld", texts[i], (long long)value);
        assert_int_equal(value, 77);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
