/* SPDX-License-Identifier: Apache-2.0 */
/* Configure from request to answer: see configure.h. At most one call waits, the newest. */
#include "agent/configure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/held.h"
#include "agent/reload.h"
#include "agent/rights.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"
#include "kube/grpc_server.h"
#include "node/node_configure.h"

/* A call whose configuration is in force as far as that is known without the hardware. */
struct configure {
    struct agent *agent;
    struct grpc_call *call;
};

static void answer(struct grpc_call *call, const char *error, const struct findings *f)
{
    char *lines[FINDINGS_MAX];
    struct node_configure_response response = {
        .in_force = error[0] == '\0',
        .error = error,
        .findings = (const char *const *)lines,
    };
    OWN(buf_done) struct buf out;
    struct err e = {0};

    buf_init(&out, GRPC_MAX_MESSAGE);
    for (size_t i = 0; i < f->count; i++) {
        lines[response.n_findings] = findings_line(f, i);
        response.n_findings += lines[response.n_findings] != NULL;
    }
    if (node_configure_response_pack(&out, &response, &e) < 0)
        grpc_fail(call, &e);
    else
        grpc_reply(call, out.size > 0 ? out.data : "", out.size);
    for (size_t i = 0; i < response.n_findings; i++)
        free(lines[i]);
}

static bool is_judged(const struct agent *a)
{
    return (a->inventory && held_is_known(a->held)) || a->driver_error[0] || a->config_error[0];
}

void configure_look(struct agent *a)
{
    struct configure *c = a->configure;

    if (!c || !is_judged(a))
        return;
    a->configure = NULL;
    answer(c->call, a->config_error, &a->findings);
    free(c);
}

static void give_up(struct configure *c, const char *words)
{
    struct err e = {0};

    (void)err_set(&e, ECANCELED, "%s", words);
    grpc_fail(c->call, &e);
    free(c);
}

void configure_close(struct configure *c)
{
    if (!c)
        return;
    c->agent->configure = NULL;
    give_up(c, "carved is being stopped; configure again");
}

/* It is in force for now. */
static void wait_for_hardware(struct agent *a, struct grpc_call *call)
{
    struct configure *c = calloc(1, sizeof *c);
    struct err e = {0};

    if (!c) {
        (void)err_memory(&e);
        grpc_fail(call, &e);
        return;
    }
    c->agent = a;
    c->call = call;
    a->configure = c;
    configure_look(a);
}

void configure_call(void *agent, struct grpc_call *call, const uint8_t *bytes, size_t size)
{
    struct agent *a = agent;
    OWN(node_configure_request_freep) struct node_configure_request *request = NULL;
    OWN(findings_done) struct findings f = {0};
    struct err e = {0};
    int r = rights_check(a, call, "configure this node", &e);

    if (r == 0)
        r = node_configure_request_unpack(&request, bytes, size, &e);
    if (r != 0) {
        grpc_fail(call, &e);
        return;
    }
    if (a->configure)
        give_up(TAKE(a->configure), "another configuration came before this one was judged");
    findings_init(&f, request->name);
    r = request->clear ? reload_clear(a->reload, &e)
                       : reload_configure(a->reload, request->name, request->text, &f, &e);
    if (r < 0)
        answer(call, e.msg, &f);
    else
        wait_for_hardware(a, call);
}
