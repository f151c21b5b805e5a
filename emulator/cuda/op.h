/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs in streams. A task says what is to be done, and is the same in a stream and in a
 * graph's node. An op is a task in a stream's queue: as soon as all before it is known to end at a
 * place in the device's work (turn.h), it has such a place itself, with nobody looking. What it
 * copies, fills or frees it does when it gets its place, which is in order, if early; an event is
 * over and a value written when somebody looks and the place is reached. After a host function or a
 * value that is waited for nothing has a place until that is over; a thread looks after these. All
 * under the session's lock.
 */
#ifndef EMULATOR_CUDA_OP_H
#define EMULATOR_CUDA_OP_H

#include <stdbool.h>
#include <stdint.h>

#include "cuda/work.h"

struct context;
struct device;
struct stream;

/* Numbers of CUgraphNodeType where there is one. */
enum task_kind {
    TASK_KERNEL = 0,
    TASK_COPY = 1,
    TASK_FILL = 2,
    TASK_HOST = 3,
    TASK_EMPTY = 5,
    TASK_WAIT = 6,   /* for a record */
    TASK_RECORD = 7, /* an event's */
    TASK_FREE = 11,  /* of a pool's memory */
    TASK_VALUE = 12, /* one value waited for or written */
    TASK_CALLBACK = 100,
};

/* One recording of an event, shared by the event and all that waits for it. */
struct record {
    unsigned refs;
    const struct device *device;
    bool placed, done;
    uint64_t place, at; /* at: when it was reached; 0: not known yet */
};
struct record *record_new(const struct device *d); /* NULL: no memory */
struct record *record_ref(struct record *r);
void record_drop(struct record *r);

enum value_op { /* CUstreamBatchMemOpType */
                VALUE_WAIT_32 = 1,
                VALUE_WRITE_32 = 2,
                VALUE_FLUSH = 3,
                VALUE_WAIT_64 = 4,
                VALUE_WRITE_64 = 5,
                VALUE_BARRIER = 6,
};

/* CUstreamBatchMemOpParams, word for word. */
struct value {
    unsigned op;
    uint64_t at, value;
    unsigned flags;
    uint64_t alias, reserved;
};
_Static_assert(sizeof(struct value) == 48, "the driver's layout");

struct task {
    enum task_kind kind;
    union {
        uint64_t kernel_ns;
        struct copy copy;
        struct fill fill;
        struct {
            void (*function)(void *);
            void *data;
        } host;
        struct {
            void (*function)(void *, int, void *);
            void *stream, *data;
        } callback;
        struct record *record; /* owned */
        struct value value;
        uint64_t free_at;
    } u;
};

struct op {
    struct op *next;
    struct task task;
    uint64_t seq;   /* in the order of submission, over all streams */
    bool placed;    /* it ends at: */
    uint64_t place; /* no earlier than this clock time: */
    uint64_t placed_at;
    bool calling; /* the thread is in its function */
};

/* Takes the task to the stream's end, capture or not is the caller's affair. Takes its record. */
int op_submit(struct stream *s, const struct task *task);

/* Waits a little, without the lock meanwhile. */
void op_pause(void);

/* Does all that is due. */
void op_pump(void);

/* Waits, without the lock meanwhile, for what was in the stream or context, or for the record. */
int op_wait_stream(struct stream *s);
int op_wait_context(struct context *c);
int op_wait_record(struct record *r);

/* Of a stream that goes without being waited for. */
void op_drop_all(struct stream *s);

#endif
