/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is missing: see ready_missing.h. Three steps, each looked at only when the one before is
 * done: carved knows what it shall be; the GPUs are so; the kubelet has taken the slices.
 */
#include "gateway/ready_missing.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/text.h"
#include "gateway/choice.h"
#include "gateway/gateway.h"
#include "gateway/link.h"
#include "gateway/mig_part.h"
#include "gateway/own_node.h"
#include "gpu/gpu.h"
#include "node/node_state.h"

static void say(struct ready_missing *m, const char *reason, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct ready_missing *m, const char *reason, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(m->words, sizeof m->words, fmt, args);
    va_end(args);
    m->reason = reason;
}

/*
 * A layout that failed, or a configuration that is refused. What no time mends is told at once;
 * but a configuration may fit only the layout that is still being made.
 */
static void find_refused(struct ready_missing *m, const struct gateway *g)
{
    const struct node_state *s = gateway_state(g);
    const char *choice = choice_wrong(g->choice);
    bool layout_for_good = false;
    const char *layout = mig_part_failed(g->mig, &layout_for_good);

    if (layout) {
        say(m, "LayoutFailed", "MIG layout '%s' cannot be made: %.800s", mig_part_wish(g->mig),
            layout);
        m->for_good = layout_for_good;
    } else if (choice || s->config_error[0]) {
        say(m, "ConfigurationError", "the configuration is refused: %.900s",
            choice ? choice : s->config_error);
        m->for_good = mig_part_settled(g->mig);
    }
}

/* Before the slices themselves can be looked at. */
static void find_unsettled(struct ready_missing *m, const struct gateway *g)
{
    const struct node_state *s = gateway_state(g);

    if (!link_up(g->link)) {
        say(m, "CarvedAway",
            "carved does not answer: %s; see the log of container carved in carve's pod on this "
            "node",
            link_error(g->link));
        return;
    }
    if (s->driver_error[0]) {
        say(m, "DriverError", "the driver cannot be read: %s", s->driver_error);
        return;
    }
    find_refused(m, g);
    if (m->reason)
        return;
    if (!choice_settled(g->choice))
        say(m, "ConfigurationPending",
            "the configuration that label '%s' chooses is not in force; see its Events",
            g->options.config_label);
    else if (!mig_part_settled(g->mig))
        say(m, "LayoutPending", "the MIG layout that label '%s' asks for is not made: %.800s",
            g->options.mig_label, mig_part_words(g->mig));
    else if (!s->resolved)
        say(m, "HardwareUnread", "carved has not made slices of hardware and configuration yet");
}

static bool is_faulty(const struct node_state *s)
{
    for (unsigned i = 0; s->inventory && i < s->inventory->n_gpus; i++)
        if (s->inventory->gpus[i].fault[0])
            return true;
    return s->n_faults > 0;
}

static bool is_cut(const struct node_state *s)
{
    for (unsigned i = 0; s->inventory && i < s->inventory->n_gpus; i++)
        if (s->inventory->gpus[i].mig == GPU_MIG_ON)
            return true;
    return false;
}

/* A resource that has lost all its slices to a fault is not waited for, if others have some. */
static void find_in_resource(struct ready_missing *m, const struct gateway *g,
                             const struct node_resource *r)
{
    int64_t allocatable = own_node_allocatable(g->own_node, r->name);
    uint32_t there = allocatable < 0            ? 0
                     : allocatable > UINT32_MAX ? UINT32_MAX
                                                : (uint32_t)allocatable;

    if (!r->registered)
        say(m, "NotRegistered", "the kubelet has not taken resource '%s'", r->name);
    else if (there < r->healthy)
        say(m, "NotAllocatable", "of the %u healthy slices of '%s' %u are allocatable", r->healthy,
            r->name, there);
    else if (r->slices > 0 && r->healthy == 0 && !is_faulty(gateway_state(g)))
        say(m, "NoHealthySlices", "none of the slices of '%s' is healthy", r->name);
}

/*
 * No slice at all is a mistake if a GPU is broken, or cut for MIG devices that are not there. Whole
 * GPUs that are not offered are what the configuration's patterns say.
 */
static void find_slices(struct ready_missing *m, const struct gateway *g)
{
    const struct node_state *s = gateway_state(g);
    unsigned healthy = 0;

    for (size_t i = 0; i < s->n_resources && !m->reason; i++) {
        find_in_resource(m, g, &s->resources[i]);
        healthy += s->resources[i].healthy;
    }
    if (m->reason || healthy > 0)
        return;
    if (s->n_resources > 0)
        say(m, "NoHealthySlices", "none of the slices is healthy%s%s", s->n_faults ? ": " : "",
            s->n_faults ? s->faults[0].what : "");
    else if (is_faulty(s) || is_cut(s))
        say(m, "NoSlices", "there are no slices%s%s", s->n_notes ? ": " : "",
            s->n_notes ? s->notes[0] : "");
}

struct ready_missing ready_missing_find(const struct gateway *g)
{
    struct ready_missing m = {0};

    find_unsettled(&m, g);
    if (!m.reason)
        find_slices(&m, g);
    return m;
}
