/* SPDX-License-Identifier: Apache-2.0 */
/* What the condition shall say, out of the faults that carved tells of. Pure values. */
#ifndef GATEWAY_CONDITION_WORDS_H
#define GATEWAY_CONDITION_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct node_fault;
struct node_state;

enum {
    CONDITION_REASON_SIZE = 64,
    CONDITION_MESSAGE_SIZE = 1024,
    CONDITION_FAULT_SIZE = 512,
};

struct condition_words {
    bool ready;
    bool unknown; /* nobody can say: nothing replaces a node for that */
    char reason[CONDITION_REASON_SIZE];
    char message[CONDITION_MESSAGE_SIZE];
};

/* Whether it does not pass by itself: the node is not ready then. */
bool condition_is_serious(const struct node_fault *f);

/* Whether a whole GPU, or the node, is out of service for it: what the taint is for. */
bool condition_is_wide(const struct node_fault *f);

/*
 * Whether the faults of this state are all that there are. Before the first look at the hardware
 * carved tells those that it kept, and sees the others again later.
 */
bool condition_is_known(const struct node_state *state);

/* "GPU 3: GPU has fallen off the bus (XID 79), 70 slices". Returns buffer. */
const char *condition_name_fault(char buffer[CONDITION_FAULT_SIZE], const struct node_fault *f);

/* The faults of a node, the worst first in the message and as the reason. */
void condition_say(struct condition_words *out, const struct node_state *state);

#endif
