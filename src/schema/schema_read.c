/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads condensed schemas: lines of words, one fact a line (data/schemas/README.md). Numbers of
 * patterns, enumerations and objects count from 0 behind a "source" line, in their order there,
 * and are used only after their line. Nothing of what it reads is trusted; what it makes is checked
 * once.
 */
#include "schema/schema_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "schema/schema_read_type.h"

enum { MAX_WORDS = 512 };

/* The state of one file. */
struct reader {
    struct schema_set *set;
    const char *file, *source;
    unsigned line;
    struct schema_tables tables;
    size_t n_fields;
    struct schema_field *fields; /* of the object that is open */
    struct schema_object *open;
    struct err *e;
};

typedef int line_reader(struct reader *r, char **words, size_t n);

static int refuse(struct reader *r, const char *words)
{
    return err_set(r->e, EINVAL, "%s:%u: %s", r->file, r->line, words);
}

/* Room for one more in an array of the set's. */
#define GROW(r, array, n)                                                                          \
    ((n) >= SCHEMA_MAX_ITEMS ? refuse(r, "too many lines of this kind")                            \
     : ((array) = arena_grow(&(r)->set->arena, (array), (n), sizeof *(array)))                     \
         ? 0                                                                                       \
         : err_memory((r)->e))

/* The object that was open gets its fields. */
static int close_object(struct reader *r)
{
    struct schema_field *fields;

    if (!r->open)
        return 0;
    fields = arena_array(&r->set->arena, r->n_fields + 1, sizeof *fields);
    if (!fields)
        return err_memory(r->e);
    for (size_t i = 0; i < r->n_fields; i++)
        fields[i] = r->fields[i];
    r->open->fields = fields;
    r->open->n_fields = r->n_fields;
    r->open = NULL;
    r->n_fields = 0;
    return 0;
}

static int read_field(struct reader *r, char *name, const char *type)
{
    struct schema_field *f;
    size_t size = strlen(name);

    if (!r->open)
        return refuse(r, "a field without an object");
    if (GROW(r, r->fields, r->n_fields) < 0)
        return -r->e->code;
    f = &r->fields[r->n_fields];
    *f = (struct schema_field){.name = name};
    if (size > 1 && name[size - 1] == '!') {
        name[size - 1] = '\0';
        f->required = true;
    }
    if (!schema_type_read(&r->tables, &type, &f->type) || *type)
        return r->set->arena.failed ? err_memory(r->e) : refuse(r, "not a type");
    if (r->n_fields > 0 && strcmp(r->fields[r->n_fields - 1].name, name) >= 0)
        return refuse(r, "fields are not in order");
    r->n_fields++;
    return 0;
}

/* The first line of what one run of gen-schemas made: numbers count from here. */
static int read_source(struct reader *r, char **words, size_t n)
{
    (void)n;
    r->source = words[1];
    r->tables.n_patterns = r->tables.n_enums = r->tables.n_objects = 0;
    return 0;
}

static int read_nothing(struct reader *r, char **words, size_t n)
{
    (void)r;
    (void)words;
    (void)n;
    return 0;
}

static int read_complete(struct reader *r, char **words, size_t n)
{
    struct schema_set *s = r->set;

    (void)n;
    if (GROW(r, s->complete, s->n_complete) < 0)
        return -r->e->code;
    s->complete[s->n_complete++] = words[1];
    return 0;
}

/* Counted repeats are unrolled by the compiler of expressions, so their product has a bound. */
static bool pattern_is_small(const char *text)
{
    int64_t product = 1, high;

    for (const char *p = text; *p; p++) {
        if (*p == '\\' && p[1]) {
            p++;
            continue;
        }
        if (*p != '{')
            continue;
        p++;
        while (schema_number_read(&p, &high)) {
            if (high > SCHEMA_MAX_REPEATS || (product *= high ? high : 1) > SCHEMA_MAX_REPEATS)
                return false;
            if (*p == ',')
                p++;
        }
        if (*p != '}')
            return false;
    }
    return strlen(text) <= SCHEMA_MAX_PATTERN;
}

static int read_pattern(struct reader *r, char **words, size_t n)
{
    struct schema_set *s = r->set;
    struct schema_pattern *p = arena_alloc(&s->arena, sizeof *p);

    (void)n;
    if (!p)
        return err_memory(r->e);
    if (!pattern_is_small(words[1]))
        return refuse(r, "a pattern that is too large");
    p->text = words[1];
    if (GROW(r, r->tables.patterns, r->tables.n_patterns) < 0 ||
        GROW(r, s->patterns, s->n_patterns) < 0)
        return -r->e->code;
    r->tables.patterns[r->tables.n_patterns++] = p;
    s->patterns[s->n_patterns++] = p;
    return 0;
}

static int read_enum(struct reader *r, char **words, size_t n)
{
    struct schema_enum *made = arena_alloc(&r->set->arena, sizeof *made);

    if (!made || !(made->values = arena_array(&r->set->arena, n, sizeof *made->values)))
        return err_memory(r->e);
    for (size_t i = 1; i < n; i++)
        made->values[made->n++] = strcmp(words[i], "\"\"") == 0 ? "" : words[i];
    if (GROW(r, r->tables.enums, r->tables.n_enums) < 0)
        return -r->e->code;
    r->tables.enums[r->tables.n_enums++] = made;
    return 0;
}

static int read_object(struct reader *r, char **words, size_t n)
{
    struct schema_object *o = arena_alloc(&r->set->arena, sizeof *o);

    if (!o)
        return err_memory(r->e);
    o->open = n > 1 && strcmp(words[1], "open") == 0;
    if (GROW(r, r->tables.objects, r->tables.n_objects) < 0)
        return -r->e->code;
    r->tables.objects[r->tables.n_objects++] = o;
    r->open = o;
    return 0;
}

static int read_meta(struct reader *r, char **words, size_t n)
{
    const char *at = words[1];
    size_t index;

    (void)n;
    if (!schema_index_read(&at, r->tables.n_objects, &index) || *at)
        return refuse(r, "not the number of an object");
    r->set->meta = r->tables.objects[index];
    return 0;
}

/* kind API KIND cluster|space NUMBER|- */
static int read_kind(struct reader *r, char **words, size_t n)
{
    struct schema_set *s = r->set;
    struct schema_kind k = {.source = r->source};
    const char *at = words[n - 1];
    size_t index;

    if (strcmp(at, "-") != 0) {
        if (!schema_index_read(&at, r->tables.n_objects, &index) || *at)
            return refuse(r, "not the number of an object");
        k.object = r->tables.objects[index];
    }
    k.api_version = words[1];
    k.kind = words[2];
    k.cluster = strcmp(words[3], "cluster") == 0;
    if (GROW(r, s->kinds, s->n_kinds) < 0)
        return -r->e->code;
    s->kinds[s->n_kinds++] = k;
    return 0;
}

static const char *unless_dash(const char *word)
{
    return strcmp(word, "-") == 0 ? "" : word;
}

/* removed API KIND API KIND SINCE */
static int read_removed(struct reader *r, char **words, size_t n)
{
    struct schema_set *s = r->set;

    (void)n;
    if (GROW(r, s->removed, s->n_removed) < 0)
        return -r->e->code;
    s->removed[s->n_removed++] = (struct schema_removed){
        .api_version = words[1],
        .kind = words[2],
        .instead_version = unless_dash(words[3]),
        .instead_kind = unless_dash(words[4]),
        .since = words[5],
        .source = r->source,
    };
    return 0;
}

/* renamed|moved KIND PATH PATH|- */
static int read_rename(struct reader *r, char **words, size_t n)
{
    struct schema_set *s = r->set;

    (void)n;
    if (GROW(r, s->renames, s->n_renames) < 0)
        return -r->e->code;
    s->renames[s->n_renames++] = (struct schema_rename){
        .kind = words[1],
        .from = words[2],
        .to = unless_dash(words[3]),
        .moved = words[0][0] == 'm',
    };
    return 0;
}

/* The lines. The last word of some is the rest of the line. */
static const struct {
    const char *name;
    size_t least, most; /* words, the name in them */
    line_reader *read;
} lines[] = {
    {"source", 2, 2, read_source},     {"date", 2, 2, read_nothing},
    {"complete", 2, 2, read_complete}, {"pattern", 2, 2, read_pattern},
    {"enum", 2, MAX_WORDS, read_enum}, {"object", 1, 2, read_object},
    {"meta", 2, 2, read_meta},         {"kind", 5, 5, read_kind},
    {"removed", 6, 6, read_removed},   {"renamed", 4, 4, read_rename},
    {"moved", 4, 4, read_rename},
};

/* Cuts a line at its spaces into at most `most` words. */
static size_t split(char *line, char **words, size_t most)
{
    size_t n = 0;

    while (*line && n < most) {
        words[n++] = line;
        line = n < most ? strchr(line, ' ') : NULL;
        if (!line)
            break;
        *line++ = '\0';
    }
    return n;
}

static int read_line(struct reader *r, char *line)
{
    char *words[MAX_WORDS], *space;
    size_t size;

    if (*line == '\0' || *line == '#')
        return 0;
    if (*line == ' ') {
        space = strchr(line + 1, ' ');
        if (!space || space == line + 1)
            return refuse(r, "a field without a type");
        *space = '\0';
        return read_field(r, line + 1, space + 1);
    }
    if (close_object(r) < 0)
        return -r->e->code;
    size = strcspn(line, " ");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        size_t n;

        if (strlen(lines[i].name) != size || strncmp(lines[i].name, line, size) != 0)
            continue;
        n = split(line, words, lines[i].most);
        if (n < lines[i].least)
            return refuse(r, "a line with too few words");
        return lines[i].read(r, words, n);
    }
    return refuse(r, "not a line of condensed schemas");
}

int schema_read(struct schema_set *s, const char *file, const char *text, size_t size,
                struct err *e)
{
    struct err spare = {0};
    struct reader r = {
        .set = s, .file = file, .source = "", .tables.arena = &s->arena, .e = e ? e : &spare};
    char *copy, *next;

    if (size > SCHEMA_MAX_BYTES)
        return err_set(e, EFBIG, "%s: more than %d MiB", file, SCHEMA_MAX_BYTES >> 20);
    if (memchr(text, '\0', size))
        return err_set(e, EINVAL, "%s: not a text", file);
    copy = arena_copy(&s->arena, text, size);
    if (!copy)
        return err_memory(e);
    for (char *line = copy; line; line = next) {
        int code;

        r.line++;
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        code = read_line(&r, line);
        if (code < 0)
            return code;
    }
    return close_object(&r);
}

const struct schema_field *schema_field_find(const struct schema_object *o, const char *name)
{
    size_t low = 0, high = o->n_fields;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, o->fields[middle].name);

        if (order == 0)
            return &o->fields[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
