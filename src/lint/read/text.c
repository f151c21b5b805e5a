/* SPDX-License-Identifier: Apache-2.0 */
/* Places, values by path, words of commands: see text.h. Reading the texts is read.c's business. */
#include "lint/read/text.h"

#include <string.h>

struct spot spot_in(const struct piece *piece, unsigned line, unsigned column)
{
    struct spot spot = {.source = piece->source, .line = piece->line, .column = piece->indent + 1};

    if (!piece->loose) {
        spot.line += line - 1;
        spot.column += column - 1;
    }
    spot.end_line = spot.line;
    spot.end_column = spot.column;
    return spot;
}

static struct spot spot_between(const struct piece *piece, const struct yaml_node *first,
                                const struct yaml_node *last)
{
    struct spot spot, end;

    if (!first || first->line == 0)
        return (struct spot){.source = piece->source};
    spot = spot_in(piece, first->line, first->column);
    if (last->end_line == 0)
        return spot;
    end = spot_in(piece, last->end_line, last->end_column);
    spot.end_line = end.line;
    spot.end_column = end.column;
    return spot;
}

struct spot spot_of(const struct document *d, const struct yaml_node *node)
{
    return spot_between(d->piece, node, node);
}

struct spot spot_of_document(const struct document *d)
{
    return spot_between(d->piece, d->root, d->root);
}

/* Of a key given twice the last counts, as it does for Go. */
static const struct yaml_pair *find_pair(const struct yaml_node *map, const char *key, size_t size)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = map->count; i-- > 0;)
        if (strncmp(map->pairs[i].key->text, key, size) == 0 && !map->pairs[i].key->text[size])
            return &map->pairs[i];
    return NULL;
}

const struct yaml_pair *node_pair(const struct yaml_node *map, const char *key)
{
    return find_pair(map, key, strlen(key));
}

const struct yaml_node *node_get(const struct yaml_node *map, const char *key)
{
    const struct yaml_pair *pair = node_pair(map, key);

    return pair ? pair->value : NULL;
}

const struct yaml_node *node_at(const struct yaml_node *root, const char *path)
{
    while (root && *path) {
        size_t size = strcspn(path, ".");
        const struct yaml_pair *pair = find_pair(root, path, size);

        root = pair ? pair->value : NULL;
        path += size;
        path += *path == '.';
    }
    return root;
}

const char *node_text(const struct yaml_node *node, const char *otherwise)
{
    return node && node->kind == YAML_SCALAR ? node->text : otherwise;
}

static bool is_upper(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* "<RELEASE_NAME>" somewhere, or a whole text in angle brackets: "<your cluster>". */
static bool is_bracketed(const char *text, const char *at)
{
    size_t n = 1;

    while (is_upper(at[n]))
        n++;
    if (n > 2 && at[n] == '>')
        return true;
    n = at == text ? strcspn(text + 1, "></=") : 0;
    return n > 0 && text[n + 1] == '>' && !text[n + 2];
}

/* YOUR_CLUSTER, your-cluster-name: as a word of its own or at the beginning of one. */
static bool is_yours(const char *text, const char *at)
{
    static const char *const starts[] = {"YOUR_",     "YOUR-",    "your_",      "your-",
                                         "CHANGE_ME", "CHANGEME", "REPLACE_ME", "REPLACEME"};

    if (at > text && !strchr("/:@-_. <\"'", at[-1]))
        return false;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (strncmp(at, starts[i], strlen(starts[i])) == 0)
            return true;
    return false;
}

bool text_is_placeholder(const char *text)
{
    if (text[0] == '$' && is_upper(text[1]))
        return true;
    for (const char *at = strpbrk(text, "{$<YyCR"); at; at = strpbrk(at + 1, "{$<YyCR")) {
        bool found = false;

        if (*at == '{')
            found = at[1] == '{' || at[1] == '%';
        else if (*at == '$')
            found = at[1] == '{' || at[1] == '(';
        else
            found = *at == '<' ? is_bracketed(text, at) : is_yours(text, at);
        if (found)
            return true;
    }
    return false;
}

bool document_is(const struct document *d, const char *group, const char *kind)
{
    size_t size = strlen(group);
    bool same;

    if (size == 0)
        same = !strchr(d->api_version, '/');
    else
        same = strncmp(d->api_version, group, size) == 0 && d->api_version[size] == '/';
    return same && strcmp(d->kind, kind) == 0;
}

const struct word *command_option(const struct command *c, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 1; i < c->n_words; i++) {
        const struct word *word = &c->words[i];

        if (strcmp(word->text, "--") == 0)
            return NULL;
        if (strcmp(word->text, name) == 0)
            return i + 1 < c->n_words ? word + 1 : NULL;
        if (word->value && strncmp(word->text, name, size) == 0 && word->text[size] == '=')
            return word->value;
    }
    return NULL;
}

bool command_has(const struct command *c, const char *word)
{
    for (size_t i = 0; i < c->n_words; i++)
        if (strcmp(c->words[i].text, word) == 0)
            return true;
    return false;
}
