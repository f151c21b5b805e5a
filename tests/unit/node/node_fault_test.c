/* SPDX-License-Identifier: Apache-2.0 */
/* Faults in the message of a node's state, there and back; and what cannot be. */
#include "test.h"

#include <errno.h>

#include "base/buf.h"
#include "base/err.h"
#include "node.pb-c.h"
#include "node/node_fault.h"
#include "node/node_state.h"

static void there_and_back(void **state)
{
    const struct node_fault faults[] = {
        {.uuid = "",
         .gi_id = -1,
         .ci_id = -1,
         .what = "driver",
         .cause = "a",
         .cure = "b",
         .since_s = 1700000000,
         .count = 1,
         .slices = 560,
         .needs = NODE_FAULT_DRIVER},
        {.gpu = 63,
         .uuid = "GPU-a",
         .gi_id = 3,
         .ci_id = 0,
         .xid = UINT64_MAX,
         .what = "x",
         .cause = NULL,
         .cure = "\x1b[2J",
         .count = UINT32_MAX,
         .needs = NODE_FAULT_REPLACE},
    };
    const struct node_state s = {.generation = 7, .n_faults = 2, .faults = faults};
    OWN(node_state_freep) struct node_state *again = NULL;
    OWN(buf_done) struct buf bytes;
    struct err e = {0};

    (void)state;
    buf_init(&bytes, NODE_STATE_MAX_BYTES);
    assert_int_equal(node_state_pack(&bytes, &s, &e), 0);
    assert_int_equal(node_state_unpack(&again, bytes.data, bytes.size, &e), 0);
    assert_int_equal(again->n_faults, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct node_fault *a = &faults[i], *b = &again->faults[i];

        assert_string_equal(a->uuid, b->uuid);
        assert_string_equal(a->what, b->what);
        assert_true(a->gpu == b->gpu && a->gi_id == b->gi_id && a->ci_id == b->ci_id);
        assert_true(a->xid == b->xid && a->since_s == b->since_s && a->count == b->count);
        assert_true(a->slices == b->slices && a->needs == b->needs);
    }
    assert_string_equal(again->faults[1].cause, "");
    assert_string_equal(again->faults[1].cure, "?[2J");
}

/* The state of one fault message, as bytes. */
static int read_back(struct node_state **out, Carve__V1__Fault *fault, size_t times)
{
    Carve__V1__NodeState m = CARVE__V1__NODE_STATE__INIT;
    Carve__V1__Fault **faults = calloc(times, sizeof(Carve__V1__Fault *));
    struct err e = {0};
    uint8_t *bytes;
    size_t size;
    int r;

    for (size_t i = 0; i < times; i++)
        faults[i] = fault;
    m.n_faults = times;
    m.faults = faults;
    size = carve__v1__node_state__get_packed_size(&m);
    bytes = malloc(size + 1);
    (void)carve__v1__node_state__pack(&m, bytes);
    r = node_state_unpack(out, bytes, size, &e);
    free(bytes);
    free(faults);
    return r;
}

static void refuses_what_cannot_be(void **state)
{
    struct node_state *out = NULL;
    Carve__V1__Fault fault = CARVE__V1__FAULT__INIT;

    (void)state;
    fault.gi_id = -2;
    assert_int_equal(read_back(&out, &fault, 1), -EPROTO);
    fault.gi_id = -1;
    fault.gpu = 64;
    assert_int_equal(read_back(&out, &fault, 1), -EPROTO);
    fault.gpu = 0;
    assert_int_equal(read_back(&out, &fault, NODE_FAULTS_MAX + 1), -EPROTO);
    assert_int_equal(read_back(&out, &fault, NODE_FAULTS_MAX), 0);
    node_state_free(out);
}

/* A cure that a newer carved knows is the worst of ours. */
static void an_unknown_cure(void **state)
{
    struct node_state *out = NULL;
    Carve__V1__Fault fault = CARVE__V1__FAULT__INIT;

    (void)state;
    fault.needs = (Carve__V1__FaultCure)77;
    assert_int_equal(read_back(&out, &fault, 1), 0);
    assert_int_equal(out->faults[0].needs, NODE_FAULT_REPLACE);
    node_state_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(an_unknown_cure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
