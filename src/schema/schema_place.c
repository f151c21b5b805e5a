/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an unknown field may have meant: a field of an old version (from the table of renames), a
 * field of this kind that stands elsewhere, or a misspelled one. A place elsewhere is told only if
 * it is the one place that the value fits.
 */
#include <stdio.h>
#include <string.h>

#include "config/suggest.h"
#include "schema/schema_check.h"

enum {
    MAX_SEARCHED = 20000, /* fields looked at for one misplaced field */
    MAX_SEARCH_DEPTH = 8,
    MAX_NAMES = 256, /* of an object, for the nearest one */
};

/* A search for places of a field in a kind. */
struct search {
    const struct check *check;
    const char *name;
    const struct yaml_node *value;
    const struct schema_object *except; /* where it stands already */
    size_t searched, n_found, n_plain;  /* plain: of no list's items */
    char path[CHECK_PATH_BYTES], best[CHECK_PATH_BYTES];
    unsigned best_score;
    bool tie;
};

bool verify_has_home(const struct check *c, const char *path)
{
    size_t size = strlen(path);

    for (size_t i = 0; i < c->n_homes; i++) {
        const char *home = c->homes[i];

        if (strncmp(home, path, size) == 0 && (home[size] == '\0' || home[size] == '.'))
            return true;
    }
    return false;
}

static void remember_home(struct check *c, const char *path)
{
    size_t size = strlen(path);

    if (c->n_homes < CHECK_MAX_HOMES && size < CHECK_HOME_BYTES)
        memcpy(c->homes[c->n_homes++], path, size + 1);
}

/* "spec.containers[2]" and "spec.containers[]" are one path. */
static bool same_path(const char *a, const char *b)
{
    while (*a && *b) {
        if (*a == '[' && *b == '[') {
            a += strcspn(a, "]");
            b += strcspn(b, "]");
            continue;
        }
        if (*a++ != *b++)
            return false;
    }
    return *a == *b;
}

/* The last step of a path. */
static const char *last_step(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? dot + 1 : path;
}

static const struct schema_rename *find_rename(const struct check *c, const char *field)
{
    char path[CHECK_PATH_BYTES];

    for (size_t i = c->set->n_renames; i > 0; i--) {
        const struct schema_rename *r = &c->set->renames[i - 1];

        if (strcmp(last_step(r->from), field) != 0 || strcmp(r->kind, c->kind->kind) != 0)
            continue;
        (void)snprintf(path, sizeof path, "%s%s%s", c->path, c->path_size ? "." : "", field);
        if (same_path(r->from, path))
            return r;
    }
    return NULL;
}

bool verify_replaced(const struct check *c, const struct yaml_node *map, const char *name)
{
    for (size_t i = 0; i < map->count; i++) {
        const char *key = map->pairs[i].key->text;
        const struct schema_rename *r = key ? find_rename(c, key) : NULL;

        if (r && strcmp(last_step(r->to), name) == 0)
            return true;
    }
    return false;
}

/* The type at a path of the kind that leads through no list, or NULL. */
static const struct schema_type *type_at(const struct check *c, const char *path)
{
    const struct schema_object *o = c->kind->object;

    for (;;) {
        char name[CHECK_HOME_BYTES];
        size_t size = strcspn(path, ".");
        const struct schema_field *f;

        if (size >= sizeof name)
            return NULL;
        memcpy(name, path, size);
        name[size] = '\0';
        f = schema_field_find(o, name);
        if (!f || path[size] == '\0')
            return f ? &f->type : NULL;
        if (f->type.atom != SCHEMA_OBJECT)
            return NULL;
        o = f->type.object;
        path += size + 1;
    }
}

/* What stands in a wrong place is checked as what it would be in the right one. */
static void check_moved(struct check *c, const struct yaml_node *map, const struct yaml_pair *pair,
                        const char *place)
{
    const struct schema_type *t = type_at(c, place);

    if (t)
        verify_value(c, t, map, pair->key->text, pair->value);
}

bool verify_renamed(struct check *c, const struct yaml_node *map, const struct yaml_pair *pair)
{
    const struct schema_rename *r = find_rename(c, pair->key->text);
    struct schema_fault_at at = {.node = pair->key, .map = map, .field = pair->key->text};

    if (!r)
        return false;
    at.fault = r->moved ? SCHEMA_FIELD_MISPLACED : SCHEMA_FIELD_RENAMED;
    at.instead = r->to;
    remember_home(c, r->to);
    verify_fault(c, at, "%s", "");
    if (r->moved)
        check_moved(c, map, pair, r->to);
    return true;
}

/* Whether most keys of a map are fields of the object. */
static bool keys_fit(const struct schema_object *o, const struct yaml_node *map)
{
    size_t fit = 0;

    if (map->kind != YAML_MAP)
        return false;
    for (size_t i = 0; i < map->count; i++)
        fit += map->pairs[i].key->text && schema_field_find(o, map->pairs[i].key->text);
    return fit > map->count - fit;
}

static bool is_scalar_type(enum schema_atom atom)
{
    return atom != SCHEMA_OBJECT && atom != SCHEMA_META && atom != SCHEMA_LIST &&
           atom != SCHEMA_MAP && atom != SCHEMA_ANY;
}

/* Whether a value could be one of that type, judged by its shape. */
static bool value_fits(const struct schema_type *t, const struct yaml_node *value)
{
    switch (value->kind) {
    case YAML_NULL:
        return false;
    case YAML_SCALAR:
        return is_scalar_type(t->atom) &&
               (t->atom == SCHEMA_TEXT || !value->text[0] || t->atom == SCHEMA_QUANTITY ||
                schema_scalar(value) != SCHEMA_SCALAR_TEXT || t->atom == SCHEMA_WHOLE_OR_TEXT);
    case YAML_LIST:
        if (t->atom != SCHEMA_LIST)
            return false;
        if (value->count == 0)
            return true;
        if (t->inner->atom == SCHEMA_OBJECT)
            return keys_fit(t->inner->object, value->items[0]);
        return value_fits(t->inner, value->items[0]);
    case YAML_MAP:
        if (t->atom == SCHEMA_OBJECT)
            return keys_fit(t->object, value);
        if (t->atom == SCHEMA_MAP && value->count > 0)
            return value_fits(t->inner, value->pairs[0].value);
        return t->atom == SCHEMA_META;
    }
    return false;
}

/* The shortest path is meant; items of lists are so less often. */
static unsigned score_of(const char *path)
{
    unsigned score = 1000;

    for (const char *p = path; *p; p++)
        score -= (*p == '.' ? 10U : 0U) + (*p == '[' ? 30U : 0U);
    return score;
}

static void found_place(struct search *s)
{
    unsigned score = score_of(s->path);

    s->n_found++;
    s->n_plain += !strchr(s->path, '[');
    if (score == s->best_score)
        s->tie = true;
    if (score <= s->best_score)
        return;
    s->best_score = score;
    s->tie = false;
    memcpy(s->best, s->path, sizeof s->best);
}

static void search_object(struct search *s, const struct schema_object *o, size_t depth);

static void search_type(struct search *s, const struct schema_type *t, size_t depth)
{
    size_t size = strlen(s->path);

    if (t->atom == SCHEMA_OBJECT)
        search_object(s, t->object, depth);
    if (t->atom == SCHEMA_LIST && t->inner->atom == SCHEMA_OBJECT && size + 3 < sizeof s->path) {
        memcpy(s->path + size, "[]", 3);
        search_object(s, t->inner->object, depth);
        s->path[size] = '\0';
    }
}

static void search_object(struct search *s, const struct schema_object *o, size_t depth)
{
    size_t size = strlen(s->path);

    if (depth >= MAX_SEARCH_DEPTH)
        return;
    for (size_t i = 0; i < o->n_fields && s->searched < MAX_SEARCHED; i++) {
        const struct schema_field *f = &o->fields[i];
        size_t room = sizeof s->path - size;
        int written = snprintf(s->path + size, room, "%s%s", size ? "." : "", f->name);

        s->searched++;
        if (written > 0 && (size_t)written < room) {
            if (o != s->except && strcmp(f->name, s->name) == 0 && value_fits(&f->type, s->value))
                found_place(s);
            search_type(s, &f->type, depth + 1);
        }
        s->path[size] = '\0';
    }
}

/* The place that a field should have, in c's kind, or "". */
static const char *find_place(struct search *s, const struct check *c,
                              const struct schema_object *o, const struct yaml_pair *pair)
{
    enum { MOST_PLACES = 8 }; /* a name that is in more places says nothing */

    *s = (struct search){.check = c, .name = pair->key->text, .value = pair->value, .except = o};
    search_object(s, c->kind->object, 0);
    if (s->n_found == 0 || s->n_found > MOST_PLACES || s->tie)
        return "";
    /* A name alone says little of a text: only where it is a field in one place. */
    if (pair->value->kind == YAML_SCALAR && s->n_found > 1 && s->n_plain != 1)
        return "";
    return s->best;
}

static const char *find_near(const struct schema_object *o, const char *name)
{
    const char *names[MAX_NAMES];
    size_t n = 0;

    for (; n < o->n_fields && n < MAX_NAMES; n++)
        names[n] = o->fields[n].name;
    return suggest_find(name, names, n);
}

static bool report_home(struct check *c, const struct schema_object *o, const struct yaml_node *map,
                        const struct yaml_pair *pair)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_FIELD_MISPLACED, .node = pair->key, .map = map, .field = pair->key->text};
    struct search s;
    const char *place;

    if (!pair->key->text)
        return false;
    if (verify_renamed(c, map, pair))
        return true;
    place = find_place(&s, c, o, pair);
    if (!*place)
        return false;
    at.instead = place;
    remember_home(c, place);
    verify_fault(c, at, "%s", "");
    check_moved(c, map, pair, place);
    return true;
}

/* The pairs of an unknown map that have a place elsewhere: "constraints" is full of such. */
static bool report_inner(struct check *c, const struct yaml_pair *pair)
{
    static const struct schema_object nothing;
    size_t before = verify_enter(c, pair->key->text);
    bool any = false;

    for (size_t i = 0; i < pair->value->count; i++) {
        const struct yaml_pair *inner = &pair->value->pairs[i];

        if (inner->value->kind == YAML_LIST || inner->value->kind == YAML_MAP)
            any = report_home(c, &nothing, pair->value, inner) || any;
    }
    verify_leave(c, before);
    return any;
}

void verify_unknown_field(struct check *c, const struct schema_object *o,
                          const struct yaml_node *map, const struct yaml_pair *pair)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_FIELD_UNKNOWN, .node = pair->key, .map = map, .field = pair->key->text};
    const char *near = find_near(o, pair->key->text);
    const struct schema_field *f = near ? schema_field_find(o, near) : NULL;

    /* A near name that is not taken and whose type fits beats a place elsewhere. */
    if (f && !verify_get(map, near) && value_fits(&f->type, pair->value)) {
        at.instead = near;
        verify_fault(c, at, "%s", "");
        return;
    }
    if (report_home(c, o, map, pair))
        return;
    if (pair->value->kind == YAML_MAP)
        at.emptied = report_inner(c, pair);
    verify_fault(c, at, "%s", near && !verify_get(map, near) ? near : "");
}
