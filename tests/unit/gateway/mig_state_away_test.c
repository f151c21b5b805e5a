/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a MIG wish over a deadline, an absence of carved, and a reboot. */
#include <errno.h>
#include <string.h>

#include "test.h"
#include "wish.h"

static void never_stays_pending_beyond_the_deadline(void **state)
{
    struct mig_state s = wish_begin(NULL);
    unsigned rounds = 0;

    (void)state;
    s.may_drain = true;
    wish_expect(&s, MIG_ACT_CHECK);
    wish_refuse(&s, EBUSY, "held");
    mig_state_begun(&s);
    mig_state_held(&s, wish_now_ms, &(struct mig_holders){.n_pods = 1, .words = "pod a/b"});
    while (s.word == MIG_WORD_PENDING && rounds++ < 10000) {
        if (mig_state_next(&s, wish_now_ms) == MIG_ACT_DRAIN)
            mig_state_drained(&s, wish_now_ms, NULL, "pod a/b may not go yet: budget b");
        else if (mig_state_next(&s, wish_now_ms) == MIG_ACT_HOLDERS)
            mig_state_held(&s, wish_now_ms, &(struct mig_holders){.n_pods = 1, .words = "pod a/b"});
        else
            wish_now_ms = mig_state_wake_ms(&s, wish_now_ms);
        (void)mig_state_tick(&s, wish_now_ms);
    }
    wish_expect_word(&s, MIG_WORD_FAILED,
                     "not done within 600 s: pod a/b may not go yet: budget b");
    assert_false(s.taint);
    wish_expect(&s, MIG_ACT_CHECK);
}

static void the_deadline_gives_up_what_hangs_but_not_a_change(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK); /* hangs */
    wish_now_ms = mig_state_wake_ms(&s, wish_now_ms);
    assert_false(mig_state_tick(&s, wish_now_ms));
    wish_expect_word(&s, MIG_WORD_PENDING, "waiting for carved");
    wish_now_ms = mig_state_wake_ms(&s, wish_now_ms);
    assert_true(mig_state_tick(&s, wish_now_ms));
    wish_expect_word(&s, MIG_WORD_FAILED, "not done within");

    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 5);
    wish_expect(&s, MIG_ACT_APPLY); /* hangs */
    wish_now_ms = mig_state_wake_ms(&s, wish_now_ms);
    assert_false(mig_state_tick(&s, wish_now_ms));
    wish_expect_word(&s, MIG_WORD_FAILED, "not done within");
    assert_int_equal(s.act, MIG_ACT_APPLY);
    assert_true(s.under_way);
}

static void a_late_end_of_a_change_still_counts(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 5);
    wish_expect(&s, MIG_ACT_APPLY);
    wish_now_ms += WISH_DEADLINE_MS + 1;
    (void)mig_state_tick(&s, wish_now_ms);
    assert_int_equal(s.word, MIG_WORD_FAILED);
    assert_int_equal(mig_state_next(&s, wish_now_ms), MIG_ACT_NONE);
    mig_state_applied(&s, wish_now_ms, "");
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 0);
    wish_expect_word(&s, MIG_WORD_SUCCESS, "as wished");
}

static void a_lost_carved_is_waited_for_and_all_is_looked_at_again(void **state)
{
    static const int codes[] = {EAGAIN, ECONNRESET, ECONNREFUSED, ECANCELED};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct mig_state s = wish_begin(NULL);

        wish_expect(&s, MIG_ACT_CHECK);
        mig_state_checked(&s, wish_now_ms, 5);
        wish_expect(&s, MIG_ACT_APPLY);
        wish_refuse(&s, codes[i], "carved has gone");
        wish_expect_word(&s, MIG_WORD_PENDING, "carved has gone");
        assert_int_equal(s.act, MIG_ACT_CHECK);
        mig_state_kick(&s, wish_now_ms, true);
        assert_int_equal(mig_state_next(&s, wish_now_ms), MIG_ACT_CHECK); /* at once */
        mig_state_begun(&s);
        mig_state_checked(&s, wish_now_ms, 2);
        wish_expect(&s, MIG_ACT_APPLY);
    }
}

static void while_carved_is_away_an_old_result_stands_unproved(void **state)
{
    const struct mig_left left = {.word = MIG_WORD_SUCCESS, .words = "as wished"};
    struct mig_state s = wish_begin(&left);

    (void)state;
    mig_state_away(&s, wish_now_ms, "no socket");
    wish_expect_word(&s, MIG_WORD_SUCCESS, "as wished");
    assert_false(s.proved);
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 0);
    wish_expect_word(&s, MIG_WORD_SUCCESS, "as wished");
    assert_true(s.proved);
    mig_state_kick(&s, wish_now_ms, true); /* carved came back: looked at again */
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 3);
    wish_expect_word(&s, MIG_WORD_PENDING, "3 steps");
    assert_false(s.proved);
}

static void a_mode_that_stays_pending_fails_without_a_reboot(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "GPU 0: reset refused");
    wish_expect_word(&s, MIG_WORD_FAILED, "GPU 0: reset refused");
    wish_expect(&s, MIG_ACT_CHECK);
}

static void reboots_once_and_never_again(void **state)
{
    struct mig_left left = {.word = MIG_WORD_REBOOTING, .words = "w", .rebooted = true};
    struct mig_state s = wish_begin(NULL);

    (void)state;
    s.may_reboot = true;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "GPU 0: reset refused");
    wish_expect_word(&s, MIG_WORD_REBOOTING, "GPU 0: reset refused");
    assert_true(s.rebooted);
    wish_expect(&s, MIG_ACT_REBOOT);
    mig_state_rebooting(&s);
    wish_expect(&s, MIG_ACT_NONE);

    /* The next run, after the reboot. */
    s = wish_begin(&left);
    s.may_reboot = true;
    wish_expect_word(&s, MIG_WORD_REBOOTING, "w");
    for (unsigned i = 0; i < 5; i++) {
        wish_expect(&s, MIG_ACT_CHECK);
        mig_state_checked(&s, wish_now_ms, 1);
        wish_expect(&s, MIG_ACT_APPLY);
        mig_state_applied(&s, wish_now_ms, "GPU 0: reset refused");
        wish_expect_word(&s, MIG_WORD_FAILED, "after a reboot too: GPU 0");
        assert_true(s.rebooted);
    }
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 0);
    wish_expect_word(&s, MIG_WORD_SUCCESS, "");
    assert_false(s.rebooted);
}

static void a_reboot_that_is_refused_is_no_loop(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    s.may_reboot = true;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "GPU 0: reset refused");
    wish_expect(&s, MIG_ACT_REBOOT);
    wish_refuse(&s, EPERM, "carved may not reboot");
    wish_expect_word(&s, MIG_WORD_FAILED, "carved may not reboot");
    assert_false(s.rebooted);
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "GPU 0: reset refused");
    wish_expect_word(&s, MIG_WORD_FAILED, "GPU 0: reset refused");
    mig_state_kick(&s, wish_now_ms, true); /* a carved that perhaps may */
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "GPU 0: reset refused");
    wish_expect_word(&s, MIG_WORD_REBOOTING, "");
}

static void a_reboot_that_ends_carved_first_is_one(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    s.may_reboot = true;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "left");
    wish_expect(&s, MIG_ACT_REBOOT);
    wish_refuse(&s, ECANCELED, "carved is being stopped");
    wish_expect_word(&s, MIG_WORD_REBOOTING, "the node reboots");
    assert_true(s.rebooted);
}

static void a_reboot_that_is_slow_to_begin_is_one(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    s.may_reboot = true;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "left");
    wish_expect(&s, MIG_ACT_REBOOT);
    wish_refuse(&s, EHOSTDOWN, "no sign of life for 60 s");
    wish_expect_word(&s, MIG_WORD_REBOOTING, "the node reboots");
    assert_true(s.rebooted);
}

static void a_reboot_that_was_not_asked_for_is_none(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    s.may_reboot = true;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "left");
    assert_int_equal(mig_state_next(&s, wish_now_ms), MIG_ACT_REBOOT);
    mig_state_away(&s, wish_now_ms, "carved is away");
    assert_false(s.rebooted);
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "left");
    wish_expect(&s, MIG_ACT_REBOOT);
}

static void a_node_that_does_not_reboot_fails(void **state)
{
    struct mig_state s = wish_begin(NULL);

    (void)state;
    s.may_reboot = true;
    wish_expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, wish_now_ms, 1);
    wish_expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, wish_now_ms, "left");
    wish_expect(&s, MIG_ACT_REBOOT);
    mig_state_rebooting(&s);
    wish_now_ms = mig_state_wake_ms(&s, wish_now_ms);
    (void)mig_state_tick(&s, wish_now_ms);
    wish_expect_word(&s, MIG_WORD_FAILED, "the node reboots");
    assert_true(s.rebooted); /* it was asked for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_stays_pending_beyond_the_deadline),
        cmocka_unit_test(the_deadline_gives_up_what_hangs_but_not_a_change),
        cmocka_unit_test(a_late_end_of_a_change_still_counts),
        cmocka_unit_test(a_lost_carved_is_waited_for_and_all_is_looked_at_again),
        cmocka_unit_test(while_carved_is_away_an_old_result_stands_unproved),
        cmocka_unit_test(a_mode_that_stays_pending_fails_without_a_reboot),
        cmocka_unit_test(reboots_once_and_never_again),
        cmocka_unit_test(a_reboot_that_is_refused_is_no_loop),
        cmocka_unit_test(a_reboot_that_ends_carved_first_is_one),
        cmocka_unit_test(a_reboot_that_is_slow_to_begin_is_one),
        cmocka_unit_test(a_reboot_that_was_not_asked_for_is_none),
        cmocka_unit_test(a_node_that_does_not_reboot_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
