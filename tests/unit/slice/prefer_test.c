/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preferred allocation through its front door: requests by id, whole GPUs, replicas and MIG
 * devices, spread and packed. dp9 is the device plugin's conformance case of that number.
 */
#include "test.h"

#include <errno.h>

#include "slice/fixture.h"
#include "slice/prefer.h"

enum { MAX = 600 };

/* A node with one resource and which of its slices are free; answers by slice number. */
struct bench {
    struct inventory *inv;
    struct resource_list *list;
    const struct resource *r;
    bool is_free[MAX];
    bool packed;
    size_t out[MAX];
    struct err e;
};

static void open_bench(struct bench *b, struct inventory *inv, unsigned replicas)
{
    struct config_share share = {.name = (char *)"nvidia.com/gpu", .replicas = replicas};
    struct config config = {
        .mig_strategy = CONFIG_MIG_SINGLE, .n_shares = replicas > 1, .shares = &share};

    *b = (struct bench){.inv = inv, .list = fixture_list(inv, &config)};
    assert_int_equal(b->list->count, 1);
    b->r = &b->list->resources[0];
    assert_true(resource_slices(b->r) <= MAX);
    for (size_t s = 0; s < resource_slices(b->r); s++)
        b->is_free[s] = true;
}

static void close_bench(struct bench *b)
{
    resource_list_free(b->list);
    inventory_free(b->inv);
}

/* Takes `count` slices of device `device`, its first ones. */
static void occupy(struct bench *b, size_t device, size_t count)
{
    for (size_t i = 0; i < count; i++)
        b->is_free[device * b->r->replicas + i] = false;
}

static int ask(struct bench *b, size_t size, const size_t *required, size_t n_required)
{
    static char names[2 * MAX][SLICE_ID_SIZE];
    const char *available[MAX], *needed[MAX];
    struct prefer_request request = {.available = available,
                                     .n_required = n_required,
                                     .required = needed,
                                     .size = size,
                                     .packed = b->packed};

    for (size_t s = 0; s < resource_slices(b->r); s++)
        if (b->is_free[s])
            available[request.n_available++] = resource_slice_id(names[s], b->r, s);
    for (size_t i = 0; i < n_required; i++)
        needed[i] = resource_slice_id(names[MAX + i], b->r, required[i]);
    for (size_t i = 0; i < MAX; i++)
        b->out[i] = MAX;
    return prefer_choose(b->out, b->r, b->inv, &request, &b->e);
}

/* How many slices of the GPU are in the answer. */
static size_t count_on(const struct bench *b, size_t size, unsigned gpu)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += b->r->devices[b->out[i] / b->r->replicas].gpu == gpu;
    return count;
}

static void dp9_distributed_gives_one_replica_per_gpu(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(2, GPU_MIG_OFF), 4);
    assert_int_equal(ask(&b, 2, NULL, 0), 0);
    assert_int_equal(b.out[0], 0);
    assert_int_equal(b.out[1], 4);
    assert_int_equal(b.out[2], MAX);
    close_bench(&b);
}

static void dp9_packed_fills_a_gpu_first(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(2, GPU_MIG_OFF), 4);
    b.packed = true;
    assert_int_equal(ask(&b, 5, NULL, 0), 0);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(b.out[i], i);
    close_bench(&b);
}

static void dp9_what_is_required_comes_first(void **state)
{
    size_t required[] = {6, 5};
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(2, GPU_MIG_OFF), 4);
    assert_int_equal(ask(&b, 4, required, 2), 0);
    assert_int_equal(b.out[0], 6);
    assert_int_equal(b.out[1], 5);
    assert_int_equal(b.out[2], 0);
    assert_int_equal(b.out[3], 1);
    /* It need not be listed as available, and twice is once. */
    b.is_free[6] = false;
    required[1] = 6;
    assert_int_equal(ask(&b, 2, required, 2), 0);
    assert_int_equal(b.out[0], 6);
    assert_int_equal(b.out[1], 0);
    close_bench(&b);
}

static void dp9_refuses_what_cannot_be(void **state)
{
    size_t required[] = {0, 1, 2};
    const char *unknown = "GPU-no::0";
    struct prefer_request request = {.n_available = 1, .available = &unknown, .size = 1};
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(2, GPU_MIG_OFF), 4);
    assert_int_equal(ask(&b, 9, NULL, 0), -EINVAL);
    assert_non_null(strstr(b.e.msg, "9 wished, 8 available"));
    assert_int_equal(ask(&b, 2, required, 3), -EINVAL);
    assert_non_null(strstr(b.e.msg, "3 are required"));
    assert_int_equal(prefer_choose(b.out, b.r, b.inv, &request, &b.e), -EINVAL);
    assert_non_null(strstr(b.e.msg, "'GPU-no::0'"));
    assert_int_equal(ask(&b, 0, NULL, 0), 0);
    close_bench(&b);
}

static void dp9_whole_gpus_ignore_the_policy(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(4, GPU_MIG_OFF), 1);
    /* 1 and 3 are linked best. */
    b.inv->links[1 * 4 + 3] = b.inv->links[3 * 4 + 1] = (struct gpu_link){10, 18};
    for (int packed = 0; packed < 2; packed++) {
        b.packed = packed;
        assert_int_equal(ask(&b, 2, NULL, 0), 0);
        assert_int_equal(b.out[0], 1);
        assert_int_equal(b.out[1], 3);
    }
    close_bench(&b);
}

static void whole_gpus_go_by_pcie_where_there_is_no_nvlink(void **state)
{
    static const uint8_t levels[] = {0, 10, 20, 30, 40, 50};
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(6, GPU_MIG_OFF), 1);
    for (unsigned i = 0; i < 36; i++)
        b.inv->links[i] = (struct gpu_link){50, 0};
    /* GPU 0 reaches 5 best and 1 worst. */
    for (unsigned i = 1; i < 6; i++)
        b.inv->links[i].level = b.inv->links[i * 6].level = levels[5 - i];
    for (size_t best = 5; best >= 1; best--) {
        size_t required = 0;

        assert_int_equal(ask(&b, 2, &required, 1), 0);
        assert_int_equal(b.out[0], 0);
        assert_int_equal(b.out[1], best);
        b.is_free[best] = false;
    }
    /* One NVLink is worth more than any of them. */
    for (size_t i = 0; i < 6; i++)
        b.is_free[i] = true;
    b.inv->links[2 * 6 + 5].nvlinks = b.inv->links[5 * 6 + 2].nvlinks = 1;
    assert_int_equal(ask(&b, 2, NULL, 0), 0);
    assert_int_equal(b.out[0], 2);
    assert_int_equal(b.out[1], 5);
    close_bench(&b);
}

static void whole_gpus_without_known_links_go_by_number(void **state)
{
    struct gpu_link *kept;
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(4, GPU_MIG_OFF), 1);
    kept = b.inv->links;
    b.inv->links = NULL;
    b.is_free[1] = false;
    assert_int_equal(ask(&b, 2, NULL, 0), 0);
    assert_int_equal(b.out[0], 0);
    assert_int_equal(b.out[1], 2);
    b.inv->links = kept;
    close_bench(&b);
}

static void distributed_takes_the_emptiest_gpu(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(3, GPU_MIG_OFF), 4);
    occupy(&b, 0, 3);
    occupy(&b, 1, 1);
    occupy(&b, 2, 2);
    assert_int_equal(ask(&b, 4, NULL, 0), 0);
    assert_int_equal(b.out[0], 5);  /* 3 1 2 */
    assert_int_equal(b.out[1], 10); /* 3 2 2: that which this call used less */
    assert_int_equal(b.out[2], 6);  /* 3 2 3 */
    assert_int_equal(b.out[3], 3);  /* 3 3 3: likewise */
    close_bench(&b);
}

static void packed_takes_the_fullest_gpu_that_holds_all(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(4, GPU_MIG_OFF), 4);
    b.packed = true;
    occupy(&b, 1, 3);
    occupy(&b, 2, 2);
    occupy(&b, 3, 1);
    assert_int_equal(ask(&b, 1, NULL, 0), 0);
    assert_int_equal(count_on(&b, 1, 1), 1);
    assert_int_equal(ask(&b, 2, NULL, 0), 0);
    assert_int_equal(count_on(&b, 2, 2), 2);
    assert_int_equal(ask(&b, 3, NULL, 0), 0);
    assert_int_equal(count_on(&b, 3, 3), 3);
    assert_int_equal(ask(&b, 4, NULL, 0), 0);
    assert_int_equal(count_on(&b, 4, 0), 4);
    /* No GPU holds 5: the fullest first. */
    assert_int_equal(ask(&b, 5, NULL, 0), 0);
    assert_int_equal(count_on(&b, 5, 1), 1);
    assert_int_equal(count_on(&b, 5, 0), 4);
    close_bench(&b);
}

static void packed_stays_where_the_required_slice_is(void **state)
{
    size_t required = 13;
    struct bench b;

    (void)state;
    open_bench(&b, fixture_node(4, GPU_MIG_OFF), 4);
    b.packed = true;
    occupy(&b, 1, 2);
    assert_int_equal(ask(&b, 3, &required, 1), 0);
    assert_int_equal(count_on(&b, 3, 3), 3);
    close_bench(&b);
}

static struct inventory *node_all_1g(unsigned n_gpus)
{
    struct inventory *inv = fixture_node(n_gpus, GPU_MIG_ON);

    for (unsigned i = 0; i < n_gpus; i++)
        fixture_all_1g(inv, i);
    return inv;
}

static void mig_devices_are_spread_over_gpus(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, node_all_1g(4), 1);
    occupy(&b, 0, 1); /* a device of GPU 0 */
    assert_int_equal(ask(&b, 4, NULL, 0), 0);
    assert_int_equal(b.out[0], 7);
    assert_int_equal(b.out[1], 14);
    assert_int_equal(b.out[2], 21);
    assert_int_equal(b.out[3], 1);
    b.packed = true;
    assert_int_equal(ask(&b, 6, NULL, 0), 0);
    assert_int_equal(count_on(&b, 6, 0), 6);
    assert_int_equal(ask(&b, 7, NULL, 0), 0);
    assert_int_equal(count_on(&b, 7, 1), 7);
    close_bench(&b);
}

static void replicas_of_mig_devices_are_spread_over_gpus_then_devices(void **state)
{
    struct bench b;

    (void)state;
    open_bench(&b, node_all_1g(2), 3);
    assert_int_equal(ask(&b, 4, NULL, 0), 0);
    assert_int_equal(b.out[0], 0);
    assert_int_equal(b.out[1], 21);
    assert_int_equal(b.out[2], 3);
    assert_int_equal(b.out[3], 24);
    b.packed = true;
    occupy(&b, 2, 1);
    assert_int_equal(ask(&b, 2, NULL, 0), 0);
    assert_int_equal(b.out[0], 7);
    assert_int_equal(b.out[1], 8);
    close_bench(&b);
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

/* What every answer about replicas must be, whatever was free and required. */
static void check_answer(const struct bench *b, size_t size, const size_t *required,
                         size_t n_required)
{
    size_t free_on[4] = {0}, taken[4] = {0}, most_free = 0, n_gpus_required = 0;
    bool seen[MAX] = {0};

    for (size_t s = 0; s < resource_slices(b->r); s++) {
        free_on[s / b->r->replicas] += b->is_free[s];
        taken[s / b->r->replicas] += !b->is_free[s];
    }
    for (size_t i = 0; i < size; i++) {
        assert_true(b->out[i] < resource_slices(b->r));
        assert_true(b->is_free[b->out[i]]);
        assert_false(seen[b->out[i]]);
        seen[b->out[i]] = true;
        if (i < n_required)
            assert_int_equal(b->out[i], required[i]);
    }
    for (unsigned g = 0; g < 4; g++)
        most_free = free_on[g] > most_free ? free_on[g] : most_free;
    for (unsigned g = 0; g < 4; g++) {
        size_t here = count_on(b, size, g);

        /* Distributed: nobody was taken from while an emptier GPU had some left. */
        for (unsigned h = 0; !b->packed && n_required == 0 && here > 0 && h < 4; h++)
            if (free_on[h] > count_on(b, size, h))
                assert_true(taken[g] + here - 1 <= taken[h] + count_on(b, size, h));
        n_gpus_required += here > 0;
    }
    /* Packed: one GPU if one can hold it. */
    if (b->packed && n_required == 0 && size > 0 && most_free >= size)
        assert_int_equal(n_gpus_required, 1);
}

static void answers_hold_their_promises_on_any_node(void **state)
{
    uint32_t seed = 11;

    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        size_t required[MAX], n_required = 0, n_free = 0, size;
        struct bench b;

        open_bench(&b, fixture_node(4, GPU_MIG_OFF), 2 + next(&seed) % 5);
        b.packed = next(&seed) % 2;
        for (size_t s = 0; s < resource_slices(b.r); s++) {
            b.is_free[s] = next(&seed) % 3 > 0;
            n_free += b.is_free[s];
            if (b.is_free[s] && next(&seed) % 12 == 0)
                required[n_required++] = s;
        }
        size = n_required + next(&seed) % (n_free - n_required + 1);
        assert_int_equal(ask(&b, size, required, n_required), 0);
        check_answer(&b, size, required, n_required);
        close_bench(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dp9_distributed_gives_one_replica_per_gpu),
        cmocka_unit_test(dp9_packed_fills_a_gpu_first),
        cmocka_unit_test(dp9_what_is_required_comes_first),
        cmocka_unit_test(dp9_refuses_what_cannot_be),
        cmocka_unit_test(dp9_whole_gpus_ignore_the_policy),
        cmocka_unit_test(whole_gpus_go_by_pcie_where_there_is_no_nvlink),
        cmocka_unit_test(whole_gpus_without_known_links_go_by_number),
        cmocka_unit_test(distributed_takes_the_emptiest_gpu),
        cmocka_unit_test(packed_takes_the_fullest_gpu_that_holds_all),
        cmocka_unit_test(packed_stays_where_the_required_slice_is),
        cmocka_unit_test(mig_devices_are_spread_over_gpus),
        cmocka_unit_test(replicas_of_mig_devices_are_spread_over_gpus_then_devices),
        cmocka_unit_test(answers_hold_their_promises_on_any_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
