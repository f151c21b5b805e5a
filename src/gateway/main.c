/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carve-gateway from start to end: options, signals, the loop. What it does is in gateway.c. Exit
 * codes: 0 told to stop, 1 cannot go on, 2 wrong command line.
 */
#include <malloc.h>
#include <signal.h>

#include "api/http.h"
#include "base/err.h"
#include "base/log.h"
#include "base/own.h"
#include "gateway/arguments.h"
#include "gateway/gateway.h"
#include "gateway/uninstall.h"

/* What signals need. */
struct run {
    struct gateway gateway;
    struct uninstall *uninstall; /* NULL: nobody has told us to stop */
};

static void stop(void *self)
{
    struct run *run = self;

    uv_stop(run->gateway.loop);
}

/* The first asks whether this is the end of carve here; the second does not wait for it. */
static void told_to_stop(uv_signal_t *handle, int number)
{
    struct run *run = handle->data;
    struct err e = {0};

    log_event(LOG_INFO, "stopping signal=%d", number);
    if (run->uninstall || uninstall_open(&run->uninstall, &run->gateway, stop, run, &e) < 0)
        stop(run);
}

static void told_to_look(uv_signal_t *handle, int number)
{
    struct run *run = handle->data;

    (void)number;
    gateway_changed(&run->gateway);
}

/* What comes from here on changes nothing: the end is near, and it shall be in order. */
static void hold_signals(const int numbers[3])
{
    sigset_t set;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < 3; i++)
        (void)sigaddset(&set, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static int run_until_told(struct run *run, uv_loop_t *loop, const struct gateway_options *options,
                          struct err *e)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_signal_t signals[3];
    int r = gateway_open(&run->gateway, loop, options, e);

    for (size_t i = 0; i < 3; i++) {
        (void)uv_signal_init(loop, &signals[i]);
        signals[i].data = run;
        (void)uv_signal_start(&signals[i], numbers[i] == SIGHUP ? told_to_look : told_to_stop,
                              numbers[i]);
    }
    if (r == 0) {
        log_event(LOG_INFO, "started version=%s node=%s server=%s", CARVE_VERSION,
                  options->node_name, http_server(run->gateway.http));
        (void)uv_run(loop, UV_RUN_DEFAULT);
    }
    hold_signals(numbers);
    uninstall_close(TAKE(run->uninstall));
    gateway_close(&run->gateway);
    for (size_t i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&signals[i], NULL);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    return r;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    struct run run = {0};
    struct err e = {0};
    uv_loop_t loop;
    int r;

    arguments_read(&arguments, argc, argv);
    log_set_level(arguments.log_level);
    /* Objects of the API come and go: one arena, and what they leave goes back to the system. */
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 10);
    (void)signal(SIGPIPE, SIG_IGN);
    if (arguments.uninstall) {
        r = uninstall_job(&arguments.options, arguments.uninstall_deadline_ms, &e);
        if (r < 0)
            log_event(LOG_ERROR, "cannot uninstall reason=\"%s\"", e.msg);
        return r < 0 ? 1 : 0;
    }
    r = uv_loop_init(&loop);
    if (r < 0) {
        log_event(LOG_ERROR, "cannot start the loop reason=\"%s\"", uv_strerror(r));
        return 1;
    }
    r = run_until_told(&run, &loop, &arguments.options, &e);
    (void)uv_loop_close(&loop);
    if (r < 0)
        log_event(LOG_ERROR, "cannot start reason=\"%s\"", e.msg);
    return r < 0 ? 1 : 0;
}
