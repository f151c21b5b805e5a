/* SPDX-License-Identifier: Apache-2.0 */
/* node/'s messages with every allocation failing once. */
#include "test.h"

#include <errno.h>

#include "base/buf.h"
#include "node/node_configure.h"
#include "node/node_holders.h"
#include "node/node_mig.h"
#include "node/node_reboot.h"
#include "node/node_state.h"
#include "slice/fixture.h"
#include "slice/torture.h"

/* One message that is packed into `bytes` or unpacked from them. */
struct trial {
    const void *message;
    struct buf bytes;
};

static void open_trial(struct trial *t, const void *message)
{
    t->message = message;
    buf_init(&t->bytes, 1 << 20);
}

/* The pack and unpack trial of one kind of message. */
#define TRIALS(name)                                                                               \
    static int name##_pack_trial(void *self)                                                       \
    {                                                                                              \
        struct trial *t = self;                                                                    \
                                                                                                   \
        buf_done(&t->bytes);                                                                       \
        return name##_pack(&t->bytes, t->message, NULL);                                           \
    }                                                                                              \
                                                                                                   \
    static int name##_unpack_trial(void *self)                                                     \
    {                                                                                              \
        struct trial *t = self;                                                                    \
        struct name *out = NULL;                                                                   \
        int r = name##_unpack(&out, t->bytes.data, t->bytes.size, NULL);                           \
                                                                                                   \
        assert_true((r == 0) == (out != NULL));                                                    \
        name##_free(out);                                                                          \
        return r;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static void name##_torture(const struct name *message)                                         \
    {                                                                                              \
        struct trial t;                                                                            \
                                                                                                   \
        open_trial(&t, message);                                                                   \
        assert_true(torture(name##_pack_trial, &t) > 0);                                           \
        assert_true(torture(name##_unpack_trial, &t) > 1);                                         \
        buf_done(&t.bytes);                                                                        \
    }                                                                                              \
    struct name /* to be followed by a semicolon */

TRIALS(node_state);
TRIALS(node_mig_request);
TRIALS(node_mig_progress);
TRIALS(node_holders);
TRIALS(node_configure_request);
TRIALS(node_configure_response);
TRIALS(node_reboot_request);

static void states(void **state)
{
    static const char *const notes[] = {"one", "two"};
    static const struct node_resource resources[] = {{.name = "nvidia.com/gpu"}};
    struct node_state s = {.inventory = fixture_node(2, GPU_MIG_ON),
                           .n_resources = 1,
                           .resources = resources,
                           .config_file = "config.yaml",
                           .n_findings = 1,
                           .findings = notes,
                           .n_notes = 2,
                           .notes = notes};

    (void)state;
    fixture_all_1g(s.inventory, 1);
    node_state_torture(&s);
    inventory_free(s.inventory);
}

static void requests_and_progress(void **state)
{
    static const struct node_mig_step step = {3, "create 1g.5gb at 6"};
    const struct node_mig_request request = {.file = "a", .text = "b", .text_size = 1};
    const struct node_mig_progress progress = {.n_steps = 1, .steps = &step, .doing = "x"};

    (void)state;
    node_mig_request_torture(&request);
    node_mig_progress_torture(&progress);
}

static void holders(void **state)
{
    static const struct gpu_process process = {.pid = 1};
    const struct node_holder item = {.pod = "p", .n_processes = 1, .processes = &process};
    const struct node_holders all = {.count = 1, .items = &item};

    (void)state;
    node_holders_torture(&all);
}

static void configurations_and_reboots(void **state)
{
    static const char *const findings[] = {"a:1:2: warning: x"};
    const struct node_configure_request request = {.name = "a", .text = "b", .text_size = 1};
    const struct node_configure_response response = {
        .error = "c", .n_findings = 1, .findings = findings};
    const struct node_reboot_request reboot = {.why = "d"};

    (void)state;
    node_configure_request_torture(&request);
    node_configure_response_torture(&response);
    node_reboot_request_torture(&reboot);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states),
        cmocka_unit_test(requests_and_progress),
        cmocka_unit_test(holders),
        cmocka_unit_test(configurations_and_reboots),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
