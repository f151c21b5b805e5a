/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before trying again: doubling, with jitter: nodes shall not come in step. */
#ifndef API_BACKOFF_H
#define API_BACKOFF_H

/* Zero-initialised with its bounds filled in. */
struct backoff {
    unsigned first_ms, last_ms;
    unsigned next_ms; /* 0: nothing has failed yet */
};

/* The next wait: between half and all of the current step. */
unsigned backoff_wait_ms(struct backoff *b);
/* It worked. */
void backoff_clear(struct backoff *b);

#endif
