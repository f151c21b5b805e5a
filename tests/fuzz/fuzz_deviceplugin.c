/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as messages of the kubelet. What can be read is written again and read once more: the
 * two must agree. The first byte chooses the message.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kube/deviceplugin.h"
#include "kube/field.h"
#include "kube/podresources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_wish(struct buf *out, const struct deviceplugin_wish *wish, bool preferred)
{
    size_t start = field_begin(out, 1);

    for (size_t i = 0; i < wish->n_ids; i++)
        field_put_element(out, 1, wish->ids[i]);
    for (size_t i = 0; i < wish->n_must_ids; i++)
        field_put_element(out, 2, wish->must_ids[i]);
    if (preferred)
        field_put_uint(out, 3, wish->size);
    field_end(out, start);
}

static void check_same(const struct deviceplugin_request *a, const struct deviceplugin_request *b)
{
    if (a->n_wishes != b->n_wishes)
        abort();
    for (size_t i = 0; i < a->n_wishes; i++) {
        const struct deviceplugin_wish *x = &a->wishes[i], *y = &b->wishes[i];

        if (x->n_ids != y->n_ids || x->n_must_ids != y->n_must_ids || x->size != y->size)
            abort();
        for (size_t n = 0; n < x->n_ids; n++)
            if (strcmp(x->ids[n], y->ids[n]) != 0)
                abort();
        for (size_t n = 0; n < x->n_must_ids; n++)
            if (strcmp(x->must_ids[n], y->must_ids[n]) != 0)
                abort();
    }
}

typedef int read_request(struct deviceplugin_request **out, const uint8_t *bytes, size_t size,
                         struct err *e);

static void read_twice(read_request *read, const uint8_t *bytes, size_t size, bool preferred)
{
    OWN(deviceplugin_request_freep) struct deviceplugin_request *first = NULL;
    OWN(deviceplugin_request_freep) struct deviceplugin_request *second = NULL;
    struct buf out;

    if (read(&first, bytes, size, NULL) < 0)
        return;
    buf_init(&out, 64 << 20);
    for (size_t i = 0; i < first->n_wishes; i++)
        put_wish(&out, &first->wishes[i], preferred);
    if (read(&second, (const uint8_t *)out.data, out.size, NULL) < 0)
        abort();
    check_same(first, second);
    buf_done(&out);
}

static void visit(void *self, const struct podresources_holder *holder)
{
    size_t *bytes = self;

    *bytes += strlen(holder->namespace) + strlen(holder->pod) + strlen(holder->container) +
              strlen(holder->resource) + strlen(holder->device_id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t seen = 0;

    if (size == 0)
        return 0;
    switch (data[0] % 3) {
    case 0:
        read_twice(deviceplugin_read_allocate, data + 1, size - 1, false);
        break;
    case 1:
        read_twice(deviceplugin_read_preferred, data + 1, size - 1, true);
        break;
    default:
        (void)podresources_read(data + 1, size - 1, visit, &seen, NULL);
    }
    return 0;
}
