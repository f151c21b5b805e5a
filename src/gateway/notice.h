/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What EC2's metadata service says of an instance's end, out of its answers, which are not trusted.
 * Pure: nothing is asked from here, and the clock is a parameter.
 */
#ifndef GATEWAY_NOTICE_H
#define GATEWAY_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct err;

enum {
    NOTICE_ACTION_SIZE = 24,
    NOTICE_TIME_SIZE = 32,
    NOTICE_TOKEN_MAX_BYTES = 1024, /* today's have 56 */
    NOTICE_SPAN_S = 120,           /* EC2 tells of an interruption so long before, or later */
};

/* All zero: there is none. */
struct notice {
    char action[NOTICE_ACTION_SIZE]; /* "terminate", "stop", "hibernate"; "rebalance" */
    time_t at;                       /* of the action; of a recommendation, when it was made */
};

/* {"action": "terminate", "time": "2017-09-18T08:22:00Z"} */
int notice_read_interruption(struct notice *out, const char *text, size_t size, struct err *e);
/* {"noticeTime": "2020-10-27T08:22:00Z"} */
int notice_read_rebalance(struct notice *out, const char *text, size_t size, struct err *e);

/* Whether it may stand in a header as it is. */
bool notice_is_token(const char *text, size_t size);

bool notice_is_there(const struct notice *n);
bool notice_same(const struct notice *a, const struct notice *b);

/* Seconds until the action by this clock, from 0 (it is past) to NOTICE_SPAN_S. */
unsigned notice_left_s(const struct notice *n, time_t now);

/* "2017-09-18T08:22:00Z" */
const char *notice_print_time(char text[NOTICE_TIME_SIZE], time_t when);

#endif
