/* SPDX-License-Identifier: Apache-2.0 */
/* `carve gpus`: which of its tables is wanted, of which GPUs. */
#include "cli/gpus.h"

#include "base/err.h"
#include "cli/group.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "cli/view.h"
#include "node/node_state.h"

static const struct argp_option gpus_options[] = {
    {"profiles", OPTIONS_KEY_PROFILES, NULL, 0, "MIG profiles of each board, with their placements",
     0},
    {"layouts", OPTIONS_KEY_LAYOUTS, NULL, 0,
     "every way to cut each board full, and what stays unused", 0},
    {"topology", OPTIONS_KEY_TOPOLOGY, NULL, 0, "how the GPUs reach each other", 0},
    OPTIONS_OUTPUT,
    OPTIONS_NODE,
    {0},
};

static const struct options_verb gpus_verb = {
    .options = gpus_options,
    .args_doc = "[GPU...]",
    .doc = "GPUs of this node: memory, MIG devices, processes, and the layouts they could have.\v"
           "A GPU is named by its index, UUID or PCI bus id; without one all are shown.",
};

/* What carved has to say beside the hardware. */
static void tell_trouble(const struct node_state *state)
{
    if (*state->config_error)
        report_note("warning: configuration not in force: %s", state->config_error);
    for (size_t i = 0; i < state->n_notes; i++)
        report_note("warning: %s", state->notes[i]);
}

static int show(const struct view *v, const struct options *o)
{
    struct group chosen;
    struct err e = {0};

    if (group_choose(&chosen, v->inventory, o->gpus, o->n_gpus, &e) < 0)
        return report_error(&e);
    switch (o->view) {
    case OPTIONS_PROFILES:
        return gpus_profiles(v->inventory, &chosen, o->json);
    case OPTIONS_LAYOUTS:
        return gpus_layouts(v->inventory, &chosen, o->json);
    case OPTIONS_TOPOLOGY:
        return gpus_topology(v->inventory, &chosen, o->json);
    case OPTIONS_LIST:
        break;
    }
    if (v->state)
        tell_trouble(v->state);
    return gpus_list(v, &chosen, o->json);
}

int cmd_gpus(int argc, char **argv)
{
    struct options o;
    struct err e = {0};
    struct view v;
    int code;

    options_read(&o, &gpus_verb, argc, argv);
    if (view_open(&v, &o, &e) < 0)
        return report_error(&e);
    code = show(&v, &o);
    view_close(&v);
    return code;
}
