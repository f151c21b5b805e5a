/* SPDX-License-Identifier: Apache-2.0 */
/* Holders against a MIG wish: see mig_block.h. */
#include "gateway/mig_block.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/findings.h"
#include "config/mig_file.h"
#include "gpu/gpu.h"
#include "node/mig_change.h"
#include "node/node_holders.h"

enum {
    WORDS_MAX = 4096,
    WORDS_ENOUGH = 600, /* bytes after which holders are only counted */
    ROUNDS_MAX = GPU_MAX * (GPU_MAX_INSTANCES + 1),
};

/* Where a holder is: positions in the inventory. */
struct place {
    unsigned gpu;
    int instance; /* -1: the whole GPU */
};

void mig_block_free(struct mig_block *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->n_pods; i++) {
        free(b->pods[i].namespace);
        free(b->pods[i].name);
    }
    free(b->words);
    free(b);
}

static int instance_of(const struct gpu *gpu, const struct node_holder *h)
{
    for (unsigned i = 0; i < gpu->n_instances; i++) {
        for (unsigned c = 0; c < gpu->instances[i].n_computes; c++)
            if (strcmp(gpu->instances[i].computes[c].uuid, h->device) == 0)
                return (int)i;
        if (h->n_processes > 0 && h->processes[0].gi_id >= 0 &&
            gpu->instances[i].id == (unsigned)h->processes[0].gi_id)
            return (int)i;
    }
    return -1;
}

static bool find_place(struct place *out, const struct inventory *inv, const struct node_holder *h)
{
    for (unsigned g = 0; g < inv->n_gpus && g < GPU_MAX; g++) {
        if (inv->gpus[g].index != h->gpu)
            continue;
        *out = (struct place){.gpu = g, .instance = instance_of(&inv->gpus[g], h)};
        return true;
    }
    return false;
}

static void hold_all(struct mig_change_held *held, const struct inventory *inv,
                     const struct node_holders *holders)
{
    mig_change_hold_processes(held, inv);
    for (size_t i = 0; i < holders->count; i++) {
        struct place at;

        if (!find_place(&at, inv, &holders->items[i]))
            continue;
        if (at.instance < 0)
            held->gpus[at.gpu].gpu = true;
        else
            held->gpus[at.gpu].instances |= UINT32_C(1) << at.instance;
    }
}

/* Takes the next wish for the whole node out of the file. */
static int wish_change(struct mig_change **out, const struct inventory *inv,
                       const struct mig_block_wish *wish, struct err *e)
{
    OWN(mig_file_freep) struct mig_file *file = NULL;
    OWN_MEM char *made = NULL;
    const struct mig_config *config;
    const char *text = wish->text;
    struct findings findings;
    int r = *text ? 0 : mig_file_default(&made, inv, e);

    if (r < 0)
        return r;
    if (made)
        text = made;
    findings_init(&findings, wish->file);
    r = mig_file_parse(&file, wish->file, text, strlen(text), &findings, e);
    findings_done(&findings);
    if (r == 0)
        r = mig_file_find(&config, file, *wish->config ? wish->config : NULL, e);
    return r < 0 ? r : mig_change_make(out, inv, config, false, e);
}

static bool add_pod(struct mig_block *b, const struct node_holder *h)
{
    struct mig_block_pod *pod = &b->pods[b->n_pods];

    for (size_t i = 0; i < b->n_pods; i++)
        if (strcmp(b->pods[i].namespace, h->namespace) == 0 && strcmp(b->pods[i].name, h->pod) == 0)
            return true;
    if (b->n_pods == MIG_BLOCK_MAX)
        return true;
    pod->namespace = strdup(h->namespace);
    pod->name = strdup(h->pod);
    if (!pod->namespace || !pod->name) {
        free(pod->namespace);
        free(pod->name);
        return false;
    }
    b->n_pods++;
    return true;
}

static void add_words(struct buf *words, size_t *n_more, const struct node_holder *h)
{
    if (words->size > WORDS_ENOUGH) {
        (*n_more)++;
        return;
    }
    buf_printf(words, "%sGPU %u: ", words->size > 0 ? "; " : "", h->gpu);
    if (*h->pod)
        buf_printf(words, "pod %s/%s, container %s", h->namespace, h->pod, h->container);
    else if (h->n_processes > 0)
        buf_printf(words, "process %u (%s)", h->processes[0].pid, h->process_names);
    else
        buf_text(words, "an unknown process");
    if (*h->profile)
        buf_printf(words, " has %s", h->profile);
}

/* What is named as blocking, of all holders. */
struct blocked {
    struct mig_change_held held; /* bits that block */
};

static bool is_blocked(const struct blocked *b, const struct place *at)
{
    const struct mig_held *held = &b->held.gpus[at->gpu];

    return held->gpu || (at->instance >= 0 && (held->instances >> at->instance & 1));
}

/* Takes what blocks out of `held`, and notes it; false if that changes nothing. */
static bool take_out(struct mig_change_held *held, struct blocked *blocked,
                     const struct mig_change_block *block)
{
    struct mig_held *of = &held->gpus[block->gpu];
    struct mig_held *to = &blocked->held.gpus[block->gpu];

    if (block->instances == 0) {
        bool any = of->gpu || of->instances;

        to->gpu = true;
        *of = (struct mig_held){0};
        return any;
    }
    if (!(of->instances & block->instances))
        return false;
    to->instances |= of->instances & block->instances;
    of->instances &= ~block->instances;
    return true;
}

/* Plans again and again, each time without those that stood in the way before. */
static int find_blocked(struct blocked *out, struct mig_change *change, const struct inventory *inv,
                        struct mig_change_held *held, struct err *e)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        struct mig_change_block block = {0};
        int r = mig_change_plan(change, inv, held, &block, e);

        if (r != -EBUSY)
            return r;
        if (!take_out(held, out, &block))
            return r;
    }
    return 0;
}

/* GPUs and instances that block and that no holder was found for. */
static size_t unknown(struct buf *words, const struct inventory *inv, const struct blocked *blocked,
                      const struct mig_change_held *named)
{
    size_t n = 0;

    for (unsigned g = 0; g < inv->n_gpus && g < GPU_MAX; g++) {
        const struct mig_held *held = &blocked->held.gpus[g], *has = &named->gpus[g];
        bool any = has->gpu || has->instances;

        if (held->gpu ? any : !(held->instances & ~has->instances))
            continue;
        buf_printf(words, "%sGPU %u: in use by a process that the driver does not name",
                   words->size > 0 ? "; " : "", inv->gpus[g].index);
        n++;
    }
    return n;
}

static int name_all(struct mig_block *b, const struct inventory *inv, const struct blocked *blocked,
                    const struct node_holders *holders, struct err *e)
{
    OWN_MEM struct mig_change_held *named = calloc(1, sizeof *named);
    OWN(buf_done) struct buf words;
    size_t n_more = 0;

    buf_init(&words, WORDS_MAX);
    if (!named)
        return err_memory(e);
    for (size_t i = 0; i < holders->count; i++) {
        const struct node_holder *h = &holders->items[i];
        struct place at;

        if (!find_place(&at, inv, h) || !is_blocked(blocked, &at))
            continue;
        if (at.instance < 0)
            named->gpus[at.gpu].gpu = true;
        else
            named->gpus[at.gpu].instances |= UINT32_C(1) << at.instance;
        if (!*h->pod)
            b->n_others++;
        else if (!add_pod(b, h))
            return err_memory(e);
        add_words(&words, &n_more, h);
    }
    b->n_others += unknown(&words, inv, blocked, named);
    if (n_more > 0)
        buf_printf(&words, "; and %zu more", n_more);
    buf_text(&words, "");
    b->words = words.size > 0 ? buf_take(&words) : strdup("");
    return b->words ? 0 : err_memory(e);
}

int mig_block_find(struct mig_block **out, const struct inventory *inv,
                   const struct mig_block_wish *wish, const struct node_holders *holders,
                   struct err *e)
{
    OWN(mig_block_freep) struct mig_block *b = calloc(1, sizeof *b);
    OWN(mig_change_freep) struct mig_change *change = NULL;
    OWN_MEM struct mig_change_held *held = calloc(1, sizeof *held);
    OWN_MEM struct blocked *blocked = calloc(1, sizeof *blocked);
    int r;

    if (!b || !held || !blocked)
        return err_memory(e);
    r = wish_change(&change, inv, wish, e);
    if (r < 0)
        return r;
    hold_all(held, inv, holders);
    r = find_blocked(blocked, change, inv, held, e);
    if (r == 0)
        r = name_all(b, inv, blocked, holders, e);
    if (r == 0)
        *out = TAKE(b);
    return r;
}
