/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding files: see folder.h. Depth first, names sorted by bytes. A set of device and file numbers
 * keeps links from making loops, and files from being read twice.
 */
#include "lint/read/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/own.h"
#include "lint/lint.h"
#include "lint/read/content.h"

enum {
    DEPTH_MAX = 64,
    SEEN_MAX = 1 << 18,  /* files and folders; a power of two, twice LINT_MAX_FILES at least */
    NAMES_MAX = 1 << 20, /* of one folder */
};

struct seen {
    dev_t device;
    ino_t number;
    bool used;
};

struct walk {
    struct arena *arena;
    struct found_files *out;
    char *const *exclude;
    size_t n_exclude;
    struct seen *seen; /* hashed, open addressing */
    size_t n_seen;
    struct err *e;
};

bool folder_matches(const char *pattern, const char *path)
{
    for (const char *start = path; start; start = strchr(start, '/')) {
        const char *p = pattern, *t, *star = NULL, *retry = NULL;

        start += start > path;
        for (t = start; *t || *p;) {
            if (*p == '*') {
                star = p++;
                retry = t;
            } else if (*t && *p == *t) {
                p++;
                t++;
            } else if (star && *retry) {
                p = star + 1;
                t = ++retry;
            } else {
                break;
            }
        }
        if (!*t && !*p)
            return true;
    }
    return false;
}

static bool is_excluded(const struct walk *w, const char *path)
{
    for (size_t i = 0; i < w->n_exclude; i++)
        if (folder_matches(w->exclude[i], path))
            return true;
    return false;
}

/* Whether this is the first time; a full set says that nothing is new. */
static bool is_new(struct walk *w, const struct stat *st)
{
    size_t at = ((size_t)st->st_ino * 0x9e3779b97f4a7c15u ^ (size_t)st->st_dev) % SEEN_MAX;

    for (; w->seen[at].used; at = (at + 1) % SEEN_MAX)
        if (w->seen[at].number == st->st_ino && w->seen[at].device == st->st_dev)
            return false;
    if (w->n_seen == SEEN_MAX / 2) {
        w->out->more = true;
        return false;
    }
    w->seen[at] = (struct seen){st->st_dev, st->st_ino, true};
    w->n_seen++;
    return true;
}

static int add(struct walk *w, const char *path, bool named, int problem)
{
    struct found *grown;
    struct found item = {.named = named};

    if (w->out->n == LINT_MAX_FILES) {
        w->out->more = true;
        return 0;
    }
    grown = arena_grow(w->arena, w->out->items, w->out->n, sizeof *grown);
    item.path = arena_text(w->arena, path);
    if (problem)
        item.problem = arena_text(w->arena, strerror(problem));
    if (!grown || !item.path || (problem && !item.problem))
        return err_memory(w->e);
    w->out->items = grown;
    w->out->items[w->out->n++] = item;
    return 0;
}

static bool has_ending(const char *name)
{
    static const char *const endings[] = {"yaml", "yml", "json", "md", "markdown",
                                          "txt",  "sh",  "bash", "tpl"};
    const char *ending = content_ending(name);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(ending, endings[i]) == 0)
            return true;
    return false;
}

static int compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The paths of a folder's entries, sorted, as strings of their own. */
struct entries {
    char **paths;
    size_t n, max;
};

static void entries_done(struct entries *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->paths[i]);
    free(list->paths);
}

static int push(struct entries *list, const char *folder, const char *name, struct err *e)
{
    size_t length = strlen(folder);

    if (list->n == list->max) {
        size_t max = list->max ? list->max * 2 : 32;
        char **grown = reallocarray(list->paths, max, sizeof(char *));

        if (!grown)
            return err_memory(e);
        list->paths = grown;
        list->max = max;
    }
    while (length > 1 && folder[length - 1] == '/')
        length--;
    if (asprintf(&list->paths[list->n], "%.*s%s%s", (int)length, folder,
                 folder[length - 1] == '/' ? "" : "/", name) < 0)
        return err_memory(e);
    list->n++;
    return 0;
}

static void close_folder(DIR **folder)
{
    if (*folder)
        (void)closedir(*folder);
}

/* Positive: the errno for which the folder cannot be read. */
static int list_folder(struct entries *list, const char *path, struct err *e)
{
    OWN(close_folder) DIR *folder = opendir(path);
    struct dirent *entry;
    int r = 0;

    if (!folder)
        return errno;
    while (r == 0 && list->n < NAMES_MAX && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.')
            r = push(list, path, entry->d_name, e);
    if (list->n > 0)
        qsort(list->paths, list->n, sizeof(char *), compare);
    return r;
}

static int visit(struct walk *w, const char *path, unsigned depth);

static int walk_folder(struct walk *w, const char *path, unsigned depth)
{
    OWN(entries_done) struct entries list = {0};
    int r = list_folder(&list, path, w->e);

    if (r > 0)
        return add(w, path, false, r);
    for (size_t i = 0; i < list.n && r == 0; i++)
        r = visit(w, list.paths[i], depth);
    return r;
}

/* An entry of a folder. What is neither file nor folder, and a link to nothing, is passed over. */
static int visit(struct walk *w, const char *path, unsigned depth)
{
    struct stat st;

    if (is_excluded(w, path))
        return 0;
    if (stat(path, &st) < 0)
        return errno == ENOENT || errno == ELOOP ? 0 : add(w, path, false, errno);
    if (S_ISDIR(st.st_mode))
        return depth < DEPTH_MAX && is_new(w, &st) ? walk_folder(w, path, depth + 1) : 0;
    if (!S_ISREG(st.st_mode) || !has_ending(path) || !is_new(w, &st))
        return 0;
    return add(w, path, false, 0);
}

static int visit_named(struct walk *w, const char *path)
{
    struct stat st;

    if (strcmp(path, "-") == 0)
        return add(w, path, true, 0);
    if (stat(path, &st) < 0)
        return errno == ENOENT ? err_set(w->e, ENOENT, "no file or folder '%s'", path)
                               : add(w, path, true, errno);
    if (is_excluded(w, path))
        return 0;
    if (S_ISDIR(st.st_mode))
        return is_new(w, &st) ? walk_folder(w, path, 1) : 0;
    return !S_ISREG(st.st_mode) || is_new(w, &st) ? add(w, path, true, 0) : 0;
}

int folder_find(struct found_files *out, struct arena *arena, char *const *paths, size_t n_paths,
                char *const *exclude, size_t n_exclude, struct err *e)
{
    struct walk w = {.arena = arena,
                     .out = out,
                     .exclude = exclude,
                     .n_exclude = n_exclude,
                     .seen = calloc(SEEN_MAX, sizeof *w.seen),
                     .e = e};
    int r = w.seen ? 0 : err_memory(e);

    *out = (struct found_files){0};
    for (size_t i = 0; i < n_paths && r == 0; i++)
        r = visit_named(&w, paths[i]);
    free(w.seen);
    return r;
}
