/* SPDX-License-Identifier: Apache-2.0 */
/* Names of resources and the patterns that give them: see config_resources.h. */
#include "config/config_resources.h"

#include <string.h>

#include "base/text.h"
#include "config/config.h"
#include "config/fields.h"

#define PREFIX "nvidia.com/"

enum { NAME_MAX_BYTES = 63, PATTERNS_MAX = 256 };

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Labels of a-z, 0-9 and '-' joined by '.', each beginning and ending with a letter or digit. */
static bool is_dns_subdomain(const char *text)
{
    char last = '.';

    for (; *text; last = *text++) {
        bool joins = *text == '.' || *text == '-';

        if (!joins && !is_alphanumeric(*text))
            return false;
        if (joins && last == '.')
            return false;
        if (*text == '.' && last == '-')
            return false;
    }
    return is_alphanumeric(last);
}

static bool judge_name(struct reading *r, const struct yaml_node *node, const char *what,
                       const char *part)
{
    if (strchr(part, '/')) {
        fields_error(r, node, "%s: '%.80s' is not a resource of nvidia.com; write nvidia.com/NAME",
                     what, node->text);
        return false;
    }
    if (strlen(part) > NAME_MAX_BYTES - strlen(PREFIX)) {
        fields_error(r, node, "%s: '%.80s' is longer than %d characters with its prefix", what,
                     node->text, NAME_MAX_BYTES);
        return false;
    }
    if (is_dns_subdomain(part))
        return true;
    fields_error(r, node,
                 "%s: '%.80s' is not a resource name; use a-z, 0-9, '-' and '.', with a letter or "
                 "digit at both ends",
                 what, node->text);
    return false;
}

char *config_resources_name(struct reading *r, const struct yaml_node *node, const char *what)
{
    const char *part;
    char *name = NULL;

    if (!fields_text(r, node, what))
        return NULL;
    part = node->text + (text_starts(node->text, PREFIX) ? strlen(PREFIX) : 0);
    if (!judge_name(r, node, what, part))
        return NULL;
    if (asprintf(&name, PREFIX "%s", part) < 0) {
        r->out_of_memory = true;
        return NULL;
    }
    return name;
}

static void add_pattern(struct config_pattern *patterns, size_t *count, struct reading *r,
                        const char *pattern, char *name)
{
    char *copy = strdup(pattern);

    if (!copy || !name) {
        free(copy);
        free(name);
        r->out_of_memory = true;
        return;
    }
    patterns[(*count)++] = (struct config_pattern){copy, name};
}

static void read_pattern(struct config_pattern *patterns, size_t *count, struct reading *r,
                         const struct yaml_node *entry, const char *where)
{
    static const char *const names[] = {"pattern", "name"};
    const struct yaml_pair *found[2];
    const struct yaml_node *pattern, *given;
    char *name;

    if (!fields_expect(r, entry, YAML_MAP, where) ||
        !fields_read(r, entry, &(struct fields){.where = where, .names = names, .count = 2}, found))
        return;
    pattern = fields_value(found[0]);
    given = fields_value(found[1]);
    if (!pattern || !given) {
        fields_error(r, entry, "%s: an entry needs both 'pattern' and 'name'", where);
        return;
    }
    if (!fields_text(r, pattern, where))
        return;
    name = config_resources_name(r, given, where);
    if (name)
        add_pattern(patterns, count, r, pattern->text, name);
}

/* The list's patterns and, behind them, the one that catches the rest. */
static void read_patterns(struct config_pattern **out, size_t *out_count, struct reading *r,
                          const struct yaml_node *list, const char *where, bool catch_rest)
{
    size_t size = list ? list->count : 0;

    if (list && !fields_expect(r, list, YAML_LIST, where))
        return;
    if (size > PATTERNS_MAX) {
        fields_error(r, list, "%s: more than %d entries", where, PATTERNS_MAX);
        return;
    }
    *out = calloc(size + 1, sizeof **out);
    if (!*out) {
        r->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < size; i++)
        read_pattern(*out, out_count, r, list->items[i], where);
    if (catch_rest)
        add_pattern(*out, out_count, r, "*", strdup(PREFIX "gpu"));
}

void config_resources_free(struct config_pattern *patterns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(patterns[i].pattern);
        free(patterns[i].name);
    }
    free(patterns);
}

static void drop(struct config_pattern **patterns, size_t *count)
{
    config_resources_free(*patterns, *count);
    *patterns = NULL;
    *count = 0;
}

static void say_inert(const struct reading *r, const struct yaml_pair *pair)
{
    if (fields_value(pair) && pair->value->count > 0)
        fields_doubt(r, pair->key,
                     "resources.%s has no effect, as in the original plugin; list 'resources' in "
                     "carve.honor to turn it on",
                     pair->key->text);
}

void config_resources_read(struct config *c, struct reading *r, const struct yaml_node *block)
{
    static const char *const names[] = {"gpus", "mig"};
    const struct yaml_pair *found[2] = {NULL, NULL};
    const struct fields known = {
        .where = "resources", .names = names, .count = 2, .any_case = true};

    if (block && !fields_read(r, block, &known, found))
        return;
    read_patterns(&c->gpu_patterns, &c->n_gpu_patterns, r, fields_value(found[0]), "resources.gpus",
                  true);
    read_patterns(&c->mig_patterns, &c->n_mig_patterns, r, fields_value(found[1]), "resources.mig",
                  c->mig_strategy == CONFIG_MIG_SINGLE);
    if (c->honor_resources)
        return;
    say_inert(r, found[0]);
    say_inert(r, found[1]);
    drop(&c->gpu_patterns, &c->n_gpu_patterns);
    drop(&c->mig_patterns, &c->n_mig_patterns);
}
