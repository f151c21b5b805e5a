/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in table, NVIDIA's rule of names, finding and comparing. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/geometry.h"

enum { A100_40 = 0x20B010DE, A30 = 0x20B710DE, H200 = 0x233510DE, RTX_PRO_6000 = 0x2BB510DE };

static struct gpu_geometry board(uint32_t device_id)
{
    struct gpu_geometry g;

    assert_true(geometry_table(&g, device_id));
    return g;
}

static void table_has_all_boards(void **state)
{
    struct gpu_geometry g;
    unsigned count = 0;
    unsigned profiles = 0;

    (void)state;
    while (geometry_table_board(&g, count)) {
        assert_true(g.from_table);
        profiles += g.n_profiles;
        count++;
    }
    assert_int_equal(count, 21);
    assert_int_equal(profiles, 121);
}

static void knows_boards_by_any_of_their_ids(void **state)
{
    struct gpu_geometry g;

    (void)state;
    assert_true(geometry_table(&g, A100_40));
    assert_true(geometry_table(&g, 0x20BD10DE));
    assert_false(geometry_table(&g, 0x27B810DE)); /* L4 */
    assert_false(geometry_table(&g, 0));
    assert_false(geometry_table(&g, 0x2BB310DE)); /* in the table, but with unknown placements */
}

/* How many of a profile fit side by side. */
static unsigned room(const struct gpu_profile *p, unsigned axis)
{
    unsigned count = 0;

    for (unsigned start = 0; start < axis;) {
        if (p->span_starts >> start & 1) {
            count++;
            start += p->span_size;
        } else {
            start++;
        }
    }
    return count;
}

static void spans_are_legal_on_every_board(void **state)
{
    struct gpu_geometry g;

    (void)state;
    for (unsigned number = 0; geometry_table_board(&g, number); number++) {
        bool whole = g.n_profiles == 0;

        for (unsigned i = 0; i < g.n_profiles; i++) {
            const struct gpu_profile *p = &g.profiles[i];

            assert_in_range(p->span_size, 1, g.axis);
            assert_int_not_equal(p->span_starts, 0);
            for (unsigned start = 0; start < 16; start++)
                if (p->span_starts >> start & 1)
                    assert_in_range(start + p->span_size, 1, g.axis);
            assert_in_range(p->max_instances, 1, room(p, g.axis));
            whole |= p->span_size == g.axis;
        }
        assert_true(whole);
    }
}

static void axis_is_that_of_the_class(void **state)
{
    (void)state;
    assert_int_equal(board(A100_40).axis, 8);
    assert_int_equal(board(A30).axis, 4);
    assert_int_equal(board(RTX_PRO_6000).axis, 12);
}

static void names_parse_and_ids_are_unique_on_every_board(void **state)
{
    static const char *const attributes[] = {"", "+me", "+me.all", "+gfx", "-me"};
    struct gpu_geometry g;

    (void)state;
    for (unsigned number = 0; geometry_table_board(&g, number); number++)
        for (unsigned i = 0; i < g.n_profiles; i++) {
            const struct gpu_profile *p = &g.profiles[i];
            unsigned slices;
            unsigned gb;
            int end = 0;
            bool known = false;

            assert_int_equal(sscanf(p->name, "%ug.%ugb%n", &slices, &gb, &end), 2);
            assert_int_equal(slices, p->slices);
            for (size_t a = 0; a < sizeof attributes / sizeof attributes[0]; a++)
                known |= strcmp(p->name + end, attributes[a]) == 0;
            assert_true(known);
            assert_ptr_equal(geometry_find(&g, p->name), p);
            assert_ptr_equal(geometry_find_id(&g, p->id), p);
        }
}

static void profiles_are_in_order_of_slices_span_and_name(void **state)
{
    static const char *const order[] = {"1g.5gb",  "1g.5gb+me", "1g.10gb", "2g.10gb",
                                        "3g.20gb", "4g.20gb",   "7g.40gb"};
    static const unsigned ids[] = {19, 20, 15, 14, 9, 5, 0};
    struct gpu_geometry g = board(A100_40);

    (void)state;
    assert_int_equal(g.n_profiles, 7);
    for (unsigned i = 0; i < 7; i++) {
        assert_string_equal(g.profiles[i].name, order[i]);
        assert_int_equal(g.profiles[i].id, ids[i]);
    }
}

static void finds_profiles_by_resource_name_too(void **state)
{
    struct gpu_geometry g = board(A100_40);
    struct gpu_geometry rtx = board(RTX_PRO_6000);

    (void)state;
    assert_string_equal(geometry_find(&g, "1g.5gb.me")->name, "1g.5gb+me");
    assert_string_equal(geometry_find(&rtx, "1g.24gb.me.all")->name, "1g.24gb+me.all");
    assert_string_equal(geometry_find(&rtx, "1g.24gb-me")->name, "1g.24gb-me");
    assert_null(geometry_find(&g, "1g.5gb.m"));
    assert_null(geometry_find(&g, "1g+5gb"));
    assert_null(geometry_find(&g, "1g.5g"));
    assert_null(geometry_find(&g, "1g.6gb"));
    assert_null(geometry_find(&g, ""));
    assert_null(geometry_find_id(&g, 3));
}

static void unknown_numbers_are_marked(void **state)
{
    struct gpu_geometry b200 = board(0x290110DE);
    struct gpu_geometry a100 = board(A100_40);

    (void)state;
    assert_int_equal(geometry_find(&a100, "1g.5gb")->unknown, 0);
    assert_int_equal(geometry_find(&a100, "1g.5gb")->decoders, 0);
    assert_int_equal(geometry_find(&b200, "7g.180gb")->unknown,
                     GPU_NUMBER_DECODE | GPU_NUMBER_JPEG | GPU_NUMBER_MEM);
    assert_int_equal(geometry_find(&b200, "7g.180gb")->copy_engines, 16);
}

static void rule_gives_the_names_of_boards(void **state)
{
    static const struct {
        uint32_t device_id;
        uint64_t mem_mib;
    } boards[] = {{A100_40, 40960},     {0x20B210DE, 81920}, {A30, 24576},
                  {0x233010DE, 81559},  {0x232110DE, 95830}, {H200, 143771},
                  {RTX_PRO_6000, 97887}};

    (void)state;
    for (size_t i = 0; i < sizeof boards / sizeof boards[0]; i++) {
        struct gpu_geometry g = board(boards[i].device_id);

        for (unsigned j = 0; j < g.n_profiles; j++) {
            char name[GPU_PROFILE_NAME_SIZE];

            geometry_name(name, &g.profiles[j], boards[i].mem_mib << 20);
            assert_string_equal(name, g.profiles[j].name);
        }
    }
}

static void rule_survives_unknown_memory(void **state)
{
    struct gpu_profile p = {.slices = 1, .mem_mib = 100};
    char name[GPU_PROFILE_NAME_SIZE];

    (void)state;
    geometry_name(name, &p, 0);
    assert_string_equal(name, "1g.0gb");
}

static void counts_of_a30_are_corrected(void **state)
{
    struct gpu_geometry g = board(A30);
    struct gpu_geometry other = board(A100_40);

    (void)state;
    for (unsigned i = 0; i < g.n_profiles; i++)
        g.profiles[i].max_instances = 9;
    other.profiles[0].max_instances = 9;
    geometry_correct(&g, A30);
    geometry_correct(&other, A100_40);
    assert_int_equal(geometry_find(&g, "1g.6gb")->max_instances, 4);
    assert_int_equal(geometry_find(&g, "2g.12gb+me")->max_instances, 1);
    assert_int_equal(other.profiles[0].max_instances, 9);
}

/* Differences as they come, one a line. */
struct heard {
    char text[4096];
};

static void hear(void *self, const char *words)
{
    struct heard *h = self;
    size_t used = strlen(h->text);

    (void)snprintf(h->text + used, sizeof h->text - used, "%s\n", words);
}

static void equal_geometries_have_no_differences(void **state)
{
    struct gpu_geometry g = board(H200);
    struct gpu_geometry told = g;
    struct heard h = {0};

    (void)state;
    told.profiles[0].mem_mib += told.profiles[0].mem_mib / 51;
    assert_int_equal(geometry_compare(&told, &g, hear, &h), 0);
    assert_string_equal(h.text, "");
}

static void unknown_numbers_are_not_compared(void **state)
{
    struct gpu_geometry h20 = board(0x232910DE);
    struct gpu_geometry told = h20;
    struct heard h = {0};

    (void)state;
    for (unsigned i = 0; i < told.n_profiles; i++) {
        told.profiles[i].unknown = 0;
        told.profiles[i].mem_mib = 12345;
        told.profiles[i].decoders = 3;
    }
    assert_int_equal(geometry_compare(&told, &h20, hear, &h), 0);
}

static void every_difference_is_told_in_words(void **state)
{
    struct gpu_geometry table = board(A100_40);
    struct gpu_geometry told = table;
    struct heard h = {0};
    struct gpu_profile *p = &told.profiles[0];

    (void)state;
    p->id = 1;
    p->index = 2;
    p->slices = 3;
    p->max_instances = 4;
    p->sm_count = 5;
    p->copy_engines = 6;
    p->decoders = 7;
    p->encoders = 8;
    p->jpeg_engines = 9;
    p->ofa_engines = 10;
    p->mem_mib = 11;
    p->span_size = 12;
    p->span_starts = 13;
    told.n_profiles--; /* 7g.40gb is last */
    (void)snprintf(told.profiles[1].name, sizeof told.profiles[1].name, "1g.9gb");
    assert_int_equal(geometry_compare(&told, &table, hear, &h), 16);
    assert_non_null(strstr(h.text, "profile 1g.5gb: driver says 4 instances, table 7\n"));
    assert_non_null(strstr(h.text, "profile 1g.5gb: driver says 11 MiB, table 4864\n"));
    assert_non_null(strstr(h.text, "driver says placements 0xd"));
    assert_non_null(strstr(h.text, "profile 7g.40gb: the driver does not have it\n"));
    assert_non_null(strstr(h.text, "profile 1g.5gb+me: the driver does not have it\n"));
    assert_non_null(strstr(h.text, "profile 1g.9gb: the table does not have it\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_has_all_boards),
        cmocka_unit_test(knows_boards_by_any_of_their_ids),
        cmocka_unit_test(spans_are_legal_on_every_board),
        cmocka_unit_test(axis_is_that_of_the_class),
        cmocka_unit_test(names_parse_and_ids_are_unique_on_every_board),
        cmocka_unit_test(profiles_are_in_order_of_slices_span_and_name),
        cmocka_unit_test(finds_profiles_by_resource_name_too),
        cmocka_unit_test(unknown_numbers_are_marked),
        cmocka_unit_test(rule_gives_the_names_of_boards),
        cmocka_unit_test(rule_survives_unknown_memory),
        cmocka_unit_test(counts_of_a30_are_corrected),
        cmocka_unit_test(equal_geometries_have_no_differences),
        cmocka_unit_test(unknown_numbers_are_not_compared),
        cmocka_unit_test(every_difference_is_told_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
