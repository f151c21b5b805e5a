/* SPDX-License-Identifier: Apache-2.0 */
/* The table of XIDs: complete, in order, and true to the list that NVIDIA's plugin ignores. */
#include "test.h"

#include <string.h>

#include "gpu/xid.h"

static const unsigned ignored[] = {13, 31, 43, 45, 68, 109};

static bool is_listed(uint64_t number)
{
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        if (ignored[i] == number)
            return true;
    return false;
}

static void ignores_exactly_nvidias_six(void **state)
{
    (void)state;
    for (uint64_t number = 0; number < 1000; number++)
        assert_int_equal(xid_ignored_by_default(number), is_listed(number));
}

static void what_is_ignored_is_an_applications_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        const struct xid *x = xid_find(ignored[i]);

        assert_int_equal(x->touches, XID_TOUCHES_APPLICATION);
        assert_int_equal(x->cure, XID_CURE_WAIT);
    }
}

static void the_table_is_in_order_and_has_words(void **state)
{
    unsigned count, last = 0;
    const struct xid *table = xid_table(&count);

    (void)state;
    assert_true(count > 40);
    for (unsigned i = 0; i < count; i++) {
        const struct xid *x = &table[i];

        assert_true(x->first > last && x->last >= x->first);
        last = x->last;
        assert_true(strlen(x->name) > 3 && strlen(x->name) < 100);
        assert_true(strlen(x->cause) > 3 && strlen(x->cause) < 160);
        assert_true(strlen(x->help) > 3 && strlen(x->help) < 160);
        assert_ptr_equal(xid_find(x->first), x);
        assert_ptr_equal(xid_find(x->last), x);
    }
}

/* A fault of a program is never a reason to replace the node. */
static void cures_fit(void **state)
{
    unsigned count;
    const struct xid *table = xid_table(&count);

    (void)state;
    for (unsigned i = 0; i < count; i++)
        if (table[i].touches == XID_TOUCHES_APPLICATION)
            assert_int_equal(table[i].cure, XID_CURE_WAIT);
}

static void the_well_known_ones(void **state)
{
    static const struct {
        unsigned number;
        enum xid_touches touches;
        enum xid_cure cure;
    } known[] = {
        {48, XID_TOUCHES_INSTANCE, XID_CURE_RESET}, {62, XID_TOUCHES_GPU, XID_CURE_RESET},
        {63, XID_TOUCHES_GPU, XID_CURE_WAIT},       {64, XID_TOUCHES_GPU, XID_CURE_RESET},
        {74, XID_TOUCHES_GPU, XID_CURE_RESET},      {79, XID_TOUCHES_GPU, XID_CURE_REBOOT},
        {94, XID_TOUCHES_INSTANCE, XID_CURE_WAIT},  {95, XID_TOUCHES_GPU, XID_CURE_RESET},
        {119, XID_TOUCHES_GPU, XID_CURE_RESET},     {140, XID_TOUCHES_GPU, XID_CURE_RESET},
        {54, XID_TOUCHES_GPU, XID_CURE_REPLACE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct xid *x = xid_find(known[i].number);

        assert_int_equal(x->touches, known[i].touches);
        assert_int_equal(x->cure, known[i].cure);
    }
}

static void an_unknown_one_is_taken_as_serious(void **state)
{
    static const uint64_t numbers[] = {0, 7, 999, UINT64_MAX};

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(xid_find(numbers[i])->cure, XID_CURE_RESET);
        assert_int_equal(xid_find(numbers[i])->touches, XID_TOUCHES_INSTANCE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ignores_exactly_nvidias_six),
        cmocka_unit_test(what_is_ignored_is_an_applications_fault),
        cmocka_unit_test(the_table_is_in_order_and_has_words),
        cmocka_unit_test(cures_fit),
        cmocka_unit_test(the_well_known_ones),
        cmocka_unit_test(an_unknown_one_is_taken_as_serious),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
