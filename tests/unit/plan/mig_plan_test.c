/* SPDX-License-Identifier: Apache-2.0 */
/* plan/mig_plan.h's plans case by case: steps, words, refusals, modes, the way back. */
#include "test.h"

#include <errno.h>

#include "base/err.h"
#include "boards.h"
#include "model.h"
#include "plan/mig_plan.h"

static const struct mig_held nothing_held;

/* A GPU with full instances, written "3g.20gb@4 1g.5gb@0". */
static void gpu_cut(struct gpu *gpu, struct model *m, const char *text)
{
    char name[32];
    unsigned start, gi = 0, ci = 0;
    int used;

    model_init(m, &gpu->geometry);
    for (; *text; text += used) {
        const struct gpu_profile *p;

        assert_int_equal(sscanf(text, "%31[^@]@%u %n", name, &start, &used), 2);
        p = board_profile(gpu, name);
        assert_int_equal(model_create(m, p, start, &gi), 0);
        assert_int_equal(model_create_compute(m, gi, p->slices, &ci), 0);
    }
    model_show(m, gpu);
}

/* A wish, written "3g.20gb 1 1c.. ": profile and count, full compute instances. */
static struct mig_wish wish_of(const struct gpu *gpu, const char *text)
{
    struct mig_wish wish = {.enabled = true};
    char name[32];
    unsigned count;
    int used;

    for (; *text; text += used) {
        const struct gpu_profile *p;

        assert_int_equal(sscanf(text, "%31s %u %n", name, &count, &used), 2);
        p = board_profile(gpu, name);
        for (; count > 0; count--)
            wish.wants[wish.n_wants++] = (struct mig_want){
                .profile = p, .n_computes = 1, .compute_slices = {(uint8_t)p->slices}};
    }
    return wish;
}

/* The wish of one instance with these compute instances. */
static struct mig_wish wish_computes(const struct gpu *gpu, const char *name, const char *digits)
{
    struct mig_wish wish = {.enabled = true, .n_wants = 1};

    wish.wants[0].profile = board_profile(gpu, name);
    for (; *digits; digits++)
        wish.wants[0].compute_slices[wish.wants[0].n_computes++] = (uint8_t)(*digits - '0');
    return wish;
}

/* Plans, compares the steps ("; " between them), does them and checks that the wish is there. */
static void check_plan(struct gpu *gpu, struct model *m, const struct mig_wish *wish,
                       const char *expected)
{
    struct mig_plan plan;
    unsigned ids[MIG_PLAN_MAX_STEPS] = {0};
    char words[4096] = "", step[MIG_STEP_TEXT_SIZE];
    struct err e = {0};
    size_t used = 0;
    int rc = mig_plan_make(&plan, gpu, wish, &nothing_held, NULL, &e);

    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 0);
    for (size_t i = 0; i < plan.n_steps; i++)
        used += (size_t)snprintf(words + used, sizeof words - used, "%s%s", i ? "; " : "",
                                 mig_step_text(step, &plan.steps[i]));
    assert_string_equal(words, expected);
    assert_string_equal(plan.gpu_uuid, gpu->uuid);
    assert_int_equal(plan.gpu_index, gpu->index);
    assert_int_equal(mig_plan_done(gpu, wish), plan.n_steps == 0);
    assert_int_equal(model_run(m, &plan, plan.n_steps, ids), 0);
    model_show(m, gpu);
    assert_true(mig_plan_done(gpu, wish));
}

static void check_change(const char *from, const char *to, const char *expected)
{
    struct gpu gpu = board_a100();
    struct model m;
    struct mig_wish wish = wish_of(&gpu, to);

    gpu_cut(&gpu, &m, from);
    check_plan(&gpu, &m, &wish, expected);
}

/* The incumbent destroyed and made anew what was there: 8 of 8 slices for two more. */
static void adding_instances_destroys_none(void **state)
{
    (void)state;
    check_change("3g.20gb@0", "3g.20gb 1 1g.5gb 2",
                 "create 1g.5gb at 4; create compute instance of 1 in 1g.5gb at 4; "
                 "create 1g.5gb at 5; create compute instance of 1 in 1g.5gb at 5");
    check_change("3g.20gb@4", "3g.20gb 1 1g.5gb 1",
                 "create 1g.5gb at 0; create compute instance of 1 in 1g.5gb at 0");
    check_change("1g.5gb@6 1g.5gb@4 1g.5gb@5", "1g.5gb 3", "");
    check_change("", "", "");
}

static void removing_instances_keeps_the_best_placed(void **state)
{
    (void)state;
    check_change("1g.5gb@0 1g.5gb@3 1g.5gb@6", "1g.5gb 2",
                 "destroy compute instance of 1 in 1g.5gb at 6; destroy 1g.5gb at 6");
    check_change("1g.5gb@0 1g.5gb@4 1g.5gb@6", "1g.5gb 2",
                 "destroy compute instance of 1 in 1g.5gb at 0; destroy 1g.5gb at 0");
    check_change("3g.20gb@0 3g.20gb@4", "3g.20gb 1",
                 "destroy compute instance of 3 in 3g.20gb at 0; destroy 3g.20gb at 0");
    check_change("3g.20gb@0 2g.10gb@4", "",
                 "destroy compute instance of 3 in 3g.20gb at 0; destroy compute instance of 2 in "
                 "2g.10gb at 4; destroy 3g.20gb at 0; destroy 2g.10gb at 4");
}

static void new_instances_keep_room_for_big_ones(void **state)
{
    (void)state;
    check_change("", "1g.5gb 1", "create 1g.5gb at 6; create compute instance of 1 in 1g.5gb at 6");
    check_change("1g.5gb@6", "1g.5gb 2",
                 "create 1g.5gb at 4; create compute instance of 1 in 1g.5gb at 4");
    check_change("1g.5gb@6 1g.5gb@4", "1g.5gb 3",
                 "create 1g.5gb at 5; create compute instance of 1 in 1g.5gb at 5");
    check_change("", "3g.20gb 1",
                 "create 3g.20gb at 4; create compute instance of 3 in 3g.20gb at 4");
    check_change("", "2g.10gb 1",
                 "create 2g.10gb at 4; create compute instance of 2 in 2g.10gb at 4");
    check_change("", "1g.10gb 1",
                 "create 1g.10gb at 6; create compute instance of 1 in 1g.10gb at 6");
}

static void moves_the_fewest_that_stand_in_the_way(void **state)
{
    (void)state;
    /* One 1g must go from the middle of each half for a 3g; the upper half has only one. */
    check_change("1g.5gb@0 1g.5gb@2 1g.5gb@4", "3g.20gb 1 1g.5gb 3",
                 "destroy compute instance of 1 in 1g.5gb at 4; destroy 1g.5gb at 4; "
                 "create 3g.20gb at 4; create compute instance of 3 in 3g.20gb at 4; "
                 "create 1g.5gb at 1; create compute instance of 1 in 1g.5gb at 1");
    /* A 4g fits at 0 only. */
    check_change("3g.20gb@0", "4g.20gb 1 3g.20gb 1",
                 "destroy compute instance of 3 in 3g.20gb at 0; destroy 3g.20gb at 0; "
                 "create 4g.20gb at 0; create compute instance of 4 in 4g.20gb at 0; "
                 "create 3g.20gb at 4; create compute instance of 3 in 3g.20gb at 4");
}

static void compute_instances_change_in_place(void **state)
{
    static const struct {
        const char *from, *to, *steps;
    } cases[] = {
        {"111", "11", "destroy compute instance of 1 in 3g.20gb at 4"},
        {"1", "111",
         "create compute instance of 1 in 3g.20gb at 4; create compute instance of 1 in 3g.20gb "
         "at 4"},
        {"2", "12", "create compute instance of 1 in 3g.20gb at 4"},
        {"21", "12", ""},
        /* The one that is there may sit where the new one must start. */
        {"1", "21",
         "destroy compute instance of 1 in 3g.20gb at 4; create compute instance of 2 in 3g.20gb "
         "at 4; create compute instance of 1 in 3g.20gb at 4"},
        {"", "3", "create compute instance of 3 in 3g.20gb at 4"},
        {"3", "", "destroy compute instance of 3 in 3g.20gb at 4"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct gpu gpu = board_a100();
        struct mig_wish wish = wish_computes(&gpu, "3g.20gb", cases[i].to);
        struct model m;
        unsigned gi = 0, ci = 0;

        model_init(&m, &gpu.geometry);
        assert_int_equal(model_create(&m, board_profile(&gpu, "3g.20gb"), 4, &gi), 0);
        for (const char *c = cases[i].from; *c; c++)
            assert_int_equal(model_create_compute(&m, gi, (unsigned)(*c - '0'), &ci), 0);
        model_show(&m, &gpu);
        check_plan(&gpu, &m, &wish, cases[i].steps);
    }
}

static void the_mode_comes_before_instances_and_after_the_last(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish on = wish_of(&gpu, "7g.40gb 1"), off = {0};
    struct model m;

    (void)state;
    gpu_cut(&gpu, &m, "");
    m.on = false;
    model_show(&m, &gpu);
    check_plan(&gpu, &m, &off, "");
    check_plan(&gpu, &m, &on,
               "set MIG mode on; create 7g.40gb at 0; create compute instance of 7 in 7g.40gb at "
               "0");
    check_plan(&gpu, &m, &off,
               "destroy compute instance of 7 in 7g.40gb at 0; destroy 7g.40gb at 0; set MIG mode "
               "off");
    on.n_wants = 0;
    check_plan(&gpu, &m, &on, "set MIG mode on");
}

/* A change of mode that waits for a reset and is no longer wished is called off. */
static void a_pending_mode_is_called_off(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish wish = wish_of(&gpu, "3g.20gb 1");
    struct mig_held held = {.instances = 1, .gpu = true};
    struct mig_plan plan, back;
    unsigned ids[MIG_PLAN_MAX_STEPS] = {0};
    struct model m;
    struct err e = {0};

    (void)state;
    gpu_cut(&gpu, &m, "3g.20gb@0");
    gpu.mig_pending = GPU_MIG_OFF;
    assert_false(mig_plan_done(&gpu, &wish));
    assert_int_equal(mig_plan_make(&plan, &gpu, &wish, &held, NULL, &e), 0);
    assert_int_equal(plan.n_steps, 1);
    assert_int_equal(plan.steps[0].kind, MIG_STEP_SET_MODE);
    assert_true(plan.steps[0].on);
    assert_int_equal(plan.n_kept, 1);
    /* Undoing it must not switch MIG off under the instance that stayed. */
    mig_plan_rollback(&back, &plan, 1, ids);
    assert_int_equal(back.n_steps, 0);
    /* A driver that does not tell: nothing is pending. */
    gpu.mig_pending = GPU_MIG_NONE;
    assert_true(mig_plan_done(&gpu, &wish));
}

static void check_refused(const struct gpu *gpu, const struct mig_wish *wish, struct mig_held held,
                          int code, uint32_t blockers, const char *words)
{
    struct mig_plan plan = {.n_steps = 77};
    uint32_t bits = 99;
    struct err e = {0};

    assert_int_equal(mig_plan_make(&plan, gpu, wish, &held, &bits, &e), -code);
    assert_string_equal(e.msg, words);
    assert_int_equal(plan.n_steps, 77);
    assert_int_equal(bits, code == EBUSY ? blockers : 99);
    assert_int_equal(mig_plan_make(&plan, gpu, wish, &held, NULL, NULL), -code);
}

static void refuses_with_the_names_of_what_is_in_use(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish seven = wish_of(&gpu, "7g.40gb 1"), off = {0};
    struct mig_wish three = wish_of(&gpu, "3g.20gb 1 1g.5gb 3");
    struct mig_held held = {.instances = 1u << 0 | 1u << 2};
    struct model m;

    (void)state;
    gpu_cut(&gpu, &m, "1g.5gb@3 2g.10gb@0 1g.5gb@4");
    check_refused(&gpu, &seven, held, EBUSY, 5,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): in use and in the way: 1g.5gb at 3, 1g.5gb at 4");
    check_refused(&gpu, &off, held, EBUSY, 5,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): in use and in the way: 1g.5gb at 3, 1g.5gb at 4");
    /* One of the two is enough; the 3g prefers 4. */
    check_refused(&gpu, &three, held, EBUSY, 4,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): in use and in the way: 1g.5gb at 4");
}

static void a_held_instance_keeps_its_compute_instances(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish wish = wish_computes(&gpu, "3g.20gb", "111");
    struct mig_held held = {.instances = 1};
    struct model m;

    (void)state;
    gpu_cut(&gpu, &m, "3g.20gb@4");
    check_refused(&gpu, &wish, held, EBUSY, 1,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): in use and in the way: 3g.20gb at 4");
}

static void refuses_to_change_the_mode_of_a_gpu_in_use(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish wish = wish_of(&gpu, "1g.5gb 7");
    struct mig_held held = {.gpu = true};

    (void)state;
    gpu.mig = gpu.mig_pending = GPU_MIG_OFF;
    check_refused(&gpu, &wish, held, EBUSY, 0,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): in use, so its MIG mode cannot change");
}

static void refuses_what_it_cannot_plan(void **state)
{
    struct gpu gpu = board_a100(), other = board_gpu(RTX_PRO_6000, "NVIDIA RTX PRO 6000");
    struct gpu none = board_gpu(0, "NVIDIA L4");
    struct mig_wish wish = wish_of(&gpu, "1g.5gb 7"), foreign = wish_of(&other, "1g.24gb+gfx 1");
    struct mig_wish off = {0};
    struct mig_plan plan;
    struct model m;
    struct err e = {0};

    (void)state;
    check_refused(&none, &wish, nothing_held, ENOTSUP, 0, "GPU 0 (NVIDIA L4): has no MIG");
    assert_int_equal(mig_plan_make(&plan, &none, &off, &nothing_held, NULL, &e), 0);
    assert_int_equal(plan.n_steps, 0);
    check_refused(&gpu, &foreign, nothing_held, ENOENT, 0,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): no MIG profile '1g.24gb+gfx'");
    wish.wants[wish.n_wants++] = wish.wants[0];
    check_refused(&gpu, &wish, nothing_held, ENOSPC, 0,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): the wished instances cannot stand together");
    gpu_cut(&gpu, &m, "1g.5gb@3");
    gpu.instances[0].profile_id = 250;
    check_refused(&gpu, &off, nothing_held, ENOTSUP, 0,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): instance 100 at 3 has profile 250, which the "
                  "driver does not list");
}

/* A driver that tells more compute instances than any GPU has must not overrun the plan. */
static void refuses_more_steps_than_a_plan_holds(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish wish = wish_of(&gpu, "1g.5gb 7");

    (void)state;
    gpu.n_instances = GPU_MAX_INSTANCES;
    for (unsigned i = 0; i < GPU_MAX_INSTANCES; i++) {
        gpu.instances[i] = (struct gpu_instance){.id = i, .n_computes = GPU_MAX_COMPUTE};
        gpu.instances[i].profile_id = board_profile(&gpu, "2g.10gb")->id;
        gpu.instances[i].span = (struct gpu_span){(uint8_t)i, 2};
    }
    for (unsigned i = 0; i < wish.n_wants; i++)
        wish.wants[i].n_computes = 2;
    check_refused(&gpu, &wish, nothing_held, E2BIG, 0,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): more than 160 steps");
}

static void names_as_many_instances_in_use_as_there_are(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish off = {0};
    struct model m;

    (void)state;
    gpu_cut(&gpu, &m, "1g.5gb@0 1g.5gb@1 1g.5gb@2 1g.5gb@3 1g.5gb@4 1g.5gb@5 1g.5gb@6");
    check_refused(&gpu, &off, (struct mig_held){.instances = 0x7f}, EBUSY, 0x7f,
                  "GPU 0 (NVIDIA A100-SXM4-40GB): in use and in the way: 1g.5gb at 0, 1g.5gb at 1, "
                  "1g.5gb at 2, 1g.5gb at 3, 1g.5gb at 4, 1g.5gb at 5, 1g.5gb at 6");
}

/* The wish was made from an inventory that has since been read anew. */
static void the_plan_speaks_of_the_gpu_it_is_for(void **state)
{
    struct gpu old = board_a100(), gpu = old;
    struct mig_wish wish = wish_of(&old, "3g.20gb 1");
    struct mig_plan plan;
    struct err e = {0};

    (void)state;
    assert_int_equal(mig_plan_make(&plan, &gpu, &wish, &nothing_held, NULL, &e), 0);
    assert_ptr_equal(plan.steps[0].profile, board_profile(&gpu, "3g.20gb"));
    assert_int_equal(plan.steps[1].made_by, 0);
}

/* What is rolled back: compute instances of an instance that stays and of one that went. */
static void the_way_back_undoes_the_last_step_first(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish wish = wish_computes(&gpu, "3g.20gb", "111");
    struct mig_plan plan, back;
    struct model m;
    unsigned ids[MIG_PLAN_MAX_STEPS] = {0};
    struct err e = {0};
    static const char *const expected[] = {
        "destroy compute instance of 1 in 3g.20gb at 4",
        "destroy compute instance of 1 in 3g.20gb at 4",
        "create 1g.5gb at 0",
        "create compute instance of 1 in 1g.5gb at 0",
        "create compute instance of 3 in 3g.20gb at 4",
    };

    (void)state;
    gpu_cut(&gpu, &m, "3g.20gb@4 1g.5gb@0");
    assert_int_equal(mig_plan_make(&plan, &gpu, &wish, &nothing_held, NULL, &e), 0);
    assert_int_equal(plan.n_steps, 6);
    assert_int_equal(model_run(&m, &plan, 5, ids), 0);
    mig_plan_rollback(&back, &plan, 5, ids);
    assert_int_equal(back.n_steps, 5);
    for (size_t i = 0; i < 5; i++) {
        char text[MIG_STEP_TEXT_SIZE];

        assert_string_equal(mig_step_text(text, &back.steps[i]), expected[i]);
    }
    assert_int_equal(back.steps[3].made_by, 2);
    assert_int_equal(back.steps[4].made_by, -1);
    assert_int_equal(model_run(&m, &back, back.n_steps, ids), 0);
    assert_string_equal(back.gpu_uuid, gpu.uuid);
}

/* Made again in their first order, they get the ids that they had. */
static void the_way_back_keeps_the_order_of_compute_instances(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_wish off = {0};
    struct mig_plan plan, back;
    struct model m, before;
    unsigned ids[MIG_PLAN_MAX_STEPS] = {0}, back_ids[MIG_PLAN_MAX_STEPS] = {0}, gi = 0, ci = 0;
    struct err e = {0};

    (void)state;
    model_init(&m, &gpu.geometry);
    assert_int_equal(model_create(&m, board_profile(&gpu, "7g.40gb"), 0, &gi), 0);
    for (unsigned slices = 3; slices > 0; slices--)
        assert_int_equal(model_create_compute(&m, gi, slices, &ci), 0);
    model_show(&m, &gpu);
    before = m;
    assert_int_equal(mig_plan_make(&plan, &gpu, &off, &nothing_held, NULL, &e), 0);
    assert_int_equal(model_run(&m, &plan, plan.n_steps, ids), 0);
    mig_plan_rollback(&back, &plan, plan.n_steps, ids);
    assert_int_equal(model_run(&m, &back, back.n_steps, back_ids), 0);
    assert_true(m.on);
    assert_memory_equal(m.instances[0].computes, before.instances[0].computes,
                        sizeof m.instances[0].computes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adding_instances_destroys_none),
        cmocka_unit_test(removing_instances_keeps_the_best_placed),
        cmocka_unit_test(new_instances_keep_room_for_big_ones),
        cmocka_unit_test(moves_the_fewest_that_stand_in_the_way),
        cmocka_unit_test(compute_instances_change_in_place),
        cmocka_unit_test(the_mode_comes_before_instances_and_after_the_last),
        cmocka_unit_test(a_pending_mode_is_called_off),
        cmocka_unit_test(refuses_with_the_names_of_what_is_in_use),
        cmocka_unit_test(a_held_instance_keeps_its_compute_instances),
        cmocka_unit_test(refuses_to_change_the_mode_of_a_gpu_in_use),
        cmocka_unit_test(refuses_what_it_cannot_plan),
        cmocka_unit_test(refuses_more_steps_than_a_plan_holds),
        cmocka_unit_test(names_as_many_instances_in_use_as_there_are),
        cmocka_unit_test(the_plan_speaks_of_the_gpu_it_is_for),
        cmocka_unit_test(the_way_back_undoes_the_last_step_first),
        cmocka_unit_test(the_way_back_keeps_the_order_of_compute_instances),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
