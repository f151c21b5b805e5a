/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans against brute force. Every layout of a board to every set of instances that it can have:
 * the plan is done step by step on a strict model of a GPU, must end in the wish, leave held
 * instances alone, destroy no more than any other final layout would, and leave the most room.
 * Then compute instances, and the way back from every prefix.
 */
#include "test.h"

#include <errno.h>

#include "base/err.h"
#include "kinds.h"
#include "model.h"
#include "plan/mig_plan.h"

#ifdef __SANITIZE_ADDRESS__
enum { STRIDE = 23, N_RANDOM = 2000 };
#else
enum { STRIDE = 1, N_RANDOM = 20000 };
#endif

/* Instances in the order of sites, so the held bits of sites and of instances follow each other. */
static void model_cut(struct board *b, struct model *m, uint64_t layout, bool with_computes)
{
    unsigned gi = 0, ci = 0;

    model_init(m, &b->gpu.geometry);
    for (unsigned i = 0; i < b->sites.n; i++) {
        if (!(layout & (UINT64_C(1) << i)))
            continue;
        assert_int_equal(model_create(m, b->sites.profiles[i], b->sites.starts[i], &gi), 0);
        if (with_computes)
            assert_int_equal(model_create_compute(m, gi, b->sites.profiles[i]->slices, &ci), 0);
    }
    model_show(m, &b->gpu);
}

static void hold(struct board *b, struct model *m, uint64_t held_sites, struct mig_held *held)
{
    *held = (struct mig_held){.instances = 0};
    for (unsigned i = 0; i < m->n; i++) {
        const struct model_instance *gi = &m->instances[i];
        unsigned site = sites_find(&b->sites, gi->profile, gi->start);

        m->instances[i].in_use = held_sites & (UINT64_C(1) << site);
        held->instances |= (uint32_t)m->instances[i].in_use << i;
    }
}

static uint64_t model_layout(const struct board *b, const struct model *m)
{
    uint64_t layout = 0;

    for (unsigned i = 0; i < m->n; i++)
        layout |=
            UINT64_C(1) << sites_find(&b->sites, m->instances[i].profile, m->instances[i].start);
    return layout;
}

static struct mig_wish kind_wish(const struct board *b, const struct kind *kind)
{
    struct mig_wish wish = {.enabled = true};

    for (unsigned p = 0; p < b->gpu.geometry.n_profiles; p++) {
        const struct gpu_profile *profile = &b->gpu.geometry.profiles[p];

        for (unsigned n = 0; n < kind->counts.of[p]; n++)
            wish.wants[wish.n_wants++] = (struct mig_want){
                .profile = profile, .n_computes = 1, .compute_slices = {(uint8_t)profile->slices}};
    }
    return wish;
}

static unsigned bits(uint64_t set)
{
    return (unsigned)__builtin_popcountll(set);
}

/* What brute force says of a change: the fewest to destroy or, if blocked, the fewest in the way */
struct answer {
    unsigned blocked, destroyed, created;
    struct room_score room;
};

static struct answer ask(const struct board *b, uint64_t from, uint64_t held,
                         const struct kind *kind)
{
    struct answer best = {.blocked = 99};

    for (size_t i = 0; i < kind->n; i++) {
        uint64_t to = b->sites.layouts[kind->layouts[i]];
        struct answer a = {bits(held & ~to), bits(from & ~to), bits(to & ~from),
                           b->scores[kind->layouts[i]]};

        if (a.blocked > best.blocked || (a.blocked == best.blocked && a.destroyed > best.destroyed))
            continue;
        if (a.blocked < best.blocked || a.destroyed < best.destroyed ||
            memcmp(&a.room, &best.room, sizeof a.room) > 0)
            best = a;
    }
    return best;
}

static void check_plan(struct board *b, struct model *m, const struct mig_plan *plan,
                       const struct mig_wish *wish, const struct answer *answer)
{
    unsigned ids[MIG_PLAN_MAX_STEPS] = {0};
    size_t n_destroyed = 0;
    unsigned n_before = m->n;
    struct room_score room;

    for (size_t i = 0; i < plan->n_steps; i++)
        n_destroyed += plan->steps[i].kind == MIG_STEP_DESTROY_INSTANCE;
    assert_int_equal(n_destroyed, answer->destroyed);
    assert_int_equal(plan->n_steps, 2 * (answer->destroyed + answer->created));
    assert_int_equal(plan->n_kept, n_before - answer->destroyed);
    assert_int_equal(mig_plan_done(&b->gpu, wish), plan->n_steps == 0);
    assert_int_equal(model_run(m, plan, plan->n_steps, ids), 0);
    model_show(m, &b->gpu);
    assert_true(mig_plan_done(&b->gpu, wish));
    room = score(&b->sites, model_layout(b, m));
    assert_memory_equal(&room, &answer->room, sizeof room);
}

/* From every prefix of the plan the way back restores what was there. */
static void check_ways_back(const struct model *before, const struct mig_plan *plan)
{
    char was[512], is[512];

    model_text(was, sizeof was, before);
    for (size_t n = 0; n <= plan->n_steps; n++) {
        struct model m = *before;
        struct mig_plan back;
        unsigned ids[MIG_PLAN_MAX_STEPS] = {0}, back_ids[MIG_PLAN_MAX_STEPS] = {0};

        assert_int_equal(model_run(&m, plan, n, ids), 0);
        mig_plan_rollback(&back, plan, n, ids);
        assert_int_equal(model_run(&m, &back, back.n_steps, back_ids), 0);
        assert_string_equal(model_text(is, sizeof is, &m), was);
    }
}

static void check_pair(struct board *b, uint64_t from, uint64_t held_sites, const struct kind *kind,
                       bool ways_back)
{
    struct mig_wish wish = kind_wish(b, kind);
    struct answer answer = ask(b, from, held_sites, kind);
    struct mig_held held;
    struct model m;
    struct mig_plan plan;
    uint32_t blockers = 0;
    struct err e = {0};
    int rc;

    model_cut(b, &m, from, true);
    hold(b, &m, held_sites, &held);
    rc = mig_plan_make(&plan, &b->gpu, &wish, &held, &blockers, &e);
    if (answer.blocked) {
        assert_int_equal(rc, -EBUSY);
        assert_int_equal(bits(blockers), answer.blocked);
        assert_int_equal(blockers & ~held.instances, 0);
        return;
    }
    assert_int_equal(rc, 0);
    if (ways_back)
        check_ways_back(&m, &plan);
    check_plan(b, &m, &plan, &wish, &answer);
}

/* Every `stride`th pair; without anything held, and with a random part. */
static void check_pairs(uint32_t device_id, const char *without, size_t stride)
{
    struct board b;
    size_t number = 0;

    board_open(&b, device_id, without);
    for (size_t i = 0; i < b.sites.n_layouts; i++) {
        for (size_t k = 0; k < b.n_kinds; k++) {
            uint64_t from = b.sites.layouts[i], held;

            if (number++ % stride)
                continue;
            held = from & next_random(&b, UINT32_MAX) & next_random(&b, UINT32_MAX);
            check_pair(&b, from, 0, &b.kinds[k], number % 97 == 0);
            if (held)
                check_pair(&b, from, held, &b.kinds[k], number % 89 == 0);
        }
    }
    board_close(&b);
}

static void every_change_of_an_a100_is_minimal(void **state)
{
    (void)state;
    check_pairs(A100_40, "+me", STRIDE);
}

static void changes_with_media_extensions_are_minimal(void **state)
{
    (void)state;
    check_pairs(A100_40, NULL, (size_t)STRIDE * 5);
    check_pairs(A30, NULL, STRIDE);
}

static void changes_of_a_twelve_unit_board_are_minimal(void **state)
{
    (void)state;
    check_pairs(RTX_PRO_6000, NULL, (size_t)STRIDE * 3);
}

/* Random compute instances of a profile, biggest first; maybe none if `empty`. */
static unsigned random_computes(struct board *b, const struct gpu_profile *p,
                                uint8_t out[GPU_MAX_COMPUTE])
{
    static const uint8_t sizes[] = {7, 4, 3, 2, 1};
    unsigned left = p->slices, n = 0;

    memset(out, 0, GPU_MAX_COMPUTE);
    for (size_t i = 0; i < sizeof sizes; i++) {
        bool exists = sizes[i] <= 2 || sizes[i] == p->slices || p->slices == 7;

        while (exists && sizes[i] <= left && next_random(b, 2)) {
            out[n++] = sizes[i];
            left -= sizes[i];
        }
    }
    return n;
}

/* Some are made and some destroyed again, so that those that stay sit anywhere. */
static void fill_computes(struct board *b, struct model *m)
{
    for (unsigned i = 0; i < m->n; i++) {
        struct model_instance *gi = &m->instances[i];
        uint8_t sizes[GPU_MAX_COMPUTE];

        for (unsigned round = 0; round < 2; round++) {
            unsigned n = random_computes(b, gi->profile, sizes), ci;

            for (unsigned c = 0; c < n; c++)
                (void)model_create_compute(m, gi->id, sizes[c], &ci);
            for (unsigned c = gi->n_computes; round == 0 && c-- > 0;) {
                if (next_random(b, 2))
                    assert_int_equal(model_destroy_compute(m, gi->id, gi->computes[c].id), 0);
            }
        }
    }
}

/* Steps from the compute instances of an instance that stays to those of a want. */
static unsigned compute_steps(const struct model_instance *gi, const struct mig_want *want)
{
    int change[9] = {0}, has[9] = {0};
    unsigned steps = 0, kept = 0;
    bool needs_place = false;

    for (unsigned c = 0; c < gi->n_computes; c++)
        has[gi->computes[c].slices]++;
    for (unsigned c = 0; c < want->n_computes; c++)
        change[want->compute_slices[c]]++;
    for (unsigned slices = 1; slices <= 8; slices++) {
        int wanted = change[slices];

        change[slices] -= has[slices];
        steps += (unsigned)abs(change[slices]);
        kept += (unsigned)(wanted < has[slices] ? wanted : has[slices]);
        needs_place = needs_place || (slices > 1 && change[slices] > 0);
    }
    return needs_place && kept ? gi->n_computes + want->n_computes : steps;
}

/* One assignment of wants to the sites of a final layout, want by want. */
struct assignment {
    const struct model *m;
    const struct mig_wish *wish;
    const struct board *board;
    uint64_t layout;
    unsigned blocked, destroyed, steps; /* of the best */
};

static void assign(struct assignment *a, unsigned want, uint64_t used, unsigned steps,
                   uint32_t kept, unsigned blocked)
{
    const struct sites *s = &a->board->sites;
    unsigned destroyed = 0;

    if (want < a->wish->n_wants) {
        const struct mig_want *w = &a->wish->wants[want];

        for (unsigned i = 0; i < s->n; i++) {
            unsigned gi = 0;

            if (!(a->layout & ~used & (UINT64_C(1) << i)) || s->profiles[i] != w->profile)
                continue;
            while (gi < a->m->n && (a->m->instances[gi].profile != w->profile ||
                                    a->m->instances[gi].start != s->starts[i]))
                gi++;
            if (gi == a->m->n) {
                assign(a, want + 1, used | UINT64_C(1) << i, steps + 1 + w->n_computes, kept,
                       blocked);
            } else {
                unsigned change = compute_steps(&a->m->instances[gi], w);

                assign(a, want + 1, used | UINT64_C(1) << i, steps + change, kept | 1u << gi,
                       blocked + (change && a->m->instances[gi].in_use));
            }
            /* All 1g are alike; without this, seven of them come in 5040 orders. */
            if (w->profile->slices == 1)
                break;
        }
        return;
    }
    for (unsigned i = 0; i < a->m->n; i++) {
        if (kept & (1u << i))
            continue;
        destroyed++;
        steps += 1 + a->m->instances[i].n_computes;
        blocked += a->m->instances[i].in_use;
    }
    if (blocked < a->blocked ||
        (blocked == a->blocked &&
         (destroyed < a->destroyed || (destroyed == a->destroyed && steps < a->steps)))) {
        a->blocked = blocked;
        a->destroyed = destroyed;
        a->steps = steps;
    }
}

/* Wants of a 1g have all the same compute instances, as only these are alike to `assign`. */
static struct mig_wish random_wish(struct board *b, const struct kind *kind)
{
    struct mig_wish wish = kind_wish(b, kind);

    for (unsigned i = 0; i < wish.n_wants; i++) {
        struct mig_want *want = &wish.wants[i];

        if (want->profile->slices > 1 && next_random(b, 3))
            want->n_computes = random_computes(b, want->profile, want->compute_slices);
    }
    return wish;
}

static void untouched(const struct model *before, struct model *after)
{
    for (unsigned i = 0; i < before->n; i++) {
        const struct model_instance *gi = &before->instances[i];

        if (gi->in_use) {
            assert_non_null(model_find(after, gi->id));
            assert_memory_equal(model_find(after, gi->id), gi, sizeof *gi);
        }
    }
}

static void check_computes(struct board *b)
{
    const struct kind *kind = &b->kinds[next_random(b, (unsigned)b->n_kinds)];
    uint64_t from = b->sites.layouts[next_random(b, (unsigned)b->sites.n_layouts)];
    struct mig_wish wish = random_wish(b, kind);
    struct assignment a = {.wish = &wish, .board = b, .blocked = 99};
    unsigned ids[MIG_PLAN_MAX_STEPS] = {0}, n_destroyed = 0;
    struct model before, m;
    struct mig_held held;
    struct mig_plan plan;
    struct err e = {0};
    int rc;

    model_cut(b, &m, from, false);
    fill_computes(b, &m);
    hold(b, &m, from & next_random(b, UINT32_MAX) & next_random(b, UINT32_MAX), &held);
    model_show(&m, &b->gpu);
    before = m;
    a.m = &before;
    for (size_t i = 0; i < kind->n; i++) {
        a.layout = b->sites.layouts[kind->layouts[i]];
        assign(&a, 0, 0, 0, 0, 0);
    }
    rc = mig_plan_make(&plan, &b->gpu, &wish, &held, NULL, &e);
    assert_int_equal(rc, a.blocked ? -EBUSY : 0);
    if (rc < 0)
        return;
    for (size_t i = 0; i < plan.n_steps; i++)
        n_destroyed += plan.steps[i].kind == MIG_STEP_DESTROY_INSTANCE;
    assert_int_equal(n_destroyed, a.destroyed);
    assert_int_equal(plan.n_steps, a.steps);
    assert_int_equal(mig_plan_done(&b->gpu, &wish), plan.n_steps == 0);
    assert_int_equal(model_run(&m, &plan, plan.n_steps, ids), 0);
    model_show(&m, &b->gpu);
    assert_true(mig_plan_done(&b->gpu, &wish));
    untouched(&before, &m);
    check_ways_back(&before, &plan);
}

static void changes_of_compute_instances_are_minimal(void **state)
{
    static const uint32_t devices[] = {A100_40, A30, H100, RTX_PRO_6000};

    (void)state;
    for (size_t d = 0; d < sizeof devices / sizeof devices[0]; d++) {
        struct board b;

        board_open(&b, devices[d], "+gfx");
        for (unsigned i = 0; i < N_RANDOM; i++)
            check_computes(&b);
        board_close(&b);
    }
}

/* The mode too: off before, on with instances after, and back. */
static void the_way_back_restores_the_mode(void **state)
{
    struct board b;

    (void)state;
    board_open(&b, A100_40, NULL);
    for (size_t k = 0; k < b.n_kinds; k++) {
        struct mig_wish wish = kind_wish(&b, &b.kinds[k]), off = {0};
        struct mig_held held = {0};
        struct mig_plan plan;
        struct model m;
        struct err e = {0};

        model_init(&m, &b.gpu.geometry);
        m.on = false;
        model_show(&m, &b.gpu);
        assert_int_equal(mig_plan_make(&plan, &b.gpu, &wish, &held, NULL, &e), 0);
        assert_int_equal(plan.steps[0].kind, MIG_STEP_SET_MODE);
        check_ways_back(&m, &plan);

        model_cut(&b, &m, b.sites.layouts[b.kinds[k].layouts[0]], true);
        assert_int_equal(mig_plan_make(&plan, &b.gpu, &off, &held, NULL, &e), 0);
        assert_int_equal(plan.steps[plan.n_steps - 1].kind, MIG_STEP_SET_MODE);
        check_ways_back(&m, &plan);
    }
    board_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_change_of_an_a100_is_minimal),
        cmocka_unit_test(changes_with_media_extensions_are_minimal),
        cmocka_unit_test(changes_of_a_twelve_unit_board_are_minimal),
        cmocka_unit_test(changes_of_compute_instances_are_minimal),
        cmocka_unit_test(the_way_back_restores_the_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
