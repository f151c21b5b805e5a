/* SPDX-License-Identifier: Apache-2.0 */
/* Comments to carve-lint: see silence_words.h. */
#include "lint/silence_words.h"

#include <string.h>

#define ADDRESS "carve-lint:"
#define HTML_BEGIN "<!--"
#define HTML_END "-->"

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static const char *skip_spaces(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

bool silence_is_blank(const char *line, const char *end)
{
    return skip_spaces(line, end) == end;
}

static bool begins(const char *p, const char *end, const char *word)
{
    size_t size = strlen(word);

    return (size_t)(end - p) >= size && memcmp(p, word, size) == 0;
}

bool silence_is_idle(const char *line, const char *end)
{
    line = skip_spaces(line, end);
    return line == end || *line == '#' || begins(line, end, HTML_BEGIN);
}

bool silence_is_in(const char *text, size_t size)
{
    return memmem(text, size, ADDRESS, sizeof ADDRESS - 1) != NULL;
}

static unsigned column_of(const char *line, const char *at)
{
    unsigned column = 1;

    for (; line < at; line++)
        column += ((unsigned char)*line & 0xc0) != 0x80;
    return column;
}

/* Where the comment begins of which the address is at `at`; NULL if that is no comment. */
static const char *opening(bool *html, const char *line, const char *at)
{
    size_t size = sizeof HTML_BEGIN - 1;

    while (at > line && is_space(at[-1]))
        at--;
    *html = at - line >= (ptrdiff_t)size && memcmp(at - size, HTML_BEGIN, size) == 0;
    if (*html)
        return at - size;
    if (at == line || at[-1] != '#')
        return NULL;
    at--;
    return at == line || is_space(at[-1]) ? at : NULL;
}

/* "ignore" or "ignore-file", and nothing else before a space or the end. */
static const char *take_word(const char *p, const char *end, const char *word)
{
    if (!begins(p, end, word))
        return NULL;
    p += strlen(word);
    return p == end || is_space(*p) ? p : NULL;
}

bool silence_find(struct silence_comment *out, const char *line, const char *end)
{
    const char *at = memmem(line, (size_t)(end - line), ADDRESS, sizeof ADDRESS - 1);
    struct silence_comment c = {.end = end};
    const char *begin, *word;

    if (!at)
        return false;
    begin = opening(&c.html, line, at);
    if (!begin)
        return false;
    if (c.html) {
        c.end = memmem(at, (size_t)(end - at), HTML_END, sizeof HTML_END - 1);
        if (!c.end)
            c.end = end;
    }
    c.column = column_of(line, begin);
    c.end_column = column_of(line, c.end);
    c.alone = silence_is_blank(line, begin);
    at = skip_spaces(at + sizeof ADDRESS - 1, c.end);
    word = take_word(at, c.end, "ignore");
    if (!word) {
        word = take_word(at, c.end, "ignore-file");
        c.whole_file = word != NULL;
    }
    c.known = word != NULL;
    c.rules = word ? skip_spaces(word, c.end) : c.end;
    *out = c;
    return true;
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           (c >= 'A' && c <= 'Z');
}

bool silence_next_rule(char name[SILENCE_NAME_SIZE], const char **rest, const char *end)
{
    const char *p = *rest;
    size_t size = 0;

    while (p + size < end && is_name(p[size]))
        size++;
    if (size == 0)
        return false;
    memcpy(name, p, size < SILENCE_NAME_SIZE ? size : SILENCE_NAME_SIZE - 1);
    name[size < SILENCE_NAME_SIZE ? size : SILENCE_NAME_SIZE - 1] = '\0';
    p = skip_spaces(p + size, end);
    /* What no comma leads to is the reason. */
    *rest = p < end && *p == ',' ? skip_spaces(p + 1, end) : end;
    return true;
}
