/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents of YAML: see document.h. A text is cut at its markers before libyaml sees it, so that
 * an error costs only the document it is in. What a document means is system.c's business.
 */
#include "lint/read/document.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "lint/read/duplicate.h"
#include "lint/read/source.h"
#include "lint/read/template.h"

enum {
    DEPTH_MAX = 4,            /* lists in lists */
    NODES_OF_DOCUMENT = 16,   /* what it costs beside those of its tree */
    NODES_NAMELESS = 1 << 16, /* of a document without a kind: no values of a chart has more */
};

/* A document of a piece before it is read. */
struct cut {
    const char *text;
    size_t size;
    unsigned lines_before; /* in the piece */
};

/* A piece passed from document to document. */
struct cutter {
    const char *text;
    size_t size, at;
    unsigned line; /* lines before `at` */
};

static bool is_marker(const char *line, size_t size, const char *marker)
{
    return size >= 3 && memcmp(line, marker, 3) == 0 &&
           (size == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

/* Whether a line, or what stands behind a marker, is more than spaces and a comment. */
static bool says_something(const char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!strchr(" \t\r", line[i]))
            return line[i] != '#';
    return false;
}

static void start_at(struct cut *cut, const struct cutter *c)
{
    cut->text = c->text + c->at;
    cut->lines_before = c->line;
}

static void pass_line(struct cutter *c, size_t size)
{
    c->at += size + (c->at + size < c->size);
    c->line++;
}

static bool close_cut(struct cut *cut, const struct cutter *c)
{
    cut->size = (size_t)(c->text + c->at - cut->text);
    return true;
}

/*
 * The next document that holds something; false behind the last. A line of directives belongs to
 * the document behind the marker that follows it.
 */
static bool next_cut(struct cutter *c, struct cut *cut)
{
    bool content = false, directive = false;

    start_at(cut, c);
    while (c->at < c->size) {
        const char *line = c->text + c->at, *end = memchr(line, '\n', c->size - c->at);
        size_t size = end ? (size_t)(end - line) : c->size - c->at;
        bool begins = is_marker(line, size, "---"), ends = is_marker(line, size, "...");

        if (content && (begins || ends))
            return close_cut(cut, c);
        if (begins && !directive)
            start_at(cut, c);
        if (begins)
            content = says_something(line + 3, size - 3);
        else if (!ends && *line != '%')
            content = content || says_something(line, size);
        directive = !begins && !ends && (directive || (*line == '%' && !content));
        pass_line(c, size);
        if (ends)
            start_at(cut, c);
    }
    return close_cut(cut, c) && content;
}

/* A cut's place for messages: its first line, or one that libyaml named. */
static struct spot spot_of_cut(const struct piece *piece, const struct cut *cut,
                               const struct yaml_place *place)
{
    if (place->line > 0)
        return spot_in(piece, place->line, place->column);
    return spot_in(piece, cut->lines_before + 1, 1);
}

static int parse(struct yaml_doc **out, struct lint *l, const struct piece *piece,
                 const struct cut *cut, struct yaml_place *place, struct err *e)
{
    size_t room = source_room(l);
    struct yaml_limits limits = {
        .max_bytes = LINT_MAX_DOCUMENT_BYTES,
        .max_nodes = room < LINT_MAX_DOCUMENT_NODES ? room : LINT_MAX_DOCUMENT_NODES,
        .lines_before = cut->lines_before,
    };

    return yaml_read_limited(out, piece->source->file, cut->text, cut->size, &limits, place, e);
}

/* The same with the template's actions gone. */
static int parse_blanked(struct yaml_doc **out, struct lint *l, struct piece *piece,
                         const struct cut *cut, struct yaml_place *place, struct err *e)
{
    struct cut blanked = *cut;
    char *text = malloc(cut->size + 1);
    int r;

    if (!text)
        return err_memory(e);
    blanked.text = text;
    blanked.size = template_blank(text, cut->text, cut->size);
    r = parse(out, l, piece, &blanked, place, e);
    free(text);
    piece->templated = true;
    return r;
}

/* libyaml's words name lines of the piece; here they become lines of the file. */
static const char *words_of(struct lint *l, const struct piece *piece, const char *msg)
{
    static const char before[] = "that began at line ";
    const char *at = strstr(msg, before);
    uint64_t line;
    char digits[16] = "";
    size_t n;

    if (!at)
        return msg;
    at += sizeof before - 1;
    n = strspn(at, "0123456789");
    if (n >= sizeof digits)
        return msg;
    memcpy(digits, at, n);
    if (!text_uint(&line, digits, UINT32_MAX))
        return msg;
    msg = arena_printf(&l->arena, "%.*s%u%s", (int)(at - msg), msg,
                       spot_in(piece, (unsigned)line, 1).line, at + n);
    return msg ? msg : "";
}

static void tell_syntax(struct lint *l, const struct piece *piece, const struct cut *cut,
                        const struct yaml_place *place, const struct err *e)
{
    const char *cure = "";

    if (strstr(e->msg, "tab in the indentation") || strstr(e->msg, "cannot start any token"))
        cure = "indent with spaces, and put texts that begin with a sign into quotes";
    source_fault(l, RULE_YAML_SYNTAX, spot_of_cut(piece, cut, place), cure, "not YAML: %s",
                 words_of(l, piece, e->msg));
}

/* What a document that was not read means; 0, or -ENOMEM. */
static int tell(struct lint *l, const struct piece *piece, const struct cut *cut,
                const struct yaml_place *place, bool strict, struct err *e)
{
    struct spot spot = spot_of_cut(piece, cut, place);
    char words[sizeof e->msg + 64];

    if (e->code == ENOMEM)
        return -ENOMEM;
    if (e->code == EFBIG && source_room(l) < LINT_MAX_DOCUMENT_NODES &&
        cut->size <= LINT_MAX_DOCUMENT_BYTES && strstr(e->msg, "values")) {
        source_close(l, spot);
    } else if (e->code == EFBIG) {
        (void)snprintf(words, sizeof words, "document is not checked: %s", e->msg);
        source_partial(l, spot, words);
    } else if (piece->templated && strict) {
        source_fault(l, RULE_TEMPLATE_NOT_CHECKED, spot, "lint what `helm template` writes",
                     "template is not checked: it is no YAML before it is rendered");
    } else if (strict) {
        tell_syntax(l, piece, cut, place, e);
    }
    *e = (struct err){0};
    return 0;
}

static const char *text_of(const struct yaml_node *map, const char *key)
{
    return node_text(node_get(map, key), "");
}

static bool is_list_of_objects(const char *kind, const struct yaml_node *root)
{
    size_t size = strlen(kind);
    const struct yaml_node *items = node_get(root, "items");

    return size >= 4 && strcmp(kind + size - 4, "List") == 0 && items && items->kind == YAML_LIST;
}

/* An object of a list of pods may leave out that it is one. */
static const char *kind_in_list(struct lint *l, const char *kind)
{
    return arena_copy(&l->arena, kind, strlen(kind) - 4);
}

struct adding {
    struct lint *l;
    const struct piece *piece;
    const struct yaml_doc *yaml;
    const struct origin *origin;
};

static int add_object(const struct adding *a, const struct yaml_node *root, const char *version,
                      const char *kind, unsigned depth, struct err *e)
{
    const struct yaml_node *meta = node_get(root, "metadata"), *items = node_get(root, "items");
    struct document d = {.piece = a->piece,
                         .yaml = a->yaml,
                         .root = root,
                         .api_version = version,
                         .kind = kind,
                         .outer = a->origin->outer,
                         .key = a->origin->key};
    const struct document *added;

    if (root->kind != YAML_MAP || root->count == 0)
        return 0;
    if (*text_of(root, "kind"))
        d.kind = text_of(root, "kind");
    if (*text_of(root, "apiVersion"))
        d.api_version = text_of(root, "apiVersion");
    if (is_list_of_objects(d.kind, root)) {
        const char *inner = kind_in_list(a->l, d.kind);
        int r = inner ? 0 : err_memory(e);

        for (size_t i = 0; i < items->count && r == 0 && depth < DEPTH_MAX; i++)
            r = add_object(a, items->items[i], *inner ? d.api_version : "", inner, depth + 1, e);
        return r;
    }
    d.name = text_of(meta, "name");
    d.space = text_of(meta, "namespace");
    added = source_document(a->l, &d);
    source_take(a->l, NODES_OF_DOCUMENT);
    return added ? document_read_inner(a->l, added, a->origin->depth, e) : err_memory(e);
}

int document_add(struct lint *l, const struct piece *piece, const struct yaml_doc *yaml,
                 const struct yaml_node *root, const struct origin *origin, struct err *e)
{
    struct adding a = {l, piece, yaml, origin};
    int r = 0;

    if (root->kind == YAML_MAP)
        return add_object(&a, root, "", "", 0, e);
    for (size_t i = 0; root->kind == YAML_LIST && i < root->count && r == 0; i++)
        if (*text_of(root->items[i], "kind") && *text_of(root->items[i], "apiVersion"))
            r = add_object(&a, root->items[i], "", "", 0, e);
    return r;
}

/* Keeps a tree and what it holds. */
static int keep(struct lint *l, const struct piece *piece, struct yaml_doc *yaml,
                const struct origin *origin, struct err *e)
{
    bool nameless = !*text_of(yaml->root, "kind");

    if (nameless && (yaml->n_nodes > NODES_NAMELESS || yaml->root->kind == YAML_SCALAR ||
                     yaml->root->kind == YAML_NULL)) {
        yaml_doc_free(yaml);
        return 0;
    }
    if (!source_keep(l, yaml)) {
        yaml_doc_free(yaml);
        return err_memory(e);
    }
    source_take(l, yaml->n_nodes);
    if (!piece->templated && (origin->strict || !nameless))
        duplicate_find(l, piece, yaml->root);
    return document_add(l, piece, yaml, yaml->root, origin, e);
}

/* Lines that are nothing but a variable, which may stand for whole entries, become empty. */
static void blank_lines(char *text, size_t size)
{
    for (size_t at = 0, end; at < size; at = end + 1) {
        const char *newline = memchr(text + at, '\n', size - at);
        size_t start = at, last;

        end = last = newline ? (size_t)(newline - text) : size;
        while (start < end && text[start] == ' ')
            start++;
        while (last > start && strchr(" \r", text[last - 1]))
            last--;
        if (last - start > 3 && text[start] == '$' && text[start + 1] == '(' &&
            memchr(text + start, ')', last - start) == text + last - 1)
            memset(text + start, ' ', last - start);
    }
}

/*
 * What a shell fills in may stand where YAML wants no braces: "${NAME}" becomes "$(NAME)", and
 * what its backslash keeps from it stays as it is.
 */
static int parse_expanded(struct yaml_doc **out, struct lint *l, const struct piece *piece,
                          const struct cut *cut, struct yaml_place *place, struct err *e)
{
    struct cut filled = *cut;
    bool inside = false;
    char *text = malloc(cut->size + 1);
    int r;

    if (!text)
        return err_memory(e);
    memcpy(text, cut->text, cut->size);
    for (size_t i = 0; i < cut->size; i++) {
        if (text[i] == '{' && i > 0 && text[i - 1] == '$') {
            text[i] = '(';
            inside = true;
        } else if (text[i] == '}' && inside) {
            text[i] = ')';
            inside = false;
        }
    }
    blank_lines(text, cut->size);
    filled.text = text;
    r = parse(out, l, piece, &filled, place, e);
    free(text);
    return r;
}

static int read_cut(struct lint *l, struct piece *piece, const struct cut *cut,
                    const struct origin *origin, struct err *e)
{
    struct yaml_doc *yaml = NULL;
    struct yaml_place place;
    int r = parse(&yaml, l, piece, cut, &place, e);

    if (r == -EINVAL && piece->expands)
        r = parse_expanded(&yaml, l, piece, cut, &place, e);
    if (r == -EINVAL && template_has(cut->text, cut->size)) {
        struct yaml_place at;
        bool before = piece->templated;

        r = parse_blanked(&yaml, l, piece, cut, &at, e);
        if (r == 0 && !before && origin->strict)
            source_fault(l, RULE_TEMPLATE_NOT_CHECKED, spot_of_cut(piece, cut, &place),
                         "lint what `helm template` writes",
                         "template is checked only as far as it is YAML before it is rendered");
    }
    return r < 0 ? tell(l, piece, cut, &place, origin->strict, e) : keep(l, piece, yaml, origin, e);
}

/* What libyaml takes for the end of a line and nobody else does. */
static bool has_odd_ends(const char *text, size_t size)
{
    const char *end = text + size;

    for (const char *at = text; (at = memchr(at, '\r', (size_t)(end - at))) != NULL; at++)
        if (at + 1 == end || at[1] != '\n')
            return true;
    return memmem(text, size, "\xe2\x80\xa8", 3) || memmem(text, size, "\xe2\x80\xa9", 3) ||
           memmem(text, size, "\xc2\x85", 2);
}

/* Puts characters of the same size in their place, so that all lines keep their numbers. */
static bool replace_odd_ends(struct lint *l, struct piece *piece)
{
    char *text = arena_copy(&l->arena, piece->text, piece->size);

    if (!text)
        return false;
    for (size_t i = 0; i < piece->size; i++) {
        if (text[i] == '\r' && text[i + 1] != '\n')
            text[i] = ' ';
        else if (memcmp(text + i, "\xe2\x80", 2) == 0 &&
                 ((unsigned char)text[i + 2] & 0xfe) == 0xa8)
            text[i + 2] = (char)0x89; /* a thin space */
        else if (memcmp(text + i, "\xc2\x85", 2) == 0)
            text[i + 1] = (char)0xa0; /* a space that does not break */
    }
    piece->text = text;
    return true;
}

int document_read(struct lint *l, struct piece *piece, const struct origin *origin, struct err *e)
{
    struct cutter cutter;
    struct cut cut;
    struct err inner = {0};

    if (has_odd_ends(piece->text, piece->size) && !replace_odd_ends(l, piece))
        return err_memory(e);
    cutter = (struct cutter){.text = piece->text, .size = piece->size};
    while (next_cut(&cutter, &cut)) {
        int r;

        if (source_room(l) == 0) {
            source_close(l, spot_in(piece, cut.lines_before + 1, 1));
            return 0;
        }
        r = read_cut(l, piece, &cut, origin, &inner);
        if (r < 0)
            return err_set(e, ENOMEM, "%s", inner.msg);
    }
    return 0;
}
