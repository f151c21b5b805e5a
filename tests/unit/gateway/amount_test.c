/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes' amounts of whole things. */
#include "gateway/amount.h"

#include "test.h"

static void whole_numbers(void **state)
{
    static const struct {
        const char *text;
        int64_t amount;
    } cases[] = {
        {"0", 0},
        {"8", 8},
        {"0080", 80},
        {"1k", 1000},
        {"12k", 12000},
        {"1M", 1000000},
        {"2Ki", 2048},
        {"9223372036854775807", INT64_MAX},
        {"9223372036854775808", INT64_MAX},
        {"99999999999999999999", INT64_MAX},
        {"9223372036854775807k", INT64_MAX},
        {"10E", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(amount_whole(cases[i].text) == cases[i].amount);
}

static void no_whole_numbers(void **state)
{
    static const char *const cases[] = {"", "-1", "k", "1.5", "100m", "1 k", "8 ", "1kk", "0x8"};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(amount_whole(cases[i]) == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(no_whole_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
