/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of a wish: see wish.h. */
#include "wish.h"

#include <string.h>

#include "base/err.h"
#include "test.h"

uint64_t wish_now_ms = 1000000;

struct mig_state wish_begin(const struct mig_left *left)
{
    struct mig_state s = {.deadline_ms = WISH_DEADLINE_MS};

    mig_state_wish(&s, wish_now_ms, left ? left : &(struct mig_left){0});
    return s;
}

void wish_expect(struct mig_state *s, enum mig_act act)
{
    uint64_t wake_ms = mig_state_wake_ms(s, wish_now_ms);

    if (act == MIG_ACT_NONE) {
        assert_int_equal(mig_state_next(s, wish_now_ms), MIG_ACT_NONE);
        assert_int_equal(s->act, MIG_ACT_NONE);
        return;
    }
    if (mig_state_next(s, wish_now_ms) == MIG_ACT_NONE) {
        assert_true(wake_ms != UINT64_MAX);
        wish_now_ms = wake_ms;
        assert_false(mig_state_tick(s, wish_now_ms));
    }
    assert_int_equal(mig_state_next(s, wish_now_ms), act);
    mig_state_begun(s);
    assert_int_equal(mig_state_next(s, wish_now_ms), MIG_ACT_NONE);
}

void wish_refuse(struct mig_state *s, int code, const char *words)
{
    struct err e = {0};

    (void)err_set(&e, code, "%s", words);
    mig_state_refused(s, wish_now_ms, &e);
}

void wish_expect_word(const struct mig_state *s, enum mig_word word, const char *words)
{
    assert_string_equal(mig_word_text(s->word), mig_word_text(word));
    if (!strstr(s->words, words))
        fail_msg("'%s' is not in '%s'", words, s->words);
}
