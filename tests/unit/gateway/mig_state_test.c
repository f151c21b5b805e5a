/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a MIG wish, with a clock of the test's own. */
#include "gateway/mig_state.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "test.h"

enum { DEADLINE_MS = 600000 };

static uint64_t now_ms = 1000000;

static struct mig_state begin(const struct mig_left *left)
{
    struct mig_state s = {.deadline_ms = DEADLINE_MS};

    mig_state_wish(&s, now_ms, left ? left : &(struct mig_left){0});
    return s;
}

/* The act that is due now, or that comes due next. */
static void expect(struct mig_state *s, enum mig_act act)
{
    uint64_t wake_ms = mig_state_wake_ms(s, now_ms);

    if (act == MIG_ACT_NONE) {
        assert_int_equal(mig_state_next(s, now_ms), MIG_ACT_NONE);
        assert_int_equal(s->act, MIG_ACT_NONE);
        return;
    }
    if (mig_state_next(s, now_ms) == MIG_ACT_NONE) {
        assert_true(wake_ms != UINT64_MAX);
        now_ms = wake_ms;
        assert_false(mig_state_tick(s, now_ms));
    }
    assert_int_equal(mig_state_next(s, now_ms), act);
    mig_state_begun(s);
    assert_int_equal(mig_state_next(s, now_ms), MIG_ACT_NONE);
}

static void refuse(struct mig_state *s, int code, const char *words)
{
    struct err e = {0};

    (void)err_set(&e, code, "%s", words);
    mig_state_refused(s, now_ms, &e);
}

static void expect_word(const struct mig_state *s, enum mig_word word, const char *words)
{
    assert_string_equal(mig_word_text(s->word), mig_word_text(word));
    if (!strstr(s->words, words))
        fail_msg("'%s' is not in '%s'", words, s->words);
}

static void is_a_success_at_once_where_nothing_is_to_do(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    assert_int_equal(s.word, MIG_WORD_NONE);
    mig_state_checked(&s, now_ms, 0);
    expect_word(&s, MIG_WORD_SUCCESS, "already");
    assert_true(s.proved);
    expect(&s, MIG_ACT_NONE);
    assert_true(mig_state_wake_ms(&s, now_ms) == UINT64_MAX);
}

static void goes_from_pending_to_a_proved_success(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 9);
    expect_word(&s, MIG_WORD_PENDING, "9 steps");
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "");
    assert_int_equal(s.word, MIG_WORD_PENDING); /* not before it is proved */
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 0);
    expect_word(&s, MIG_WORD_SUCCESS, "as wished");
    assert_true(s.proved);
}

static void a_change_that_does_not_last_is_no_success(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 9);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "");
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 2);
    expect_word(&s, MIG_WORD_FAILED, "2 steps are missing");
    expect(&s, MIG_ACT_CHECK); /* after the back-off */
}

static void what_cannot_pass_fails_until_something_changes(void **state)
{
    static const int codes[] = {EINVAL, ENOENT, EPERM};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct mig_state s = begin(NULL);

        expect(&s, MIG_ACT_CHECK);
        refuse(&s, codes[i], "no such profile");
        expect_word(&s, MIG_WORD_FAILED, "no such profile");
        expect(&s, MIG_ACT_NONE);
        mig_state_kick(&s, now_ms, true);
        expect(&s, MIG_ACT_CHECK);
    }
}

static void what_can_pass_is_tried_again_ever_more_slowly(void **state)
{
    struct mig_state s = begin(NULL);
    uint64_t longest_ms = 0;

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    for (unsigned i = 0; i < 12; i++) {
        uint64_t before_ms = now_ms;

        refuse(&s, EIO, "driver error");
        expect_word(&s, MIG_WORD_FAILED, "driver error");
        expect(&s, MIG_ACT_CHECK);
        assert_true(now_ms - before_ms >= 5000 && now_ms - before_ms <= 300000);
        if (now_ms - before_ms > longest_ms)
            longest_ms = now_ms - before_ms;
    }
    assert_true(longest_ms >= 150000);
    mig_state_checked(&s, now_ms, 0);
    expect_word(&s, MIG_WORD_SUCCESS, "");
}

static void holders_without_leave_to_drain_fail_it(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    refuse(&s, EBUSY, "held");
    expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, now_ms, &(struct mig_holders){.n_pods = 1, .words = "GPU 0: pod a/b"});
    expect_word(&s, MIG_WORD_FAILED, "GPU 0: pod a/b; end them");
    assert_false(s.taint);
    expect(&s, MIG_ACT_CHECK); /* the holder may end by itself */
    mig_state_checked(&s, now_ms, 1);
    expect_word(&s, MIG_WORD_PENDING, "1 steps");
}

static void drains_with_a_taint_until_nobody_holds(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    s.may_drain = true;
    expect(&s, MIG_ACT_CHECK);
    refuse(&s, EBUSY, "held");
    expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, now_ms, &(struct mig_holders){.n_pods = 2, .words = "two pods"});
    expect_word(&s, MIG_WORD_PENDING, "two pods");
    assert_true(s.taint);
    expect(&s, MIG_ACT_DRAIN);
    mig_state_drained(&s, now_ms, NULL, "pod a/b is evicted");
    expect_word(&s, MIG_WORD_PENDING, "pod a/b is evicted");
    expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, now_ms, &(struct mig_holders){.n_pods = 1, .words = "one pod"});
    expect_word(&s, MIG_WORD_PENDING, "pod a/b is evicted"); /* no patch for each look */
    for (unsigned i = 0; i < 40 && s.act == MIG_ACT_HOLDERS; i++) {
        expect(&s, MIG_ACT_HOLDERS);
        mig_state_held(&s, now_ms, &(struct mig_holders){.n_pods = 1, .words = "one pod"});
    }
    expect(&s, MIG_ACT_DRAIN); /* asked again, later */
    mig_state_drained(&s, now_ms, NULL, "pod a/b is ending");
    expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, now_ms, &(struct mig_holders){.words = ""});
    assert_int_equal(mig_state_next(&s, now_ms), MIG_ACT_CHECK); /* at once */
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 3);
    assert_true(s.taint);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "");
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 0);
    assert_false(s.taint);
}

static void who_cannot_be_evicted_fails_it(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    s.may_drain = true;
    expect(&s, MIG_ACT_CHECK);
    refuse(&s, EBUSY, "held");
    expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, now_ms,
                   &(struct mig_holders){.n_pods = 1, .n_others = 1, .words = "process 7 (x)"});
    expect_word(&s, MIG_WORD_FAILED, "process 7 (x); what is no pod cannot be evicted");
    assert_false(s.taint);

    s = begin(NULL);
    s.may_drain = true;
    expect(&s, MIG_ACT_CHECK);
    refuse(&s, EBUSY, "held");
    expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, now_ms, &(struct mig_holders){.n_pods = 1, .words = "pod a/ds"});
    expect(&s, MIG_ACT_DRAIN);
    mig_state_drained(&s, now_ms, "pod a/ds is not evicted", "");
    expect_word(&s, MIG_WORD_FAILED, "pod a/ds is not evicted");
    assert_false(s.taint);
    expect(&s, MIG_ACT_CHECK);
}

static void a_busy_carved_is_waited_for(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    refuse(&s, EBUSY, "another MIG change is under way");
    expect(&s, MIG_ACT_HOLDERS);
    mig_state_held(&s, now_ms, &(struct mig_holders){.words = ""});
    expect_word(&s, MIG_WORD_PENDING, "another MIG change is under way");
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 0);
    expect_word(&s, MIG_WORD_SUCCESS, "");
}

static void never_stays_pending_beyond_the_deadline(void **state)
{
    struct mig_state s = begin(NULL);
    unsigned rounds = 0;

    (void)state;
    s.may_drain = true;
    expect(&s, MIG_ACT_CHECK);
    refuse(&s, EBUSY, "held");
    mig_state_begun(&s);
    mig_state_held(&s, now_ms, &(struct mig_holders){.n_pods = 1, .words = "pod a/b"});
    while (s.word == MIG_WORD_PENDING && rounds++ < 10000) {
        if (mig_state_next(&s, now_ms) == MIG_ACT_DRAIN)
            mig_state_drained(&s, now_ms, NULL, "pod a/b may not go yet: budget b");
        else if (mig_state_next(&s, now_ms) == MIG_ACT_HOLDERS)
            mig_state_held(&s, now_ms, &(struct mig_holders){.n_pods = 1, .words = "pod a/b"});
        else
            now_ms = mig_state_wake_ms(&s, now_ms);
        (void)mig_state_tick(&s, now_ms);
    }
    expect_word(&s, MIG_WORD_FAILED, "not done within 600 s: pod a/b may not go yet: budget b");
    assert_false(s.taint);
    expect(&s, MIG_ACT_CHECK);
}

static void the_deadline_gives_up_what_hangs_but_not_a_change(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    expect(&s, MIG_ACT_CHECK); /* hangs */
    now_ms = mig_state_wake_ms(&s, now_ms);
    assert_false(mig_state_tick(&s, now_ms));
    expect_word(&s, MIG_WORD_PENDING, "waiting for carved");
    now_ms = mig_state_wake_ms(&s, now_ms);
    assert_true(mig_state_tick(&s, now_ms));
    expect_word(&s, MIG_WORD_FAILED, "not done within");

    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 5);
    expect(&s, MIG_ACT_APPLY); /* hangs */
    now_ms = mig_state_wake_ms(&s, now_ms);
    assert_false(mig_state_tick(&s, now_ms));
    expect_word(&s, MIG_WORD_FAILED, "not done within");
    assert_int_equal(s.act, MIG_ACT_APPLY);
    assert_true(s.under_way);
}

static void a_late_end_of_a_change_still_counts(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 5);
    expect(&s, MIG_ACT_APPLY);
    now_ms += DEADLINE_MS + 1;
    (void)mig_state_tick(&s, now_ms);
    assert_int_equal(s.word, MIG_WORD_FAILED);
    assert_int_equal(mig_state_next(&s, now_ms), MIG_ACT_NONE);
    mig_state_applied(&s, now_ms, "");
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 0);
    expect_word(&s, MIG_WORD_SUCCESS, "as wished");
}

static void a_lost_carved_is_waited_for_and_all_is_looked_at_again(void **state)
{
    static const int codes[] = {EAGAIN, ECONNRESET, ECONNREFUSED, ECANCELED};

    (void)state;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct mig_state s = begin(NULL);

        expect(&s, MIG_ACT_CHECK);
        mig_state_checked(&s, now_ms, 5);
        expect(&s, MIG_ACT_APPLY);
        refuse(&s, codes[i], "carved has gone");
        expect_word(&s, MIG_WORD_PENDING, "carved has gone");
        assert_int_equal(s.act, MIG_ACT_CHECK);
        mig_state_kick(&s, now_ms, true);
        assert_int_equal(mig_state_next(&s, now_ms), MIG_ACT_CHECK); /* at once */
        mig_state_begun(&s);
        mig_state_checked(&s, now_ms, 2);
        expect(&s, MIG_ACT_APPLY);
    }
}

static void while_carved_is_away_an_old_result_stands_unproved(void **state)
{
    const struct mig_left left = {.word = MIG_WORD_SUCCESS, .words = "as wished"};
    struct mig_state s = begin(&left);

    (void)state;
    mig_state_away(&s, now_ms, "no socket");
    expect_word(&s, MIG_WORD_SUCCESS, "as wished");
    assert_false(s.proved);
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 0);
    expect_word(&s, MIG_WORD_SUCCESS, "as wished");
    assert_true(s.proved);
    mig_state_kick(&s, now_ms, true); /* carved came back: looked at again */
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 3);
    expect_word(&s, MIG_WORD_PENDING, "3 steps");
    assert_false(s.proved);
}

static void a_mode_that_stays_pending_fails_without_a_reboot(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "GPU 0: reset refused");
    expect_word(&s, MIG_WORD_FAILED, "GPU 0: reset refused");
    expect(&s, MIG_ACT_CHECK);
}

static void reboots_once_and_never_again(void **state)
{
    struct mig_left left = {.word = MIG_WORD_REBOOTING, .words = "w", .rebooted = true};
    struct mig_state s = begin(NULL);

    (void)state;
    s.may_reboot = true;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "GPU 0: reset refused");
    expect_word(&s, MIG_WORD_REBOOTING, "GPU 0: reset refused");
    assert_true(s.rebooted);
    expect(&s, MIG_ACT_REBOOT);
    mig_state_rebooting(&s);
    expect(&s, MIG_ACT_NONE);

    /* The next run, after the reboot. */
    s = begin(&left);
    s.may_reboot = true;
    expect_word(&s, MIG_WORD_REBOOTING, "w");
    for (unsigned i = 0; i < 5; i++) {
        expect(&s, MIG_ACT_CHECK);
        mig_state_checked(&s, now_ms, 1);
        expect(&s, MIG_ACT_APPLY);
        mig_state_applied(&s, now_ms, "GPU 0: reset refused");
        expect_word(&s, MIG_WORD_FAILED, "after a reboot too: GPU 0");
        assert_true(s.rebooted);
    }
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 0);
    expect_word(&s, MIG_WORD_SUCCESS, "");
    assert_false(s.rebooted);
}

static void a_reboot_that_is_refused_is_no_loop(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    s.may_reboot = true;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "GPU 0: reset refused");
    expect(&s, MIG_ACT_REBOOT);
    refuse(&s, EPERM, "carved may not reboot");
    expect_word(&s, MIG_WORD_FAILED, "carved may not reboot");
    assert_false(s.rebooted);
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "GPU 0: reset refused");
    expect_word(&s, MIG_WORD_FAILED, "GPU 0: reset refused");
    mig_state_kick(&s, now_ms, true); /* a carved that perhaps may */
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "GPU 0: reset refused");
    expect_word(&s, MIG_WORD_REBOOTING, "");
}

static void a_reboot_that_ends_carved_first_is_one(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    s.may_reboot = true;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "left");
    expect(&s, MIG_ACT_REBOOT);
    refuse(&s, ECANCELED, "carved is being stopped");
    expect_word(&s, MIG_WORD_REBOOTING, "the node reboots");
    assert_true(s.rebooted);
}

static void a_reboot_that_is_slow_to_begin_is_one(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    s.may_reboot = true;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "left");
    expect(&s, MIG_ACT_REBOOT);
    refuse(&s, ETIMEDOUT, "no answer within 30000 ms");
    expect_word(&s, MIG_WORD_REBOOTING, "the node reboots");
    assert_true(s.rebooted);
}

static void a_reboot_that_was_not_asked_for_is_none(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    s.may_reboot = true;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "left");
    assert_int_equal(mig_state_next(&s, now_ms), MIG_ACT_REBOOT);
    mig_state_away(&s, now_ms, "carved is away");
    assert_false(s.rebooted);
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "left");
    expect(&s, MIG_ACT_REBOOT);
}

static void a_node_that_does_not_reboot_fails(void **state)
{
    struct mig_state s = begin(NULL);

    (void)state;
    s.may_reboot = true;
    expect(&s, MIG_ACT_CHECK);
    mig_state_checked(&s, now_ms, 1);
    expect(&s, MIG_ACT_APPLY);
    mig_state_applied(&s, now_ms, "left");
    expect(&s, MIG_ACT_REBOOT);
    mig_state_rebooting(&s);
    now_ms = mig_state_wake_ms(&s, now_ms);
    (void)mig_state_tick(&s, now_ms);
    expect_word(&s, MIG_WORD_FAILED, "the node reboots");
    assert_true(s.rebooted); /* it was asked for */
}

static void a_hardware_change_brings_a_retry_forward(void **state)
{
    struct mig_state s = begin(NULL);
    uint64_t before_ms;

    (void)state;
    expect(&s, MIG_ACT_CHECK);
    refuse(&s, EIO, "x");
    before_ms = now_ms;
    mig_state_kick(&s, now_ms, false);
    mig_state_kick(&s, now_ms + 1000, false); /* not put off by the next one */
    expect(&s, MIG_ACT_CHECK);
    assert_int_equal(now_ms - before_ms, 2000);
}

/* As by a try that fails and is rolled back. */
static void a_hardware_that_changes_with_each_try_is_tried_ever_more_slowly(void **state)
{
    struct mig_state s = begin(NULL);
    uint64_t before_ms = 0;

    (void)state;
    for (unsigned i = 0; i < 12; i++) {
        expect(&s, MIG_ACT_CHECK);
        refuse(&s, EIO, "x");
        before_ms = now_ms;
        mig_state_kick(&s, now_ms, false);
    }
    expect(&s, MIG_ACT_CHECK);
    assert_true(now_ms - before_ms >= 100000);
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
        cmocka_unit_test(a_hardware_change_brings_a_retry_forward),
        cmocka_unit_test(a_hardware_that_changes_with_each_try_is_tried_ever_more_slowly),
        cmocka_unit_test(words_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
