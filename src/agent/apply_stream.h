/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the caller of ApplyMig hears: the plan, then the newest progress whenever it can take it,
 * then the end. Lives as long as the call, which may end before the change does.
 */
#ifndef AGENT_APPLY_STREAM_H
#define AGENT_APPLY_STREAM_H

#include <stddef.h>

struct apply_stream;
struct err;
struct grpc_call;
struct mig_change;

/*
 * Takes the call. *owner is cleared when the stream is no more: the caller went away, or heard the
 * end. -ENOMEM: the call is answered already.
 */
int apply_stream_open(struct apply_stream **owner, struct grpc_call *call);

/* All functions below take NULL: nobody listens any more. */
void apply_stream_plan(struct apply_stream *s, const struct mig_change *change);
void apply_stream_progress(struct apply_stream *s, size_t steps_done, const char *doing);

/* Ends well; a line of `left` for each thing that stays undone. */
void apply_stream_finish(struct apply_stream *s, size_t steps_done, const char *const *left,
                         size_t n_left);
void apply_stream_fail(struct apply_stream *s, const struct err *e);

#endif
