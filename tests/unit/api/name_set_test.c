/* SPDX-License-Identifier: Apache-2.0 */
/* The set of names against a plain table that cannot be wrong, and its bound. */
#include "api/name_set.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/own.h"
#include "test.h"

enum { NAMES = 300, STEPS = 20000 };

/* Takes one out that the table has and that was not put of late; false: none. */
static bool take_one(struct name_set *s, bool *there, const bool *seen)
{
    OWN_MEM char *key = name_set_take_unseen(s);
    unsigned n;

    if (!key)
        return false;
    assert_int_equal(sscanf(key, "/n%u", &n), 1);
    assert_true(there[n] && !seen[n]);
    there[n] = false;
    return true;
}

static void test_against_a_table(void **state)
{
    OWN(name_set_done) struct name_set s = {0};
    bool there[NAMES] = {0}, seen[NAMES] = {0};
    unsigned dice = 12345;
    size_t left = 0;
    char name[16];

    (void)state;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned n;

        dice = dice * 1103515245U + 12345U;
        n = dice >> 8 & 0xffff;
        (void)snprintf(name, sizeof name, "n%u", n % NAMES);
        if (n % 1000 == 0) {
            name_set_begin(&s);
            memset(seen, 0, sizeof seen);
        } else if (n % 50 == 1) {
            (void)take_one(&s, there, seen);
        } else if (dice >> 30 == 0) {
            name_set_remove(&s, "", name);
            there[n % NAMES] = false;
        } else {
            assert_int_equal(name_set_put(&s, "", name, NULL), 0);
            there[n % NAMES] = seen[n % NAMES] = true;
        }
    }
    while (take_one(&s, there, seen))
        ;
    for (unsigned i = 0; i < NAMES; i++) {
        assert_true(!there[i] || seen[i]);
        left += there[i];
    }
    assert_int_equal(s.count, left);
}

static void test_namespaces(void **state)
{
    OWN(name_set_done) struct name_set s = {0};
    OWN_MEM char *key = NULL;

    (void)state;
    name_set_remove(&s, "a", "x");
    assert_null(name_set_take_unseen(&s));
    assert_int_equal(name_set_put(&s, "a", "x", NULL), 0);
    assert_int_equal(name_set_put(&s, "b", "x", NULL), 0);
    name_set_begin(&s);
    assert_int_equal(name_set_put(&s, "a", "x", NULL), 0);
    key = name_set_take_unseen(&s);
    assert_string_equal(key, "b/x");
    assert_null(name_set_take_unseen(&s));
}

static void test_bound(void **state)
{
    OWN(name_set_done) struct name_set s = {0};
    struct err e = {0};
    char name[16];

    (void)state;
    for (unsigned i = 0; i < NAME_SET_MAX; i++) {
        (void)snprintf(name, sizeof name, "n%u", i);
        assert_int_equal(name_set_put(&s, "x", name, &e), 0);
    }
    assert_int_equal(name_set_put(&s, "x", "n0", &e), 0);
    assert_int_equal(name_set_put(&s, "y", "n0", &e), -EFBIG);
    assert_non_null(strstr(e.msg, "20000"));
    name_set_remove(&s, "x", "n7");
    assert_int_equal(name_set_put(&s, "y", "n0", &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_a_table),
        cmocka_unit_test(test_namespaces),
        cmocka_unit_test(test_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
