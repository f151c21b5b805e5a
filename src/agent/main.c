/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carved from start to end: options, one instance a socket, signals, the loop. What it does is in
 * agent.c. Exit codes: 0 told to stop, 1 cannot go on, 2 wrong command line.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/arguments.h"
#include "agent/kept_config.h"
#include "agent/network_bar.h"
#include "agent/reload.h"
#include "base/err.h"
#include "base/file.h"
#include "base/log.h"
#include "base/own.h"
#include "node/node_lock.h"

/* carved --check-config: what `strict: true` would say, in lines that editors understand. */
static int check_config(const char *file)
{
    OWN_MEM char *text = NULL;
    OWN(config_freep) struct config *config = NULL;
    OWN(findings_done) struct findings f;
    struct err e = {0};
    size_t size;
    int r;

    findings_init(&f, file);
    if (file_read(&text, &size, file, KEPT_CONFIG_MAX_BYTES, &e) < 0) {
        (void)fprintf(stderr, "carved: %s\n", e.msg);
        return 2;
    }
    r = config_parse(&config, file, text, size, NULL, 0, true, &f, &e);
    for (size_t i = 0; i < f.count; i++) {
        OWN_MEM char *line = findings_line(&f, i);

        (void)printf("%s\n", line ? line : "out of memory");
    }
    (void)printf("%s: %zu error%s, %zu warning%s\n", file, f.n_errors, f.n_errors == 1 ? "" : "s",
                 f.n_warnings, f.n_warnings == 1 ? "" : "s");
    return r == 0 ? 0 : 1;
}

/* The lock that the process keeps until it ends. */
static int lock(int *out, const char *socket, struct err *e)
{
    int r = node_lock(out, socket, e);

    return r == -EBUSY ? err_set(e, EBUSY,
                                 "another carved serves '%s', or a 'carve mig apply' without "
                                 "carved is under way",
                                 socket)
                       : r;
}

static void stop(uv_signal_t *handle, int number)
{
    log_event(LOG_INFO, "stopping signal=%d", number);
    uv_stop(handle->loop);
}

static void hang_up(uv_signal_t *handle, int number)
{
    struct agent *a = handle->data;

    (void)number;
    log_event(LOG_INFO, "looking at configuration and hardware again");
    reload_check(a->reload);
    agent_observe(a, NULL, NULL);
}

/* Runs until a signal or a failure, then until everything is closed. */
static int run(struct agent *a, uv_loop_t *loop, const struct arguments *o, struct err *e)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_signal_t signals[3];
    int r = agent_open(a, loop, &o->agent, e);

    for (size_t i = 0; i < 3; i++) {
        (void)uv_signal_init(loop, &signals[i]);
        signals[i].data = a;
        (void)uv_signal_start(&signals[i], numbers[i] == SIGHUP ? hang_up : stop, numbers[i]);
    }
    if (r == 0) {
        log_event(LOG_INFO, "started version=%s socket=%s", CARVE_VERSION, o->agent.socket);
        (void)uv_run(loop, UV_RUN_DEFAULT);
    }
    agent_close(a);
    for (size_t i = 0; i < 3; i++)
        uv_close((uv_handle_t *)&signals[i], NULL);
    (void)uv_run(loop, UV_RUN_DEFAULT);
    agent_done(a);
    return r;
}

int main(int argc, char **argv)
{
    struct arguments o;
    struct agent a;
    OWN_FD int lock_fd = -1;
    struct err e = {0};
    uv_loop_t loop;
    int r, code;

    arguments_read(&o, argc, argv);
    if (o.check_config)
        return check_config(o.check_config);
    log_set_level(o.log_level);
    /* Two threads that rarely meet: one arena, and freed lists go back to the system. */
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_TRIM_THRESHOLD, 64 << 10);
    (void)signal(SIGPIPE, SIG_IGN);
    r = o.network_bar ? network_bar_install(&e) : 0;
    if (r == 0)
        r = lock(&lock_fd, o.agent.socket, &e);
    if (r == 0 && (r = uv_loop_init(&loop)) < 0)
        (void)err_set(&e, -r, "start the loop: %s", uv_strerror(r));
    if (r < 0) {
        log_event(LOG_ERROR, "cannot start reason=\"%s\"", e.msg);
        return 1;
    }
    r = run(&a, &loop, &o, &e);
    (void)uv_loop_close(&loop);
    if (r < 0)
        log_event(LOG_ERROR, "cannot start reason=\"%s\"", e.msg);
    code = r == -EINVAL ? 2 : r < 0 || a.failed ? 1 : 0;
    if (a.driver_lost)
        _exit(code); /* a thread still hangs in the driver, with `a` in its hands */
    return code;
}
