/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of carve.v1.Node: the first byte says which, the rest is the message. What was read
 * must be packable, and must be read again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "node/node_configure.h"
#include "node/node_holders.h"
#include "node/node_mig.h"
#include "node/node_reboot.h"
#include "node/node_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int result)
{
    if (result < 0)
        abort();
}

static void try_state(struct buf *bytes, const uint8_t *data, size_t size)
{
    OWN(node_state_freep) struct node_state *first = NULL, *second = NULL;

    if (node_state_unpack(&first, data, size, NULL) < 0)
        return;
    require(node_state_pack(bytes, first, NULL));
    require(node_state_unpack(&second, bytes->data, bytes->size, NULL));
}

static void try_request(struct buf *bytes, const uint8_t *data, size_t size)
{
    OWN(node_mig_request_freep) struct node_mig_request *first = NULL, *second = NULL;

    if (node_mig_request_unpack(&first, data, size, NULL) < 0)
        return;
    require(node_mig_request_pack(bytes, first, NULL));
    require(node_mig_request_unpack(&second, bytes->data, bytes->size, NULL));
}

static void try_progress(struct buf *bytes, const uint8_t *data, size_t size)
{
    OWN(node_mig_progress_freep) struct node_mig_progress *first = NULL, *second = NULL;

    if (node_mig_progress_unpack(&first, data, size, NULL) < 0)
        return;
    require(node_mig_progress_pack(bytes, first, NULL));
    require(node_mig_progress_unpack(&second, bytes->data, bytes->size, NULL));
}

static void try_holders(struct buf *bytes, const uint8_t *data, size_t size)
{
    OWN(node_holders_freep) struct node_holders *first = NULL, *second = NULL;

    if (node_holders_unpack(&first, data, size, NULL) < 0)
        return;
    require(node_holders_pack(bytes, first, NULL));
    require(node_holders_unpack(&second, bytes->data, bytes->size, NULL));
}

static void try_configure(struct buf *bytes, const uint8_t *data, size_t size)
{
    OWN(node_configure_request_freep) struct node_configure_request *first = NULL, *second = NULL;

    if (node_configure_request_unpack(&first, data, size, NULL) < 0)
        return;
    if (strlen(first->text) != first->text_size)
        abort();
    require(node_configure_request_pack(bytes, first, NULL));
    require(node_configure_request_unpack(&second, bytes->data, bytes->size, NULL));
}

static void try_configured(struct buf *bytes, const uint8_t *data, size_t size)
{
    OWN(node_configure_response_freep) struct node_configure_response *first = NULL, *second = NULL;

    if (node_configure_response_unpack(&first, data, size, NULL) < 0)
        return;
    require(node_configure_response_pack(bytes, first, NULL));
    require(node_configure_response_unpack(&second, bytes->data, bytes->size, NULL));
}

static void try_reboot(struct buf *bytes, const uint8_t *data, size_t size)
{
    OWN(node_reboot_request_freep) struct node_reboot_request *first = NULL, *second = NULL;

    if (node_reboot_request_unpack(&first, data, size, NULL) < 0)
        return;
    require(node_reboot_request_pack(bytes, first, NULL));
    require(node_reboot_request_unpack(&second, bytes->data, bytes->size, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const each[])(struct buf *, const uint8_t *, size_t) = {
        try_state,     try_request,    try_progress, try_holders,
        try_configure, try_configured, try_reboot,
    };
    OWN(buf_done) struct buf bytes;

    buf_init(&bytes, NODE_STATE_MAX_BYTES);
    /* A message that is packed anew may be longer than it was; never beyond the bound, though. */
    if (size == 0 || size > NODE_STATE_MAX_BYTES / 4)
        return 0;
    each[data[0] % (sizeof each / sizeof each[0])](&bytes, data + 1, size - 1);
    return 0;
}
