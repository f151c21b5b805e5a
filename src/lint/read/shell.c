/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell, as far as lint needs it: simple commands with their words and here-documents. Nothing is
 * expanded, nothing is run; what the grammar knows beyond that (loops, functions) is read as the
 * commands that stand in it. Words are cut by shell_word.c.
 */
#include "lint/read/shell.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "lint/read/block.h"
#include "lint/read/content.h"
#include "lint/read/shell_word.h"
#include "lint/read/source.h"

enum {
    MAX_PENDING = 16, /* here-documents of one line */
    MAX_LINE = 64,    /* commands of one line that may read one */
    MAX_WORDS = 4096, /* of one command; what follows is passed over */
};

/* A here-document that was announced and has not begun. */
struct pending {
    const char *delimiter;
    bool strip_tabs, quoted;
    size_t reader; /* in the line */
};

/* A command of the line that is being read. */
struct reader {
    struct command *command;
    const char *file; /* that it writes; NULL */
    bool piped;       /* into the next one */
};

struct shell {
    struct lint *l;
    const struct piece *piece;
    struct cursor c;
    struct buf scratch;
    bool prompted; /* lines that are typed begin with "$ ", others are answers */
    bool line_start;
    struct word *words; /* of the command that is being read */
    size_t n_words, max_words;
    const char *file; /* that it writes */
    struct pending pending[MAX_PENDING];
    size_t n_pending;
    struct reader line[MAX_LINE];
    size_t n_line;
    struct err *e;
};

/* Whether some line begins with "$ ". */
static bool has_prompt(const struct piece *piece)
{
    struct cursor c = {.text = piece->text, .size = piece->size};

    while (c.at < c.size) {
        const char *line;
        size_t size, at = 0;

        cursor_line(&c, &line, &size);
        while (at < size && line[at] == ' ')
            at++;
        if (size - at >= 2 && line[at] == '$' && line[at + 1] == ' ')
            return true;
    }
    return false;
}

static int push_word(struct shell *s, const struct word *word)
{
    if (s->n_words == MAX_WORDS)
        return 0;
    if (s->n_words == s->max_words) {
        size_t max = s->max_words ? s->max_words * 2 : 16;
        struct word *grown = reallocarray(s->words, max, sizeof *grown);

        if (!grown)
            return err_memory(s->e);
        s->words = grown;
        s->max_words = max;
    }
    s->words[s->n_words++] = *word;
    return 0;
}

static bool is_assignment(const char *text)
{
    size_t n = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

    return n > 0 && text[n] == '=' && !(text[0] >= '0' && text[0] <= '9');
}

/* Words that only lead to the command: "sudo", "then". */
static bool is_lead(const char *text)
{
    static const char *const words[] = {"sudo", "env",  "exec", "command", "nohup", "time",  "then",
                                        "do",   "else", "elif", "if",      "while", "until", "!",
                                        "{",    "}",    "fi",   "done",    "esac"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* Words in front of the command itself. One of assignments alone is a command too. */
static size_t count_lead(const struct shell *s)
{
    bool options = false;
    size_t n = 0;

    for (; n < s->n_words; n++) {
        const char *text = s->words[n].text;

        if (!is_assignment(text) && !is_lead(text) && !(options && *text == '-'))
            return n;
        options = options || is_lead(text);
    }
    return n > 0 && is_assignment(s->words[n - 1].text) ? 0 : n;
}

/* The file that "tee FILE" writes, or NULL. */
static const char *file_of_tee(const struct command *c)
{
    if (strcmp(c->words[0].text, "tee") != 0)
        return NULL;
    for (size_t i = 1; i < c->n_words; i++)
        if (c->words[i].text[0] != '-')
            return c->words[i].text;
    return NULL;
}

/* Ends the command that is being read, if there is one. */
static int end_command(struct shell *s, bool piped)
{
    size_t lead = count_lead(s);
    struct command like = {.piece = s->piece, .n_words = s->n_words - lead}, *c;
    const char *file = s->file;

    s->file = NULL;
    if (like.n_words == 0) {
        s->n_words = 0;
        return 0;
    }
    like.spot = s->words[0].spot;
    like.spot.end_line = s->words[s->n_words - 1].spot.end_line;
    like.spot.end_column = s->words[s->n_words - 1].spot.end_column;
    like.words = arena_array(&s->l->arena, like.n_words, sizeof *like.words);
    if (like.words)
        memcpy(like.words, s->words + lead, like.n_words * sizeof *like.words);
    s->n_words = 0;
    c = like.words ? source_command(s->l, &like) : NULL;
    if (!c)
        return err_memory(s->e);
    source_take(s->l, like.n_words + 1);
    if (s->n_line < MAX_LINE)
        s->line[s->n_line++] = (struct reader){c, file ? file : file_of_tee(c), piped};
    return 0;
}

/* Takes all tabs off the front of each line; false if lines differ in how many they have. */
static bool strip_tabs(char *out, size_t *size, unsigned *tabs)
{
    size_t used = 0;
    bool alike = true, first = true;

    for (size_t at = 0; at < *size;) {
        const char *end = memchr(out + at, '\n', *size - at);
        size_t next = end ? (size_t)(end - out) + 1 : *size, skip = at;

        while (skip < next && out[skip] == '\t')
            skip++;
        if (skip < next && out[skip] != '\n') {
            alike = alike && (first || *tabs == skip - at);
            *tabs = (unsigned)(skip - at);
            first = false;
        }
        memmove(out + used, out + skip, next - skip);
        used += next - skip;
        at = next;
    }
    *size = used;
    return alike;
}

/* The text of a here-document as a piece of its own, for all that read it. */
static int add_body(struct shell *s, const struct pending *p, const struct piece *body)
{
    struct piece like = *body, *piece;
    const char *file = NULL, *ending;
    unsigned tabs = 0;
    size_t last = p->reader;
    int r;

    for (size_t i = p->reader; i < s->n_line; i++) {
        last = i + 1;
        file = file ? file : s->line[i].file;
        if (!s->line[i].piped)
            break;
    }
    if (p->strip_tabs) {
        char *copy = arena_copy(&s->l->arena, like.text, like.size);

        if (!copy)
            return err_memory(s->e);
        like.text = copy;
        like.loose = like.loose || !strip_tabs(copy, &like.size, &tabs);
        like.indent += like.loose ? 0 : tabs;
    }
    like.file = file;
    ending = content_ending(file ? file : "");
    r = block_read(s->l, &like, ending, strlen(ending), &piece, s->e);
    for (size_t i = p->reader; r == 0 && i < last && i < s->n_line; i++)
        s->line[i].command->here = piece;
    return r;
}

/* Reads one here-document to its end, or to the text's if it has none. */
static int read_body(struct shell *s, const struct pending *p)
{
    struct spot spot = spot_in(s->piece, s->c.line, 1);
    struct piece body = {.source = s->piece->source,
                         .text = s->c.text + s->c.at,
                         .line = spot.line,
                         .indent = spot.column - 1,
                         .loose = s->piece->loose,
                         .expands = !p->quoted,
                         .outer = s->piece};

    while (s->c.at < s->c.size) {
        const char *line;
        size_t size;

        body.size = (size_t)(s->c.text + s->c.at - body.text);
        cursor_line(&s->c, &line, &size);
        while (p->strip_tabs && size > 0 && *line == '\t') {
            line++;
            size--;
        }
        if (size == strlen(p->delimiter) && memcmp(line, p->delimiter, size) == 0)
            return add_body(s, p, &body);
    }
    body.size = (size_t)(s->c.text + s->c.at - body.text);
    return add_body(s, p, &body);
}

static int read_bodies(struct shell *s)
{
    int r = 0;

    for (size_t i = 0; i < s->n_pending && r == 0; i++)
        r = read_body(s, &s->pending[i]);
    s->n_pending = 0;
    return r;
}

static int end_line(struct shell *s)
{
    bool goes_on = s->n_words == 0 && s->n_line > 0 && s->line[s->n_line - 1].piped;
    int r = end_command(s, false);

    cursor_step(&s->c);
    s->line_start = true;
    if (r == 0)
        r = read_bodies(s);
    if (!goes_on)
        s->n_line = 0;
    return r;
}

static int cut(struct shell *s, struct word *out)
{
    if (word_cut(out, &s->c, s->piece, &s->l->arena, &s->scratch))
        return 0;
    s->l->out_of_memory = true;
    return err_memory(s->e);
}

static void skip_blanks(struct shell *s)
{
    while (cursor_peek(&s->c, 0) == ' ' || cursor_peek(&s->c, 0) == '\t')
        cursor_step(&s->c);
}

static int announce(struct shell *s)
{
    bool strips = cursor_peek(&s->c, 2) == '-', quoted;
    struct word word;
    int r;

    cursor_skip(&s->c, strips ? 3 : 2);
    skip_blanks(s);
    quoted = strchr("'\"\\", cursor_peek(&s->c, 0)) != NULL;
    r = cut(s, &word);
    if (r == 0 && word.text && s->n_pending < MAX_PENDING)
        s->pending[s->n_pending++] = (struct pending){word.text, strips, quoted, s->n_line};
    return r;
}

/* A redirection to or from a file; only standard output's file is kept. */
static int redirect(struct shell *s, bool output)
{
    struct word word;
    int r;

    while (strchr("<>&|", cursor_peek(&s->c, 0)) && s->c.at < s->c.size)
        cursor_step(&s->c);
    skip_blanks(s);
    r = cut(s, &word);
    if (r == 0 && output && word.text)
        s->file = word.text;
    return r;
}

/* The digits in front of a redirection; 0 if this is none. */
static size_t descriptor(const struct cursor *c)
{
    size_t n = 0;

    while (n < 3 && cursor_peek(c, n) >= '0' && cursor_peek(c, n) <= '9')
        n++;
    return n > 0 && (cursor_peek(c, n) == '<' || cursor_peek(c, n) == '>') ? n : 0;
}

static int read_redirection(struct shell *s)
{
    size_t digits = descriptor(&s->c);
    bool output = digits == 0 || (digits == 1 && cursor_peek(&s->c, 0) == '1');

    cursor_skip(&s->c, digits);
    if (cursor_peek(&s->c, 0) == '<' && cursor_peek(&s->c, 1) == '<' &&
        cursor_peek(&s->c, 2) != '<')
        return announce(s);
    if (cursor_peek(&s->c, 1) == '(') { /* <(command) */
        cursor_step(&s->c);
        return 0;
    }
    return redirect(s, output && cursor_peek(&s->c, 0) != '<');
}

static int read_word(struct shell *s)
{
    size_t before = s->c.at;
    struct word word;
    int r = cut(s, &word);

    if (s->c.at == before)
        cursor_step(&s->c);
    return r == 0 && word.text ? push_word(s, &word) : r;
}

/* ';', '&', '|', '(' and ')' and what they are doubled to. */
static int read_operator(struct shell *s, char c)
{
    bool twice = cursor_peek(&s->c, 1) == c;
    int r;

    if (c == '&' && cursor_peek(&s->c, 1) == '>') {
        cursor_step(&s->c);
        return 0;
    }
    r = end_command(s, c == '|' && !twice);
    cursor_skip(&s->c, twice ? 2 : 1);
    if (c == '|' && cursor_peek(&s->c, 0) == '&')
        cursor_step(&s->c);
    return r;
}

/* In a session with prompts, lines without one are passed over. */
static void begin_line(struct shell *s)
{
    const char *line;
    size_t size;

    s->line_start = false;
    if (!s->prompted)
        return;
    for (;;) {
        while (cursor_peek(&s->c, 0) == ' ')
            cursor_step(&s->c);
        if (s->c.at == s->c.size)
            return;
        if (cursor_peek(&s->c, 0) == '$' && cursor_peek(&s->c, 1) == ' ') {
            cursor_skip(&s->c, 2);
            return;
        }
        cursor_line(&s->c, &line, &size);
    }
}

static int read_next(struct shell *s)
{
    char c = cursor_peek(&s->c, 0);

    if (c == '\n')
        return end_line(s);
    if (c == ' ' || c == '\t' || c == '\r') {
        cursor_step(&s->c);
        return 0;
    }
    if (c == '#') {
        while (s->c.at < s->c.size && cursor_peek(&s->c, 0) != '\n')
            cursor_step(&s->c);
        return 0;
    }
    if (c && strchr(";&|()", c))
        return read_operator(s, c);
    if (!cursor_placeholder(&s->c) && (c == '<' || c == '>' || descriptor(&s->c) > 0))
        return read_redirection(s);
    return read_word(s);
}

int shell_read(struct lint *l, const struct piece *piece, struct err *e)
{
    struct shell s = {.l = l,
                      .piece = piece,
                      .e = e,
                      .line_start = true,
                      .c = {.text = piece->text, .size = piece->size, .line = 1, .column = 1}};
    int r = 0;

    s.prompted = has_prompt(piece);
    buf_init(&s.scratch, LINT_MAX_FILE_BYTES);
    while (r == 0 && s.c.at < s.c.size) {
        if (source_room(l) == 0) {
            source_close(l, spot_in(piece, s.c.line, 1));
            break;
        }
        if (l->system.n_commands >= LINT_MAX_COMMANDS) {
            source_partial(l, spot_in(piece, s.c.line, 1),
                           "too many commands: nothing from here on is checked");
            break;
        }
        if (s.line_start)
            begin_line(&s);
        else
            r = read_next(&s);
    }
    if (r == 0)
        r = end_command(&s, false);
    buf_done(&s.scratch);
    free(s.words);
    return r;
}
