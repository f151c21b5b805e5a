/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of EC2's metadata service, each read as each: what is taken for a notice is one that may
 * stand in a message, and what is taken for a token may stand in a header.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "gateway/notice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct notice *n)
{
    char when[NOTICE_TIME_SIZE];

    if (!notice_is_there(n) ||
        n->action[strspn(n->action, "abcdefghijklmnopqrstuvwxyz-")] != '\0' ||
        notice_left_s(n, n->at - 1) != 1 || strlen(notice_print_time(when, n->at)) < 20)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct notice n = {0};
    struct err e = {0};

    if (notice_read_interruption(&n, text, size, &e) == 0)
        check(&n);
    else if (notice_is_there(&n) || !e.code)
        abort();
    n = (struct notice){0};
    if (notice_read_rebalance(&n, text, size, &e) == 0)
        check(&n);
    if (notice_is_token(text, size) &&
        (memchr(data, '\r', size) || memchr(data, '\n', size) || memchr(data, '\0', size)))
        abort();
    return 0;
}
