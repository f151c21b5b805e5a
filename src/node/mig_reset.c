/* SPDX-License-Identifier: Apache-2.0 */
/* A GPU reset by nvidia-smi: see mig_reset.h. One object holds process, pipe and clock. */
#include "node/mig_reset.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/own.h"
#include "base/text.h"

enum { WORDS_MAX = 400 };

/* Frees itself when its three handles are closed. */
struct mig_reset {
    uv_process_t process;
    uv_pipe_t output;
    uv_timer_t clock;
    unsigned open; /* handles */
    bool spawned;  /* the process is a handle */
    bool exited, drained, timed_out;
    int64_t status;
    char words[WORDS_MAX];
    size_t used;
    char chunk[256];
    mig_reset_done *done;
    void *self;
};

static void on_closed(uv_handle_t *handle)
{
    struct mig_reset *r = handle->data;

    if (--r->open > 0)
        return;
    free(r);
}

static void close_all(struct mig_reset *r)
{
    if (r->spawned)
        uv_close((uv_handle_t *)&r->process, on_closed);
    uv_close((uv_handle_t *)&r->output, on_closed);
    uv_close((uv_handle_t *)&r->clock, on_closed);
}

/* One line of at most WORDS_MAX characters. */
static void tidy(struct mig_reset *r)
{
    while (r->used > 0 && (unsigned char)r->words[r->used - 1] <= ' ')
        r->used--;
    r->words[r->used] = '\0';
    for (char *p = r->words; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            *p = ' ';
}

static void finish(struct mig_reset *r)
{
    int result = r->status == 0 ? 0 : -EIO;

    if (!r->exited || !r->drained)
        return;
    tidy(r);
    if (r->timed_out) {
        result = -ETIMEDOUT;
        (void)snprintf(r->words, sizeof r->words, "nvidia-smi --gpu-reset did not end in time");
    } else if (result < 0 && r->used == 0) {
        (void)snprintf(r->words, sizeof r->words, "nvidia-smi --gpu-reset ended with %lld",
                       (long long)r->status);
    }
    (void)uv_timer_stop(&r->clock);
    r->done(r->self, result, r->words);
    close_all(r);
}

static void on_end(uv_process_t *process, int64_t status, int signal_number)
{
    struct mig_reset *r = process->data;

    r->exited = true;
    r->status = signal_number ? 128 + signal_number : status;
    finish(r);
}

static void on_time(uv_timer_t *clock)
{
    struct mig_reset *r = clock->data;

    r->timed_out = true;
    (void)uv_process_kill(&r->process, SIGKILL);
    /* A child of its own may keep the pipe open. */
    (void)uv_read_stop((uv_stream_t *)&r->output);
    r->drained = true;
    finish(r);
}

static void give_chunk(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct mig_reset *r = handle->data;

    (void)suggested;
    *out = uv_buf_init(r->chunk, sizeof r->chunk);
}

static void on_output(uv_stream_t *stream, ssize_t size, const uv_buf_t *chunk)
{
    struct mig_reset *r = stream->data;
    size_t room = sizeof r->words - 1 - r->used, n = size > 0 ? (size_t)size : 0;

    if (size < 0) {
        (void)uv_read_stop(stream);
        r->drained = true;
        finish(r);
        return;
    }
    n = n < room ? n : room;
    memcpy(r->words + r->used, chunk->base, n);
    r->used += n;
}

static char *find_program(const char *driver_root)
{
    static const char *const places[] = {"usr/bin/nvidia-smi", "bin/nvidia-smi",
                                         "usr/local/nvidia/bin/nvidia-smi", "opt/bin/nvidia-smi"};

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        OWN_MEM char *path = file_join(driver_root, places[i]);

        if (path && access(path, X_OK) == 0)
            return TAKE(path);
    }
    return NULL;
}

/* The driver's own libraries for its own program; NULL: the loader's. */
static char *library_path(const char *root)
{
    char *text;

    if (strcmp(root, "/") == 0)
        return NULL;
    if (asprintf(&text,
                 "LD_LIBRARY_PATH=%1$s/usr/lib64:%1$s/usr/lib/x86_64-linux-gnu:"
                 "%1$s/usr/lib/aarch64-linux-gnu:%1$s/lib64:%1$s/lib/x86_64-linux-gnu:"
                 "%1$s/lib/aarch64-linux-gnu:%1$s/usr/local/nvidia/lib64:%1$s/usr/lib/nvidia/tesla",
                 root) < 0)
        return NULL;
    return text;
}

/* Our own environment, with `first` for its LD_LIBRARY_PATH unless NULL; free the array. */
static char **environment_with(char *first)
{
    size_t n = 0, used = 0;
    char **list;

    while (environ[n])
        n++;
    list = calloc(n + 2, sizeof *list);
    if (!list)
        return NULL;
    if (first)
        list[used++] = first;
    for (size_t i = 0; i < n; i++)
        if (!first || !text_starts(environ[i], "LD_LIBRARY_PATH="))
            list[used++] = environ[i];
    return list;
}

/* stdout and stderr come through one pipe. */
static int spawn(struct mig_reset *r, uv_loop_t *loop, const struct mig_reset_order *order,
                 const char *program)
{
    char name[] = "nvidia-smi", reset[] = "--gpu-reset", which[] = "-i", gpu[128];
    char *arguments[] = {name, reset, which, gpu, NULL};
    OWN_MEM char *libraries = library_path(order->driver_root);
    OWN_MEM char **environment = environment_with(libraries);
    OWN_FD int writer = -1;
    uv_file ends[2];
    uv_stdio_container_t streams[3] = {{.flags = UV_IGNORE}};
    uv_process_options_t options = {
        .file = program,
        .args = arguments,
        .env = environment,
        .exit_cb = on_end,
        .flags = UV_PROCESS_DETACHED,
        .stdio = streams,
        .stdio_count = 3,
    };
    int result = environment ? uv_pipe(ends, UV_NONBLOCK_PIPE, 0) : UV_ENOMEM;

    if (result < 0)
        return result;
    writer = ends[1];
    result = uv_pipe_open(&r->output, ends[0]);
    if (result < 0) {
        (void)close(ends[0]);
        return result;
    }
    for (size_t i = 1; i < 3; i++) {
        streams[i].flags = UV_INHERIT_FD;
        streams[i].data.fd = writer;
    }
    (void)snprintf(gpu, sizeof gpu, "%s", order->gpu_uuid);
    r->spawned = true;
    r->open++;
    return uv_spawn(loop, &r->process, &options);
}

int mig_reset_start(struct mig_reset **out, uv_loop_t *loop, const struct mig_reset_order *order,
                    struct err *e)
{
    OWN_MEM char *program = find_program(order->driver_root);
    struct mig_reset *r;
    int result;

    if (!program)
        return err_set(e, ENOENT, "no nvidia-smi below driver root '%s'", order->driver_root);
    r = calloc(1, sizeof *r);
    if (!r)
        return err_memory(e);
    r->done = order->done;
    r->self = order->self;
    r->open = 2;
    r->process.data = r->output.data = r->clock.data = r;
    (void)uv_pipe_init(loop, &r->output, 0);
    (void)uv_timer_init(loop, &r->clock);
    result = spawn(r, loop, order, program);
    if (result < 0) {
        close_all(r);
        return err_errno(e, -result, "start %s", program);
    }
    (void)uv_timer_start(&r->clock, on_time, order->timeout_ms, 0);
    (void)uv_read_start((uv_stream_t *)&r->output, give_chunk, on_output);
    *out = r;
    return 0;
}

void mig_reset_leave(struct mig_reset *r)
{
    close_all(r);
}
