/* SPDX-License-Identifier: Apache-2.0 */
/* Waits between attempts: see backoff.h. */
#include "api/backoff.h"

#include <sys/random.h>

/* Evenly out of 0..limit; without randomness the most. */
static unsigned random_up_to(unsigned limit)
{
    unsigned value;

    if (getrandom(&value, sizeof value, GRND_NONBLOCK) != (ssize_t)sizeof value)
        return limit;
    return limit == ~0U ? value : value % (limit + 1);
}

unsigned backoff_wait_ms(struct backoff *b)
{
    unsigned step = b->next_ms ? b->next_ms : b->first_ms;

    if (step > b->last_ms)
        step = b->last_ms;
    b->next_ms = step > b->last_ms / 2 ? b->last_ms : step * 2;
    return step / 2 + random_up_to(step - step / 2);
}

void backoff_clear(struct backoff *b)
{
    b->next_ms = 0;
}
