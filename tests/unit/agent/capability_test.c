/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel module's files about capability nodes, whole and broken. */
#include "agent/capability.h"

#include <errno.h>
#include <string.h>

#include "test.h"

#include "base/err.h"
#include "scratch.h"

static int open_scratch(void **state)
{
    static struct scratch s;

    scratch_open(&s);
    *state = &s;
    return 0;
}

static int close_scratch(void **state)
{
    scratch_close(*state);
    return 0;
}

static const struct capability of_gi = {1, 9, -1}, of_ci = {1, 9, 2};

static void reads_what_exists(void **state)
{
    const struct scratch *s = *state;
    struct capability_node node;
    struct err e = {0};

    scratch_put(s, "driver/nvidia/capabilities/gpu1/mig/gi9/access",
                "DeviceFileMinor: 219\nDeviceFileMode: 256\nDeviceFileModify: 1\n");
    scratch_put(s, "driver/nvidia/capabilities/gpu1/mig/gi9/ci2/access", "DeviceFileMinor: 222\n");
    scratch_put(s, "driver/nvidia-caps/mig-minors", "gpu1/gi9/access 1\ngpu1/gi9/ci2/access 2\n");
    assert_int_equal(capability_find(&node, &of_gi, s->folder, &e), 0);
    assert_int_equal(node.minor, 219);
    assert_int_equal(node.mode, 0400);
    assert_int_equal(capability_find(&node, &of_ci, s->folder, &e), 0);
    assert_int_equal(node.minor, 222);
    assert_int_equal(node.mode, 0444);
}

static void falls_back_on_the_table(void **state)
{
    const struct scratch *s = *state;
    struct capability_node node;
    struct err e = {0};

    scratch_put(s, "driver/nvidia-caps/mig-minors",
                "config 1\nmonitor 2\ngpu1/gi90/access 7\ngpu1/gi9/access 219\n"
                "gpu1/gi9/ci2/access 222");
    assert_int_equal(capability_find(&node, &of_gi, s->folder, &e), 0);
    assert_int_equal(node.minor, 219);
    assert_int_equal(capability_find(&node, &of_ci, s->folder, &e), 0);
    assert_int_equal(node.minor, 222);
}

static void says_what_is_not_there(void **state)
{
    const struct scratch *s = *state;
    struct capability_node node;
    unsigned major;
    struct err e = {0};

    assert_int_equal(capability_find(&node, &of_gi, s->folder, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "GPU minor 1, GPU instance 9"));
    scratch_put(s, "driver/nvidia-caps/mig-minors", "gpu1/gi9/access\ngpu1/gi9/access x\n");
    assert_int_equal(capability_find(&node, &of_gi, s->folder, &e), -ENOENT);
    scratch_put(s, "driver/nvidia/capabilities/gpu1/mig/gi9/access", "DeviceFileMinor: -4\n");
    assert_int_equal(capability_find(&node, &of_gi, s->folder, &e), -ENOENT);
    assert_int_equal(capability_major(&major, s->folder, &e), -ENOENT);
}

static void reads_the_major_number(void **state)
{
    const struct scratch *s = *state;
    unsigned major = 0;
    struct err e = {0};

    scratch_put(s, "devices",
                "Character devices:\n  1 mem\n195 nvidia\n236 nvidia-caps-imex-channels\n"
                "237 nvidia-caps\n\nBlock devices:\n  8 sd\n");
    assert_int_equal(capability_major(&major, s->folder, &e), 0);
    assert_int_equal(major, 237);
    scratch_put(s, "devices", "Character devices:\n236 nvidia-caps-imex-channels\n nvidia-caps\n");
    assert_int_equal(capability_major(&major, s->folder, &e), -ENOENT);
    scratch_put(s, "devices", "");
    assert_int_equal(capability_major(&major, s->folder, &e), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_what_exists, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(falls_back_on_the_table, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(says_what_is_not_there, open_scratch, close_scratch),
        cmocka_unit_test_setup_teardown(reads_the_major_number, open_scratch, close_scratch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
