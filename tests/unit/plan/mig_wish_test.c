/* SPDX-License-Identifier: Apache-2.0 */
/* plan/mig_plan.h's wishes: which entry decides, what names mean, what fits, and the words. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "boards.h"
#include "config/mig_file.h"
#include "plan/layout.h"
#include "plan/mig_plan.h"

enum { MAX_COUNTS = 6 };

/* An entry for all GPUs with these profiles, written "name count name count …". */
struct written {
    char names[MAX_COUNTS][32];
    struct mig_count counts[MAX_COUNTS];
    struct mig_entry entry;
    struct mig_config config;
};

static const struct mig_config *config_write(struct written *w, const char *text)
{
    memset(w, 0, sizeof *w);
    while (*text) {
        struct mig_count *count = &w->counts[w->entry.n_counts];
        int used = 0;

        assert_true(w->entry.n_counts < MAX_COUNTS);
        assert_int_equal(
            sscanf(text, "%31s %u %n", w->names[w->entry.n_counts], &count->count, &used), 2);
        count->profile = w->names[w->entry.n_counts++];
        text += used;
    }
    w->entry.all_devices = true;
    w->entry.enabled = true;
    w->entry.counts = w->counts;
    w->config.n_entries = 1;
    w->config.entries = &w->entry;
    return &w->config;
}

static int wish_make(struct mig_wish *out, const struct gpu *gpu, const char *text, struct err *e)
{
    struct written w;

    return mig_wish_make(out, gpu, config_write(&w, text), e);
}

/* "3g.20gb(1,1) 2g.10gb(2)" */
static const char *wish_text(char *buffer, size_t size, const struct mig_wish *wish)
{
    size_t used = 0;

    buffer[0] = '\0';
    for (unsigned i = 0; i < wish->n_wants; i++) {
        const struct mig_want *want = &wish->wants[i];

        used += (size_t)snprintf(buffer + used, size - used, "%s%s(", i ? " " : "",
                                 want->profile->name);
        for (unsigned c = 0; c < want->n_computes; c++)
            used += (size_t)snprintf(buffer + used, size - used, "%s%u", c ? "," : "",
                                     want->compute_slices[c]);
        used += (size_t)snprintf(buffer + used, size - used, ")");
    }
    return buffer;
}

static void check_wish(const struct gpu *gpu, const char *text, const char *expected)
{
    struct mig_wish wish;
    struct err e = {0};
    char words[512];
    int rc = wish_make(&wish, gpu, text, &e);

    assert_string_equal(e.msg, "");
    assert_int_equal(rc, 1);
    assert_true(wish.enabled);
    assert_string_equal(wish_text(words, sizeof words, &wish), expected);
}

static void check_error(const struct gpu *gpu, const char *text, int code, const char *words)
{
    struct mig_wish wish = {.n_wants = 77};
    struct err e = {0};

    assert_int_equal(wish_make(&wish, gpu, text, &e), -code);
    assert_string_equal(e.msg, words);
    assert_int_equal(e.code, code);
    assert_int_equal(wish.n_wants, 77);
    assert_int_equal(wish_make(&wish, gpu, text, NULL), -code);
}

static void wishes_what_an_entry_counts(void **state)
{
    struct gpu gpu = board_a100();

    (void)state;
    check_wish(&gpu, "3g.20gb 1", "3g.20gb(3)");
    check_wish(&gpu, "1g.5gb 2 2g.10gb 1 3g.20gb 1", "3g.20gb(3) 2g.10gb(2) 1g.5gb(1) 1g.5gb(1)");
    check_wish(&gpu, "1g.5gb 0 7g.40gb 1", "7g.40gb(7)");
    check_wish(&gpu, "", "");
}

static void takes_names_with_plus_or_dot(void **state)
{
    struct gpu a100 = board_a100(), rtx = board_gpu(RTX_PRO_6000, "NVIDIA RTX PRO 6000");

    (void)state;
    check_wish(&a100, "1g.5gb+me 1", "1g.5gb+me(1)");
    check_wish(&a100, "1g.5gb.me 1", "1g.5gb+me(1)");
    check_wish(&rtx, "1g.24gb.me.all 1 1g.24gb-me 3",
               "1g.24gb-me(1) 1g.24gb-me(1) 1g.24gb-me(1) 1g.24gb+me.all(1)");
    check_error(&a100, "1g.5gb+me 1 1g.5gb.me 1", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 2 x 1g.5gb.me: at most 1 fit");
}

static void packs_compute_instances_into_few_gpu_instances(void **state)
{
    struct gpu gpu = board_a100();

    (void)state;
    check_wish(&gpu, "1c.3g.20gb 3", "3g.20gb(1,1,1)");
    check_wish(&gpu, "1c.3g.20gb 4", "3g.20gb(1,1,1) 3g.20gb(1)");
    check_wish(&gpu, "1c.3g.20gb 2 2c.3g.20gb 2", "3g.20gb(2,1) 3g.20gb(2,1)");
    check_wish(&gpu, "1c.3g.20gb 3 3g.20gb 1", "3g.20gb(3) 3g.20gb(1,1,1)");
    check_wish(&gpu, "3c.3g.20gb 1", "3g.20gb(3)");
    check_wish(&gpu, "2c.7g.40gb 2 3c.7g.40gb 1", "7g.40gb(3,2,2)");
    check_wish(&gpu, "3c.7g.40gb 2 1c.7g.40gb 1", "7g.40gb(3,3,1)");
    check_wish(&gpu, "1c.7g.40gb 7", "7g.40gb(1,1,1,1,1,1,1)");
    check_wish(&gpu, "1c.4g.20gb 2 2c.4g.20gb 1 1c.2g.10gb 1", "4g.20gb(2,1,1) 2g.10gb(1)");
}

static void refuses_compute_instances_that_do_not_exist(void **state)
{
    struct gpu gpu = board_a100();

    (void)state;
    check_error(&gpu, "5c.7g.40gb 1", EINVAL,
                "GPU 0 (NVIDIA A100-SXM4-40GB): no compute instance of 5 slices in 7g.40gb "
                "('5c.7g.40gb')");
    check_error(&gpu, "3c.4g.20gb 1", EINVAL,
                "GPU 0 (NVIDIA A100-SXM4-40GB): no compute instance of 3 slices in 4g.20gb "
                "('3c.4g.20gb')");
    check_error(&gpu, "2c.1g.5gb 1", EINVAL,
                "GPU 0 (NVIDIA A100-SXM4-40GB): no compute instance of 2 slices in 1g.5gb "
                "('2c.1g.5gb')");
    check_error(&gpu, "0c.1g.5gb 1", EINVAL,
                "GPU 0 (NVIDIA A100-SXM4-40GB): no compute instance of 0 slices in 1g.5gb "
                "('0c.1g.5gb')");
    check_error(&gpu, "1c.3g.20gb 7", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 7 x 1c.3g.20gb: at most 6 fit");
    check_error(&gpu, "2c.7g.40gb 4", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 4 x 2c.7g.40gb: at most 3 fit");
    check_error(&gpu, "3c.7g.40gb 2 2c.7g.40gb 1", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 2 x 7g.40gb cannot fit: needs 16 memory units "
                "of 8");
}

static void an_unknown_profile_names_those_there_are(void **state)
{
    struct gpu gpu = board_a100();
    static const char has[] = "it has 1g.5gb, 1g.5gb+me, 1g.10gb, 2g.10gb, 3g.20gb, 4g.20gb, "
                              "7g.40gb";
    static const struct {
        const char *name, *words;
    } cases[] = {
        {"1g.6gb 7", "'1g.6gb', did you mean '1g.5gb'? "},
        {"1g.20gb.me 1", "'1g.20gb.me', did you mean '1g.5gb+me'? "},
        {"1c.3g.40gb 1", "'3g.40gb', did you mean '3g.20gb'? "},
        {"5g.20gb 1", "'5g.20gb', "},
        {"1g5gb 1", "'1g5gb', "},
        {"1g.5gbx 1", "'1g.5gbx', did you mean '1g.5gb'? "},
        {"3g. 1", "'3g.', "},
        {"99999999999999999999g.5gb 1", "'99999999999999999999g.5gb', "},
    };

    (void)state;
    gpu.index = 3;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char words[400];

        (void)snprintf(words, sizeof words, "GPU 3 (NVIDIA A100-SXM4-40GB): no MIG profile %s%s",
                       cases[i].words, has);
        check_error(&gpu, cases[i].name, ENOENT, words);
    }
    gpu.geometry.n_profiles = 0;
    check_error(&gpu, "1g.5gb 1", ENOENT,
                "GPU 3 (NVIDIA A100-SXM4-40GB): no MIG profile '1g.5gb': the driver lists none");
}

static void takes_names_that_differ_by_driver_version(void **state)
{
    struct gpu h100 = board_gpu(H100, "NVIDIA H100 80GB HBM3"), a100 = board_a100();
    struct gpu twins;
    struct mig_wish wish;
    struct err e = {0};

    (void)state;
    check_wish(&h100, "3g.39gb 1", "3g.40gb(3)");
    check_wish(&h100, "1c.3g.39gb 2", "3g.40gb(1,1)");
    check_wish(&h100, "7g.79gb 1", "7g.80gb(7)");
    check_wish(&a100, "7g.39gb 1", "7g.40gb(7)");
    /* One GB of five is another board's profile, not another rounding. */
    assert_int_equal(wish_make(&wish, &a100, "1g.6gb 1", &e), -ENOENT);
    assert_int_equal(wish_make(&wish, &a100, "1g.4gb 1", &e), -ENOENT);
    assert_int_equal(wish_make(&wish, &h100, "3g.38gb 1", &e), -ENOENT);
    assert_int_equal(wish_make(&wish, &h100, "3g.39gb+me 1", &e), -ENOENT);
    /* Two that are as near: neither. */
    twins = h100;
    for (unsigned i = 0; i < twins.geometry.n_profiles; i++) {
        if (strcmp(twins.geometry.profiles[i].name, "4g.40gb") == 0)
            (void)snprintf(twins.geometry.profiles[i].name, GPU_PROFILE_NAME_SIZE, "3g.38gb");
    }
    assert_int_equal(wish_make(&wish, &twins, "3g.39gb 1", &e), -ENOENT);
}

/* What the incumbent tried by trial and error, with 91 and 626 create calls, after wiping. */
static void a_layout_that_cannot_fit_says_why(void **state)
{
    struct gpu a100 = board_a100(), a30 = board_gpu(A30, "NVIDIA A30");
    struct gpu rtx = board_gpu(RTX_PRO_6000, "NVIDIA RTX PRO 6000");

    (void)state;
    check_error(&a100, "1g.5gb 8", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 8 x 1g.5gb: at most 7 fit");
    check_error(&a100, "1g.5gb 4000000000", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 4000000000 x 1g.5gb: at most 7 fit");
    check_error(&a100, "1g.5gb 3 2g.10gb 1 3g.20gb 1", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 1 x 3g.20gb + 1 x 2g.10gb + 3 x 1g.5gb cannot "
                "fit: needs 9 memory units of 8");
    check_error(&a100, "1g.5gb 4 1g.10gb 2 2g.10gb 1", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 1 x 2g.10gb + 2 x 1g.10gb + 4 x 1g.5gb cannot "
                "fit: needs 10 memory units of 8");
    check_error(&a100, "1g.5gb 7 1g.5gb+me 1", ENOSPC,
                "GPU 0 (NVIDIA A100-SXM4-40GB): 1 x 1g.5gb+me + 7 x 1g.5gb cannot fit: needs 8 "
                "compute slices of 7");
    check_error(&a30, "1g.6gb+me 1 2g.12gb+me 1", ENOSPC,
                "GPU 0 (NVIDIA A30): 1 x 2g.12gb+me + 1 x 1g.6gb+me cannot fit: needs 2 OFA "
                "engines of 1");
    check_error(&rtx, "1g.24gb.me.all 1 1g.24gb 1", ENOSPC,
                "GPU 0 (NVIDIA RTX PRO 6000): 1 x 1g.24gb+me.all + 1 x 1g.24gb cannot fit: needs "
                "5 decoders of 4");
}

/* No set of a known board comes here: where units suffice, placements do. So a made-up one. */
static void placements_may_overlap_though_there_is_room(void **state)
{
    struct gpu gpu = board_gpu(A30, "made up");

    (void)state;
    for (unsigned i = 0; i < gpu.geometry.n_profiles; i++)
        gpu.geometry.profiles[i].span_starts = 1;
    check_error(&gpu, "1g.6gb 1 2g.12gb 1", ENOSPC,
                "GPU 0 (made up): 1 x 2g.12gb + 1 x 1g.6gb cannot fit: their placements overlap");
}

static void every_error_names_the_line(void **state)
{
    struct gpu gpu = board_a100();
    struct written w;
    struct mig_wish wish;
    struct err e = {0};

    (void)state;
    (void)config_write(&w, "1g.5gb 2 9g.5gb 1");
    w.entry.line = 4;
    w.counts[0].line = 8;
    w.counts[1].line = 9;
    assert_int_equal(mig_wish_make(&wish, &gpu, &w.config, &e), -ENOENT);
    assert_true(strstr(e.msg, "line 9: GPU 0 (NVIDIA A100-SXM4-40GB): no MIG profile '9g.5gb'"));
    (void)snprintf(w.names[1], sizeof w.names[1], "7g.40gb");
    assert_int_equal(mig_wish_make(&wish, &gpu, &w.config, &e), -ENOSPC);
    assert_true(strstr(e.msg, "line 4: GPU 0 (NVIDIA A100-SXM4-40GB): 1 x 7g.40gb + 2 x 1g.5gb"));
}

static struct mig_entry entry_of(bool enabled, unsigned *device)
{
    return (struct mig_entry){
        .enabled = enabled, .all_devices = !device, .n_devices = device ? 1 : 0, .devices = device};
}

static void the_last_entry_that_matches_decides(void **state)
{
    struct gpu gpu = board_a100();
    unsigned two = 2;
    struct mig_count ones = {.profile = (char[]){"1g.5gb"}, .count = 7};
    struct mig_entry entries[] = {entry_of(true, NULL), entry_of(false, &two)};
    struct mig_config config = {.n_entries = 2, .entries = entries};
    struct mig_wish wish;
    struct err e = {0};

    (void)state;
    entries[0].counts = &ones;
    entries[0].n_counts = 1;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 1);
    assert_true(wish.enabled);
    assert_int_equal(wish.n_wants, 7);
    gpu.index = 2;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 1);
    assert_false(wish.enabled);
    assert_int_equal(wish.n_wants, 0);
    /* An overridden entry may name what this board does not have. */
    ones.profile = (char[]){"9g.9gb"};
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 1);
    config.n_entries = 0;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 0);
}

static void filters_choose_by_device_and_subsystem(void **state)
{
    struct gpu gpu = board_a100();
    struct mig_filter filters[] = {{0x233010DE, 0}, {A100_40, 0x134F10DE}};
    struct mig_entry entry = entry_of(true, NULL);
    struct mig_config config = {.n_entries = 1, .entries = &entry};
    unsigned other = 1;
    struct mig_wish wish;
    struct err e = {0};

    (void)state;
    entry.filters = filters;
    entry.n_filters = 2;
    gpu.subsystem_id = 0x144E10DE;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 0);
    gpu.subsystem_id = 0x134F10DE;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 1);
    filters[1].subsystem = 0;
    gpu.subsystem_id = 0x144E10DE;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 1);
    /* The filter and the index must both match. */
    entry.all_devices = false;
    entry.n_devices = 1;
    entry.devices = &other;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 0);
    gpu.index = 1;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 1);
    gpu.device_id = 0x20B710DE;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 0);
}

static void a_board_without_mig_is_refused_only_by_name(void **state)
{
    struct gpu gpu = board_gpu(0x27B810DE, "NVIDIA L4");
    unsigned index = 0;
    struct mig_entry by_all = entry_of(true, NULL), by_index = entry_of(true, &index);
    struct mig_entry off = entry_of(false, &index);
    struct mig_config config = {.n_entries = 1, .entries = &by_all};
    struct mig_wish wish;
    struct err e = {0};

    (void)state;
    assert_int_equal(gpu.mig, GPU_MIG_NONE);
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 0);
    config.entries = &by_index;
    by_index.line = 7;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), -EINVAL);
    assert_string_equal(e.msg, "line 7: GPU 0 (NVIDIA L4): has no MIG, but an entry with "
                               "mig-enabled names it by index");
    config.entries = &off;
    assert_int_equal(mig_wish_make(&wish, &gpu, &config, &e), 1);
    assert_false(wish.enabled);
}

/* Every layout that the board can have can be wished, and nothing else of up to 8 instances. */
static void accepts_exactly_the_layouts_that_exist(void **state)
{
    struct gpu gpu = board_a100();
    const struct gpu_geometry *g = &gpu.geometry;
    struct sites sites;
    unsigned digits[GPU_MAX_PROFILES] = {0}, n = g->n_profiles;
    static unsigned char exists[1 << 16];
    size_t n_exist = 0, n_accepted = 0;

    (void)state;
    /* A multiset as a number: 8, 2, 5, 4, 3, 2, 2 possible counts in the order of profiles. */
    sites_init(&sites, g);
    memset(exists, 0, sizeof exists);
    for (size_t i = 0; i < sites.n_layouts; i++) {
        struct counts c = sites_counts(&sites, sites.layouts[i]);
        size_t key = 0;

        for (unsigned p = 0; p < n; p++)
            key = key * (g->profiles[p].max_instances + 1) + c.of[p];
        assert_true(key < sizeof exists);
        n_exist += !exists[key];
        exists[key] = 1;
    }
    for (size_t key = 0; key < sizeof exists; key++) {
        struct mig_count counts[GPU_MAX_PROFILES];
        char names[GPU_MAX_PROFILES][GPU_PROFILE_NAME_SIZE];
        struct mig_entry entry = entry_of(true, NULL);
        struct mig_config config = {.n_entries = 1, .entries = &entry};
        struct mig_wish wish;
        struct err e = {0};
        size_t rest = key;
        int rc;

        for (unsigned p = n; p-- > 0;) {
            digits[p] = (unsigned)(rest % (g->profiles[p].max_instances + 1));
            rest /= g->profiles[p].max_instances + 1;
        }
        if (rest)
            break;
        for (unsigned p = 0; p < n; p++) {
            memcpy(names[p], g->profiles[p].name, sizeof names[p]);
            counts[p] = (struct mig_count){.profile = names[p], .count = digits[p]};
        }
        entry.counts = counts;
        entry.n_counts = n;
        rc = mig_wish_make(&wish, &gpu, &config, &e);
        assert_int_equal(rc, exists[key] ? 1 : -ENOSPC);
        n_accepted += rc == 1;
    }
    assert_int_equal(n_accepted, n_exist);
    sites_done(&sites);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wishes_what_an_entry_counts),
        cmocka_unit_test(takes_names_with_plus_or_dot),
        cmocka_unit_test(packs_compute_instances_into_few_gpu_instances),
        cmocka_unit_test(refuses_compute_instances_that_do_not_exist),
        cmocka_unit_test(an_unknown_profile_names_those_there_are),
        cmocka_unit_test(takes_names_that_differ_by_driver_version),
        cmocka_unit_test(a_layout_that_cannot_fit_says_why),
        cmocka_unit_test(placements_may_overlap_though_there_is_room),
        cmocka_unit_test(every_error_names_the_line),
        cmocka_unit_test(the_last_entry_that_matches_decides),
        cmocka_unit_test(filters_choose_by_device_and_subsystem),
        cmocka_unit_test(a_board_without_mig_is_refused_only_by_name),
        cmocka_unit_test(accepts_exactly_the_layouts_that_exist),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
