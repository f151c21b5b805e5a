/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From paths to sources, and from a source to what can be read in it: see read.h. Which files
 * there are is folder.c's business, what a text is content.c's.
 */
#include "lint/read/read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/file.h"
#include "lint/read/content.h"
#include "lint/read/document.h"
#include "lint/read/folder.h"
#include "lint/read/markdown.h"
#include "lint/read/shell.h"
#include "lint/read/source.h"

static struct spot whole(const struct source *source)
{
    return (struct spot){.source = source};
}

static bool is_strict(const struct source *s)
{
    const char *ending = content_ending(s->file);

    if (strcmp(ending, "yaml") == 0 || strcmp(ending, "yml") == 0)
        return true;
    if (strcmp(ending, "json") == 0)
        return memmem(s->text, s->size, "apiVersion", 10) != NULL;
    return content_is_object(s->text, s->size);
}

static int read_whole(struct lint *l, const struct source *s, enum piece_kind kind, struct err *e)
{
    struct piece like = {.kind = kind, .source = s, .text = s->text, .size = s->size, .line = 1};
    struct piece *piece = source_piece(l, &like);
    struct origin origin = {.strict = is_strict(s)};

    if (!piece)
        return err_memory(e);
    return kind == PIECE_SHELL ? shell_read(l, piece, e) : document_read(l, piece, &origin, e);
}

/* What is no text is told of a file that was named, and else passed over. */
static bool is_text(struct lint *l, const struct source *s, bool named)
{
    if (memchr(s->text, '\0', s->size) == NULL)
        return true;
    if (named || (s->size > 1 && (unsigned char)s->text[0] + (unsigned char)s->text[1] == 0x1fd))
        source_fault(l, RULE_FILE_UNREADABLE, whole(s), "save it as UTF-8",
                     "not a text in UTF-8: it has NUL bytes in it");
    return false;
}

static int read_source(struct lint *l, const struct source *s, bool named, struct err *e)
{
    if (!is_text(l, s, named))
        return 0;
    switch (content_of_file(s->file, s->text, s->size)) {
    case CONTENT_YAML:
        return read_whole(l, s, PIECE_YAML, e);
    case CONTENT_SHELL:
        return read_whole(l, s, PIECE_SHELL, e);
    case CONTENT_MARKDOWN:
        return markdown_read(l, s, e);
    case CONTENT_NONE:
        break;
    }
    return 0;
}

static int fail(struct lint *l, const char *file, enum rule_id rule, const char *words,
                struct err *e)
{
    struct source *s = source_add(l, file, "", 0);

    if (!s)
        return err_memory(e);
    source_fault(l, rule, whole(s), "", "%s", words);
    if (rule == RULE_FILE_TOO_LARGE)
        l->system.partial = true;
    return 0;
}

/* Reads up to size bytes; fewer at the end of the file. Negative errno on failure. */
static ssize_t read_fully(int fd, char *to, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got = read(fd, to + done, size - done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

/* A regular file goes straight to where it stays; -ESPIPE for one that has to be read by parts. */
static int load_regular(const char **out, size_t *size, struct lint *l, const char *path,
                        struct err *e)
{
    OWN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    ssize_t got;
    char *text;

    if (fd < 0 || fstat(fd, &st) < 0)
        return err_errno(e, errno, "open '%s'", path);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return -ESPIPE;
    if (st.st_size > LINT_MAX_FILE_BYTES)
        return err_set(e, EFBIG, "more than %d bytes", LINT_MAX_FILE_BYTES);
    text = arena_alloc(&l->arena, (size_t)st.st_size + 1);
    if (!text)
        return err_memory(e);
    got = read_fully(fd, text, (size_t)st.st_size);
    if (got < 0)
        return err_errno(e, (int)-got, "read '%s'", path);
    *out = text;
    *size = (size_t)got;
    return 0;
}

static int load(const char **out, size_t *size, struct lint *l, const char *path, struct err *e)
{
    OWN_MEM char *text = NULL;
    int r = strcmp(path, "-") == 0 ? -ESPIPE : load_regular(out, size, l, path, e);

    if (r != -ESPIPE)
        return r;
    r = file_read(&text, size, path, LINT_MAX_FILE_BYTES, e);
    if (r < 0)
        return r;
    *out = arena_copy(&l->arena, text, *size);
    return *out ? 0 : err_memory(e);
}

static int read_file(struct lint *l, const struct found *found, struct err *e)
{
    const char *text;
    size_t size;
    struct source *s;
    int r;

    if (found->problem)
        return fail(l, found->path, RULE_FILE_UNREADABLE, found->problem, e);
    if (l->n_text_bytes > LINT_MAX_TEXT_BYTES) {
        l->system.partial = true;
        return 0;
    }
    r = load(&text, &size, l, found->path, e);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return fail(l, found->path, r == -EFBIG ? RULE_FILE_TOO_LARGE : RULE_FILE_UNREADABLE,
                    e->msg, e);
    s = source_add(l, found->path, text, size);
    return s ? read_source(l, s, found->named, e) : err_memory(e);
}

int read_paths(struct lint *l, char *const *paths, size_t n_paths, char *const *exclude,
               size_t n_exclude, struct err *e)
{
    struct found_files files;
    int r = folder_find(&files, &l->arena, paths, n_paths, exclude, n_exclude, e);

    for (size_t i = 0; i < files.n && r == 0; i++)
        r = read_file(l, &files.items[i], e);
    if (r == 0 && (files.more || l->n_text_bytes > LINT_MAX_TEXT_BYTES))
        source_partial(l, (struct spot){0}, "too many files: not all of them are checked");
    return r;
}

int read_text(struct lint *l, const char *file, const char *text, size_t size, struct err *e)
{
    const char *copy = arena_copy(&l->arena, text, size);
    struct source *s = copy ? source_add(l, file, copy, size) : NULL;

    return s ? read_source(l, s, true, e) : err_memory(e);
}

int read_object(struct lint *l, const char *file, struct yaml_doc *object, struct err *e)
{
    struct source *s = source_add(l, file, "", 0);
    struct piece like = {.kind = PIECE_YAML, .source = s, .text = "", .line = 1, .loose = true};
    struct piece *piece = s ? source_piece(l, &like) : NULL;
    struct origin origin = {.strict = false};

    if (!piece || !source_keep(l, object)) {
        yaml_doc_free(object);
        return err_memory(e);
    }
    source_take(l, object->n_nodes);
    return document_add(l, piece, object, object->root, &origin, e);
}
