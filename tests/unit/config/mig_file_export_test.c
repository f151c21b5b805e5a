/* SPDX-License-Identifier: Apache-2.0 */
/* An export says what the GPUs are and reads back as that. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "boards.h"
#include "gpu/geometry.h"

static void gpus_with_one_state_share_an_entry(void **state)
{
    static const uint32_t ids[] = {A100_40, A100_40};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct boards n;

    boards_make(&n, ids, 2);
    boards_add(&n.gpus[0], "1g.5gb", 1, 1);
    boards_add(&n.gpus[0], "3g.20gb", 1, 3);
    boards_add(&n.gpus[0], "1g.5gb", 1, 1);
    boards_add(&n.gpus[1], "3g.20gb", 1, 3);
    boards_add(&n.gpus[1], "1g.5gb", 1, 1);
    boards_add(&n.gpus[1], "1g.5gb", 1, 1);
    file = boards_export(&n, *state != NULL);
    assert_int_equal(file->n_configs, 1);
    assert_int_equal(file->configs[0].n_entries, 1);
    assert_true(file->configs[0].entries[0].all_devices);
    assert_int_equal(file->configs[0].entries[0].n_filters, 0);
    boards_has_entry(file, "current", 0, "1g.5gb:2 3g.20gb:1");
}

static void gpus_with_different_states_are_listed(void **state)
{
    static const uint32_t ids[] = {A100_40, A100_40, A100_40};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct boards n;

    boards_make(&n, ids, 3);
    n.gpus[1].mig = GPU_MIG_OFF;
    boards_add(&n.gpus[0], "1g.5gb+me", 1, 1);
    boards_add(&n.gpus[2], "1g.5gb+me", 1, 1);
    file = boards_export(&n, *state != NULL);
    assert_int_equal(file->configs[0].n_entries, 2);
    assert_int_equal(file->configs[0].entries[0].n_devices, 2);
    assert_int_equal(file->configs[0].entries[0].devices[1], 2);
    assert_int_equal(file->configs[0].entries[0].n_filters, 0);
    boards_has_entry(file, "current", 0, "1g.5gb+me:1");
    assert_false(file->configs[0].entries[1].enabled);
    assert_int_equal(file->configs[0].entries[1].devices[0], 1);
}

static void boards_that_differ_get_filters_in_an_export(void **state)
{
    static const uint32_t ids[] = {A100_40, A30, A30, T4};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    const struct mig_config *current;
    struct boards n;

    boards_make(&n, ids, 4);
    boards_add(&n.gpus[0], "7g.40gb", 1, 7);
    file = boards_export(&n, *state != NULL);
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
    struct boards n;

    (void)state;
    boards_make(&n, ids, 2);
    n.gpus[0].mig = GPU_MIG_OFF;
    file = boards_export(&n, false);
    assert_int_equal(file->configs[0].n_entries, 1);
    assert_int_equal(file->configs[0].entries[0].n_filters, 0);
    assert_true(file->configs[0].entries[0].all_devices);
}

static void compute_instances_are_named_with_their_slices(void **state)
{
    static const uint32_t ids[] = {A100_40};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct boards n;

    boards_make(&n, ids, 1);
    boards_add(&n.gpus[0], "3g.20gb", 3, 1);
    boards_add(&n.gpus[0], "4g.20gb", 2, 2);
    file = boards_export(&n, *state != NULL);
    boards_has_entry(file, "current", 0, "1c.3g.20gb:3 2c.4g.20gb:2");
}

static void a_faulty_gpu_is_left_out_and_said(void **state)
{
    static const uint32_t ids[] = {A100_40, A100_40};
    struct mig_file *file;
    struct boards n;
    struct buf out;
    struct err e = {0};

    (void)state;
    boards_make(&n, ids, 2);
    (void)snprintf(n.gpus[1].fault, sizeof n.gpus[1].fault, "GPU is lost");
    buf_init(&out, 1 << 16);
    assert_int_equal(mig_file_export(&out, &n.inv, "current", false, &e), 0);
    assert_int_equal(strncmp(out.data, "# GPU 1 is left out: GPU is lost\n", 33), 0);
    file = boards_parse(out.data);
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
        struct boards n;
        unsigned devices = 0, found = 0;
        OWN(mig_file_freep) struct mig_file *file = NULL;

        boards_make(&n, ids, 5);
        for (unsigned i = 0; i < 4; i++) {
            struct gpu *gpu = &n.gpus[i];

            if (nrand48(seed) % 4 == 0)
                gpu->mig = GPU_MIG_OFF;
            for (long k = gpu->mig == GPU_MIG_ON ? nrand48(seed) % 5 : 0; k > 0; k--) {
                long p = nrand48(seed) % gpu->geometry.n_profiles;

                boards_add(gpu, gpu->geometry.profiles[p].name, nrand48(seed) % 2 ? 1 : 2, 1);
                devices += gpu->instances[gpu->n_instances - 1].n_computes;
            }
        }
        file = boards_export(&n, *state != NULL);
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

    return cmocka_run_group_tests_name("mig_file_export", tests, NULL, NULL);
}
