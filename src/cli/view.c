/* SPDX-License-Identifier: Apache-2.0 */
/* The node as a verb sees it: see view.h. */
#include "cli/view.h"

#include <errno.h>

#include "base/err.h"
#include "cli/client.h"
#include "cli/options.h"
#include "cli/report.h"
#include "node/node_state.h"

enum { STATE_TIMEOUT_MS = 10000 };

/* What Watch sends first is the state now. */
struct first {
    struct node_state *state;
    int result;
    struct err error;
};

static bool on_state(void *self, const uint8_t *message, size_t size)
{
    struct first *first = self;

    node_state_free(TAKE(first->state));
    first->result = node_state_unpack(&first->state, message, size, &first->error);
    /* A carved that has just started looks at the hardware first. */
    return first->result == 0 && !first->state->inventory && !*first->state->driver_error;
}

int view_state(struct node_state **out, const char *socket, struct err *e)
{
    struct first first = {.result = -EPROTO, .error = {.msg = "carved sent no state"}};
    const struct client_call call = {
        .socket = socket,
        .method = "Watch",
        .timeout_ms = STATE_TIMEOUT_MS,
        .got = on_state,
        .self = &first,
    };

    if (client_run(&call, e) < 0 && !first.state)
        return err_wrap(e, "ask carved");
    if (first.result < 0)
        return err_set(e, -first.result, "%s", first.error.msg);
    *out = first.state;
    return 0;
}

static int read_carved(struct view *v, const struct options *o, struct err *e)
{
    int r = view_state(&v->state, o->socket, e);

    if (r < 0)
        return r;
    v->inventory = v->state->inventory;
    if (!v->inventory)
        return err_set(e, ENODEV, "carved cannot read the hardware: %s",
                       *v->state->driver_error ? v->state->driver_error : "not yet");
    if (*v->state->driver_error)
        report_note("warning: the driver does not answer now (%s); this is what it said last",
                    v->state->driver_error);
    return 0;
}

static int read_driver(struct view *v, const struct options *o, struct err *e)
{
    int r = driver_open_nvml(&v->driver, o->driver_root, o->sysfs_root, e);

    if (r == 0)
        r = v->driver.read(v->driver.self, &v->inventory, e);
    if (r == 0)
        report_note("(read directly; carved is not running)");
    return r;
}

const char *view_mig_name(enum gpu_mig mig)
{
    static const char *const names[] = {
        [GPU_MIG_NONE] = "none", [GPU_MIG_OFF] = "off", [GPU_MIG_ON] = "on"};

    return names[mig];
}

int view_open(struct view *out, const struct options *o, struct err *e)
{
    struct view v = {0};
    int r = client_find(o->socket, e);

    if (r >= 0)
        r = r > 0 ? read_carved(&v, o, e) : read_driver(&v, o, e);
    if (r < 0)
        view_close(&v);
    else
        *out = v;
    return r;
}

void view_close(struct view *v)
{
    if (!v->state)
        inventory_free(v->inventory);
    node_state_free(v->state);
    driver_close(&v->driver);
    *v = (struct view){0};
}
