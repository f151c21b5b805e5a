/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a text is: see content.h. Decided by the first line that says something and by a few marks
 * that only one kind can have, in the first LOOK_BYTES of it.
 */
#include "lint/read/content.h"

#include <string.h>
#include <strings.h>

enum { LOOK_BYTES = 64 << 10 };

/* A text passed line by line. */
struct lines {
    const char *at;
    size_t left;
};

/* The next line without its end; false behind the last. */
static bool next_line(struct lines *lines, const char **line, size_t *size)
{
    const char *end;

    if (lines->left == 0)
        return false;
    end = memchr(lines->at, '\n', lines->left);
    *line = lines->at;
    *size = end ? (size_t)(end - lines->at) : lines->left;
    lines->at += *size + (end != NULL);
    lines->left -= *size + (end != NULL);
    if (*size > 0 && (*line)[*size - 1] == '\r')
        --*size;
    return true;
}

static struct lines look(const char *text, size_t size)
{
    return (struct lines){text, size < LOOK_BYTES ? size : LOOK_BYTES};
}

static size_t spaces(const char *line, size_t size)
{
    size_t n = 0;

    while (n < size && (line[n] == ' ' || line[n] == '\t'))
        n++;
    return n;
}

static bool starts(const char *line, size_t size, const char *what)
{
    size_t n = strlen(what);

    return size >= n && memcmp(line, what, n) == 0;
}

const char *content_ending(const char *file)
{
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    const char *dot = strrchr(name, '.');

    return dot && dot > name ? dot + 1 : "";
}

/* The first line that is not empty, a comment, a marker of YAML or a template's action alone. */
static bool first_line(const char *text, size_t size, const char **line, size_t *line_size)
{
    struct lines lines = look(text, size);

    while (next_line(&lines, line, line_size)) {
        size_t skip = spaces(*line, *line_size);

        *line += skip;
        *line_size -= skip;
        if (*line_size > 0 && **line != '#' && !starts(*line, *line_size, "---") &&
            !starts(*line, *line_size, "%YAML") && !starts(*line, *line_size, "{{") &&
            !starts(*line, *line_size, "{%"))
            return true;
    }
    return false;
}

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("_./-\"'$(){}", c);
}

/* "key:", "key: value", '"key": value'; a URL is none. */
static bool is_key(const char *line, size_t size)
{
    size_t n = 0;

    while (n < size && line[n] && is_name_byte(line[n]))
        n++;
    if (n == 0)
        return false;
    n += spaces(line + n, size - n);
    return n < size && line[n] == ':' && (n + 1 == size || line[n + 1] == ' ');
}

static bool is_item(const char *line, size_t size)
{
    return starts(line, size, "- ") || (size == 1 && *line == '-');
}

/* The first line of the parts that a node's userData is made of. */
static bool is_mail(const char *line, size_t size)
{
    return starts(line, size, "MIME-Version:") || starts(line, size, "Content-Type:");
}

static bool is_value_line(const char *line, size_t size)
{
    if (is_mail(line, size))
        return false;
    if (is_item(line, size)) {
        size_t skip = 1 + spaces(line + 1, size - 1);

        return is_key(line + skip, size - skip);
    }
    if (*line == '{')
        return true;
    return (*line == '[' && !memmem(line, size, "](", 2)) || is_key(line, size);
}

static bool is_assignment(const char *line, size_t size)
{
    size_t n = 0;

    while (n < size &&
           (line[n] == '_' || (line[n] >= 'A' && line[n] <= 'Z') ||
            (line[n] >= 'a' && line[n] <= 'z') || (n > 0 && line[n] >= '0' && line[n] <= '9')))
        n++;
    return n > 0 && n < size && line[n] == '=' && n + 1 < size && line[n + 1] != ' ';
}

static bool is_command(const char *line, size_t size)
{
    static const char *const words[] = {
        "kubectl", "helm",     "eksctl",     "aws",    "cat",       "tee",       "export",
        "sudo",    "curl",     "wget",       "docker", "apt",       "apt-get",   "yum",
        "dnf",     "echo",     "for",        "while",  "if",        "set",       "git",
        "cd",      "mkdir",    "nvidia-smi", "jq",     "kustomize", "k3d",       "ssh",
        "source",  "sed",      "grep",       "awk",    "minikube",  "terraform", "envsubst",
        "watch",   "function", "printf",     "oc",     "flux",      "k",
    };
    size_t n = 0;

    if (starts(line, size, "$ ") || is_assignment(line, size))
        return true;
    while (n < size && !strchr(" \t;|&", line[n]))
        n++;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && memcmp(line, words[i], n) == 0)
            return n < size || strcmp(words[i], "set") == 0;
    return false;
}

bool content_is_values(const char *text, size_t size)
{
    const char *line;
    size_t n;

    return first_line(text, size, &line, &n) && is_value_line(line, n);
}

bool content_is_object(const char *text, size_t size)
{
    struct lines lines = look(text, size);
    const char *line;
    size_t n;
    bool version = false, kind = false;

    while (!(version && kind) && next_line(&lines, &line, &n)) {
        size_t skip = spaces(line, n);

        version = version || starts(line + skip, n - skip, "apiVersion:") ||
                  starts(line + skip, n - skip, "\"apiVersion\":");
        kind = kind || starts(line + skip, n - skip, "kind:") ||
               starts(line + skip, n - skip, "\"kind\":");
    }
    return version && kind;
}

bool content_is_known(const char *text, size_t size)
{
    static const char *const words[] = {"mig-configs", "timeSlicing", "migStrategy",
                                        "sharing:", "mig-devices"};

    size = size < LOOK_BYTES ? size : LOOK_BYTES;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (memmem(text, size, words[i], strlen(words[i])))
            return true;
    return content_is_object(text, size);
}

static bool is_fence(const char *line, size_t size)
{
    return starts(line, size, "```") || starts(line, size, "~~~");
}

/* A fence at the very left, which neither YAML nor shell can have; or any, if `indented`. */
static bool has_fence(const char *text, size_t size, bool indented)
{
    struct lines lines = look(text, size);
    const char *line;
    size_t n;

    while (next_line(&lines, &line, &n)) {
        size_t skip = indented ? spaces(line, n) : 0;

        if (is_fence(line + skip, n - skip))
            return true;
    }
    return false;
}

/* Whether every line at the very left is one of YAML: prose with a colon in it is not. */
static bool is_all_values(const char *text, size_t size)
{
    struct lines lines = look(text, size);
    const char *line;
    size_t n;
    bool any = false;

    while (next_line(&lines, &line, &n)) {
        if (n == 0 || strchr(" \t#{}]%", *line) || starts(line, n, "---"))
            continue;
        any = true;
        if (!is_item(line, n) && !is_value_line(line, n))
            return false;
    }
    return any;
}

static bool is_one_of(const char *word, size_t size, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == size && strncasecmp(word, *words, size) == 0)
            return true;
    return false;
}

static const char *const yaml_names[] = {"yaml", "yml", "json", "tpl", NULL};
static const char *const shell_names[] = {
    "sh", "bash", "shell", "console", "shell-session", "zsh", "terminal", "shellsession", NULL};
static const char *const prose_names[] = {"md", "markdown", "txt", NULL};
static const char *const plain_names[] = {"",     "text", "txt",    "plaintext", "plain",
                                          "none", "code", "output", NULL};

static enum content content_of_script(const char *text, size_t size)
{
    const char *end = memchr(text, '\n', size);

    return memmem(text, end ? (size_t)(end - text) : size, "sh", 2) ? CONTENT_SHELL : CONTENT_NONE;
}

enum content content_of_file(const char *file, const char *text, size_t size)
{
    const char *ending = content_ending(file), *line;
    size_t n;
    bool prose = is_one_of(ending, strlen(ending), prose_names);

    if (starts(text, size, "#!"))
        return content_of_script(text, size);
    if (has_fence(text, size, false))
        return CONTENT_MARKDOWN;
    if (!first_line(text, size, &line, &n))
        return prose ? CONTENT_MARKDOWN : CONTENT_YAML;
    if (is_mail(line, n))
        return CONTENT_NONE;
    if (is_command(line, n) && !is_value_line(line, n))
        return prose && has_fence(text, size, true) ? CONTENT_MARKDOWN : CONTENT_SHELL;
    if (is_value_line(line, n) && (content_is_object(text, size) || is_all_values(text, size)))
        return prose && has_fence(text, size, true) ? CONTENT_MARKDOWN : CONTENT_YAML;
    if (is_one_of(ending, strlen(ending), yaml_names))
        return CONTENT_YAML;
    if (is_one_of(ending, strlen(ending), shell_names))
        return CONTENT_SHELL;
    return CONTENT_MARKDOWN;
}

/* Whether it writes texts by here-documents, as only a shell can. */
static bool has_here(const char *text, size_t size)
{
    static const char *const marks[] = {"<<EOF", "<< EOF", "<<'EOF'", "<<-EOF", "<<\"EOF\""};

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (memmem(text, size, marks[i], strlen(marks[i])))
            return true;
    return false;
}

enum content content_of_block(const char *label, size_t label_size, const char *text, size_t size)
{
    bool yaml = is_one_of(label, label_size, yaml_names);
    bool shell = is_one_of(label, label_size, shell_names);
    bool plain = is_one_of(label, label_size, plain_names);
    const char *line;
    size_t n;

    if (starts(text, size, "#!"))
        return content_of_script(text, size);
    if (!first_line(text, size, &line, &n) || is_mail(line, n))
        return CONTENT_NONE;
    if (plain && has_here(text, size))
        return CONTENT_SHELL;
    if (is_value_line(line, n) && (yaml || shell || plain || content_is_object(text, size)))
        return CONTENT_YAML;
    if (shell || (is_command(line, n) && (yaml || plain)))
        return CONTENT_SHELL;
    if (yaml || (plain && is_item(line, n)))
        return CONTENT_YAML;
    return CONTENT_NONE;
}
