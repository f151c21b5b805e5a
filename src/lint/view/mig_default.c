/* SPDX-License-Identifier: Apache-2.0 */
/* See mig_default.h. Each board's file is made once in a run, and parsed by mig-parted's rules. */
#include "lint/view/mig_default.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "config/mig_file.h"
#include "lint/view/config_text.h"
#include "lint/view/view.h"

/* Device filters of mig-parted's files name boards by these. */
static const struct {
    const char *board;
    uint32_t device_id;
} boards[] = {
    {"a100-40gb", 0x20B010DE},
    {"a100-80gb", 0x20B210DE},
    {"h100-80gb-sxm", 0x233010DE},
    {"h200-141gb", 0x233510DE},
    {"b200-180gb", 0x290110DE},
    {"gb200-186gb", 0x294110DE},
    {"b300-269gb", 0x318210DE},
    {"rtx-pro-6000-blackwell-96gb", 0x2BB510DE},
    {"rtx-pro-4500-blackwell-32gb", 0x2C3110DE},
};

void mig_default_gpu(struct gpu *out, const struct instance_type *t, unsigned index)
{
    *out = (struct gpu){.index = index, .mig = GPU_MIG_NONE, .mig_pending = GPU_MIG_NONE};
    (void)TEXT_COPY(out->name, t->gpu_product);
    out->mem_total_bytes = t->gpu_memory_mib << 20;
    if (!t->mig || !t->geometry)
        return;
    out->mig = out->mig_pending = GPU_MIG_ON;
    out->geometry = *t->geometry;
    for (size_t i = 0; t->board && i < sizeof boards / sizeof boards[0]; i++)
        if (strcmp(boards[i].board, t->board) == 0)
            out->device_id = boards[i].device_id;
}

static struct mig_file *make(struct lint *l, const struct instance_type *t)
{
    struct gpu gpu;
    struct inventory inv = {.n_gpus = 1, .gpus = &gpu};
    struct config_notes notes = {0};
    OWN_MEM char *text = NULL;
    struct mig_file *file = NULL;
    struct err e = {0};

    mig_default_gpu(&gpu, t, 0);
    if (mig_file_default(&text, &inv, &e) == -ENOMEM ||
        (text && config_text_mig(&file, &notes, &l->arena, text, strlen(text)) < 0))
        l->out_of_memory = true;
    return file;
}

const struct mig_file *mig_default_file(struct lint *l, const struct instance_type *t)
{
    struct system *s = &l->system;
    struct mig_default *grown;

    if (!t->board || !t->geometry)
        return NULL;
    for (size_t i = 0; i < s->n_defaults; i++)
        if (strcmp(s->defaults[i].board, t->board) == 0)
            return s->defaults[i].file;
    grown = view_grow(l, s->defaults, s->n_defaults, sizeof *grown);
    if (!grown)
        return NULL;
    s->defaults = grown;
    grown += s->n_defaults;
    *grown = (struct mig_default){.board = t->board, .file = make(l, t)};
    s->n_defaults++;
    return grown->file;
}
