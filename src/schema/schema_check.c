/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks one object against its schema: a walk over its fields, each against its type. Faults go to
 * the caller with their place and path; what the walk cannot know (names, rules between fields)
 * is asked of the other files of this folder when it is through.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "schema/schema_check.h"

/* The path, cut where it would not fit: it is for words and for the table of renames. */
static size_t enter(struct check *c, const char *fmt, const char *field, size_t index)
{
    size_t before = c->path_size, room = sizeof c->path - before;
    int size = *fmt == '[' ? snprintf(c->path + before, room, "[%zu]", index)
                           : snprintf(c->path + before, room, "%s%s", before ? "." : "", field);

    if (size > 0)
        c->path_size = (size_t)size < room ? before + (size_t)size : sizeof c->path - 1;
    return before;
}

size_t verify_enter(struct check *c, const char *field)
{
    return enter(c, ".", field, 0);
}

size_t verify_enter_item(struct check *c, size_t index)
{
    return enter(c, "[", "", index);
}

void verify_leave(struct check *c, size_t size)
{
    c->path_size = size;
    c->path[size] = '\0';
}

bool verify_ends(const struct check *c, const char *end)
{
    size_t size = strlen(end);

    return c->path_size >= size && strcmp(c->path + c->path_size - size, end) == 0;
}

void verify_fault(struct check *c, struct schema_fault_at fault, const char *fmt, ...)
{
    char words[512];
    va_list args;

    if (c->n_faults++ >= SCHEMA_MAX_FAULTS)
        return;
    va_start(args, fmt);
    (void)vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    fault.words = words;
    fault.path = c->path;
    if (!fault.instead)
        fault.instead = "";
    if (!fault.field)
        fault.field = "";
    c->report(c->self, &fault);
}

static bool is_nothing(const struct yaml_node *node)
{
    return node->kind == YAML_NULL ||
           (node->kind == YAML_SCALAR && node->plain && yaml_is_null(node->text));
}

const struct yaml_node *verify_get(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        if (map->pairs[i].key->text && strcmp(map->pairs[i].key->text, key) == 0)
            return is_nothing(map->pairs[i].value) ? NULL : map->pairs[i].value;
    }
    return NULL;
}

const char *verify_text(const struct yaml_node *map, const char *key)
{
    const struct yaml_node *value = verify_get(map, key);

    return value && value->kind == YAML_SCALAR ? value->text : "";
}

const struct yaml_node *verify_go(struct check *c, const char *path)
{
    const struct yaml_node *node = c->root;

    verify_leave(c, 0);
    for (;;) {
        char name[CHECK_HOME_BYTES];
        size_t size = strcspn(path, ".");

        if (size >= sizeof name)
            return NULL;
        memcpy(name, path, size);
        name[size] = '\0';
        (void)verify_enter(c, name);
        node = verify_get(node, name);
        if (!node || path[size] == '\0')
            return node;
        path += size + 1;
    }
}

/*
 * A field that is not there. Of a whole part of the object that is missing the fields that it
 * must hold are missing too, unless they stand in a wrong place.
 */
static void check_missing(struct check *c, const struct schema_field *f,
                          const struct yaml_node *map, unsigned depth)
{
    enum { DEEPEST = 4 };
    struct schema_fault_at at = {
        .fault = SCHEMA_FIELD_MISSING, .node = map, .map = map, .field = f->name, .type = &f->type};
    bool part = f->type.atom == SCHEMA_OBJECT && c->path_size > 0 && depth < DEEPEST &&
                (strcmp(f->name, "spec") == 0 || strcmp(f->name, "template") == 0);
    bool silent =
        depth > 0 && strcmp(f->name, "spec") == 0; /* its own part is said to be missing */
    char path[CHECK_PATH_BYTES];
    size_t before;

    (void)snprintf(path, sizeof path, "%s%s%s", c->path, c->path_size ? "." : "", f->name);
    if (!silent && (part || !verify_has_home(c, path)))
        verify_fault(c, at, "%s", schema_type_name(&f->type));
    if (!part)
        return;
    before = verify_enter(c, f->name);
    for (size_t i = 0; i < f->type.object->n_fields; i++) {
        const struct schema_field *inner = &f->type.object->fields[i];

        if (inner->required)
            check_missing(c, inner, map, depth + 1);
    }
    verify_leave(c, before);
}

/* Whether a field is one of those that every object has beside its own. */
static bool is_envelope(const char *name)
{
    return strcmp(name, "apiVersion") == 0 || strcmp(name, "kind") == 0 ||
           strcmp(name, "status") == 0;
}

/* Fields that are not of the object, before all others: they may be what is missing deeper down. */
static void check_strangers(struct check *c, const struct schema_object *o,
                            const struct yaml_node *map, bool top)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_pair *pair = &map->pairs[i];
        const char *name = pair->key->text;

        if (!name || verify_placeholder(name) || (top && is_envelope(name)) ||
            schema_field_find(o, name) || verify_renamed(c, map, pair))
            continue;
        if (!o->open)
            verify_unknown_field(c, o, map, pair);
    }
}

static void check_object(struct check *c, const struct schema_object *o,
                         const struct yaml_node *map, bool top)
{
    check_strangers(c, o, map, top);
    for (size_t i = 0; i < map->count; i++) {
        const char *name = map->pairs[i].key->text;
        const struct schema_field *f = name ? schema_field_find(o, name) : NULL;

        if (f && !(top && is_envelope(name)))
            verify_value(c, &f->type, map, f->name, map->pairs[i].value);
    }
    for (size_t i = 0; i < o->n_fields; i++) {
        const struct schema_field *f = &o->fields[i];

        if (f->required && !verify_get(map, f->name) && !verify_replaced(c, map, f->name))
            check_missing(c, f, map, 0);
    }
}

/* Items that may not be there twice: all of a set, the named fields of a map list. */
static bool same_item(const struct schema_type *t, const struct yaml_node *a,
                      const struct yaml_node *b)
{
    if (t->unique)
        return a->kind == YAML_SCALAR && b->kind == YAML_SCALAR && strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < t->n_keys; i++) {
        const char *one = verify_text(a, t->keys[i]);

        if (!*one || strcmp(one, verify_text(b, t->keys[i])) != 0)
            return false;
    }
    return t->n_keys > 0;
}

static void check_repeats(struct check *c, const struct schema_type *t,
                          const struct yaml_node *list)
{
    enum { MOST = 256 }; /* of a longer list the first ones are compared */
    size_t n = list->count < MOST ? list->count : MOST;

    if (!t->unique && t->n_keys == 0)
        return;
    for (size_t i = 1; i < n; i++) {
        for (size_t j = 0; j < i; j++) {
            struct schema_fault_at at = {
                .fault = SCHEMA_VALUE_RULE, .node = list->items[i], .map = list, .type = t};

            if (same_item(t, list->items[i], list->items[j])) {
                verify_fault(c, at, "item %zu has the same %s", j + 1,
                             t->unique ? "value" : t->keys[0]);
                break;
            }
        }
    }
}

static void check_count(struct check *c, const struct schema_type *t, const struct yaml_node *map,
                        const char *field, const struct yaml_node *value)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_BOUNDS, .node = value, .map = map, .field = field, .type = t};
    const char *what = t->atom == SCHEMA_LIST ? "items" : "keys";

    if (value->count < t->fewest)
        verify_fault(c, at, t->fewest == 1 ? "not empty" : "at least %zu %s", t->fewest, what);
    else if (value->count > t->most)
        verify_fault(c, at, "at most %zu %s", t->most, what);
}

/* Nothing as an item: Kubernetes' own kinds take it for an empty one, other kinds refuse it. */
static void check_nothing(struct check *c, const struct schema_type *t,
                          const struct yaml_node *list, const struct yaml_node *item)
{
    const char *group = c->kind->api_version, *slash = strchr(group, '/');
    struct schema_fault_at at = {.fault = SCHEMA_VALUE_TYPE, .node = item, .map = list, .type = t};

    if (t->atom != SCHEMA_ANY && slash && memchr(group, '.', (size_t)(slash - group)) &&
        !(slash - group > 7 && strncmp(slash - 7, ".k8s.io", 7) == 0))
        verify_fault(c, at, "%s", schema_type_name(t));
}

static void check_inside(struct check *c, const struct schema_type *t,
                         const struct yaml_node *value)
{
    const struct schema_object *o = t->atom == SCHEMA_META ? c->set->meta : t->object;

    if (t->atom == SCHEMA_OBJECT || t->atom == SCHEMA_META) {
        if (o)
            check_object(c, o, value, false);
        return;
    }
    for (size_t i = 0; i < value->count; i++) {
        size_t before;

        if (t->atom == SCHEMA_LIST) {
            before = verify_enter_item(c, i);
            if (is_nothing(value->items[i]))
                check_nothing(c, t->inner, value, value->items[i]);
            else
                verify_value(c, t->inner, value, "", value->items[i]);
            verify_leave(c, before);
        } else if (value->pairs[i].key->text && !verify_renamed(c, value, &value->pairs[i])) {
            verify_value(c, t->inner, value, value->pairs[i].key->text, value->pairs[i].value);
        }
    }
    if (t->atom == SCHEMA_LIST)
        check_repeats(c, t, value);
}

/* A value of a field of a map (or, the field "", an item of a list, which the path has already). */
void verify_value(struct check *c, const struct schema_type *t, const struct yaml_node *map,
                  const char *field, const struct yaml_node *value)
{
    struct schema_fault_at at = {
        .fault = SCHEMA_VALUE_TYPE, .node = value, .map = map, .field = field, .type = t};
    enum yaml_kind wanted =
        t->atom == SCHEMA_LIST                                                        ? YAML_LIST
        : t->atom == SCHEMA_OBJECT || t->atom == SCHEMA_META || t->atom == SCHEMA_MAP ? YAML_MAP
                                                                                      : YAML_SCALAR;
    size_t before;

    if (t->atom == SCHEMA_ANY || is_nothing(value) || c->depth >= CHECK_MAX_DEPTH)
        return;
    if (value->kind == YAML_SCALAR && verify_placeholder(value->text))
        return;
    if (value->kind != wanted) {
        verify_fault(c, at, "%s", schema_type_name(t));
        return;
    }
    if (wanted == YAML_SCALAR) {
        verify_scalar(c, t, map, field, value);
        return;
    }
    c->depth++;
    before = *field ? verify_enter(c, field) : c->path_size;
    if (t->atom == SCHEMA_LIST || t->atom == SCHEMA_MAP)
        check_count(c, t, map, field, value);
    check_inside(c, t, value);
    if (t->atom == SCHEMA_MAP &&
        (verify_ends(c, ".matchLabels") || verify_ends(c, ".nodeSelector")))
        verify_labels(c, value, true);
    verify_leave(c, before);
    c->depth--;
}

int schema_check(const struct schema_set *s, const struct yaml_node *root, const char *api_version,
                 const char *kind, schema_report *report, void *self, struct err *e)
{
    struct check c = {.set = s, .root = root, .report = report, .self = self};
    const struct schema_removed *removed;

    (void)e;
    if (!s || root->kind != YAML_MAP)
        return 0;
    c.kind = schema_kind_find(s, api_version, kind);
    removed = c.kind ? NULL : schema_removed_find(s, api_version, kind);
    if (removed)
        c.kind = schema_kind_find(s, removed->instead_version, removed->instead_kind);
    if (!c.kind || !c.kind->object)
        return 0;
    check_object(&c, c.kind->object, root, true);
    verify_metadata(&c, verify_get(root, "metadata"));
    verify_karpenter(&c);
    verify_aws(&c);
    verify_leave(&c, 0);
    verify_pods(&c);
    verify_objects(&c);
    return 0;
}
