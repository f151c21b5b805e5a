/* SPDX-License-Identifier: Apache-2.0 */
/* Who stands in the way of a MIG wish: exactly those whose slices must go, on all GPUs. */
#include "gateway/mig_block.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../plan/boards.h"
#include "base/err.h"
#include "node/node_holders.h"
#include "test.h"

enum { N_GPUS = 2 };

static const char file_text[] =
    "version: v1\n"
    "mig-configs:\n"
    "  off: [{devices: all, mig-enabled: false}]\n"
    "  small: [{devices: all, mig-enabled: true, mig-devices: {1g.5gb: 7}}]\n"
    "  half: [{devices: [0], mig-enabled: true, mig-devices: {3g.20gb: 2}}]\n"
    "  same: [{devices: all, mig-enabled: true, mig-devices: {3g.20gb: 1, 1g.5gb: 2}}]\n";

static struct gpu gpus[N_GPUS];
static struct gpu_process processes[N_GPUS][4];
static struct inventory inv;
static struct node_holder items[16];
static struct node_holders holders;

/* Both GPUs: 3g.20gb at 4, 1g.5gb at 0 and 1. */
static int set_up(void **state)
{
    static const struct {
        const char *profile;
        uint8_t start;
    } made[] = {{"3g.20gb", 4}, {"1g.5gb", 0}, {"1g.5gb", 1}};

    (void)state;
    memset(&inv, 0, sizeof inv);
    memset(items, 0, sizeof items);
    for (unsigned g = 0; g < N_GPUS; g++) {
        struct gpu *gpu = &gpus[g];

        *gpu = board_a100();
        gpu->index = g;
        (void)snprintf(gpu->uuid, sizeof gpu->uuid, "GPU-%u", g);
        gpu->processes = processes[g];
        for (unsigned i = 0; i < 3; i++) {
            const struct gpu_profile *p = board_profile(gpu, made[i].profile);
            struct gpu_instance *gi = &gpu->instances[gpu->n_instances++];

            *gi = (struct gpu_instance){
                .id = i + 1,
                .profile_id = p->id,
                .span = {.start = made[i].start, .size = p->span_size},
                .n_computes = 1,
                .computes = {{.slices = p->slices}},
            };
            (void)snprintf(gi->computes[0].uuid, sizeof gi->computes[0].uuid, "MIG-%u-%u", g, i);
        }
    }
    inv.n_gpus = N_GPUS;
    inv.gpus = gpus;
    holders = (struct node_holders){.items = items};
    return 0;
}

static void hold(unsigned gpu, const char *device, const char *pod, uint32_t pid)
{
    static struct gpu_process process[16];
    struct node_holder *h = &items[holders.count];

    process[holders.count] = (struct gpu_process){.pid = pid, .gi_id = -1, .ci_id = -1};
    *h = (struct node_holder){
        .namespace = pod ? "team" : "",
        .pod = pod ? pod : "",
        .container = pod ? "main" : "",
        .resource = "",
        .slice = device,
        .gpu = gpu,
        .device = device,
        .profile = "",
        .n_processes = pid ? 1 : 0,
        .processes = pid ? &process[holders.count] : NULL,
        .process_names = pid ? "train" : "",
    };
    holders.count++;
}

static struct mig_block *find(const char *config)
{
    const struct mig_block_wish wish = {.file = "f", .text = file_text, .config = config};
    struct mig_block *b = NULL;
    struct err e = {0};

    if (mig_block_find(&b, &inv, &wish, &holders, &e) != 0)
        fail_msg("%s", e.msg);
    print_message("%s: %s\n", config, b->words);
    return b;
}

static bool has(const struct mig_block *b, const char *pod)
{
    for (size_t i = 0; i < b->n_pods; i++)
        if (strcmp(b->pods[i].name, pod) == 0 && strcmp(b->pods[i].namespace, "team") == 0)
            return true;
    return false;
}

static void nobody_is_in_the_way_of_what_is_so_already(void **state)
{
    OWN(mig_block_freep) struct mig_block *b = NULL;

    (void)state;
    hold(0, "MIG-0-0", "a", 0);
    hold(1, "MIG-1-2", "b", 0);
    b = find("same");
    assert_int_equal(b->n_pods + b->n_others, 0);
    assert_string_equal(b->words, "");
}

static void names_only_those_whose_slices_must_go(void **state)
{
    OWN(mig_block_freep) struct mig_block *b = NULL;

    (void)state;
    hold(0, "MIG-0-0", "large0", 0); /* 3g.20gb stays in no layout of small ones */
    hold(0, "MIG-0-1", "small0", 0); /* stays */
    hold(1, "MIG-1-0", "large1", 0);
    hold(1, "MIG-1-2", "small1", 0);
    b = find("small");
    assert_int_equal(b->n_pods, 2);
    assert_true(has(b, "large0") && has(b, "large1"));
    assert_int_equal(b->n_others, 0);
    assert_non_null(strstr(b->words, "GPU 0: pod team/large0, container main"));
    assert_non_null(strstr(b->words, "GPU 1: pod team/large1, container main"));
}

static void leaves_gpus_alone_that_the_wish_leaves_alone(void **state)
{
    OWN(mig_block_freep) struct mig_block *b = NULL;

    (void)state;
    hold(0, "MIG-0-1", "small0", 0);
    hold(1, "MIG-1-1", "small1", 0);
    b = find("half");
    assert_int_equal(b->n_pods, 1);
    assert_true(has(b, "small0"));
}

static void a_pod_is_evicted_once_whatever_it_holds(void **state)
{
    OWN(mig_block_freep) struct mig_block *b = NULL;

    (void)state;
    hold(0, "MIG-0-1", "a", 0);
    hold(0, "MIG-0-2", "a", 0);
    b = find("half");
    assert_int_equal(b->n_pods, 1);
}

static void a_mode_change_is_blocked_by_all_on_the_gpu(void **state)
{
    OWN(mig_block_freep) struct mig_block *b = NULL;

    (void)state;
    hold(0, "MIG-0-0", "a", 0);
    hold(0, "MIG-0-2", "b", 0);
    hold(1, "GPU-1", NULL, 4711);
    processes[1][0] = (struct gpu_process){.pid = 4711, .gi_id = -1, .ci_id = -1};
    gpus[1].n_processes = 1;
    b = find("off");
    assert_true(has(b, "a") && has(b, "b"));
    assert_int_equal(b->n_others, 1);
    assert_non_null(strstr(b->words, "process 4711 (train)"));
}

static void who_is_not_named_is_told_of(void **state)
{
    OWN(mig_block_freep) struct mig_block *b = NULL;

    (void)state;
    gpus[0].n_processes_left_out = 3;
    b = find("half");
    assert_int_equal(b->n_pods, 0);
    assert_int_equal(b->n_others, 1);
    assert_non_null(strstr(b->words, "GPU 0: in use by a process that the driver does not name"));
}

static void passes_on_what_is_wrong_with_the_wish(void **state)
{
    const struct mig_block_wish wish = {.file = "f", .text = file_text, .config = "smalls"};
    const struct mig_block_wish broken = {.file = "f", .text = "a: [", .config = "small"};
    struct mig_block *b = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(mig_block_find(&b, &inv, &wish, &holders, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "did you mean 'small'"));
    assert_int_equal(mig_block_find(&b, &inv, &broken, &holders, &e), -EINVAL);
    assert_null(b);
}

static void counts_holders_beyond_what_a_message_holds(void **state)
{
    OWN(mig_block_freep) struct mig_block *b = NULL;
    static char names[16][128];

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        memset(names[i], 'x', 100);
        (void)snprintf(names[i] + 100, 28, "%u", i);
        hold(0, "MIG-0-1", names[i], 0);
    }
    b = find("half");
    assert_int_equal(b->n_pods, 16);
    assert_non_null(strstr(b->words, " more"));
    assert_true(strlen(b->words) < 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(nobody_is_in_the_way_of_what_is_so_already, set_up),
        cmocka_unit_test_setup(names_only_those_whose_slices_must_go, set_up),
        cmocka_unit_test_setup(leaves_gpus_alone_that_the_wish_leaves_alone, set_up),
        cmocka_unit_test_setup(a_pod_is_evicted_once_whatever_it_holds, set_up),
        cmocka_unit_test_setup(a_mode_change_is_blocked_by_all_on_the_gpu, set_up),
        cmocka_unit_test_setup(who_is_not_named_is_told_of, set_up),
        cmocka_unit_test_setup(passes_on_what_is_wrong_with_the_wish, set_up),
        cmocka_unit_test_setup(counts_holders_beyond_what_a_message_holds, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
