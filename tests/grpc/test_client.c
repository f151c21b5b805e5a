/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC client as a program, for the tests: one call, or several at once. Prints a line for each
 * message ("message SIZE FIRST-BYTES") and one for the end ("done RESULT WORDS").
 *
 *   test_client SOCKET METHOD TEXT TIMEOUT-MS [cancel-after MESSAGES] [times N] [max BYTES]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "kube/grpc_client.h"

enum { MAX_CALLS = 256 };

struct asker {
    struct grpc_request *request;
    uint64_t messages;
    uint64_t cancel_after;
    bool starting;
    unsigned *ends;
};

static void got_message(void *self, const uint8_t *message, size_t size)
{
    struct asker *a = self;

    (void)printf("message %zu %.*s\n", size, (int)(size < 40 ? size : 40), message);
    (void)fflush(stdout);
    if (++a->messages == a->cancel_after) {
        grpc_cancel(a->request);
        (void)printf("cancelled\n");
        ++*a->ends;
    }
}

static void done(void *self, int r, const struct err *e)
{
    struct asker *a = self;

    (void)printf("done %d %s%s\n", r, r < 0 ? e->msg : "", a->starting ? " INSIDE START" : "");
    (void)fflush(stdout);
    ++*a->ends;
}

static bool option(uint64_t *out, char **argv, const char *name)
{
    for (; argv[0] && argv[1]; argv += 2)
        if (strcmp(argv[0], name) == 0)
            return text_uint(out, argv[1], UINT32_MAX);
    return false;
}

int main(int argc, char **argv)
{
    static struct asker askers[MAX_CALLS];
    uint64_t timeout_ms, times = 1, cancel_after = 0, max = 16 << 20;
    unsigned ends = 0;
    uv_loop_t loop;

    if (argc < 5 || !text_uint(&timeout_ms, argv[4], UINT32_MAX) || uv_loop_init(&loop) < 0)
        return 2;
    (void)option(&times, argv + 5, "times");
    (void)option(&cancel_after, argv + 5, "cancel-after");
    (void)option(&max, argv + 5, "max");
    for (size_t i = 0; i < times && i < MAX_CALLS; i++) {
        struct asker *a = &askers[i];
        const struct grpc_question question = {.socket_path = argv[1],
                                               .method = argv[2],
                                               .message = argv[3],
                                               .size = strlen(argv[3]),
                                               .timeout_ms = (unsigned)timeout_ms,
                                               .max_answer = (size_t)max,
                                               .message_cb = got_message,
                                               .done_cb = done,
                                               .self = a};
        struct err e = {0};

        *a = (struct asker){.cancel_after = cancel_after, .starting = true, .ends = &ends};
        if (grpc_start(&a->request, &loop, &question, &e) < 0) {
            (void)printf("start: %s\n", e.msg);
            return 1;
        }
        a->starting = false;
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) < 0 || ends != times;
}
