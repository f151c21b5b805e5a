/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default configuration has every name that mig-parted's has for a board, with its counts
 * (mig-parted v0.15, deployments/systemd/config-default.yaml).
 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "boards.h"
#include "gpu/geometry.h"

struct family {
    uint32_t ids[9];
    const char *names[16][2]; /* a name, and what it puts on each GPU */
};

static const struct family families[] = {
    {{0x20B010DE, 0x20F110DE, 0x20B110DE, 0x20F610DE, 0x20BD10DE},
     {{"all-1g.5gb", "1g.5gb:7"},
      {"all-1g.5gb.me", "1g.5gb+me:1"},
      {"all-1g.10gb", "1g.10gb:4"},
      {"all-2g.10gb", "2g.10gb:3"},
      {"all-3g.20gb", "3g.20gb:2"},
      {"all-4g.20gb", "4g.20gb:1"},
      {"all-7g.40gb", "7g.40gb:1"},
      {"all-balanced", "1g.5gb:2 2g.10gb:1 3g.20gb:1"}}},
    {{0x233010DE, 0x233110DE, 0x232210DE, 0x20B210DE, 0x20B510DE, 0x20F310DE, 0x20F510DE,
      0x232410DE},
     {{"all-1g.10gb", "1g.10gb:7"},
      {"all-1g.10gb.me", "1g.10gb+me:1"},
      {"all-1g.20gb", "1g.20gb:4"},
      {"all-2g.20gb", "2g.20gb:3"},
      {"all-3g.40gb", "3g.40gb:2"},
      {"all-4g.40gb", "4g.40gb:1"},
      {"all-7g.80gb", "7g.80gb:1"},
      {"all-balanced", "1g.10gb:2 2g.20gb:1 3g.40gb:1"}}},
    {{0x20B710DE},
     {{"all-1g.6gb", "1g.6gb:4"},
      {"all-1g.6gb.me", "1g.6gb+me:1"},
      {"all-2g.12gb", "2g.12gb:2"},
      {"all-2g.12gb.me", "2g.12gb+me:1"},
      {"all-4g.24gb", "4g.24gb:1"},
      {"all-balanced", "1g.6gb:2 2g.12gb:1"}}},
    {{0x232110DE, 0x233A10DE},
     {{"all-1g.12gb", "1g.12gb:7"},
      {"all-1g.12gb.me", "1g.12gb+me:1"},
      {"all-1g.24gb", "1g.24gb:4"},
      {"all-2g.24gb", "2g.24gb:3"},
      {"all-3g.47gb", "3g.47gb:2"},
      {"all-4g.47gb", "4g.47gb:1"},
      {"all-7g.94gb", "7g.94gb:1"},
      {"all-balanced", "1g.12gb:2 2g.24gb:1 3g.47gb:1"}}},
    {{0x234210DE, 0x233D10DE, 0x20B610DE, 0x232910DE},
     {{"all-1g.12gb", "1g.12gb:7"},
      {"all-1g.12gb.me", "1g.12gb+me:1"},
      {"all-1g.24gb", "1g.24gb:4"},
      {"all-2g.24gb", "2g.24gb:3"},
      {"all-3g.48gb", "3g.48gb:2"},
      {"all-4g.48gb", "4g.48gb:1"},
      {"all-7g.96gb", "7g.96gb:1"},
      {"all-balanced", "1g.12gb:2 2g.24gb:1 3g.48gb:1"}}},
    {{0x233510DE, 0x233B10DE},
     {{"all-1g.18gb", "1g.18gb:7"},
      {"all-1g.18gb.me", "1g.18gb+me:1"},
      {"all-1g.35gb", "1g.35gb:4"},
      {"all-2g.35gb", "2g.35gb:3"},
      {"all-3g.71gb", "3g.71gb:2"},
      {"all-4g.71gb", "4g.71gb:1"},
      {"all-7g.141gb", "7g.141gb:1"},
      {"all-balanced", "1g.18gb:2 2g.35gb:1 3g.71gb:1"}}},
    {{0x234810DE},
     {{"all-1g.18gb", "1g.18gb:7"},
      {"all-1g.36gb", "1g.36gb:4"},
      {"all-2g.36gb", "2g.36gb:3"},
      {"all-3g.72gb", "3g.72gb:2"},
      {"all-4g.72gb", "4g.72gb:1"},
      {"all-7g.144gb", "7g.144gb:1"},
      {"all-balanced", "1g.18gb:2 2g.36gb:1 3g.72gb:1"}}},
    {{0x290110DE},
     {{"all-1g.23gb", "1g.23gb:7"},
      {"all-1g.23gb.me", "1g.23gb+me:1"},
      {"all-1g.45gb", "1g.45gb:4"},
      {"all-2g.45gb", "2g.45gb:3"},
      {"all-3g.90gb", "3g.90gb:2"},
      {"all-4g.90gb", "4g.90gb:1"},
      {"all-7g.180gb", "7g.180gb:1"},
      {"all-balanced", "1g.23gb:2 2g.45gb:1 3g.90gb:1"}}},
    {{0x294110DE},
     {{"all-1g.23gb", "1g.23gb:7"},
      {"all-1g.47gb", "1g.47gb:4"},
      {"all-2g.47gb", "2g.47gb:3"},
      {"all-3g.93gb", "3g.93gb:2"},
      {"all-4g.93gb", "4g.93gb:1"},
      {"all-7g.186gb", "7g.186gb:1"},
      {"all-balanced", "1g.23gb:2 2g.47gb:1 3g.93gb:1"}}},
    {{0x318210DE},
     {{"all-1g.34gb", "1g.34gb:7"},
      {"all-1g.34gb.me", "1g.34gb+me:1"},
      {"all-1g.67gb", "1g.67gb:4"},
      {"all-2g.67gb", "2g.67gb:3"},
      {"all-3g.135gb", "3g.135gb:2"},
      {"all-4g.135gb", "4g.135gb:1"},
      {"all-7g.269gb", "7g.269gb:1"},
      {"all-balanced", "1g.34gb:2 2g.67gb:1 3g.135gb:1"}}},
    {{0x31C210DE},
     {{"all-1g.35gb", "1g.35gb:7"},
      {"all-1g.35gb.me", "1g.35gb+me:1"},
      {"all-1g.70gb", "1g.70gb:4"},
      {"all-2g.70gb", "2g.70gb:3"},
      {"all-3g.139gb", "3g.139gb:2"},
      {"all-4g.139gb", "4g.139gb:1"},
      {"all-7g.278gb", "7g.278gb:1"},
      {"all-balanced", "1g.35gb:2 2g.70gb:1 3g.139gb:1"}}},
    {{0x2BB510DE, 0x2BB110DE, 0x2BB410DE},
     {{"all-1g.24gb", "1g.24gb:4"},
      {"all-1g.24gb.gfx", "1g.24gb+gfx:4"},
      {"all-1g.24gb.me", "1g.24gb+me:1"},
      {"all-1g.24gb.me.all", "1g.24gb+me.all:1"},
      {"all-1g.24gb-me", "1g.24gb-me:4"},
      {"all-2g.48gb", "2g.48gb:2"},
      {"all-2g.48gb.gfx", "2g.48gb+gfx:2"},
      {"all-2g.48gb.me.all", "2g.48gb+me.all:1"},
      {"all-2g.48gb-me", "2g.48gb-me:2"},
      {"all-4g.96gb", "4g.96gb:1"},
      {"all-4g.96gb.gfx", "4g.96gb+gfx:1"},
      {"all-balanced", "1g.24gb:2 2g.48gb:1"}}},
};

static void every_board_has_the_names_of_the_original(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        for (size_t b = 0; families[i].ids[b]; b++) {
            uint32_t ids[2] = {families[i].ids[b], families[i].ids[b]};
            OWN(mig_file_freep) struct mig_file *file = NULL;
            const struct mig_config *config;
            struct boards n;
            size_t names = 0;

            boards_make(&n, ids, 2);
            file = boards_default(&n);
            for (; families[i].names[names][0]; names++)
                boards_has_entry(file, families[i].names[names][0], 0, families[i].names[names][1]);
            boards_has_entry(file, "all-enabled", 0, "");
            assert_int_equal(mig_file_find(&config, file, "all-disabled", NULL), 0);
            assert_false(config->entries[0].enabled);
            assert_true(file->n_configs >= names + 2);
            for (size_t k = 0; k < file->n_configs; k++) {
                assert_int_equal(file->configs[k].n_entries, 1);
                assert_int_equal(file->configs[k].entries[0].n_filters, 0);
                assert_true(file->configs[k].entries[0].all_devices);
            }
        }
    }
}

static void boards_of_a_mixed_node_get_filters(void **state)
{
    static const uint32_t ids[] = {A100_40, A100_80, A100_80, A30, T4};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    const struct mig_config *config = NULL;
    struct boards n;

    (void)state;
    boards_make(&n, ids, 5);
    file = boards_default(&n);
    boards_has_entry(file, "all-1g.10gb", 0, "1g.10gb:4");
    boards_has_entry(file, "all-1g.10gb", 1, "1g.10gb:7");
    assert_int_equal(mig_file_find(&config, file, "all-1g.10gb", NULL), 0);
    assert_int_equal(config->entries[0].n_filters, 1);
    assert_int_equal(config->entries[0].filters[0].device, A100_40);
    assert_int_equal(config->entries[1].filters[0].device, A100_80);
    assert_int_equal(mig_file_find(&config, file, "all-enabled", NULL), 0);
    assert_int_equal(config->n_entries, 1);
    assert_int_equal(config->entries[0].n_filters, 3);
    assert_int_equal(mig_file_find(&config, file, "all-disabled", NULL), 0);
    assert_int_equal(config->entries[0].n_filters, 0);
    assert_int_equal(mig_file_find(&config, file, "all-balanced", NULL), 0);
    assert_int_equal(config->n_entries, 3);
    boards_has_entry(file, "all-balanced", 2, "1g.6gb:2 2g.12gb:1");
}

static void boards_with_the_same_count_share_an_entry(void **state)
{
    static const uint32_t ids[] = {A100_80, H100};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    const struct mig_config *config = NULL;
    struct boards n;

    (void)state;
    boards_make(&n, ids, 2);
    file = boards_default(&n);
    assert_int_equal(mig_file_find(&config, file, "all-1g.10gb", NULL), 0);
    assert_int_equal(config->n_entries, 1);
    assert_int_equal(config->entries[0].n_filters, 2);
}

static void balance_is_made_of_profiles_without_attributes(void **state)
{
    static const uint32_t ids[] = {RTX_PRO};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct gpu_geometry *g;
    struct boards n;

    (void)state;
    boards_make(&n, ids, 1);
    g = &n.gpus[0].geometry;
    for (unsigned i = 0; i < g->n_profiles / 2; i++) {
        struct gpu_profile moving = g->profiles[i];

        g->profiles[i] = g->profiles[g->n_profiles - 1 - i];
        g->profiles[g->n_profiles - 1 - i] = moving;
    }
    file = boards_default(&n);
    boards_has_entry(file, "all-balanced", 0, "1g.24gb:2 2g.48gb:1");
}

static void boards_without_mig_can_only_be_disabled(void **state)
{
    static const uint32_t ids[] = {T4, T4};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct boards n;

    (void)state;
    boards_make(&n, ids, 2);
    file = boards_default(&n);
    assert_int_equal(file->n_configs, 1);
    assert_string_equal(file->configs[0].name, "all-disabled");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_board_has_the_names_of_the_original),
        cmocka_unit_test(boards_of_a_mixed_node_get_filters),
        cmocka_unit_test(boards_with_the_same_count_share_an_entry),
        cmocka_unit_test(balance_is_made_of_profiles_without_attributes),
        cmocka_unit_test(boards_without_mig_can_only_be_disabled),
    };

    return cmocka_run_group_tests_name("mig_file_default", tests, NULL, NULL);
}
