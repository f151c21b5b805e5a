/* SPDX-License-Identifier: Apache-2.0 */
/* The parsers of config/ and what they find, taken over into a run's arena: see config_text.h. */
#include "lint/view/config_text.h"

#include <errno.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/own.h"
#include "config/findings.h"
#include "lint/view/system.h"

static void findings_donep(struct findings *f)
{
    findings_done(f);
}

static int take_notes(struct config_notes *out, struct arena *arena, const struct findings *f)
{
    struct config_note *items = arena_array(arena, f->count ? f->count : 1, sizeof *items);

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; i < f->count; i++) {
        items[i].error = f->items[i].error;
        items[i].spot = (struct spot){.line = f->items[i].line, .column = f->items[i].column};
        items[i].text = arena_text(arena, f->items[i].text);
        if (!items[i].text)
            return -ENOMEM;
    }
    *out = (struct config_notes){.n = f->count, .items = items};
    return 0;
}

int config_text_plugin(struct config **out, struct config_notes *notes, struct arena *arena,
                       const char *text, size_t size)
{
    OWN(findings_donep) struct findings f = {0};
    OWN(config_freep) struct config *config = NULL;
    struct err e = {0};
    int r;

    findings_init(&f, "configuration");
    r = config_parse(&config, "configuration", text, size, NULL, 0, false, &f, &e);
    if (r == -ENOMEM || take_notes(notes, arena, &f) < 0)
        return -ENOMEM;
    *out = TAKE(config);
    return 0;
}

int config_text_mig(struct mig_file **out, struct config_notes *notes, struct arena *arena,
                    const char *text, size_t size)
{
    OWN(findings_donep) struct findings f = {0};
    OWN(mig_file_freep) struct mig_file *file = NULL;
    struct err e = {0};
    int r;

    findings_init(&f, "configuration");
    r = mig_file_parse(&file, "configuration", text, size, &f, &e);
    if (r == -ENOMEM || take_notes(notes, arena, &f) < 0)
        return -ENOMEM;
    *out = TAKE(file);
    return 0;
}
