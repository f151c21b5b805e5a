/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files made from hardware: the default configuration has every name that mig-parted's has for a
 * board, with its counts (mig-parted v0.15, deployments/systemd/config-default.yaml); an export
 * says what the GPUs are and reads back as that.
 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/findings.h"
#include "config/mig_file.h"
#include "gpu/geometry.h"

enum {
    GPUS = 8,
    A100_40 = 0x20B010DE,
    A100_80 = 0x20B210DE,
    A30 = 0x20B710DE,
    H100 = 0x233010DE,
    RTX_PRO = 0x2BB510DE,
    T4 = 0x1EB810DE
};

/* A node of boards by PCI id, MIG on where they can. */
struct node {
    struct inventory inv;
    struct gpu gpus[GPUS];
};

static void make_node(struct node *n, const uint32_t *ids, unsigned count)
{
    *n = (struct node){0};
    n->inv.n_gpus = count;
    n->inv.gpus = n->gpus;
    for (unsigned i = 0; i < count; i++) {
        struct gpu *gpu = &n->gpus[i];

        gpu->index = i;
        gpu->device_id = ids[i];
        gpu->mig = geometry_table(&gpu->geometry, ids[i]) ? GPU_MIG_ON : GPU_MIG_NONE;
    }
}

/* An instance of a profile with one compute instance of `slices` slices for each of `computes`. */
static void add_instance(struct gpu *gpu, const char *profile, unsigned computes, unsigned slices)
{
    const struct gpu_profile *p = geometry_find(&gpu->geometry, profile);
    struct gpu_instance *gi = &gpu->instances[gpu->n_instances++];

    assert_non_null(p);
    gi->id = gpu->n_instances;
    gi->profile_id = p->id;
    gi->n_computes = computes;
    for (unsigned i = 0; i < computes; i++)
        gi->computes[i] = (struct gpu_compute){.id = i, .slices = slices};
}

static struct mig_file *parse(const char *text)
{
    struct mig_file *file = NULL;
    struct findings f;
    struct err e = {0};

    findings_init(&f, "made");
    if (mig_file_parse(&file, "made", text, strlen(text), &f, &e) < 0)
        fail_msg("%s\n%s", e.msg, text);
    assert_int_equal(f.count, 0);
    findings_done(&f);
    return file;
}

static struct mig_file *make_default(const struct node *n)
{
    OWN_MEM char *text = NULL;

    assert_int_equal(mig_file_default(&text, &n->inv, NULL), 0);
    return parse(text);
}

static struct mig_file *export(const struct node *n, bool json)
{
    struct mig_file *file;
    struct buf out;

    buf_init(&out, 1 << 16);
    assert_int_equal(mig_file_export(&out, &n->inv, "current", json, NULL), 0);
    file = parse(out.data);
    buf_done(&out);
    return file;
}

/* "1g.5gb:2 2g.10gb:1" */
static void entry_text(char *text, size_t size, const struct mig_entry *entry)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < entry->n_counts; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s:%u", i > 0 ? " " : "",
                                 entry->counts[i].profile, entry->counts[i].count);
}

static void has_entry(const struct mig_file *file, const char *name, size_t index,
                      const char *counts)
{
    const struct mig_config *config = NULL;
    struct err e = {0};
    char text[256];

    if (mig_file_find(&config, file, name, &e) < 0)
        fail_msg("%s", e.msg);
    assert_true(index < config->n_entries);
    entry_text(text, sizeof text, &config->entries[index]);
    assert_string_equal(text, counts);
    assert_true(config->entries[index].enabled);
}

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
            struct node n;
            size_t names = 0;

            make_node(&n, ids, 2);
            file = make_default(&n);
            for (; families[i].names[names][0]; names++)
                has_entry(file, families[i].names[names][0], 0, families[i].names[names][1]);
            has_entry(file, "all-enabled", 0, "");
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
    struct node n;

    (void)state;
    make_node(&n, ids, 5);
    file = make_default(&n);
    has_entry(file, "all-1g.10gb", 0, "1g.10gb:4");
    has_entry(file, "all-1g.10gb", 1, "1g.10gb:7");
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
    has_entry(file, "all-balanced", 2, "1g.6gb:2 2g.12gb:1");
}

static void boards_with_the_same_count_share_an_entry(void **state)
{
    static const uint32_t ids[] = {A100_80, H100};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    const struct mig_config *config = NULL;
    struct node n;

    (void)state;
    make_node(&n, ids, 2);
    file = make_default(&n);
    assert_int_equal(mig_file_find(&config, file, "all-1g.10gb", NULL), 0);
    assert_int_equal(config->n_entries, 1);
    assert_int_equal(config->entries[0].n_filters, 2);
}

static void balance_is_made_of_profiles_without_attributes(void **state)
{
    static const uint32_t ids[] = {RTX_PRO};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct gpu_geometry *g;
    struct node n;

    (void)state;
    make_node(&n, ids, 1);
    g = &n.gpus[0].geometry;
    for (unsigned i = 0; i < g->n_profiles / 2; i++) {
        struct gpu_profile moving = g->profiles[i];

        g->profiles[i] = g->profiles[g->n_profiles - 1 - i];
        g->profiles[g->n_profiles - 1 - i] = moving;
    }
    file = make_default(&n);
    has_entry(file, "all-balanced", 0, "1g.24gb:2 2g.48gb:1");
}

static void boards_without_mig_can_only_be_disabled(void **state)
{
    static const uint32_t ids[] = {T4, T4};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct node n;

    (void)state;
    make_node(&n, ids, 2);
    file = make_default(&n);
    assert_int_equal(file->n_configs, 1);
    assert_string_equal(file->configs[0].name, "all-disabled");
}

static void gpus_with_one_state_share_an_entry(void **state)
{
    static const uint32_t ids[] = {A100_40, A100_40};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct node n;

    make_node(&n, ids, 2);
    add_instance(&n.gpus[0], "1g.5gb", 1, 1);
    add_instance(&n.gpus[0], "3g.20gb", 1, 3);
    add_instance(&n.gpus[0], "1g.5gb", 1, 1);
    add_instance(&n.gpus[1], "3g.20gb", 1, 3);
    add_instance(&n.gpus[1], "1g.5gb", 1, 1);
    add_instance(&n.gpus[1], "1g.5gb", 1, 1);
    file = export(&n, *state != NULL);
    assert_int_equal(file->n_configs, 1);
    assert_int_equal(file->configs[0].n_entries, 1);
    assert_true(file->configs[0].entries[0].all_devices);
    assert_int_equal(file->configs[0].entries[0].n_filters, 0);
    has_entry(file, "current", 0, "1g.5gb:2 3g.20gb:1");
}

static void gpus_with_different_states_are_listed(void **state)
{
    static const uint32_t ids[] = {A100_40, A100_40, A100_40};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct node n;

    make_node(&n, ids, 3);
    n.gpus[1].mig = GPU_MIG_OFF;
    add_instance(&n.gpus[0], "1g.5gb+me", 1, 1);
    add_instance(&n.gpus[2], "1g.5gb+me", 1, 1);
    file = export(&n, *state != NULL);
    assert_int_equal(file->configs[0].n_entries, 2);
    assert_int_equal(file->configs[0].entries[0].n_devices, 2);
    assert_int_equal(file->configs[0].entries[0].devices[1], 2);
    assert_int_equal(file->configs[0].entries[0].n_filters, 0);
    has_entry(file, "current", 0, "1g.5gb+me:1");
    assert_false(file->configs[0].entries[1].enabled);
    assert_int_equal(file->configs[0].entries[1].devices[0], 1);
}

static void boards_that_differ_get_filters_in_an_export(void **state)
{
    static const uint32_t ids[] = {A100_40, A30, A30, T4};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    const struct mig_config *current;
    struct node n;

    make_node(&n, ids, 4);
    add_instance(&n.gpus[0], "7g.40gb", 1, 7);
    file = export(&n, *state != NULL);
    current = &file->configs[0];
    assert_int_equal(current->n_entries, 3);
    assert_int_equal(current->entries[0].filters[0].device, A100_40);
    assert_true(current->entries[0].all_devices);
    assert_int_equal(current->entries[1].filters[0].device, A30);
    assert_true(current->entries[1].all_devices && current->entries[1].enabled);
    assert_int_equal(current->entries[2].filters[0].device, T4);
    assert_false(current->entries[2].enabled);
}

static void one_state_on_different_boards_needs_no_filter(void **state)
{
    static const uint32_t ids[] = {A100_40, T4};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct node n;

    (void)state;
    make_node(&n, ids, 2);
    n.gpus[0].mig = GPU_MIG_OFF;
    file = export(&n, false);
    assert_int_equal(file->configs[0].n_entries, 1);
    assert_int_equal(file->configs[0].entries[0].n_filters, 0);
    assert_true(file->configs[0].entries[0].all_devices);
}

static void compute_instances_are_named_with_their_slices(void **state)
{
    static const uint32_t ids[] = {A100_40};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct node n;

    make_node(&n, ids, 1);
    add_instance(&n.gpus[0], "3g.20gb", 3, 1);
    add_instance(&n.gpus[0], "4g.20gb", 2, 2);
    file = export(&n, *state != NULL);
    has_entry(file, "current", 0, "1c.3g.20gb:3 2c.4g.20gb:2");
}

static void a_faulty_gpu_is_left_out_and_said(void **state)
{
    static const uint32_t ids[] = {A100_40, A100_40};
    struct mig_file *file;
    struct node n;
    struct buf out;
    struct err e = {0};

    (void)state;
    make_node(&n, ids, 2);
    (void)snprintf(n.gpus[1].fault, sizeof n.gpus[1].fault, "GPU is lost");
    buf_init(&out, 1 << 16);
    assert_int_equal(mig_file_export(&out, &n.inv, "current", false, &e), 0);
    assert_int_equal(strncmp(out.data, "# GPU 1 is left out: GPU is lost\n", 33), 0);
    file = parse(out.data);
    assert_int_equal(file->configs[0].entries[0].n_devices, 1);
    mig_file_free(file);
    buf_clear(&out);
    (void)snprintf(n.gpus[0].fault, sizeof n.gpus[0].fault, "GPU is lost");
    assert_int_equal(mig_file_export(&out, &n.inv, "current", false, &e), -ENODEV);
    assert_int_equal(mig_file_export(&out, &n.inv, "a b", false, &e), -EINVAL);
    buf_done(&out);
}

/* Any set of instances, seeded: what is exported and read again is what the GPUs have. */
static void an_export_reads_back_as_the_state(void **state)
{
    static const uint32_t ids[] = {A100_40, A100_80, A30, A100_40, T4};
    unsigned short seed[3] = {1, 2, 3};

    for (unsigned round = 0; round < 200; round++) {
        struct node n;
        unsigned devices = 0, found = 0;
        OWN(mig_file_freep) struct mig_file *file = NULL;

        make_node(&n, ids, 5);
        for (unsigned i = 0; i < 4; i++) {
            struct gpu *gpu = &n.gpus[i];

            if (nrand48(seed) % 4 == 0)
                gpu->mig = GPU_MIG_OFF;
            for (long k = gpu->mig == GPU_MIG_ON ? nrand48(seed) % 5 : 0; k > 0; k--) {
                long p = nrand48(seed) % gpu->geometry.n_profiles;

                add_instance(gpu, gpu->geometry.profiles[p].name, nrand48(seed) % 2 ? 1 : 2, 1);
                devices += gpu->instances[gpu->n_instances - 1].n_computes;
            }
        }
        file = export(&n, *state != NULL);
        for (size_t i = 0; i < file->configs[0].n_entries; i++) {
            const struct mig_entry *entry = &file->configs[0].entries[i];
            unsigned gpus = (unsigned)entry->n_devices, counts = 0;

            for (size_t k = 0; k < entry->n_counts; k++)
                counts += entry->counts[k].count;
            for (unsigned g = 0; entry->all_devices && g < 5; g++) {
                bool matches = entry->n_filters == 0;

                for (size_t k = 0; k < entry->n_filters; k++)
                    matches = matches || entry->filters[k].device == ids[g];
                gpus += matches;
            }
            found += gpus * counts;
        }
        assert_int_equal(found, devices);
    }
}

int main(void)
{
    static char json[] = "json";
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_board_has_the_names_of_the_original),
        cmocka_unit_test(boards_of_a_mixed_node_get_filters),
        cmocka_unit_test(boards_with_the_same_count_share_an_entry),
        cmocka_unit_test(balance_is_made_of_profiles_without_attributes),
        cmocka_unit_test(boards_without_mig_can_only_be_disabled),
        cmocka_unit_test(one_state_on_different_boards_needs_no_filter),
        cmocka_unit_test(gpus_with_one_state_share_an_entry),
        cmocka_unit_test(gpus_with_different_states_are_listed),
        cmocka_unit_test(boards_that_differ_get_filters_in_an_export),
        cmocka_unit_test(compute_instances_are_named_with_their_slices),
        cmocka_unit_test(a_faulty_gpu_is_left_out_and_said),
        cmocka_unit_test(an_export_reads_back_as_the_state),
        cmocka_unit_test_prestate(gpus_with_one_state_share_an_entry, json),
        cmocka_unit_test_prestate(gpus_with_different_states_are_listed, json),
        cmocka_unit_test_prestate(boards_that_differ_get_filters_in_an_export, json),
        cmocka_unit_test_prestate(an_export_reads_back_as_the_state, json),
    };

    return cmocka_run_group_tests_name("mig_file_default", tests, NULL, NULL);
}
