/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The door for events over the emulated driver, and over one that has none. Arguments: the
 * emulator's library, carve-emulator, a stand-in library without events.
 */
#include "test.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "door.h"
#include "gpu/driver_events.h"

enum { MAX_WORDS = 10 };

static const char *library, *control, *without;
static struct door door;
static struct driver_events events;
static char state_file[] = "/tmp/carve-events-XXXXXX";

/* carve-emulator with these words, which end with NULL. */
static void emulator(const char *verb, ...)
{
    const char *words[MAX_WORDS] = {control, verb};
    va_list args;
    pid_t pid;
    int status;

    va_start(args, verb);
    for (size_t i = 2; i < MAX_WORDS - 1 && (words[i] = va_arg(args, const char *)); i++)
        ;
    va_end(args);
    assert_int_equal(posix_spawn(&pid, control, NULL, NULL, (char **)(uintptr_t)words, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int start(void **state)
{
    struct err e = {0};
    int fd;

    (void)state;
    (void)memcpy(state_file + sizeof state_file - 7, "XXXXXX", 6);
    fd = mkstemp(state_file);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(truncate(state_file, 0), 0);
    (void)setenv("CARVE_EMULATOR_STATE", state_file, 1);
    door_make(&door, library);
    if (driver_events_open_nvml(&events, door.root, &e) < 0)
        fail_msg("%s", e.msg);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    driver_events_close(&events);
    door_remove(&door);
    (void)unlink(state_file);
    return 0;
}

static struct driver_event wait_event(void)
{
    struct driver_event event = {0};
    struct err e = {0};
    int r = events.wait(events.self, &event, 10000, &e);

    if (r != 1)
        fail_msg("%d %s", r, e.msg);
    return event;
}

static void nothing_happens(void **state)
{
    struct driver_event event;
    struct err e = {0};

    (void)state;
    assert_int_equal(events.n_gpus, 8);
    assert_int_equal(events.wait(events.self, &event, 1, &e), 0);
    driver_events_close(&events);
    driver_events_close(&events);
}

static void tells_of_xids(void **state)
{
    struct driver_event event;

    (void)state;
    emulator("xid", "3", "79", NULL);
    emulator("xid", "0", "94", "--gi", "5", "--ci", "1", NULL);
    event = wait_event();
    assert_int_equal(event.kind, DRIVER_EVENT_XID);
    assert_int_equal(event.xid, 79);
    assert_true(event.gi_id == -1 && event.ci_id == -1);
    assert_memory_equal(event.gpu_uuid, "GPU-", 4);
    event = wait_event();
    assert_int_equal(event.xid, 94);
    assert_true(event.gi_id == 5 && event.ci_id == 1);
}

static void a_lost_gpu_still_has_its_name(void **state)
{
    (void)state;
    emulator("lose", "2", NULL);
    assert_int_equal(wait_event().xid, 79);
}

static void a_lost_gpu_is_left_out(void **state)
{
    struct err e = {0};

    (void)state;
    driver_events_close(&events);
    emulator("lose", "2", NULL);
    assert_int_equal(driver_events_open_nvml(&events, door.root, &e), 0);
    assert_int_equal(events.n_gpus, 7);
}

static void all_gpus_lost(void **state)
{
    struct err e = {0};

    (void)state;
    driver_events_close(&events);
    for (char gpu[] = "0"; gpu[0] < '8'; gpu[0]++)
        emulator("lose", gpu, NULL);
    assert_int_equal(driver_events_open_nvml(&events, door.root, &e), -ENODEV);
    assert_non_null(strstr(e.msg, "GPU is lost"));
}

static void a_driver_that_goes_away(void **state)
{
    struct driver_event event;
    struct err e = {0};

    (void)state;
    emulator("unload", "on", NULL);
    assert_int_equal(events.wait(events.self, &event, 1, &e), -ENODEV);
    assert_non_null(strstr(e.msg, "driver not loaded"));
    driver_events_close(&events);
    assert_int_equal(driver_events_open_nvml(&events, door.root, &e), -ENODEV);
}

static void a_driver_without_events(void **state)
{
    struct err e = {0};

    (void)state;
    door_make(&door, without);
    assert_int_equal(driver_events_open_nvml(&events, door.root, &e), -ENOSYS);
    assert_non_null(strstr(e.msg, "no such function"));
    assert_int_equal(door.fake->open, 0);
    door_remove(&door);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
        TEST(nothing_happens),
        TEST(tells_of_xids),
        TEST(a_lost_gpu_still_has_its_name),
        TEST(a_lost_gpu_is_left_out),
        TEST(all_gpus_lost),
        TEST(a_driver_that_goes_away),
        cmocka_unit_test(a_driver_without_events),
    };

    if (argc != 4)
        return 2;
    library = argv[1];
    control = argv[2];
    without = argv[3];
    (void)setenv("CARVE_EMULATOR_NODE", "p4d.24xlarge", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
