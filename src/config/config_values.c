/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the settings' values are judged, laid over each other and written to a struct config. An
 * impossible value is an error wherever it stands; what carve cannot do yet only where it counts.
 */
#include "config/config_values.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"
#include "config/config_settings.h"
#include "config/fields.h"

/* As Go's command lines have it, and as YAML has it. */
static bool override_truth(bool *out, const struct reading *r, const struct yaml_node *node,
                           const char *what)
{
    int truth = yaml_truth(node->text);

    if (strcmp(node->text, "1") == 0 || strcasecmp(node->text, "t") == 0)
        truth = 1;
    if (strcmp(node->text, "0") == 0 || strcasecmp(node->text, "f") == 0)
        truth = 0;
    if (truth < 0) {
        fields_error(r, node, "%s: expected true or false, got '%.80s'", what, node->text);
        return false;
    }
    *out = truth == 1;
    return true;
}

static void report_choice(const struct reading *r, const struct yaml_node *node, const char *what,
                          const char *word, const char *const *choices)
{
    OWN(buf_done) struct buf list;

    buf_init(&list, 256);
    for (size_t i = 0; choices[i]; i++)
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", choices[i]);
    fields_error(r, node, "%s: unknown value '%.80s'; known: %s", what, word,
                 list.data ? list.data : "");
}

/* One choice for each of the comma-separated words. */
static bool choose_words(unsigned *bits, const struct reading *r, const struct yaml_node *node,
                         const char *what, const char *const *choices)
{
    const char *word = node->text;

    for (;;) {
        char one[64] = "";
        size_t size, i = 0;

        word += strspn(word, " ");
        size = strcspn(word, ",");
        if (size < sizeof one)
            memcpy(one, word, size);
        for (size_t end = size; size < sizeof one && end > 0 && one[end - 1] == ' '; end--)
            one[end - 1] = '\0';
        while (choices[i] && strcmp(choices[i], one) != 0)
            i++;
        if (!choices[i]) {
            report_choice(r, node, what, *one ? one : word, choices);
            return false;
        }
        *bits |= 1U << i;
        if (!word[size])
            return true;
        word += size + 1;
    }
}

bool config_values_choices(unsigned *out, const struct reading *r, const struct yaml_node *node,
                           const char *what, const char *const *choices)
{
    unsigned bits = 0;

    if (node->kind == YAML_SCALAR) {
        if (!choose_words(&bits, r, node, what, choices))
            return false;
    } else if (!fields_expect(r, node, YAML_LIST, what)) {
        return false;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!fields_expect(r, node->items[i], YAML_SCALAR, what) ||
            !choose_words(&bits, r, node->items[i], what, choices))
            return false;
    }
    *out = bits;
    return true;
}

static bool judge_choice(unsigned *bits, const struct reading *r, const struct yaml_node *node,
                         const struct config_setting *s, const char *what)
{
    if (!fields_expect(r, node, YAML_SCALAR, what))
        return false;
    for (unsigned i = 0; s->choices[i]; i++) {
        if (strcmp(s->choices[i], node->text) == 0) {
            *bits = 1U << i;
            return true;
        }
    }
    report_choice(r, node, what, node->text, s->choices);
    return false;
}

static bool judge_path(const struct reading *r, const struct yaml_node *node, const char *what)
{
    if (!fields_expect(r, node, YAML_SCALAR, what))
        return false;
    if (!*node->text || *node->text == '/')
        return true;
    fields_error(r, node, "%s: '%.80s' is not an absolute path", what, node->text);
    return false;
}

/* Whether the value fits the setting's kind; its bits are written. */
static bool judge(struct config_given *g, const struct reading *r, const struct config_setting *s)
{
    const char *what = g->origin ? g->origin : s->key;
    bool truth = false, ok = true;

    switch (s->kind) {
    case CONFIG_TRUTH:
        ok = g->origin ? override_truth(&truth, r, &g->at, what)
                       : fields_truth(&truth, r, &g->at, what);
        g->bits = 1U << truth;
        break;
    case CONFIG_CHOICE:
        ok = judge_choice(&g->bits, r, &g->at, s, what);
        break;
    case CONFIG_CHOICES:
        ok = config_values_choices(&g->bits, r, &g->at, what, s->choices);
        break;
    case CONFIG_PATH:
        ok = judge_path(r, &g->at, what);
        break;
    case CONFIG_TEXT:
        ok = g->origin || fields_text(r, &g->at, what);
        break;
    case CONFIG_FREE:
        break;
    }
    return ok;
}

/* The settings whose key is `where` and one name more; `groups` (NULL-ended) are left to others. */
static void read_group(struct config_values *v, const struct reading *r,
                       const struct yaml_node *map, const char *where,
                       const struct yaml_pair **found_groups, const char *const *groups)
{
    const char *names[FIELDS_MAX];
    const struct yaml_pair *found[FIELDS_MAX];
    size_t at[FIELDS_MAX], prefix = strlen(where), n = 0, n_groups = 0, n_settings;
    const struct config_setting *table = config_settings(&n_settings);

    for (; groups && groups[n_groups]; n_groups++)
        names[n++] = groups[n_groups];
    for (size_t i = 0; i < n_settings && n < FIELDS_MAX; i++) {
        const char *key = table[i].key;

        if (!text_starts(key, where) || key[prefix] != '.' || strchr(key + prefix + 1, '.'))
            continue;
        at[n] = i;
        names[n++] = key + prefix + 1;
    }
    if (!fields_read(r, map,
                     &(struct fields){.where = where, .names = names, .count = n, .any_case = true},
                     found))
        return;
    for (size_t i = 0; i < n_groups; i++)
        found_groups[i] = found[i];
    for (size_t i = n_groups; i < n; i++) {
        const struct yaml_node *value = fields_value(found[i]);
        struct config_given given = {.is_set = true};

        if (!value)
            continue;
        given.at = *value;
        if (judge(&given, r, &table[at[i]]))
            v->items[at[i]] = given;
    }
}

void config_values_read(struct config_values *v, const struct reading *r,
                        const struct yaml_node *flags, const struct yaml_node *imex)
{
    static const char *const groups[] = {"plugin", "gfd", NULL};
    const struct yaml_pair *found[2] = {NULL, NULL};

    if (flags)
        read_group(v, r, flags, "flags", found, groups);
    if (fields_value(found[0]))
        read_group(v, r, found[0]->value, "flags.plugin", NULL, NULL);
    if (fields_value(found[1]))
        read_group(v, r, found[1]->value, "flags.gfd", NULL, NULL);
    if (imex)
        read_group(v, r, imex, "imex", NULL, NULL);
}

static void override_one(struct config_given *now, const struct reading *r,
                         const struct config_setting *s, const struct config_override *o)
{
    struct config_given given = {
        .is_set = true,
        .origin = o->origin,
        .at = {.kind = YAML_SCALAR, .plain = true, .text = o->value},
    };

    if (s->kind == CONFIG_CHOICES && !*o->value)
        given.at.kind = YAML_LIST;
    if (!judge(&given, r, s))
        return;
    if (now->origin && strcmp(now->origin, o->origin) == 0)
        given.bits |= s->kind == CONFIG_CHOICES ? now->bits : 0;
    *now = given;
}

void config_values_override(struct config_values *v, const struct reading *r,
                            const struct config_override *overrides, size_t count)
{
    size_t n_settings;
    const struct config_setting *table = config_settings(&n_settings);

    for (size_t n = 0; n < count; n++)
        for (size_t i = 0; i < n_settings; i++)
            if (strcmp(table[i].key, overrides[n].key) == 0)
                override_one(&v->items[i], r, &table[i], &overrides[n]);
}

static void refuse(const struct reading *r, const struct config_setting *s,
                   const struct config_given *g)
{
    static const char *const truths[] = {"false", "true"};
    const char *const *names = s->kind == CONFIG_TRUTH ? truths : s->choices;

    for (unsigned i = 0; s->refused >> i; i++)
        if (g->bits & s->refused & 1U << i)
            fields_error(r, &g->at, "%s: '%s' is not supported by carve yet; %s",
                         g->origin ? g->origin : s->key, names[i], s->instead);
}

static void set_text(char **field, struct reading *r, const struct config_given *g)
{
    char *copy;

    if (!g->is_set || !*g->at.text)
        return;
    copy = strdup(g->at.text);
    if (!copy) {
        r->out_of_memory = true;
        return;
    }
    free(*field);
    *field = copy;
}

/* Whether a comma-separated list has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t size = strlen(word);

    for (;;) {
        size_t end;

        list += strspn(list, ", ");
        end = strcspn(list, ", ");
        if (end == 0)
            return false;
        if (end == size && strncmp(list, word, size) == 0)
            return true;
        list += end;
    }
}

void config_values_apply(struct config *c, struct reading *r, const struct config_values *v)
{
    const struct config_given *g = v->items;
    size_t n_settings;
    const struct config_setting *table = config_settings(&n_settings);

    for (size_t i = 0; i < n_settings; i++)
        if (g[i].is_set)
            refuse(r, &table[i], &g[i]);
    if (g[MIG_STRATEGY].is_set)
        c->mig_strategy = g[MIG_STRATEGY].bits == 1   ? CONFIG_MIG_NONE
                          : g[MIG_STRATEGY].bits == 2 ? CONFIG_MIG_SINGLE
                                                      : CONFIG_MIG_MIXED;
    if (g[FAIL_ON_INIT_ERROR].is_set)
        c->fail_on_init_error = g[FAIL_ON_INIT_ERROR].bits == 2;
    if (g[ALLOCATION_POLICY].is_set)
        c->spread = g[ALLOCATION_POLICY].bits == 1 ? CONFIG_DISTRIBUTED : CONFIG_PACKED;
    if (g[DEVICE_LIST_STRATEGY].is_set && g[DEVICE_LIST_STRATEGY].bits == 0)
        fields_error(r, &g[DEVICE_LIST_STRATEGY].at,
                     "%s: an empty list leaves containers without their slices; name envvar or "
                     "cdi-cri",
                     table[DEVICE_LIST_STRATEGY].key);
    if (g[DEVICE_LIST_STRATEGY].is_set)
        c->injection =
            g[DEVICE_LIST_STRATEGY].bits & (CONFIG_INJECT_ENVVAR | CONFIG_INJECT_CDI_CRI);
    set_text(&c->driver_root, r, &g[DRIVER_ROOT]);
    set_text(&c->dev_root, r, &g[DEV_ROOT]);
    set_text(&c->container_driver_root, r, &g[CONTAINER_DRIVER_ROOT]);
    set_text(&c->cdi_hook, r, &g[CDI_HOOK_PATH]);
    if (g[CDI_DISABLE_HOOKS].is_set)
        c->no_cdi_hook = has_word(g[CDI_DISABLE_HOOKS].at.text, "all") ||
                         has_word(g[CDI_DISABLE_HOOKS].at.text, "update-ldcache");
}
