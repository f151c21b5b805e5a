/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a MIG wish: from pending to its end, holders, and tries that fail. */
#include <errno.h>
#include <string.h>

#include "test.h"
#include "wish.h"

static void is_a_success_at_once_where_nothing_is_to_do(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    assert_int_equal(s.word, MIG_WORD_NONE);
    mig_state_checked(&s, wish_now_ms, 0);
    wish_expect_word(&s, MIG_WORD_SUCCESS, "already");
    assert_true(s.proved);
    wish_expect(&s, MIG_ACT_NONE);
    assert_true(mig_state_wake_ms(&s, wish_now_ms) == UINT64_MAX);
}

static void goes_from_pending_to_a_proved_success(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 9);
    wish_expect_word(&s, MIG_WORD_PENDING, "9 steps");
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "");
    assert_int_equal(s.word, MIG_WORD_PENDING); /* not before it is proved */
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 0);
    wish_expect_word(&s, MIG_WORD_SUCCESS, "as wished");
    assert_true(s.proved);
}

static void a_change_that_does_not_last_is_no_success(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 9);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "");
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 2);
    wish_expect_word(&s, MIG_WORD_FAILED, "2 steps are missing");
    wish_expect(&s, MIG_ACT_CHECK); /* after the back-off */
}

static void what_cannot_pass_fails_until_something_changes(void **state)
{
    static const int codes[] = {EINVAL, ENOENT, EPERM};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct mig_state s = wish_begin(NULL);

        wish_expect(&s, MIG_ACT_CHECK);
        wish_refuse(&s, codes[i], "no such profile");
        wish_expect_word(&s, MIG_WORD_FAILED, "no such profile");
        wish_expect(&s, MIG_ACT_NONE);
        mig_state_kick(&s, wish_now_ms, true);
        wish_expect(&s, MIG_ACT_CHECK);
    }
}

static void what_can_pass_is_tried_again_ever_more_slowly(void **state)
{
    struct mig_state s = wish_begin(NULL);
    uint64_t longest_ms = 0;

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t before_ms = wish_now_ms;

        wish_refuse(&s, EIO, "driver error");
        wish_expect_word(&s, MIG_WORD_FAILED, "driver error");
        wish_expect(&s, MIG_ACT_CHECK);
        assert_true(wish_now_ms - before_ms >= 5000 && wish_now_ms - before_ms <= 300000);
        if (wish_now_ms - before_ms > longest_ms)
            longest_ms = wish_now_ms - before_ms;
    }
    assert_true(longest_ms >= 150000);
    mig_state_checked(&s, wish_now_ms, 0);
    wish_expect_word(&s, MIG_WORD_SUCCESS, "");
}

static void holders_without_leave_to_drain_fail_it(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    wish_refuse(&s, EBUSY, "held");
    wish_expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, wish_now_ms, &(struct mig_holders){.n_pods = 1, .words = "GPU 0: pod a/b"});
    wish_expect_word(&s, MIG_WORD_FAILED, "GPU 0: pod a/b; end them");
    assert_false(s.taint);
    wish_expect(&s, MIG_ACT_CHECK); /* the holder may end by itself */
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect_word(&s, MIG_WORD_PENDING, "1 steps");
}

static void drains_with_a_taint_until_nobody_holds(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    s.may_drain = true;
    wish_expect(&s, MIG_ACT_CHECK);
    wish_refuse(&s, EBUSY, "held");
    wish_expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, wish_now_ms, &(struct mig_holders){.n_pods = 2, .words = "two pods"});
    wish_expect_word(&s, MIG_WORD_PENDING, "two pods");
    assert_true(s.taint);
    wish_expect(&s, MIG_ACT_DRAIN);
    mig_state_drained(&s, wish_now_ms, NULL, "pod a/b is evicted");
    wish_expect_word(&s, MIG_WORD_PENDING, "pod a/b is evicted");
    wish_expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, wish_now_ms, &(struct mig_holders){.n_pods = 1, .words = "one pod"});
    wish_expect_word(&s, MIG_WORD_PENDING, "pod a/b is evicted"); /* no patch for each look */
    for (unsigned i = 0; i < 40 && s.act == MIG_ACT_HOLDERS; i++) {
        wish_expect(&s, MIG_ACT_HOLDERS);
        mig_state_held(&s, wish_now_ms, &(struct mig_holders){.n_pods = 1, .words = "one pod"});
    }
    wish_expect(&s, MIG_ACT_DRAIN); /* asked again, later */
    mig_state_drained(&s, wish_now_ms, NULL, "pod a/b is ending");
    wish_expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, wish_now_ms, &(struct mig_holders){.words = ""});
    assert_int_equal(mig_state_next(&s, wish_now_ms), MIG_ACT_CHECK); /* at once */
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 3);
    assert_true(s.taint);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "");
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 0);
    assert_false(s.taint);
}

static void who_cannot_be_evicted_fails_it(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    s.may_drain = true;
    wish_expect(&s, MIG_ACT_CHECK);
    wish_refuse(&s, EBUSY, "held");
    wish_expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, wish_now_ms,
                   &(struct mig_holders){.n_pods = 1, .n_others = 1, .words = "process 7 (x)"});
    wish_expect_word(&s, MIG_WORD_FAILED, "process 7 (x); what is no pod cannot be evicted");
    assert_false(s.taint);

    s = wish_begin(NULL);
    s.may_drain = true;
    wish_expect(&s, MIG_ACT_CHECK);
    wish_refuse(&s, EBUSY, "held");
    wish_expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, wish_now_ms, &(struct mig_holders){.n_pods = 1, .words = "pod a/ds"});
    wish_expect(&s, MIG_ACT_DRAIN);
    mig_state_drained(&s, wish_now_ms, "pod a/ds is not evicted", "");
    wish_expect_word(&s, MIG_WORD_FAILED, "pod a/ds is not evicted");
    assert_false(s.taint);
    wish_expect(&s, MIG_ACT_CHECK);
}

static void a_busy_carved_is_waited_for(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    wish_refuse(&s, EBUSY, "another MIG change is under way");
    wish_expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, wish_now_ms, &(struct mig_holders){.words = ""});
    wish_expect_word(&s, MIG_WORD_PENDING, "another MIG change is under way");
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 0);
    wish_expect_word(&s, MIG_WORD_SUCCESS, "");
}

static void a_hardware_change_brings_a_retry_forward(void **state)
{
    struct mig_state s = wish_begin(NULL);
    uint64_t before_ms;

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    wish_refuse(&s, EIO, "x");
    before_ms = wish_now_ms;
    mig_state_kick(&s, wish_now_ms, false);
    mig_state_kick(&s, wish_now_ms + 1000, false); /* not put off by the next one */
    wish_expect(&s, MIG_ACT_CHECK);
    assert_int_equal(wish_now_ms - before_ms, 2000);
}

/*
 * As by a try that fails and is rolled back. There are two clocks, for changes and for failures, so
 * one try may soon follow another: not two.
 */
static void a_hardware_that_changes_with_each_try_is_tried_ever_more_slowly(void **state)
{
    struct mig_state s = wish_begin(NULL);
    uint64_t tried_ms[14];

    (void)state;
    for (unsigned i = 0; i < 14; i++) {
        wish_expect(&s, MIG_ACT_CHECK);
        tried_ms[i] = wish_now_ms;
        wish_refuse(&s, EIO, "x");
        mig_state_kick(&s, wish_now_ms, false);
    }
    assert_true(tried_ms[13] - tried_ms[11] >= 150000);
}

static void words_and_back(void **state)
{
    (void)state;
    assert_int_equal(mig_word_parse("rebooting"), MIG_WORD_REBOOTING);
    assert_int_equal(mig_word_parse("success"), MIG_WORD_SUCCESS);
    assert_int_equal(mig_word_parse("whatever"), MIG_WORD_NONE);
    assert_int_equal(mig_word_parse(""), MIG_WORD_NONE);
    assert_int_equal(mig_word_parse(NULL), MIG_WORD_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_a_success_at_once_where_nothing_is_to_do),
        cmocka_unit_test(goes_from_pending_to_a_proved_success),
        cmocka_unit_test(a_change_that_does_not_last_is_no_success),
        cmocka_unit_test(what_cannot_pass_fails_until_something_changes),
        cmocka_unit_test(what_can_pass_is_tried_again_ever_more_slowly),
        cmocka_unit_test(holders_without_leave_to_drain_fail_it),
        cmocka_unit_test(drains_with_a_taint_until_nobody_holds),
        cmocka_unit_test(who_cannot_be_evicted_fails_it),
        cmocka_unit_test(a_busy_carved_is_waited_for),
        cmocka_unit_test(a_hardware_change_brings_a_retry_forward),
        cmocka_unit_test(a_hardware_that_changes_with_each_try_is_tried_ever_more_slowly),
        cmocka_unit_test(words_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
