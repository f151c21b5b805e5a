/* SPDX-License-Identifier: Apache-2.0 */
/* MIG requests, their progress and holders, to bytes and back;
 * texts as printable UTF-8. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "node/node_holders.h"
#include "node/node_mig.h"
#include "node/node_state.h"

static void a_request_comes_back_as_it_was(void **state)
{
    static const char text[] = "version: v1\n\0mig-configs: {}\n";
    const struct node_mig_request requests[] = {
        {.file = "a.yaml",
         .text = text,
         .text_size = sizeof text,
         .config = "all-1g.5gb",
         .dry_run = true},
        {.file = "-", .mode_only = true, .config = "all-disabled"},
        {.skip_reset = true},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct node_mig_request *r = &requests[i];
        OWN(node_mig_request_freep) struct node_mig_request *again = NULL;
        OWN(buf_done) struct buf bytes;
        struct err e = {0};

        buf_init(&bytes, 4096);
        assert_int_equal(node_mig_request_pack(&bytes, r, &e), 0);
        assert_int_equal(node_mig_request_unpack(&again, bytes.data, bytes.size, &e), 0);
        assert_string_equal(again->file, r->file ? r->file : "");
        assert_string_equal(again->config, r->config ? r->config : "");
        assert_int_equal(again->text_size, r->text_size);
        assert_non_null(again->text);
        assert_int_equal(again->text[again->text_size], '\0');
        if (r->text_size > 0)
            assert_memory_equal(again->text, r->text, r->text_size);
        assert_int_equal(again->dry_run, r->dry_run);
        assert_int_equal(again->mode_only, r->mode_only);
        assert_int_equal(again->skip_reset, r->skip_reset);
    }
}

static void progress_comes_back_as_it_was(void **state)
{
    static const struct node_mig_step steps[] = {{0, "MIG on"}, {7, "create 1g.5gb at 6"}};
    static const char *const left[] = {"GPU 3: MIG mode is pending", "GPU 4: likewise"};
    const struct node_mig_progress all[] = {
        {.n_steps = 2, .steps = steps, .kept = 5},
        {.done = 1, .doing = "create 1g.5gb at 6"},
        {.done = 2, .finished = true, .n_left = 2, .left = left},
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const struct node_mig_progress *p = &all[i];
        OWN(node_mig_progress_freep) struct node_mig_progress *again = NULL;
        OWN(buf_done) struct buf bytes;
        struct err e = {0};

        buf_init(&bytes, 4096);
        assert_int_equal(node_mig_progress_pack(&bytes, p, &e), 0);
        assert_int_equal(node_mig_progress_unpack(&again, bytes.data, bytes.size, &e), 0);
        assert_int_equal(again->n_steps, p->n_steps);
        for (size_t k = 0; k < p->n_steps; k++) {
            assert_int_equal(again->steps[k].gpu, p->steps[k].gpu);
            assert_string_equal(again->steps[k].text, p->steps[k].text);
        }
        assert_int_equal(again->kept, p->kept);
        assert_int_equal(again->done, p->done);
        assert_string_equal(again->doing, p->doing ? p->doing : "");
        assert_int_equal(again->finished, p->finished);
        assert_int_equal(again->n_left, p->n_left);
        for (size_t k = 0; k < p->n_left; k++)
            assert_string_equal(again->left[k], p->left[k]);
    }
}

static const struct gpu_process processes[] = {
    {.pid = 4711, .gi_id = 7, .ci_id = 0, .mem_bytes = UINT64_C(5) << 30},
    {.pid = 1, .gi_id = -1, .ci_id = -1, .mem_bytes = 0},
};

static void holders_come_back_as_they_were(void **state)
{
    const struct node_holder items[] = {
        {.namespace = "default",
         .pod = "train-0",
         .container = "main",
         .resource = "nvidia.com/gpu",
         .slice = "GPU-1::3",
         .gpu = 5,
         .device = "GPU-1",
         .profile = "1g.5gb",
         .n_processes = 2,
         .processes = processes,
         .process_names = "python, nvtop"},
        {.gpu = 6,
         .device = "GPU-2",
         .n_processes = 1,
         .processes = processes,
         .process_names = "ev\x1b[2Jil"},
    };
    const struct node_holders holders = {.count = 2, .items = items, .error = "no kubelet"};
    OWN(node_holders_freep) struct node_holders *again = NULL;
    OWN(buf_done) struct buf bytes;
    struct err e = {0};

    (void)state;
    buf_init(&bytes, 4096);
    assert_int_equal(node_holders_pack(&bytes, &holders, &e), 0);
    assert_int_equal(node_holders_unpack(&again, bytes.data, bytes.size, &e), 0);
    assert_int_equal(again->count, 2);
    assert_string_equal(again->error, "no kubelet");
    assert_string_equal(again->items[0].namespace, "default");
    assert_string_equal(again->items[0].pod, "train-0");
    assert_string_equal(again->items[0].container, "main");
    assert_string_equal(again->items[0].resource, "nvidia.com/gpu");
    assert_string_equal(again->items[0].slice, "GPU-1::3");
    assert_int_equal(again->items[0].gpu, 5);
    assert_string_equal(again->items[0].device, "GPU-1");
    assert_string_equal(again->items[0].profile, "1g.5gb");
    assert_string_equal(again->items[0].process_names, "python, nvtop");
    assert_int_equal(again->items[0].n_processes, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(again->items[0].processes[i].pid, processes[i].pid);
        assert_int_equal(again->items[0].processes[i].gi_id, processes[i].gi_id);
        assert_int_equal(again->items[0].processes[i].ci_id, processes[i].ci_id);
        assert_int_equal(again->items[0].processes[i].mem_bytes, processes[i].mem_bytes);
    }
    assert_string_equal(again->items[1].pod, "");
    assert_string_equal(again->items[1].process_names, "ev?[2Jil");
}

static void a_holder_with_too_many_processes_is_refused(void **state)
{
    static const struct gpu_process many[GPU_MAX_PROCESSES + 1];
    struct node_holder item = {.n_processes = GPU_MAX_PROCESSES + 1, .processes = many};
    const struct node_holders holders = {.count = 1, .items = &item};
    struct node_holders *again = NULL;
    OWN(buf_done) struct buf bytes;
    struct err e = {0};

    (void)state;
    buf_init(&bytes, 1 << 16);
    assert_int_equal(node_holders_pack(&bytes, &holders, &e), 0);
    assert_int_equal(node_holders_unpack(&again, bytes.data, bytes.size, &e), -EPROTO);
    assert_null(again);
    item.n_processes--;
    buf_clear(&bytes);
    assert_int_equal(node_holders_pack(&bytes, &holders, &e), 0);
    assert_int_equal(node_holders_unpack(&again, bytes.data, bytes.size, &e), 0);
    node_holders_free(again);
}

/* One bad text must neither drive a terminal nor make proto3 clients refuse the whole message. */
static void texts_go_out_and_come_in_as_printable_utf8(void **state)
{
    static const struct {
        const char *text, *clean;
    } cases[] = {
        {"a\x1b[31mb\nc\x7f", "a?[31mb?c?"},
        {"caf\xc3\xa9 \xc2\x9b 1m", "caf\xc3\xa9 ?? 1m"}, /* U+009B, which is ESC [ */
        {"\xc2\xa0 \xe2\x82\xac \xf0\x9f\x98\x80", NULL}, /* two, three, four bytes */
        {"\xef\xbf\xbf \xf4\x8f\xbf\xbf", NULL},          /* the last of three and four */
        {"\xff\xfe \x80", "?? ?"},
        {"\xc0\xaf \xe0\x9f\xbf \xf0\x8f\xbf\xbf", "?? ??? ????"}, /* longer than need be */
        {"\xed\xa0\x80 \xf4\x90\x80\x80", "??? ????"}, /* a surrogate, past the last character */
        {"\xe2\x82", "??"},                            /* cut */
        {"\xe2\x82z\xc3", "??z?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *clean = cases[i].clean ? cases[i].clean : cases[i].text;
        const char *const notes[] = {"", cases[i].text};
        struct node_state s = {.version = "1", .n_notes = 2, .notes = notes};
        OWN(node_state_freep) struct node_state *out = NULL;
        OWN(buf_done) struct buf bytes;
        struct err e = {0};
        char raw[64];
        int size = snprintf(raw, sizeof raw, "\x2a%c%s", (int)strlen(cases[i].text), cases[i].text);

        buf_init(&bytes, 1024);
        assert_int_equal(node_state_pack(&bytes, &s, &e), 0);
        assert_non_null(memmem(bytes.data, bytes.size, clean, strlen(clean)));
        assert_string_equal(notes[1], cases[i].text);
        assert_int_equal(node_state_unpack(&out, raw, (size_t)size, &e), 0);
        assert_int_equal(out->n_notes, 1);
        assert_string_equal(out->notes[0], clean);
    }
}

static void what_is_too_large_is_no_message(void **state)
{
    struct node_mig_request *request = NULL;
    size_t size = NODE_STATE_MAX_BYTES + 1;
    OWN_MEM uint8_t *bytes = calloc(1, size);
    struct err e = {0};

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, "\x12\xfc\xff\xff\x01", 5); /* `text`, all of the rest: 4 MiB - 4 bytes */
    assert_int_equal(node_mig_request_unpack(&request, bytes, size, &e), -EPROTO);
    assert_null(request);
    memcpy(bytes, "\x12\xfb\xff\xff\x01", 5);
    assert_int_equal(node_mig_request_unpack(&request, bytes, size - 1, &e), 0);
    assert_int_equal(request->text_size, size - 6);
    node_mig_request_free(request);
}

static void what_is_no_message_is_refused(void **state)
{
    struct node_mig_request *request = NULL;
    struct node_mig_progress *progress = NULL;
    struct node_holders *holders = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(node_mig_request_unpack(&request, "\x0a\x05", 2, &e), -EPROTO);
    assert_non_null(strstr(e.msg, "ApplyMigRequest"));
    assert_int_equal(node_mig_progress_unpack(&progress, "\x0a\x05", 2, &e), -EPROTO);
    assert_int_equal(node_holders_unpack(&holders, "\x0a\x05", 2, &e), -EPROTO);
    assert_true(!request && !progress && !holders);
    node_mig_request_free(NULL);
    node_mig_progress_free(NULL);
    node_holders_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_comes_back_as_it_was),
        cmocka_unit_test(progress_comes_back_as_it_was),
        cmocka_unit_test(holders_come_back_as_they_were),
        cmocka_unit_test(a_holder_with_too_many_processes_is_refused),
        cmocka_unit_test(texts_go_out_and_come_in_as_printable_utf8),
        cmocka_unit_test(what_is_too_large_is_no_message),
        cmocka_unit_test(what_is_no_message_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
