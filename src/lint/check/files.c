/* SPDX-License-Identifier: Apache-2.0 */
/* Files that commands name: see files.h. Asks the disk whether a file is there and reads none. */
#include "lint/check/files.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum {
    MAX_PATH = 4096,
    FOLDERS_ABOVE = 8,
    MAX_ENTRIES = 4096, /* of a folder */
    LINES_ABOVE = 6,    /* of a fenced block, in which a sentence may give it a name */
};

const char *files_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

static const char *plain(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2;
    return path;
}

/* Whether one path is the other, or ends in it behind a slash. */
static bool path_ends(const char *path, const char *file)
{
    size_t a, b;

    path = plain(path);
    file = plain(file);
    while (strncmp(file, "../", 3) == 0)
        file += 3;
    a = strlen(path);
    b = strlen(file);
    while (b > 0 && file[b - 1] == '/')
        b--;
    return b > 0 && a >= b && memcmp(path + a - b, file, b) == 0 &&
           (a == b || path[a - b - 1] == '/');
}

/* Whether the path lies in a folder of that name. */
static bool path_in(const char *path, const char *folder)
{
    size_t size;

    folder = plain(folder);
    while (strncmp(folder, "../", 3) == 0)
        folder += 3;
    size = strlen(folder);
    while (size > 0 && folder[size - 1] == '/')
        size--;
    for (const char *at = path; size > 0 && at; at = strchr(at, '/'), at += at != NULL)
        if (strncmp(at, folder, size) == 0 && at[size] == '/')
            return true;
    return false;
}

static bool in_set(const struct lint *l, const char *file)
{
    for (size_t i = 0; i < l->n_sources; i++)
        if (path_ends(l->sources[i]->file, file) || path_in(l->sources[i]->file, file))
            return true;
    for (size_t i = 0; i < l->n_pieces; i++)
        if (l->pieces[i]->file && path_ends(l->pieces[i]->file, file))
            return true;
    return false;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static bool on_disk(const struct source *source, const char *file)
{
    const char *slash = strrchr(source->file, '/');
    char path[MAX_PATH];
    size_t folder = slash ? (size_t)(slash - source->file) + 1 : 0, size = strlen(file);

    if (access(file, F_OK) == 0)
        return true;
    if (file[0] == '/')
        return false;
    memcpy(path, source->file, folder < sizeof path ? folder : 0);
    /* Commands are run in the text's folder or in one above it. */
    for (unsigned up = 0; up < FOLDERS_ABOVE && folder + size < sizeof path; up++) {
        memcpy(path + folder, file, size + 1);
        if (access(path, F_OK) == 0)
            return true;
        if (folder + 3 < sizeof path)
            memcpy(path + folder, "../", 3);
        folder += 3;
    }
    return false;
}

/* Whether the path that ends at a place of the text is part of an address. */
static bool in_address(const char *text, const char *at)
{
    for (size_t i = 0; i < MAX_PATH && at > text; i++, at--)
        if (!is_name_character(at[-1]) && at[-1] != '/')
            break;
    return at > text && at[-1] == ':' && text_starts(at, "//");
}

/* Whether the text names the file elsewhere, with the folder that it is in. */
static bool in_folder(const struct source *source, const char *file)
{
    size_t size = strlen(file = plain(file));

    if (strchr(file, '/') || size == 0)
        return false;
    for (const char *at = source->text; (at = strstr(at, file)) != NULL; at += size)
        if (at > source->text + 1 && at[-1] == '/' && at[-2] != '.' && at[-2] != ' ' &&
            !is_name_character(at[size]) && !in_address(source->text, at))
            return true;
    return false;
}

/* Whether the name stands in the text as a word of its own. */
static bool names(const char *text, size_t size, const char *name)
{
    size_t length = strlen(name);

    for (size_t i = 0; length > 0 && i + length <= size; i++) {
        if (memcmp(text + i, name, length) != 0 || (i > 0 && is_name_character(text[i - 1])))
            continue;
        if (i + length == size || !is_name_character(text[i + length]) ||
            (text[i + length] == '.' &&
             (i + length + 1 == size || !is_name_character(text[i + length + 1]))))
            return true;
    }
    return false;
}

/* Where a line of a source begins; its end for a line behind the last. */
static size_t line_at(const struct source *s, unsigned line)
{
    size_t at = 0;

    for (unsigned n = 1; n < line && at < s->size; n++) {
        const char *end = memchr(s->text + at, '\n', s->size - at);

        at = end ? (size_t)(end - s->text) + 1 : s->size;
    }
    return at;
}

bool files_named(const struct piece *p, const char *file)
{
    const char *base = files_base(file);
    size_t start, top, end = line_at(p->source, p->line);
    const char *newline = memchr(p->text, '\n', p->size);
    size_t first = newline ? (size_t)(newline - p->text) : p->size;

    if (!p->fenced)
        return false;
    if (first > 0 && p->text[0] == '#' && names(p->text, first, base))
        return true;
    start = line_at(p->source, p->line > LINES_ABOVE ? p->line - LINES_ABOVE : 1);
    /* Not further up than the end of the block before, whose fence is the last line of it. */
    top = line_at(p->source, p->line > 1 ? p->line - 1 : 1);
    for (size_t i = top; i > start; i--) {
        if ((i == start + 1 || p->source->text[i - 1] == '\n') && i < top &&
            strncmp(p->source->text + i + strspn(p->source->text + i, " "), "```", 3) == 0) {
            start = i;
            break;
        }
    }
    return names(p->source->text + start, end - start, base);
}

/* Whether a line goes on with a command: "--values x.yaml". */
static bool is_option(const char *line)
{
    return line[0] == '-' && line[1] != ' ' && line[1] != '\0';
}

/* Whether a sentence names the file, so tells where it comes from. A link alone does not. */
static bool in_sentence(const struct source *source, const char *file)
{
    const char *base = files_base(file);

    for (const char *at = source->text; (at = strstr(at, base)) != NULL; at++) {
        const char *line = at, *end = strchr(at, '\n');
        size_t size;

        while (line > source->text && line[-1] != '\n')
            line--;
        size = end ? (size_t)(end - line) : strlen(line);
        if (is_option(line + strspn(line, " \t")))
            continue;
        if (!memmem(line, size, "kubectl", 7) && !memmem(line, size, "helm", 4) &&
            !memmem(line, size, "://", 3) && memchr(line, ' ', size) && names(line, size, base))
            return true;
    }
    return false;
}

/* Whether another command than kubectl and helm has the file's name among its words: it makes it.
 */
static bool made_by_command(const struct lint *l, const char *file)
{
    const char *base = files_base(file);

    for (size_t i = 0; i < l->system.n_commands; i++) {
        const struct command *c = l->system.commands[i];
        const char *program = c->n_words ? files_base(c->words[0].text) : "";

        if (strcmp(program, "kubectl") == 0 || strcmp(program, "helm") == 0)
            continue;
        for (size_t k = 1; k < c->n_words; k++)
            if (names(c->words[k].text, strlen(c->words[k].text), base))
                return true;
    }
    return false;
}

/* Whether a shell text makes files of such an ending out of a variable: "${file}.tmp". */
static bool made_of_variable(const struct piece *p, const char *file)
{
    const char *dot = strrchr(files_base(file), '.');

    if (!dot || dot == files_base(file) || strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0)
        return false;
    for (const char *at = p->text; (at = strstr(at, dot)) != NULL; at++)
        if (at > p->text && at[-1] == '}' && !is_name_character(at[strlen(dot)]))
            return true;
    return false;
}

/* Whether a shell text sends output into the file, goes to another folder or fetches one first. */
static bool made_by_text(const struct lint *l, const struct source *source, const char *file)
{
    const char *base = files_base(file);

    for (size_t i = 0; i < l->n_pieces; i++) {
        const struct piece *p = l->pieces[i];

        if (p->kind != PIECE_SHELL)
            continue;
        if (p->source == source && made_of_variable(p, file))
            return true;
        for (const char *at = p->text; at && (at = strchr(at, '>')); at++) {
            const char *end = strchr(at, '\n');

            if (names(at, end ? (size_t)(end - at) : strlen(at), base))
                return true;
        }
    }
    for (size_t i = 0; i < l->system.n_commands; i++) {
        const struct command *c = l->system.commands[i];

        if (c->piece->source == source && c->n_words > 0 &&
            (strcmp(c->words[0].text, "cd") == 0 || strcmp(c->words[0].text, "pushd") == 0 ||
             (strcmp(c->words[0].text, "git") == 0 && command_has(c, "clone"))))
            return true;
    }
    return false;
}

static bool has_terraform(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    bool found = false;

    for (size_t n = 0; dir && !found && n < MAX_ENTRIES && (entry = readdir(dir)); n++) {
        size_t size = strlen(entry->d_name);

        found = size > 3 && strcmp(entry->d_name + size - 3, ".tf") == 0;
    }
    if (dir)
        (void)closedir(dir);
    return found;
}

bool files_of_terraform(const char *file)
{
    char path[MAX_PATH];
    const char *slash = strrchr(file, '/');
    size_t size = slash ? (size_t)(slash - file) + 1 : 0;

    if (size + sizeof "./../../../" > sizeof path)
        return false;
    memcpy(path, file, size);
    memcpy(path + size, "./", 3);
    for (unsigned up = 0; up < 4; up++) {
        if (has_terraform(path))
            return true;
        memcpy(path + strlen(path), "../", 4);
    }
    return false;
}

bool files_can_be(const struct lint *l, const struct command *c, const char *file)
{
    if (strcmp(file, "-") == 0 || strstr(file, "://") || file[0] == '~' || file[0] == '/' ||
        text_is_placeholder(file) || strpbrk(file, "<>*?${}"))
        return true;
    if (on_disk(c->piece->source, file) || in_set(l, file) || in_folder(c->piece->source, file) ||
        in_sentence(c->piece->source, file) || made_by_command(l, file) ||
        made_by_text(l, c->piece->source, file))
        return true;
    for (size_t i = 0; i < l->n_pieces; i++)
        if (l->pieces[i]->source == c->piece->source && l->pieces[i]->kind == PIECE_YAML &&
            files_named(l->pieces[i], file))
            return true;
    return false;
}
