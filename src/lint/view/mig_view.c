/* SPDX-License-Identifier: Apache-2.0 */
/* The view of mig-parted's files: ConfigMaps' keys, texts in values, files of their own. */
#include <string.h>

#include "lint/view/config_view.h"

bool mig_view_is(const struct document *d)
{
    return !d->kind[0] && !d->api_version[0] && node_get(d->root, "mig-configs");
}

void mig_view_read(struct lint *l, struct system *s, const struct document *d)
{
    struct config_notes notes = {0};
    struct mig_configs *grown;
    struct mig_file *file = NULL;
    const char *text;

    if (!mig_view_is(d))
        return;
    text = config_view_text(l, d);
    grown = text ? view_grow(l, s->migs, s->n_migs, sizeof *grown) : NULL;
    if (!grown)
        return;
    s->migs = grown;
    if (config_text_mig(&file, &notes, &l->arena, text, strlen(text)) < 0) {
        l->out_of_memory = true;
        return;
    }
    config_view_place(d, &notes);
    grown[s->n_migs++] = (struct mig_configs){
        .doc = d,
        .holder = d->outer,
        .key = d->key ? d->key : "",
        .file = file,
        .n_notes = notes.n,
        .notes = notes.items,
    };
}

void mig_view_read_values(struct lint *l, struct system *s)
{
    config_view_values(l, s, "migManager.config.data.", CHART_GPU_OPERATOR, mig_view_read);
    config_view_values(l, s, "migManager.config.data.", CHART_CARVE, mig_view_read);
}
