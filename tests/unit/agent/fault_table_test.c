/* SPDX-License-Identifier: Apache-2.0 */
/* The table of faults on inventories made by hand: what touches what, and every end of a fault. */
#include "test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/fault_file.h"
#include "agent/fault_table.h"
#include "base/err.h"
#include "base/file.h"
#include "base/text.h"
#include "gpu/driver_events.h"
#include "slice/resource.h"

enum { MINUTE_MS = 60000 };

static struct gpu gpus[2];
static struct inventory inv = {.n_gpus = 2, .gpus = gpus};
static struct fault_table table;
static const struct fault_time start = {.wall_s = 1700000000, .boot_ms = 5000};

/* GPU 0 whole; GPU 1 with MIG: instance 3 with computes 0 and 1, instance 4 with compute 0. */
static int set_up(void **state)
{
    (void)state;
    memset(gpus, 0, sizeof gpus);
    gpus[1].index = 1;
    (void)TEXT_COPY(gpus[0].uuid, "GPU-a");
    (void)TEXT_COPY(gpus[1].uuid, "GPU-b");
    gpus[0].mig = GPU_MIG_OFF;
    gpus[1].mig = GPU_MIG_ON;
    gpus[0].recovery = gpus[1].recovery = GPU_RECOVERY_NONE;
    gpus[1].n_instances = 2;
    gpus[1].instances[0] = (struct gpu_instance){.id = 3, .n_computes = 2};
    gpus[1].instances[1] = (struct gpu_instance){.id = 4, .n_computes = 1};
    gpus[1].instances[0].computes[1].id = 1;
    (void)TEXT_COPY(gpus[1].instances[0].computes[0].uuid, "MIG-30");
    (void)TEXT_COPY(gpus[1].instances[0].computes[1].uuid, "MIG-31");
    (void)TEXT_COPY(gpus[1].instances[1].computes[0].uuid, "MIG-40");
    fault_table_done(&table);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fault_table_done(&table);
    return 0;
}

static struct fault *add(const char *uuid, uint64_t xid, int gi, int ci)
{
    struct driver_event event = {.kind = DRIVER_EVENT_XID, .gi_id = gi, .ci_id = ci, .xid = xid};
    bool is_new;

    (void)TEXT_COPY(event.gpu_uuid, uuid);
    return fault_table_add(&table, &inv, &event, 1, start, &is_new);
}

static bool touches(const struct fault *f, unsigned gpu, int gi, int ci)
{
    const struct resource_device d = {.gpu = gpu, .gi_id = gi, .ci_id = ci};

    return fault_touches(f, &inv, &d);
}

static enum fault_end judged(const struct fault *f, uint64_t after_ms)
{
    return fault_table_judge(f, &inv, MINUTE_MS, start.boot_ms + after_ms);
}

static void touches_what_it_names(void **state)
{
    const struct fault *f = add("GPU-b", 94, 3, 1);

    (void)state;
    assert_true(touches(f, 1, 3, 1));
    assert_false(touches(f, 1, 3, 0) || touches(f, 1, 4, 1) || touches(f, 0, -1, -1));
    f = add("GPU-b", 94, 3, -1);
    assert_true(touches(f, 1, 3, 0) && touches(f, 1, 3, 1));
    assert_false(touches(f, 1, 4, 0));
    f = add("GPU-b", 94, -1, -1);
    assert_true(touches(f, 1, 3, 0) && touches(f, 1, 4, 0));
    assert_false(touches(f, 0, -1, -1));
    /* A fault of the whole GPU, whatever the driver names. */
    f = add("GPU-b", 79, 3, 0);
    assert_true(touches(f, 1, 4, 0));
    /* Ids make no sense without MIG. */
    f = add("GPU-a", 94, 3, 0);
    assert_true(touches(f, 0, -1, -1));
    assert_null(add("GPU-c", 79, -1, -1));
}

static void counts_the_same(void **state)
{
    struct driver_event event = {.kind = DRIVER_EVENT_XID, .gi_id = -1, .ci_id = -1, .xid = 95};
    struct fault_time later = {.wall_s = start.wall_s + 9, .boot_ms = start.boot_ms + 9000};
    struct fault *f;
    bool is_new;

    (void)state;
    (void)TEXT_COPY(event.gpu_uuid, "GPU-a");
    f = fault_table_add(&table, &inv, &event, 3, start, &is_new);
    assert_true(is_new);
    f = fault_table_add(&table, &inv, &event, UINT32_MAX - 3, later, &is_new);
    assert_false(is_new);
    assert_int_equal(f->count, UINT32_MAX);
    f = fault_table_add(&table, &inv, &event, 1, later, &is_new);
    assert_int_equal(f->count, UINT32_MAX);
    assert_int_equal(f->since_s, start.wall_s);
    assert_int_equal(f->last_ms, later.boot_ms);
    assert_int_equal(table.count, 1);
}

static void is_bounded(void **state)
{
    (void)state;
    for (uint64_t xid = 1000; xid < 2000; xid++)
        assert_non_null(add("GPU-b", xid, 3, 0));
    assert_int_equal(table.count, FAULT_TABLE_PER_GPU);
    assert_int_equal(table.faults[table.count - 1].kind, FAULT_MANY);
    assert_true(touches(&table.faults[table.count - 1], 1, 4, 0));
    assert_int_equal(add("GPU-a", 79, -1, -1)->count, 1);
}

static void passes_with_time(void **state)
{
    const struct fault *f = add("GPU-a", 94, -1, -1);

    (void)state;
    assert_int_equal(judged(f, MINUTE_MS - 1), FAULT_GOES_ON);
    assert_int_equal(judged(f, MINUTE_MS), FAULT_PASSED);
    /* The driver asks for nothing, so a worse one passes too. */
    f = add("GPU-a", 48, -1, -1);
    assert_int_equal(judged(f, MINUTE_MS), FAULT_PASSED);
    gpus[0].recovery = GPU_RECOVERY_UNKNOWN;
    assert_int_equal(judged(f, 100 * MINUTE_MS), FAULT_GOES_ON);
}

static void ends_as_the_driver_says(void **state)
{
    const struct fault *f = add("GPU-a", 48, -1, -1);

    (void)state;
    gpus[0].recovery = GPU_RECOVERY_RESET;
    assert_true(fault_table_look(&table, &inv, start));
    assert_false(fault_table_look(&table, &inv, start));
    assert_int_equal(table.count, 1);
    assert_true(f->confirmed);
    assert_int_equal(judged(f, 100 * MINUTE_MS), FAULT_GOES_ON);
    assert_int_equal(fault_needs(f, &inv), NODE_FAULT_RESET);
    gpus[0].recovery = GPU_RECOVERY_REBOOT;
    assert_int_equal(fault_needs(f, &inv), NODE_FAULT_REBOOT);
    gpus[0].recovery = GPU_RECOVERY_NONE;
    assert_int_equal(judged(f, 0), FAULT_WELL);
}

static void a_lost_gpu(void **state)
{
    struct node_fault told;

    (void)state;
    (void)TEXT_COPY(gpus[0].fault, "GPU is lost");
    assert_true(fault_table_look(&table, &inv, start));
    assert_int_equal(table.faults[0].kind, FAULT_SILENT);
    fault_tell(&told, &table.faults[0], &inv);
    assert_string_equal(told.what, "GPU is lost");
    assert_int_equal(told.needs, NODE_FAULT_REBOOT);
    assert_true(touches(&table.faults[0], 0, -1, -1));
    assert_int_equal(judged(&table.faults[0], 100 * MINUTE_MS), FAULT_GOES_ON);
    gpus[0].fault[0] = '\0';
    assert_int_equal(judged(&table.faults[0], 0), FAULT_WELL);
}

static void a_gpu_that_never_said_who_it_is(void **state)
{
    (void)state;
    gpus[0].uuid[0] = '\0';
    (void)TEXT_COPY(gpus[0].fault, "GPU is lost");
    assert_true(fault_table_look(&table, &inv, start));
    assert_string_equal(table.faults[0].gpu_uuid, "unknown-0");
    assert_int_equal(judged(&table.faults[0], 0), FAULT_GOES_ON);
    gpus[0].fault[0] = '\0';
    (void)TEXT_COPY(gpus[0].uuid, "GPU-a");
    assert_int_equal(judged(&table.faults[0], 0), FAULT_WELL);
}

static void a_gpu_that_is_listed_no_more(void **state)
{
    const struct fault *f = add("GPU-a", 94, -1, -1);

    (void)state;
    (void)TEXT_COPY(gpus[0].uuid, "GPU-other");
    assert_true(fault_table_look(&table, &inv, start));
    assert_int_equal(judged(f, 100 * MINUTE_MS), FAULT_GOES_ON);
    (void)TEXT_COPY(gpus[0].uuid, "GPU-a");
    assert_int_equal(judged(f, 0), FAULT_WELL);
}

static void goes_with_its_mig_device(void **state)
{
    const struct fault *f = add("GPU-b", 48, 4, 0);

    (void)state;
    assert_int_equal(judged(f, 0), FAULT_GOES_ON);
    (void)TEXT_COPY(gpus[1].instances[1].computes[0].uuid, "MIG-new");
    assert_int_equal(judged(f, 0), FAULT_REMOVED);
    gpus[1].n_instances = 1;
    assert_int_equal(judged(f, 0), FAULT_REMOVED);
    /* A GPU that does not answer tells nothing of its instances. */
    (void)TEXT_COPY(gpus[1].fault, "GPU is lost");
    assert_int_equal(judged(f, 0), FAULT_GOES_ON);
}

static void a_reset_ends_what_it_can(void **state)
{
    (void)state;
    (void)add("GPU-a", 48, -1, -1);
    (void)add("GPU-a", 94, -1, -1);
    (void)add("GPU-a", 79, -1, -1);
    (void)add("GPU-b", 48, -1, -1);
    assert_true(fault_table_reset(&table, "GPU-a"));
    assert_int_equal(table.count, 2);
    assert_int_equal(table.faults[0].xid, 79);
    assert_string_equal(table.faults[1].gpu_uuid, "GPU-b");
    assert_false(fault_table_reset(&table, "GPU-a"));
}

static void is_kept_over_a_restart(void **state)
{
    char path[] = "/tmp/carve-faults-XXXXXX";
    struct fault_table again = {0};
    struct err e = {0};
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    (void)add("GPU-b", 48, 4, 0);
    (void)add("GPU-b", 94, 3, -1);
    (void)add("GPU-a", 79, -1, -1);
    gpus[0].recovery = GPU_RECOVERY_RESET;
    (void)fault_table_look(&table, &inv, start);
    assert_int_equal(fault_file_write(&table, path, "boot-1", &e), 0);
    assert_int_equal(fault_file_read(&again, path, "boot-2", &e), 0);
    assert_int_equal(again.count, 0);
    assert_int_equal(fault_file_read(&again, path, "boot-1", &e), 0);
    assert_int_equal(again.count, table.count);
    for (size_t i = 0; i < again.count; i++)
        assert_memory_equal(&again.faults[i], &table.faults[i], sizeof again.faults[i]);
    (void)unlink(path);
    assert_int_equal(fault_file_read(&again, path, "boot-1", &e), 0);
    fault_table_done(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(touches_what_it_names),
        TEST(counts_the_same),
        TEST(is_bounded),
        TEST(passes_with_time),
        TEST(ends_as_the_driver_says),
        TEST(a_lost_gpu),
        TEST(a_gpu_that_never_said_who_it_is),
        TEST(a_gpu_that_is_listed_no_more),
        TEST(goes_with_its_mig_device),
        TEST(a_reset_ends_what_it_can),
        TEST(is_kept_over_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
