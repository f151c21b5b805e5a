/* SPDX-License-Identifier: Apache-2.0 */
/* Notes about what cannot be promised: see notes.h. Words that are too long are cut. */
#include "slice/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "gpu/gpu.h"

void notes_init(struct notes *n)
{
    *n = (struct notes){0};
}

void notes_done(struct notes *n)
{
    free(n->items);
    *n = (struct notes){0};
}

static struct note *find_or_add(struct notes *n, const char *text)
{
    struct note *items;

    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->items[i].text, text) == 0)
            return &n->items[i];
    if (n->count == NOTES_MAX) {
        n->n_left_out++;
        return NULL;
    }
    if (n->count == n->capacity) {
        size_t capacity = n->capacity > 0 ? n->capacity * 2 : 4;

        items = realloc(n->items, capacity * sizeof *items);
        if (!items) {
            n->failed = true;
            return NULL;
        }
        n->items = items;
        n->capacity = capacity;
    }
    items = &n->items[n->count++];
    items->gpus = 0;
    memcpy(items->text, text, sizeof items->text);
    return items;
}

void notes_add(struct notes *n, int gpu, const char *fmt, ...)
{
    char text[NOTES_TEXT_SIZE] = "";
    struct note *note;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    note = find_or_add(n, text);
    if (note && gpu >= 0)
        note->gpus |= UINT64_C(1) << gpu;
}

/* "GPU 3", "GPUs 0-2, 5": neighbors in the inventory with consecutive indexes make a range. */
static void write_gpus(struct buf *out, uint64_t gpus, const struct inventory *inv)
{
    const char *before = (gpus & (gpus - 1)) == 0 ? "GPU " : "GPUs ";

    for (unsigned first = 0; first < inv->n_gpus; first++) {
        unsigned last = first;

        if (!(gpus >> first & 1))
            continue;
        while (last + 1 < inv->n_gpus && gpus >> (last + 1) & 1 &&
               inv->gpus[last + 1].index == inv->gpus[last].index + 1)
            last++;
        buf_printf(out, "%s%u", before, inv->gpus[first].index);
        if (last > first)
            buf_printf(out, "-%u", inv->gpus[last].index);
        before = ", ";
        first = last;
    }
    buf_text(out, ": ");
}

static char *note_text(const struct note *note, const struct inventory *inv)
{
    OWN(buf_done) struct buf text;

    buf_init(&text, 4096);
    if (note->gpus != 0)
        write_gpus(&text, note->gpus, inv);
    buf_text(&text, note->text);
    return buf_take(&text);
}

static char *left_out_text(size_t count)
{
    OWN(buf_done) struct buf text;

    buf_init(&text, 128);
    buf_printf(&text, "%zu more of the like", count);
    return buf_take(&text);
}

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    free(texts);
}

int notes_texts(char ***out, size_t *out_count, const struct notes *n, const struct inventory *inv,
                struct err *e)
{
    size_t count = n->count + (n->n_left_out > 0);
    char **texts;

    if (n->failed)
        return err_memory(e);
    texts = calloc(count + 1, sizeof *texts);
    if (!texts)
        return err_memory(e);
    for (size_t i = 0; i < count; i++) {
        texts[i] = i < n->count ? note_text(&n->items[i], inv) : left_out_text(n->n_left_out);
        if (!texts[i]) {
            free_texts(texts, i);
            return err_memory(e);
        }
    }
    *out = texts;
    *out_count = count;
    return 0;
}
