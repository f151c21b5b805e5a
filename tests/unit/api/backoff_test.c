/* SPDX-License-Identifier: Apache-2.0 */
/* Waits double up to their bound, differ from each other, and begin anew once something worked. */
#include "api/backoff.h"

#include "test.h"

static void test_doubles(void **state)
{
    static const unsigned steps[] = {100, 200, 400, 800, 1000, 1000};

    (void)state;
    for (unsigned round = 0; round < 200; round++) {
        struct backoff b = {.first_ms = 100, .last_ms = 1000};

        for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
            unsigned wait = backoff_wait_ms(&b);

            assert_true(wait >= steps[i] / 2);
            assert_true(wait <= steps[i]);
        }
        backoff_clear(&b);
        assert_true(backoff_wait_ms(&b) <= 100);
    }
}

static void test_jitter(void **state)
{
    unsigned least = ~0U, most = 0;

    (void)state;
    for (unsigned round = 0; round < 1000; round++) {
        struct backoff b = {.first_ms = 1000, .last_ms = 1000};
        unsigned wait = backoff_wait_ms(&b);

        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    assert_true(least < 600);
    assert_true(most > 900);
}

/* Bounds at the ends of the type, and a first wait beyond the last. */
static void test_bounds(void **state)
{
    struct backoff large = {.first_ms = ~0U / 2 + 1, .last_ms = ~0U};
    struct backoff odd = {.first_ms = 5000, .last_ms = 10};
    struct backoff one = {.first_ms = 1, .last_ms = 1};

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_true(backoff_wait_ms(&large) >= ~0U / 4);
        assert_true(backoff_wait_ms(&odd) <= 10);
        assert_true(backoff_wait_ms(&one) <= 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
