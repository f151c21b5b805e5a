/* SPDX-License-Identifier: Apache-2.0 */
/* The set of schemas: opened with the built-in ones, extended by files, asked for kinds. */
#include "schema/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/file.h"
#include "config/suggest.h"
#include "schema/schema_read.h"

int schema_open(struct schema_set **out, struct err *e)
{
    OWN(schema_freep) struct schema_set *s = calloc(1, sizeof *s);
    int code;

    if (!s)
        return err_memory(e);
    code = schema_read(s, "built-in schemas", schema_data, schema_data_size, e);
    if (code < 0)
        return code;
    *out = TAKE(s);
    return 0;
}

int schema_add(struct schema_set *s, const char *file, struct err *e)
{
    OWN_MEM char *text = NULL;
    size_t size;
    int code = file_read(&text, &size, file, SCHEMA_MAX_BYTES, e);

    return code < 0 ? code : schema_read(s, file, text, size, e);
}

void schema_free(struct schema_set *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_patterns; i++) {
        if (s->patterns[i]->usable)
            regfree(&s->patterns[i]->compiled);
    }
    arena_done(&s->arena);
    free(s);
}

const struct schema_kind *schema_kind_find(const struct schema_set *s, const char *api_version,
                                           const char *kind)
{
    for (size_t i = s->n_kinds; i > 0; i--) {
        const struct schema_kind *k = &s->kinds[i - 1];

        if (strcmp(k->kind, kind) == 0 && strcmp(k->api_version, api_version) == 0)
            return k;
    }
    return NULL;
}

const struct schema_removed *schema_removed_find(const struct schema_set *s,
                                                 const char *api_version, const char *kind)
{
    for (size_t i = s->n_removed; i > 0; i--) {
        const struct schema_removed *r = &s->removed[i - 1];

        if (strcmp(r->kind, kind) == 0 && strcmp(r->api_version, api_version) == 0)
            return r;
    }
    return NULL;
}

/* "apps" of "apps/v1"; the core group's "v1" is its own name. */
static size_t group_size(const char *api_version)
{
    return strcspn(api_version, "/");
}

static bool same_group(const char *a, const char *b)
{
    size_t size = group_size(a);

    return size == group_size(b) && strncmp(a, b, size) == 0;
}

static const char *complete_group(const struct schema_set *s, const char *api_version)
{
    for (size_t i = 0; i < s->n_complete; i++) {
        if (same_group(s->complete[i], api_version))
            return s->complete[i];
    }
    return NULL;
}

/* The kind of that name in another version or group, or spelled otherwise; the newest data first.
 */
static const struct schema_kind *find_elsewhere(const struct schema_set *s, const char *api_version,
                                                const char *kind)
{
    const struct schema_kind *found = NULL;

    for (size_t i = s->n_kinds; i > 0; i--) {
        const struct schema_kind *k = &s->kinds[i - 1];

        if (strcasecmp(k->kind, kind) != 0)
            continue;
        if (same_group(k->api_version, api_version))
            return k;
        if (!found || (k->object && !found->object))
            found = k;
    }
    return found;
}

/* The nearest kind of the same version. */
static const struct schema_kind *find_near(const struct schema_set *s, const char *api_version,
                                           const char *kind)
{
    const struct schema_kind *found = NULL;

    for (size_t i = 0; i < s->n_kinds; i++) {
        const struct schema_kind *k = &s->kinds[i];
        const char *words[2] = {found ? found->kind : k->kind, k->kind};

        if (strcmp(k->api_version, api_version) == 0 && suggest_find(kind, words, 2) == k->kind)
            found = k;
    }
    return found;
}

/* A kind that is not there, but was: the lookup disregards the version. */
static const struct schema_removed *find_removed_kind(const struct schema_set *s,
                                                      const char *api_version, const char *kind)
{
    for (size_t i = s->n_removed; i > 0; i--) {
        const struct schema_removed *r = &s->removed[i - 1];

        if (strcmp(r->kind, kind) == 0 && same_group(r->api_version, api_version))
            return r;
    }
    return NULL;
}

static struct schema_answer answer_removed(const struct schema_set *s,
                                           const struct schema_removed *r)
{
    const struct schema_kind *k = schema_kind_find(s, r->instead_version, r->instead_kind);

    return (struct schema_answer){
        .known = SCHEMA_REMOVED,
        .instead_version = r->instead_version,
        .instead_kind = r->instead_kind,
        .since = r->since,
        .cluster_scoped = k && k->cluster,
        .source = r->source,
    };
}

/*
 * A kind that a complete group lacks. In the groups of Kubernetes, whose versions others use for
 * files of their own ("v1 Config"), something near must exist for it to be a mistake.
 */
static struct schema_answer answer_unknown(const struct schema_set *s, const char *api_version,
                                           const char *kind)
{
    struct schema_answer a = {.known = SCHEMA_UNKNOWN,
                              .instead_version = "",
                              .instead_kind = "",
                              .since = "",
                              .source = ""};
    const char *group = complete_group(s, api_version);
    const struct schema_removed *removed;
    const struct schema_kind *near;

    if (!group)
        return a;
    removed = find_removed_kind(s, api_version, kind);
    if (removed)
        return answer_removed(s, removed);
    near = find_elsewhere(s, api_version, kind);
    if (!near)
        near = find_near(s, api_version, kind);
    if (near) {
        a.instead_version = near->api_version;
        a.instead_kind = near->kind;
        a.source = near->source;
        a.cluster_scoped = near->cluster;
    }
    if (near || strcmp(group, "v1") != 0)
        a.known = SCHEMA_UNKNOWN_KIND;
    return a;
}

struct schema_answer schema_ask(const struct schema_set *s, const char *api_version,
                                const char *kind)
{
    struct schema_answer a = {.known = SCHEMA_UNKNOWN,
                              .instead_version = "",
                              .instead_kind = "",
                              .since = "",
                              .source = ""};
    const struct schema_kind *k;
    const struct schema_removed *r;

    if (!s || !*api_version || !*kind)
        return a;
    k = schema_kind_find(s, api_version, kind);
    if (k) {
        a.known = SCHEMA_KNOWN;
        a.cluster_scoped = k->cluster;
        a.source = k->source;
        return a;
    }
    r = schema_removed_find(s, api_version, kind);
    return r ? answer_removed(s, r) : answer_unknown(s, api_version, kind);
}
