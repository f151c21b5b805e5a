/* SPDX-License-Identifier: Apache-2.0 */
/* Every value that somebody is told of makes a difference. */
#include "agent/inventory_same.h"

#include <string.h>

#include "test.h"

#include "gpu/gpu.h"

struct node {
    struct gpu_process process;
    struct gpu gpu;
    struct gpu_link link;
    struct inventory inventory;
};

static void fill(struct node *n)
{
    *n = (struct node){
        .process = {.pid = 7, .gi_id = -1, .ci_id = -1},
        .gpu = {.uuid = "GPU-a",
                .bus_id = "0000:10:1c.0",
                .n_instances = 1,
                .instances = {{.n_computes = 1, .computes = {{.uuid = "MIG-b"}}}},
                .n_processes = 1,
                .processes = &n->process},
        .inventory = {.driver_version = "580", .n_gpus = 1, .gpus = &n->gpu, .links = &n->link},
    };
}

static struct node a, b;

#define CHANGE(what)                                                                               \
    do {                                                                                           \
        fill(&b);                                                                                  \
        assert_true(inventory_same(&a.inventory, &b.inventory));                                   \
        (what);                                                                                    \
        assert_false(inventory_same(&a.inventory, &b.inventory));                                  \
    } while (0)

static void sees_every_change(void **state)
{
    (void)state;
    fill(&a);
    CHANGE(b.inventory.driver_version[0] = '6');
    CHANGE(b.inventory.n_gpus = 0);
    CHANGE(b.gpu.uuid[0] = 'x');
    CHANGE(b.gpu.fault[0] = 'x');
    CHANGE(b.gpu.recovery = GPU_RECOVERY_RESET);
    CHANGE(b.gpu.minor = 1);
    CHANGE(b.gpu.bus_id[0] = '1');
    CHANGE(b.gpu.numa_node = 1);
    CHANGE(b.gpu.clique[0] = '1');
    CHANGE(b.gpu.mig = GPU_MIG_ON);
    CHANGE(b.gpu.mig_pending = GPU_MIG_ON);
    CHANGE(b.gpu.mem_used_bytes = 1);
    CHANGE(b.gpu.geometry.n_profiles = 1);
    CHANGE(b.gpu.n_instances = 0);
    CHANGE(b.gpu.instances[0].id = 1);
    CHANGE(b.gpu.instances[0].profile_id = 1);
    CHANGE(b.gpu.instances[0].span.start = 1);
    CHANGE(b.gpu.instances[0].span.size = 1);
    CHANGE(b.gpu.instances[0].n_computes = 0);
    CHANGE(b.gpu.instances[0].computes[0].id = 1);
    CHANGE(b.gpu.instances[0].computes[0].slices = 1);
    CHANGE(b.gpu.instances[0].computes[0].device_index = 1);
    CHANGE(b.gpu.instances[0].computes[0].uuid[0] = 'x');
    CHANGE(b.gpu.n_processes = 0);
    CHANGE(b.process.pid = 8);
    CHANGE(b.process.gi_id = 0);
    CHANGE(b.process.ci_id = 0);
    CHANGE(b.process.mem_bytes = 1);
    CHANGE(b.link.level = 1);
    CHANGE(b.link.nvlinks = 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sees_every_change)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
