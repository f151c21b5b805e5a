/* SPDX-License-Identifier: Apache-2.0 */
/* Configure's messages, to bytes and back: see node_configure.h. */
#include "node/node_configure.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "node.pb-c.h"
#include "node/message.h"

int node_configure_request_pack(struct buf *out, const struct node_configure_request *request,
                                struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = message_pool_new();
    Carve__V1__ConfigureRequest m = CARVE__V1__CONFIGURE_REQUEST__INIT;

    if (!pool)
        return err_memory(e);
    m.name = message_text(request->name);
    m.text.data = (uint8_t *)message_text(request->text);
    m.text.len = request->text_size;
    m.clear = request->clear;
    return message_pack(out, pool, &m.base, e);
}

static int check_request(const Carve__V1__ConfigureRequest *m, struct err *e)
{
    if (m->clear)
        return 0;
    if (m->name[0] == '\0' || strlen(m->name) > NODE_CONFIGURE_MAX_NAME)
        return err_set(e, EINVAL, "a configuration needs a name of 1 to %d bytes",
                       NODE_CONFIGURE_MAX_NAME);
    if (m->text.len > NODE_CONFIGURE_MAX_TEXT)
        return err_set(e, EINVAL, "'%s' has %zu bytes, more than %d", m->name, m->text.len,
                       NODE_CONFIGURE_MAX_TEXT);
    if (m->text.len > 0 && memchr(m->text.data, '\0', m->text.len))
        return err_set(e, EINVAL, "'%s' holds a NUL byte", m->name);
    return 0;
}

static int read_request(struct node_configure_request *out, struct message_pool *pool,
                        const Carve__V1__ConfigureRequest *m, struct err *e)
{
    size_t size = m->clear ? 0 : m->text.len;
    char *text;
    int r = check_request(m, e);

    if (r < 0)
        return r;
    text = message_take(pool, size + 1, 1); /* with a NUL behind it */
    if (!text)
        return err_memory(e);
    if (size > 0)
        memcpy(text, m->text.data, size);
    out->name = m->clear ? "" : m->name;
    out->text = text;
    out->text_size = size;
    out->clear = m->clear;
    return 0;
}

int node_configure_request_unpack(struct node_configure_request **out, const void *bytes,
                                  size_t size, struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = NULL;
    const ProtobufCMessage *m;
    struct node_configure_request *request;
    int r = message_unpack(&m, &pool, &carve__v1__configure_request__descriptor, bytes, size, e);

    if (r < 0)
        return r;
    request = message_take(pool, 1, sizeof *request);
    if (!request)
        return err_memory(e);
    r = read_request(request, pool, (const Carve__V1__ConfigureRequest *)m, e);
    if (r < 0)
        return r;
    request->owner = TAKE(pool);
    *out = request;
    return 0;
}

void node_configure_request_free(struct node_configure_request *request)
{
    if (request)
        message_pool_free(request->owner);
}

int node_configure_response_pack(struct buf *out, const struct node_configure_response *response,
                                 struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = message_pool_new();
    Carve__V1__ConfigureResponse m = CARVE__V1__CONFIGURE_RESPONSE__INIT;

    if (!pool)
        return err_memory(e);
    m.in_force = response->in_force;
    m.error = message_text(response->error);
    m.n_findings = response->n_findings;
    m.findings = message_texts(pool, response->findings, response->n_findings);
    return m.findings ? message_pack(out, pool, &m.base, e) : err_memory(e);
}

int node_configure_response_unpack(struct node_configure_response **out, const void *bytes,
                                   size_t size, struct err *e)
{
    OWN(message_pool_freep) struct message_pool *pool = NULL;
    const ProtobufCMessage *base;
    const Carve__V1__ConfigureResponse *m;
    struct node_configure_response *response;
    int r =
        message_unpack(&base, &pool, &carve__v1__configure_response__descriptor, bytes, size, e);

    if (r < 0)
        return r;
    m = (const Carve__V1__ConfigureResponse *)base;
    if (m->n_findings > NODE_CONFIGURE_MAX_FINDINGS)
        return err_set(e, EPROTO, "%zu findings, more than %d", m->n_findings,
                       NODE_CONFIGURE_MAX_FINDINGS);
    response = message_take(pool, 1, sizeof *response);
    if (!response)
        return err_memory(e);
    response->in_force = m->in_force;
    response->error = m->error;
    response->n_findings = m->n_findings;
    response->findings = (const char *const *)m->findings;
    response->owner = TAKE(pool);
    *out = response;
    return 0;
}

void node_configure_response_free(struct node_configure_response *response)
{
    if (response)
        message_pool_free(response->owner);
}
