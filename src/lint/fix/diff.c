/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unified differences: see diff.h. Lines become numbers, equal ones the same. Myers' greedy search
 * runs in windows: when it has made MAX_EDITS edits without an end, the way that came furthest is
 * taken and the search begins anew from there, so that time and memory stay bounded.
 */
#include "lint/fix/diff.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/own.h"

enum { MAX_EDITS = 256, CONTEXT = 3, WIDTH = 2 * MAX_EDITS + 3 };

struct line {
    const char *text;
    size_t size; /* with its newline, which the last one may lack */
    uint32_t id; /* equal lines have equal ones */
};

struct side {
    size_t n;
    struct line *lines;
    bool *changed; /* gone, or come */
};

struct table {
    size_t size; /* a power of two */
    const struct line **slots;
    uint32_t n_ids;
};

/* A window of both sides; x counts lines of the old side in it, a diagonal is x - y. */
struct search {
    struct side *a, *b;
    size_t start_a, start_b;
    long n, m; /* lines from there on */
    /* The furthest x on each diagonal after each number of edits; -1: none there. */
    int32_t (*reach)[WIDTH];
};

static void side_done(struct side *s)
{
    free(s->lines);
    free(s->changed);
}

static int split(struct side *s, const struct diff_text *text, struct err *e)
{
    size_t n = 0;

    for (size_t at = 0; at < text->size; n++) {
        const char *end = memchr(text->text + at, '\n', text->size - at);

        at = end ? (size_t)(end - text->text) + 1 : text->size;
    }
    s->lines = calloc(n + 1, sizeof *s->lines);
    s->changed = calloc(n + 1, sizeof *s->changed);
    if (!s->lines || !s->changed)
        return err_memory(e);
    for (size_t at = 0; at < text->size;) {
        const char *end = memchr(text->text + at, '\n', text->size - at);
        size_t next = end ? (size_t)(end - text->text) + 1 : text->size;

        s->lines[s->n++] = (struct line){.text = text->text + at, .size = next - at};
        at = next;
    }
    return 0;
}

static uint64_t hash(const struct line *line)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (size_t i = 0; i < line->size; i++)
        h = (h ^ (unsigned char)line->text[i]) * 0x100000001b3u;
    return h ^ (h >> 29);
}

static void number(struct table *t, struct side *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct line *line = &s->lines[i];
        size_t at = hash(line) & (t->size - 1);

        while (t->slots[at] && !(t->slots[at]->size == line->size &&
                                 memcmp(t->slots[at]->text, line->text, line->size) == 0))
            at = (at + 1) & (t->size - 1);
        if (!t->slots[at]) {
            line->id = t->n_ids++;
            t->slots[at] = line;
        }
        line->id = t->slots[at]->id;
    }
}

static int number_both(struct side *a, struct side *b, struct err *e)
{
    struct table t = {.size = 16};

    while (t.size < 2 * (a->n + b->n))
        t.size *= 2;
    t.slots = calloc(t.size, sizeof(struct line *));
    if (!t.slots)
        return err_memory(e);
    number(&t, a);
    number(&t, b);
    free(t.slots);
    return 0;
}

static int32_t reach(const struct search *s, long edits, long diagonal)
{
    return s->reach[edits][diagonal + MAX_EDITS + 1];
}

/* Where one more edit leads on a diagonal; -1: nowhere. */
static long step(const struct search *s, long edits, long k, bool *down)
{
    long below = reach(s, edits - 1, k + 1), left = reach(s, edits - 1, k - 1);

    if (below >= 0 && below - k > s->m)
        below = -1;
    left = left >= 0 && left < s->n ? left + 1 : -1;
    *down = below >= left;
    return *down ? below : left;
}

static void mark(struct search *s, long edits, long k)
{
    for (; edits > 0; edits--) {
        bool down;
        long x = step(s, edits, k, &down);

        if (down) {
            s->b->changed[s->start_b + (size_t)(x - k) - 1] = true;
            k++;
        } else {
            s->a->changed[s->start_a + (size_t)x - 1] = true;
            k--;
        }
    }
}

/* Over equal lines from a point on. */
static long slide(const struct search *s, long x, long k)
{
    const struct line *a = s->a->lines + s->start_a, *b = s->b->lines + s->start_b;

    while (x < s->n && x - k < s->m && a[x].id == b[x - k].id)
        x++;
    return x;
}

/* One window: as many lines as MAX_EDITS edits lead over, marked; where it ended is the start. */
static void window(struct search *s)
{
    long best[3] = {0, 0, 0}; /* edits, diagonal, x */

    for (long d = 0; d <= MAX_EDITS; d++) {
        memset(s->reach[d], 0xff, sizeof s->reach[d]);
        for (long k = -d; k <= d; k += 2) {
            bool down;
            long x = d == 0 ? 0 : step(s, d, k, &down);

            if (x < 0)
                continue;
            x = slide(s, x, k);
            s->reach[d][k + MAX_EDITS + 1] = (int32_t)x;
            if (2 * x - k >= 2 * best[2] - best[1])
                memcpy(best, (long[]){d, k, x}, sizeof best);
            if (x == s->n && x - k == s->m)
                goto found;
        }
    }

found:
    mark(s, best[0], best[1]);
    s->start_a += (size_t)best[2];
    s->start_b += (size_t)(best[2] - best[1]);
}

static int compare(struct side *a, struct side *b, struct err *e)
{
    struct search s = {.a = a, .b = b};

    s.reach = calloc(MAX_EDITS + 1, sizeof *s.reach);
    if (!s.reach)
        return err_memory(e);
    while (s.start_a < a->n || s.start_b < b->n) {
        s.n = (long)(a->n - s.start_a);
        s.m = (long)(b->n - s.start_b);
        if (s.n > INT32_MAX / 4)
            s.n = INT32_MAX / 4;
        window(&s);
    }
    free(s.reach);
    return 0;
}

/* Names that begin with a slash are taken by -p1 as well as others. */
static void write_names(struct buf *out, const char *before, const char *after)
{
    buf_printf(out, "--- a%s%s\n", *before == '/' ? "" : "/", before);
    buf_printf(out, "+++ b%s%s\n", *after == '/' ? "" : "/", after);
}

static void write_line(struct buf *out, char sign, const struct line *line)
{
    buf_char(out, sign);
    buf_add(out, line->text, line->size);
    if (line->size == 0 || line->text[line->size - 1] != '\n')
        buf_text(out, "\n\\ No newline at end of file\n");
}

/* "12,3"; a range without lines is named by the line before it. */
static void write_range(struct buf *out, char sign, size_t start, size_t n)
{
    buf_printf(out, "%c%zu", sign, n > 0 ? start + 1 : start);
    if (n != 1)
        buf_printf(out, ",%zu", n);
}

static void write_hunk(struct buf *out, const struct side *a, const struct side *b,
                       const size_t from[2], const size_t to[2])
{
    size_t i = from[0], k = from[1];

    buf_text(out, "@@ ");
    write_range(out, '-', from[0], to[0] - from[0]);
    buf_char(out, ' ');
    write_range(out, '+', from[1], to[1] - from[1]);
    buf_text(out, " @@\n");
    while (i < to[0] || k < to[1]) {
        if (i < to[0] && a->changed[i])
            write_line(out, '-', &a->lines[i++]);
        else if (k < to[1] && b->changed[k])
            write_line(out, '+', &b->lines[k++]);
        else {
            write_line(out, ' ', &a->lines[i++]);
            k++;
        }
    }
}

static bool is_change(const struct side *a, const struct side *b, size_t i, size_t k)
{
    return (i < a->n && a->changed[i]) || (k < b->n && b->changed[k]);
}

/* Passes a run of changes. */
static void pass(const struct side *a, const struct side *b, size_t at[2])
{
    while (at[0] < a->n && a->changed[at[0]])
        at[0]++;
    while (at[1] < b->n && b->changed[at[1]])
        at[1]++;
}

/* The hunk that begins at a change: with all changes that are close behind it. */
static void find_end(const struct side *a, const struct side *b, size_t at[2], size_t end[2])
{
    for (;;) {
        size_t n = 0;

        pass(a, b, at);
        while (at[0] + n < a->n && n <= (size_t)2 * CONTEXT &&
               !is_change(a, b, at[0] + n, at[1] + n))
            n++;
        if (n > (size_t)2 * CONTEXT || !is_change(a, b, at[0] + n, at[1] + n)) {
            n = n < CONTEXT ? n : CONTEXT;
            end[0] = at[0] + n;
            end[1] = at[1] + n;
            return;
        }
        at[0] += n;
        at[1] += n;
    }
}

static void write_all(struct buf *out, const struct side *a, const struct side *b,
                      const char *before, const char *after)
{
    bool named = false;

    for (size_t at[2] = {0, 0}; at[0] < a->n || at[1] < b->n;) {
        size_t from[2], end[2];

        if (!is_change(a, b, at[0], at[1])) {
            at[0]++;
            at[1]++;
            continue;
        }
        if (!named)
            write_names(out, before, after);
        named = true;
        from[0] = at[0] < CONTEXT ? 0 : at[0] - CONTEXT;
        from[1] = at[1] - (at[0] - from[0]);
        find_end(a, b, at, end);
        write_hunk(out, a, b, from, end);
    }
}

int diff_unified(struct buf *out, const struct diff_text *before, const struct diff_text *after,
                 struct err *e)
{
    OWN(side_done) struct side a = {0};
    OWN(side_done) struct side b = {0};
    int r = split(&a, before, e);

    if (r == 0)
        r = split(&b, after, e);
    if (r == 0)
        r = number_both(&a, &b, e);
    if (r == 0)
        r = compare(&a, &b, e);
    if (r < 0)
        return r;
    write_all(out, &a, &b, before->file, after->file);
    return buf_check(out, e);
}
