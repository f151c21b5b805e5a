/* SPDX-License-Identifier: Apache-2.0 */
/* What the condition says of a node's faults, and when they are all that there are. */
#include "gateway/condition_words.h"

#include <string.h>

#include "base/utf8.h"
#include "gpu/gpu.h"
#include "node/node_state.h"
#include "test.h"

static void a_text_that_is_cut_stays_utf8(void **state)
{
    char cause[512];
    struct node_fault fault = {
        .uuid = "GPU-a", .gi_id = -1, .what = "", .cause = cause, .cure = ""};
    const struct node_state node = {.faults = &fault, .n_faults = 1};

    (void)state;
    fault.needs = NODE_FAULT_RESET;
    for (size_t odd = 0; odd < 2; odd++) {
        struct condition_words words;
        size_t at = 0, step;

        memset(cause, 'x', sizeof cause);
        for (size_t i = odd; i + 2 < sizeof cause; i += 2)
            memcpy(cause + i, "\xc3\xa4", 2);
        cause[sizeof cause - 2] = '\0';
        condition_say(&words, &node);
        assert_false(words.ready);
        for (; words.message[at]; at += step) {
            uint32_t character;

            step = utf8_next(&character, words.message + at, strlen(words.message + at));
            assert_int_not_equal(character, UTF8_BAD);
        }
    }
}

static void is_known_after_a_look_or_without_a_driver(void **state)
{
    struct node_fault fault = {.uuid = "GPU-a", .needs = NODE_FAULT_REPLACE};
    struct node_state node = {.faults = &fault, .n_faults = 1};
    struct inventory inventory = {0};

    (void)state;
    assert_false(condition_is_known(&node));
    fault.needs = NODE_FAULT_DRIVER;
    assert_true(condition_is_known(&node));
    node.n_faults = 0;
    assert_false(condition_is_known(&node));
    node.inventory = &inventory;
    assert_true(condition_is_known(&node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_is_cut_stays_utf8),
        cmocka_unit_test(is_known_after_a_look_or_without_a_driver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
