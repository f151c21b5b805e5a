/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 events to calls: see grpc_session.h. nghttp2's own HTTP checks are off, since older
 * grpc-go sends the socket's path as :authority, which they refuse; the few headers that matter
 * are checked here and in grpc_call.c.
 */
#include "kube/grpc_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Resets that a peer may send at once, and each second; more ends the connection. */
enum { RESET_BURST = 10000, RESET_RATE = 1000 };

static bool equals(const uint8_t *text, size_t size, const char *wanted)
{
    return size == strlen(wanted) && memcmp(text, wanted, size) == 0;
}

/* "application/grpc", alone or with "+proto" or ";charset" behind it. */
static bool is_grpc(const uint8_t *text, size_t size)
{
    static const char type[] = "application/grpc";

    if (size < sizeof type - 1 || memcmp(text, type, sizeof type - 1) != 0)
        return false;
    return size == sizeof type - 1 || text[sizeof type - 1] == '+' || text[sizeof type - 1] == ';';
}

static const struct grpc_method *find_method(const struct grpc_site *site, const uint8_t *path,
                                             size_t size)
{
    for (size_t i = 0; i < site->n_methods; i++)
        if (equals(path, size, site->methods[i].path))
            return &site->methods[i];
    return NULL;
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct grpc_session *session = user;
    struct grpc_call *call;

    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (session->shut_down) /* what GOAWAY says, to streams that came before it was sent */
        return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    call = grpc_call_new(session, frame->hd.stream_id);
    if (!call) /* resets this stream only */
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    (void)nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, call);
    return 0;
}

static int on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t size, uint8_t flags, void *user)
{
    struct grpc_session *session = user;
    struct grpc_call *call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);

    (void)flags;
    if (!call || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    if (equals(name, name_size, ":method"))
        call->is_post = equals(value, size, "POST");
    else if (equals(name, name_size, ":path"))
        call->method = find_method(session->site, value, size);
    else if (equals(name, name_size, "content-type"))
        call->is_grpc = is_grpc(value, size);
    return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    struct grpc_call *call;

    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    call = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
    if (!call)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        grpc_call_begin(call);
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        grpc_call_dispatch(call);
    return 0;
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t stream_id, const uint8_t *bytes,
                   size_t size, void *user)
{
    struct grpc_call *call = nghttp2_session_get_stream_user_data(h2, stream_id);

    (void)flags;
    (void)user;
    if (call)
        grpc_call_take(call, bytes, size);
    return 0;
}

/*
 * An answer that ends before its request did leaves the stream open until the peer closes it,
 * which grpc-go never does; so it is reset, with "no error".
 */
static int on_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
        return 0;
    if (nghttp2_session_get_stream_remote_close(h2, frame->hd.stream_id) != 0)
        return 0;
    return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR)
               ? NGHTTP2_ERR_CALLBACK_FAILURE
               : 0;
}

static int on_close(nghttp2_session *h2, int32_t stream_id, uint32_t error_code, void *user)
{
    struct grpc_call *call = nghttp2_session_get_stream_user_data(h2, stream_id);

    (void)error_code;
    (void)user;
    if (call)
        grpc_call_closed(call);
    return 0;
}

static int open_h2(struct grpc_session *session)
{
    nghttp2_session_callbacks *calls = NULL;
    nghttp2_option *option = NULL;
    int r = NGHTTP2_ERR_NOMEM;

    if (nghttp2_session_callbacks_new(&calls) == 0 && nghttp2_option_new(&option) == 0) {
        nghttp2_option_set_no_http_messaging(option, 1);
        nghttp2_option_set_no_closed_streams(option, 1);
        nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST, RESET_RATE);
        nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
        nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
        r = nghttp2_session_server_new2(&session->h2, calls, session, option);
    }
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(calls);
    return r == 0 ? 0 : -ENOMEM;
}

void grpc_site_init(struct grpc_site *site, const struct grpc_method *methods, size_t n_methods,
                    void *self, void (*has_output)(struct grpc_site *site))
{
    *site = (struct grpc_site){
        .methods = methods, .n_methods = n_methods, .self = self, .has_output = has_output};
    LIST_INIT(&site->left);
}

void grpc_site_done(struct grpc_site *site)
{
    struct grpc_call *call;

    while ((call = LIST_FIRST(&site->left))) {
        LIST_REMOVE(call, link);
        call->site = NULL;
    }
}

int grpc_session_init(struct grpc_session *session, struct grpc_site *site, struct grpc_peer peer)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, GRPC_MAX_STREAMS},
    };

    *session = (struct grpc_session){.site = site, .peer = peer};
    LIST_INIT(&session->calls);
    if (open_h2(session) < 0)
        return -ENOMEM;
    if (nghttp2_submit_settings(session->h2, NGHTTP2_FLAG_NONE, settings,
                                sizeof settings / sizeof settings[0]) != 0) {
        nghttp2_session_del(session->h2);
        return -ENOMEM;
    }
    grpc_session_mark(session);
    return 0;
}

void grpc_session_done(struct grpc_session *session)
{
    struct grpc_call *call;

    /* nghttp2_session_del() does not report the streams that it closes. */
    while ((call = LIST_FIRST(&session->calls)))
        grpc_call_closed(call);
    nghttp2_session_del(session->h2);
    session->h2 = NULL;
}

void grpc_session_shutdown(struct grpc_session *session)
{
    struct grpc_call *call;

    session->shut_down = true;
    for (call = LIST_FIRST(&session->calls); call; call = LIST_NEXT(call, link))
        grpc_call_abort(call);
    (void)nghttp2_submit_goaway(session->h2, NGHTTP2_FLAG_NONE,
                                nghttp2_session_get_last_proc_stream_id(session->h2),
                                NGHTTP2_NO_ERROR, NULL, 0);
    grpc_session_mark(session);
}

void grpc_session_mark(struct grpc_session *session)
{
    session->dirty = true;
    session->site->has_output(session->site);
}
