/* SPDX-License-Identifier: Apache-2.0 */
/* A MIG wish with a clock of the test's own, for the tests of its states. */
#ifndef TESTS_UNIT_GATEWAY_WISH_H
#define TESTS_UNIT_GATEWAY_WISH_H

#include "gateway/mig_state.h"

enum { WISH_DEADLINE_MS = 600000 };

extern uint64_t wish_now_ms;

struct mig_state wish_begin(const struct mig_left *left);

/* The act that is due now, or that comes due next. */
void wish_expect(struct mig_state *s, enum mig_act act);

void wish_refuse(struct mig_state *s, int code, const char *words);

void wish_expect_word(const struct mig_state *s, enum mig_word word, const char *words);

#endif
