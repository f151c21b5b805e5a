/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doing and undoing MIG plans against a board in memory whose n-th call fails, or whose mode stays
 * pending. The layouts and plans are the product's own.
 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/findings.h"
#include "config/mig_file.h"
#include "gpu/driver.h"
#include "gpu/geometry.h"
#include "node/mig_change.h"
#include "node/mig_run.h"

enum { N_GPUS = 2, A100 = 0x20B010DE, NEVER = 1000 };

struct board {
    struct gpu gpus[N_GPUS];
    struct inventory inv;
    unsigned calls;
    unsigned fail_from, fail_to; /* calls that fail, counted from 1 */
    unsigned next_id;
    bool pends[N_GPUS]; /* a new mode is pending until a reset */
};

static int answer(struct board *b, struct err *e)
{
    b->calls++;
    if (b->calls >= b->fail_from && b->calls < b->fail_to)
        return err_set(e, EIO, "call %u failed", b->calls);
    return 0;
}

static struct gpu *find(struct board *b, const char *uuid)
{
    return inventory_find(&b->inv, uuid);
}

static struct gpu_instance *find_instance(struct gpu *gpu, unsigned gi)
{
    for (unsigned i = 0; i < gpu->n_instances; i++)
        if (gpu->instances[i].id == gi)
            return &gpu->instances[i];
    return NULL;
}

static int set_mig(void *self, const char *uuid, bool on, enum driver_mode *out, struct err *e)
{
    struct board *b = self;
    struct gpu *gpu = find(b, uuid);

    if (answer(b, e) < 0)
        return -EIO;
    assert_int_equal(gpu->n_instances, 0);
    gpu->mig_pending = on ? GPU_MIG_ON : GPU_MIG_OFF;
    if (!b->pends[gpu - b->gpus])
        gpu->mig = gpu->mig_pending;
    *out = gpu->mig == gpu->mig_pending ? DRIVER_MODE_SET : DRIVER_MODE_PENDING;
    return 0;
}

static int create_instance(void *self, const char *uuid, unsigned profile_id, int start,
                           unsigned *out_gi, struct err *e)
{
    struct board *b = self;
    struct gpu *gpu = find(b, uuid);
    const struct gpu_profile *p = geometry_find_id(&gpu->geometry, profile_id);

    if (answer(b, e) < 0)
        return -EIO;
    assert_int_equal(gpu->mig, GPU_MIG_ON);
    for (unsigned i = 0; i < gpu->n_instances; i++) {
        const struct gpu_span *s = &gpu->instances[i].span;

        assert_true(start >= s->start + s->size || start + p->span_size <= s->start);
    }
    *out_gi = b->next_id++;
    gpu->instances[gpu->n_instances++] = (struct gpu_instance){
        .id = *out_gi, .profile_id = profile_id, .span = {(uint8_t)start, p->span_size}};
    return 0;
}

static int destroy_instance(void *self, const char *uuid, unsigned gi, struct err *e)
{
    struct board *b = self;
    struct gpu *gpu = find(b, uuid);
    struct gpu_instance *instance = find_instance(gpu, gi);

    if (answer(b, e) < 0)
        return -EIO;
    if (!instance)
        return err_set(e, EINVAL, "no instance %u", gi);
    assert_int_equal(instance->n_computes, 0);
    *instance = gpu->instances[--gpu->n_instances];
    return 0;
}

static int create_compute(void *self, const char *uuid, unsigned gi, unsigned slices,
                          unsigned *out_ci, struct err *e)
{
    struct board *b = self;
    struct gpu_instance *instance = find_instance(find(b, uuid), gi);

    if (answer(b, e) < 0)
        return -EIO;
    if (!instance)
        return err_set(e, EINVAL, "no instance %u", gi);
    *out_ci = b->next_id++;
    instance->computes[instance->n_computes++] =
        (struct gpu_compute){.id = *out_ci, .slices = slices};
    return 0;
}

static int destroy_compute(void *self, const char *uuid, unsigned gi, unsigned ci, struct err *e)
{
    struct board *b = self;
    struct gpu_instance *instance = find_instance(find(b, uuid), gi);

    if (answer(b, e) < 0)
        return -EIO;
    for (unsigned c = 0; instance && c < instance->n_computes; c++) {
        if (instance->computes[c].id != ci)
            continue;
        instance->computes[c] = instance->computes[--instance->n_computes];
        return 0;
    }
    return err_set(e, EINVAL, "no compute instance %u in %u", ci, gi);
}

static const struct driver *door(struct board *b)
{
    static struct driver d;

    d = (struct driver){
        .self = b,
        .set_mig = set_mig,
        .create_instance = create_instance,
        .destroy_instance = destroy_instance,
        .create_compute = create_compute,
        .destroy_compute = destroy_compute,
    };
    return &d;
}

static void board_init(struct board *b)
{
    *b = (struct board){.fail_from = NEVER, .fail_to = NEVER, .next_id = 100};
    for (unsigned g = 0; g < N_GPUS; g++) {
        b->gpus[g].index = g;
        (void)snprintf(b->gpus[g].uuid, sizeof b->gpus[g].uuid, "GPU-%u", g);
        b->gpus[g].device_id = A100;
        b->gpus[g].mem_total_bytes = UINT64_C(40) << 30;
        b->gpus[g].mig = b->gpus[g].mig_pending = GPU_MIG_OFF;
        assert_true(geometry_table(&b->gpus[g].geometry, A100));
    }
    b->inv = (struct inventory){.n_gpus = N_GPUS, .gpus = b->gpus};
}

static const char configs[] =
    "version: v1\n"
    "mig-configs:\n"
    "  off: [{devices: all, mig-enabled: false}]\n"
    "  small: [{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 7}}]\n"
    "  mixed: [{devices: all, mig-enabled: true, "
    "mig-devices: {1g.5gb: 2, 2g.10gb: 1, 1c.3g.20gb: 3}}]\n";

/* What the configuration wishes of the board as it is now. */
static struct mig_change *wish(struct board *b, const char *name)
{
    OWN(mig_file_freep) struct mig_file *file = NULL;
    const struct mig_config *config;
    struct mig_change *change;
    struct findings findings;
    struct err e = {0};

    findings_init(&findings, "test");
    assert_int_equal(mig_file_parse(&file, "test", configs, sizeof configs - 1, &findings, &e), 0);
    findings_done(&findings);
    assert_int_equal(mig_file_find(&config, file, name, &e), 0);
    assert_int_equal(mig_change_make(&change, &b->inv, config, false, &e), 0);
    return change;
}

static struct mig_run *start(struct board *b, const char *name, bool skip_reset)
{
    OWN(mig_change_freep) struct mig_change *change = wish(b, name);
    struct mig_run *run;
    struct err e = {0};

    assert_int_equal(mig_change_plan(change, &b->inv, NULL, NULL, &e), 0);
    assert_int_equal(mig_run_new(&run, change, &b->inv, skip_reset, &e), 0);
    return run;
}

static void steps(struct mig_run *run, struct board *b)
{
    while (mig_run_next(run) == MIG_RUN_STEP)
        mig_run_step(run, door(b));
}

/* Runs to the end without resets, and returns the result. */
static int change_to(struct board *b, const char *name, struct err *e)
{
    OWN(mig_run_freep) struct mig_run *run = start(b, name, true);

    b->calls = 0;
    steps(run, b);
    assert_int_equal(mig_run_next(run), MIG_RUN_END);
    return mig_run_result(run, e);
}

/* Everything but ids, by place. */
static void board_text(char out[1024], const struct board *b)
{
    size_t used = 0;

    for (unsigned g = 0; g < N_GPUS; g++) {
        const struct gpu *gpu = &b->gpus[g];

        used += (size_t)snprintf(out + used, 1024 - used, "[%d %d", gpu->mig, gpu->mig_pending);
        for (unsigned unit = 0; unit < 8; unit++) {
            for (unsigned i = 0; i < gpu->n_instances; i++) {
                const struct gpu_instance *gi = &gpu->instances[i];
                unsigned slices = 0;

                if (gi->span.start != unit)
                    continue;
                for (unsigned c = 0; c < gi->n_computes; c++)
                    slices += gi->computes[c].slices;
                used += (size_t)snprintf(out + used, 1024 - used, " %u@%u/%u=%u", gi->profile_id,
                                         unit, gi->n_computes, slices);
            }
        }
        used += (size_t)snprintf(out + used, 1024 - used, "]");
    }
}

static void changes_the_layout_of_all_gpus(void **state)
{
    struct err e = {0};
    char text[1024];
    struct board b;

    (void)state;
    board_init(&b);
    assert_int_equal(change_to(&b, "small", &e), 0);
    assert_int_equal(change_to(&b, "mixed", &e), 0);
    board_text(text, &b);
    for (unsigned g = 0; g < N_GPUS; g++) {
        assert_int_equal(b.gpus[g].mig, GPU_MIG_ON);
        assert_int_equal(b.gpus[g].n_instances, 4);
    }
    assert_non_null(strstr(text, "9@4/3=3"));
    assert_int_equal(change_to(&b, "off", &e), 0);
    board_text(text, &b);
    assert_string_equal(text, "[1 1][1 1]");
}

/* For every call of every change: it fails, and all is as it was. */
static void undoes_whatever_was_done_before_a_failure(void **state)
{
    static const struct {
        const char *from, *to;
    } ways[] = {{"off", "mixed"}, {"small", "mixed"}, {"mixed", "small"}, {"mixed", "off"}};

    (void)state;
    for (size_t w = 0; w < sizeof ways / sizeof ways[0]; w++) {
        unsigned n_calls = 1;

        for (unsigned n = 1; n <= n_calls; n++) {
            char before[1024], after[1024];
            struct err e = {0};
            struct board b;

            board_init(&b);
            assert_int_equal(change_to(&b, ways[w].from, &e), 0);
            board_text(before, &b);
            if (n == 1) { /* how many calls there are: on a copy, which then succeeds */
                struct board copy = b;

                copy.inv.gpus = copy.gpus;
                assert_int_equal(change_to(&copy, ways[w].to, &e), 0);
                n_calls = copy.calls;
                assert_true(n_calls > 2);
            }
            b.fail_from = n;
            b.fail_to = n + 1;
            assert_int_equal(change_to(&b, ways[w].to, &e), -EIO);
            board_text(after, &b);
            assert_string_equal(after, before);
            assert_non_null(strstr(e.msg, "GPU "));
            assert_non_null(strstr(e.msg, "; all steps were undone"));
        }
    }
}

static void says_what_could_not_be_undone(void **state)
{
    struct err e = {0};
    struct board b;

    (void)state;
    board_init(&b);
    b.fail_from = 4;
    b.fail_to = NEVER;
    assert_int_equal(change_to(&b, "small", &e), -EIO);
    assert_non_null(strstr(e.msg, "; not all could be undone: GPU 0: "));
}

static void leaves_a_pending_mode_where_resets_are_to_be_skipped(void **state)
{
    struct err e = {0};
    struct board b;

    (void)state;
    board_init(&b);
    b.pends[0] = true;
    assert_int_equal(change_to(&b, "small", &e), 0);
    assert_int_equal(b.gpus[0].mig, GPU_MIG_OFF);
    assert_int_equal(b.gpus[0].mig_pending, GPU_MIG_ON);
    assert_int_equal(b.gpus[0].n_instances, 0);
    assert_int_equal(b.gpus[1].n_instances, 7);
}

static void takes_a_pending_mode_back_when_another_gpu_fails(void **state)
{
    struct err e = {0};
    struct board b;

    (void)state;
    board_init(&b);
    b.pends[0] = true;
    b.fail_from = 5;
    b.fail_to = 6;
    assert_int_equal(change_to(&b, "small", &e), -EIO);
    assert_int_equal(b.gpus[0].mig_pending, GPU_MIG_OFF);
    assert_int_equal(b.gpus[1].mig, GPU_MIG_OFF);
    assert_int_equal(b.gpus[1].n_instances, 0);
}

static void goes_on_after_a_reset(void **state)
{
    OWN(mig_run_freep) struct mig_run *run = NULL;
    char text[MIG_RUN_TEXT_SIZE];
    struct err e = {0};
    struct board b;

    (void)state;
    board_init(&b);
    b.pends[0] = true;
    run = start(&b, "small", false);
    steps(run, &b);
    /* The other GPU is done by now. */
    assert_int_equal(b.gpus[1].n_instances, 7);
    assert_int_equal(mig_run_next(run), MIG_RUN_RESET);
    assert_string_equal(mig_run_reset_gpu(run), "GPU-0");
    assert_string_equal(mig_run_text(text, run), "GPU 0: reset");
    b.gpus[0].mig = b.gpus[0].mig_pending;
    mig_run_reset_done(run, 0, "");
    steps(run, &b);
    assert_int_equal(mig_run_result(run, &e), 0);
    assert_int_equal(b.gpus[0].n_instances, 7);
}

static void tells_why_a_mode_stays_pending(void **state)
{
    static const struct {
        int result;
        const char *why, *told;
    } cases[] = {
        {-EIO, "in use by 4711", "in use by 4711"},
        {0, "", "it is still pending after a GPU reset"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OWN(mig_run_freep) struct mig_run *run = NULL;
        struct err e = {0};
        const char *left[GPU_MAX];
        struct board b;

        board_init(&b);
        b.pends[0] = b.pends[1] = true;
        run = start(&b, "small", false);
        for (unsigned g = 0; g < N_GPUS; g++) {
            steps(run, &b);
            assert_int_equal(mig_run_next(run), MIG_RUN_RESET);
            mig_run_reset_done(run, cases[i].result, cases[i].why);
        }
        steps(run, &b);
        assert_int_equal(mig_run_next(run), MIG_RUN_END);
        assert_int_equal(mig_run_result(run, &e), 0);
        assert_int_equal(mig_run_left(run, left), 2);
        assert_non_null(strstr(left[0], "GPU 0: MIG mode is pending; needs a GPU reset or a "
                                        "reboot: "));
        assert_non_null(strstr(left[0], cases[i].told));
        assert_non_null(strstr(left[1], "GPU 1: "));
    }
}

/* A GPU that waits for its reset hides nothing that is wrong with another. */
static void verifies_all_but_what_is_left(void **state)
{
    OWN(mig_run_freep) struct mig_run *run = NULL;
    OWN(mig_change_freep) struct mig_change *wished = NULL;
    const char *left[GPU_MAX];
    struct err e = {0};
    struct board b;

    (void)state;
    board_init(&b);
    b.pends[0] = true;
    run = start(&b, "small", true);
    steps(run, &b);
    wished = wish(&b, "small");
    assert_int_equal(mig_run_left(run, left), 1);
    assert_int_equal(mig_run_verify(run, wished, &b.inv, &e), 0);
    b.gpus[1].n_instances--;
    assert_int_equal(mig_run_verify(run, wished, &b.inv, &e), -EIO);
    assert_string_equal(e.msg, "all steps are done, but GPU 1: has 6 x 1g.5gb; wanted 7 x 1g.5gb");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_the_layout_of_all_gpus),
        cmocka_unit_test(undoes_whatever_was_done_before_a_failure),
        cmocka_unit_test(says_what_could_not_be_undone),
        cmocka_unit_test(leaves_a_pending_mode_where_resets_are_to_be_skipped),
        cmocka_unit_test(takes_a_pending_mode_back_when_another_gpu_fails),
        cmocka_unit_test(goes_on_after_a_reset),
        cmocka_unit_test(tells_why_a_mode_stays_pending),
        cmocka_unit_test(verifies_all_but_what_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
