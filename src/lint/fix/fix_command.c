/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of fix.h that edit commands: words, further words, whole lines. See fix_step.h. */
#include <string.h>

#include "lint/fix/fix_step.h"

/* Characters that mean nothing to a shell. */
static bool is_safe(const char *text, bool dollar)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_./:=@%+,-~";

    for (; *text; text++)
        if (!strchr(safe, *text) && !(dollar && strchr("${}", *text)))
            return false;
    return true;
}

static const char *in_double_quotes(struct arena *a, const char *text, bool dollar)
{
    char *out = arena_alloc(a, 2 * strlen(text) + 3), *at = out;

    if (!out)
        return NULL;
    *at++ = '"';
    for (; *text; text++) {
        bool odd = *text == '\\' && (!text[1] || strchr("\"\\`$", text[1]));

        if (odd || strchr("\"`", *text) || (*text == '$' && !dollar))
            *at++ = '\\';
        *at++ = *text;
    }
    *at = '"';
    return out;
}

static const char *in_single_quotes(struct arena *a, const char *text)
{
    char *out = arena_alloc(a, 4 * strlen(text) + 3), *at = out;

    if (!out)
        return NULL;
    *at++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') {
            memcpy(at, "'\\'", 3);
            at += 3;
        }
        *at++ = *text;
    }
    *at = '\'';
    return out;
}

/* Quotes as the old word did: from where its first quote stood, with the same one. */
static const char *quote(struct arena *a, const char *old, const char *text, bool expands)
{
    size_t plain = strcspn(old, "\"'");
    const char *head, *rest;

    if (strchr(text, '\n'))
        return text;
    if (old[plain] && strncmp(old, text, plain) == 0 && !strchr(old, '\\')) {
        head = arena_copy(a, text, plain);
        rest = old[plain] == '"' ? in_double_quotes(a, text + plain, expands)
                                 : in_single_quotes(a, text + plain);
        return head && rest ? arena_printf(a, "%s%s", head, rest) : NULL;
    }
    if (is_safe(text, expands))
        return text;
    return expands && strchr(text, '$') ? in_double_quotes(a, text, true)
                                        : in_single_quotes(a, text);
}

const char *fix_quote(struct arena *a, const char *text)
{
    return is_safe(text, false) ? text : in_single_quotes(a, text);
}

static bool ends_in_backslash(const struct line *line)
{
    return line->size > 0 && line->text[line->size - 1] == '\\';
}

static bool only_blanks(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t')
            return false;
    return true;
}

/* The whole line goes; if it was the last of its command, so does the backslash before it. */
static void remove_line(struct sheet *s, size_t at, bool last)
{
    (void)lines_cut(&s->lines, at, 1);
    if (last && at > 0 && ends_in_backslash(s->lines.at[at - 1])) {
        struct line *line = s->lines.at[at - 1];
        size_t end = line->size - 1;

        while (end > 0 && (line->text[end - 1] == ' ' || line->text[end - 1] == '\t'))
            end--;
        line_splice(s->lines.arena, line, end, line->size - end, "");
    }
}

static void remove_word(struct sheet *s, struct place from, struct place to)
{
    struct line *line;
    size_t rest, end;
    bool first;

    sheet_replace(s, from, to, "");
    line = s->lines.at[from.line];
    first = only_blanks(line->text, from.byte);
    rest = from.byte;
    while (rest < line->size && (line->text[rest] == ' ' || line->text[rest] == '\t'))
        rest++;
    if (first && rest == line->size) {
        remove_line(s, from.line, true);
    } else if (first && rest + 1 == line->size && ends_in_backslash(line)) {
        remove_line(s, from.line, false);
    } else if (first) {
        line_splice(s->lines.arena, line, from.byte, rest - from.byte, "");
    } else {
        for (end = from.byte; from.byte > 0 && (line->text[from.byte - 1] == ' ' ||
                                                line->text[from.byte - 1] == '\t');)
            from.byte--;
        line_splice(s->lines.arena, line, from.byte, end - from.byte, "");
    }
}

static bool find_word(const struct sheet *s, const struct word *word, struct place range[2])
{
    const struct spot *spot = &word->spot;

    return sheet_find(s, spot->line, spot->column, &range[0]) &&
           sheet_find_end(s, spot->end_line, spot->end_column, &range[1]) &&
           range[0].line <= range[1].line;
}

static bool change_word(struct sheet *s, const struct fix_step *step)
{
    struct place range[2];
    const struct line *line;
    const char *old = "", *text;

    if (!find_word(s, step->word, range))
        return false;
    if (!*step->text) {
        remove_word(s, range[0], range[1]);
        return true;
    }
    line = s->lines.at[range[0].line];
    if (range[0].line == range[1].line)
        old = arena_copy(s->lines.arena, line->text + range[0].byte, range[1].byte - range[0].byte);
    text = old ? quote(s->lines.arena, old, step->text, step->word->expands) : NULL;
    if (text)
        sheet_replace(s, range[0], range[1], text);
    return text != NULL;
}

/* The last word of a command that is still there; and whether its words fill several lines. */
static bool last_word(const struct sheet *s, const struct command *c, struct place range[2],
                      bool *several)
{
    struct place first;

    for (size_t i = c->n_words; i-- > 0;) {
        if (!find_word(s, &c->words[i], range))
            continue;
        *several = sheet_find(s, c->words[0].spot.line, c->words[0].spot.column, &first) &&
                   first.line < range[1].line;
        return true;
    }
    return false;
}

static bool add_words(struct sheet *s, const struct fix_step *step)
{
    struct place range[2];
    const struct line *line;
    bool several;
    const char *text;

    if (!last_word(s, step->command, range, &several))
        return false;
    line = s->lines.at[range[1].line];
    if (several)
        text = arena_printf(s->lines.arena, " \\\n%.*s%s", (int)line_indent(line), line->text,
                            step->text);
    else
        text = arena_printf(s->lines.arena, " %s", step->text);
    if (text)
        sheet_replace(s, range[1], range[1], text);
    return text != NULL;
}

/* What new lines get in front: what the command has there, a prompt on the first alone. */
static struct lines command_lines(struct sheet *s, const char *text, const struct line *like,
                                  size_t byte)
{
    struct arena *a = s->lines.arena;
    struct lines lines = lines_of(a, text);
    size_t blanks = line_indent(like), n = blanks;

    if (n + 2 == byte && (like->text[n] == '$' || like->text[n] == '#') && like->text[n + 1] == ' ')
        n = byte;
    for (size_t i = 0; i < lines.n; i++) {
        const char *head = arena_copy(a, like->text, i == 0 ? n : blanks);

        if (head)
            line_splice(a, lines.at[i], 0, 0, head);
    }
    return lines;
}

/* The line behind the here-document of a command, or behind its last word. */
static size_t line_behind(const struct sheet *s, const struct command *c, size_t last)
{
    struct place end;
    unsigned n = 0;

    while (last + 1 < s->lines.n && ends_in_backslash(s->lines.at[last]))
        last++;
    if (!c->here)
        return last + 1;
    for (size_t i = 0; i < c->here->size; i++)
        n += c->here->text[i] == '\n' || i + 1 == c->here->size;
    if (c->here->loose || !sheet_find(s, c->here->line + n, 1, &end))
        return last + 1;
    return end.line + 1;
}

static bool add_command(struct sheet *s, const struct fix_step *step)
{
    const struct word *word = &step->command->words[0];
    struct place first, range[2];
    struct lines lines;
    bool several;
    size_t at;

    if (!sheet_find(s, word->spot.line, word->spot.column, &first) ||
        !last_word(s, step->command, range, &several))
        return false;
    lines = command_lines(s, step->text, s->lines.at[first.line], first.byte);
    at = first.line;
    while (at > 0 && ends_in_backslash(s->lines.at[at - 1]))
        at--;
    if (!step->before)
        at = line_behind(s, step->command, range[1].line);
    lines_insert(&s->lines, at, &lines);
    return true;
}

bool fix_step_command(struct sheet *s, const struct fix_step *step)
{
    if (step->kind == FIX_WORD)
        return change_word(s, step);
    if (step->kind == FIX_ADD_WORDS)
        return add_words(s, step);
    return add_command(s, step);
}

static bool goes_on(const struct line_index *index, unsigned line)
{
    size_t size;
    const char *text = line_index_line(index, line, &size);

    return size > 0 && text[size - 1] == '\\';
}

void fix_step_lines(const struct line_index *index, const struct fix_step *step, unsigned *first,
                    unsigned *last)
{
    struct spot spot = step->word ? step->word->spot : step->command->spot;

    *first = spot.line;
    *last = spot.end_line > spot.line ? spot.end_line : spot.line;
    if (!step->word) {
        const struct command *c = step->command;
        const struct spot *end = &c->words[c->n_words - 1].spot;

        *first = c->words[0].spot.line;
        *last = end->end_line > *last ? end->end_line : *last;
        if (c->here && !c->here->loose) {
            unsigned n = c->here->line;

            for (size_t i = 0; i < c->here->size; i++)
                n += c->here->text[i] == '\n' || i + 1 == c->here->size;
            *last = n > *last ? n : *last;
        }
    }
    while (*first > 1 && goes_on(index, *first - 1))
        (*first)--;
    while (*last < index->n && goes_on(index, *last))
        (*last)++;
    if (*last > index->n)
        *last = (unsigned)index->n;
}
