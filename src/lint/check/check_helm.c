/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Releases against what their charts read: values that no version knows, that are gone, that undo
 * the chart's own pairing of versions; charts that are old; drivers where the image has them. The
 * commands that install them are check_helm_command.c's.
 */
#include <string.h>

#include "lint/check/charts.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"
#include "lint/view/call.h"

enum {
    OLD_MINORS = 3,    /* so many minor versions behind the newest make a chart old */
    MAX_VALUES = 4096, /* of one release that are judged */
};

/* Whether the word is that one value alone: "--set=a=b", or "a=b" behind --set. */
static bool word_is_value(const struct helm_value *v)
{
    const char *text = v->word ? v->word->text : "";
    size_t path = strlen(v->path);

    if (strncmp(text, "--set=", 6) == 0)
        text += 6;
    return v->word && !v->word->expands && strncmp(text, v->path, path) == 0 && text[path] == '=' &&
           strcmp(text + path + 1, v->text) == 0;
}

/* Writes another "path=value" into the word. */
static void put_value(struct lint *l, struct finding *f, const struct helm_value *v,
                      const char *text)
{
    bool whole = strncmp(v->word->text, "--set=", 6) == 0;

    fix_word(l, f, v->word, lint_printf(l, "%s%s", whole ? "--set=" : "", text));
}

/* Takes a value out of the command or the file that sets it. */
static void drop_value(struct lint *l, struct finding *f, const struct release *r,
                       const struct helm_value *v)
{
    const struct command *c = r->command;

    if (v->doc && v->pair) {
        fix_comment_out(l, f, v->doc, v->pair, "the chart does not read this");
        return;
    }
    if (!c || !word_is_value(v))
        return;
    for (size_t i = 1; i < c->n_words; i++) {
        if (&c->words[i] != v->word && c->words[i].value != v->word)
            continue;
        if (strncmp(c->words[i - 1].text, "--set", 5) == 0 && !strchr(c->words[i - 1].text, '='))
            fix_word(l, f, &c->words[i - 1], "");
        fix_word(l, f, &c->words[i], "");
    }
}

/* How many entries of the list at a path the release sets already. */
static unsigned entries_of(const struct release *r, const char *list)
{
    size_t size = strlen(list);
    unsigned n = 0;

    for (size_t i = 0; i < r->n_values; i++) {
        const char *path = r->values[i].path;
        const char *digits = path + size + 1;
        unsigned number = 0;

        if (strncmp(path, list, size) != 0 || path[size] != '[')
            continue;
        for (; *digits >= '0' && *digits <= '9' && number < 1000; digits++)
            number = number * 10 + (unsigned)(*digits - '0');
        if (number + 1 > n)
            n = number + 1;
    }
    return n;
}

/* "component" of "component.WITH_REBOOT" if that reads like a variable of its environment. */
static const char *environment_of(struct lint *l, const struct chart_facts *facts, int version,
                                  const char *path)
{
    const char *dot = strchr(path, '.');
    const char *list;

    if (!dot || strchr(dot + 1, '.') || !strchr(dot, '_') ||
        strspn(dot + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != strlen(dot + 1))
        return NULL;
    list = lint_printf(l, "%.*s.env", (int)(dot - path), path);
    return charts_is_list(facts, version, list) ? list : NULL;
}

/* The same of values in front of this one that will be moved there too. */
static unsigned moved_before(struct lint *l, const struct release *r, const struct helm_value *v,
                             const char *list)
{
    const struct chart_facts *facts = charts_find(r->chart);
    unsigned n = 0;

    for (const struct helm_value *before = r->values; before < v; before++) {
        const char *other =
            environment_of(l, facts, charts_version(facts, r->version), before->path);

        n += other && strcmp(other, list) == 0 && release_value(r, before->path) == before;
    }
    return n;
}

static void move_to_environment(struct lint *l, struct finding *f, const struct release *r,
                                const struct helm_value *v, const char *list)
{
    const char *name = strchr(v->path, '.') + 1;
    unsigned n = entries_of(r, list) + moved_before(l, r, v, list);
    const char *component = lint_printf(l, "%.*s", (int)(strchr(list, '.') - list), list);

    finding_cure(l, f, "%s takes it as an entry with name %s and value '%s'", list, name, v->text);
    if (word_is_value(v) && r->command && !strchr(v->text, '\'')) {
        put_value(l, f, v, lint_printf(l, "%s[%u].name=%s", list, n, name));
        fix_add_words(l, f, r->command,
                      lint_printf(l, "--set-string '%s[%u].value=%s'", list, n, v->text));
    }
    if (!v->doc || *v->doc->kind)
        return;
    fix_remove(l, f, v->doc, component, name);
    fix_put(l, f, v->doc, component, "env",
            lint_printf(l, "- name: %s\n  value: \"%s\"", name, v->text));
}

static void unknown_value(struct lint *l, const struct release *r, const struct chart_facts *facts,
                          int version, const struct helm_value *v)
{
    const char *list = environment_of(l, facts, version, v->path);
    const char *meant = list ? NULL : charts_meant(facts, version, v->path);
    struct finding *f = lint_find(l, RULE_HELM_VALUE_UNKNOWN, v->spot,
                                  "chart %s %s reads no value '%s': it is passed over in silence",
                                  facts->name, facts->versions[version], v->path);

    if (list) {
        move_to_environment(l, f, r, v, list);
        return;
    }
    if (!meant) {
        finding_cure(l, f, "look it up in the chart's values.yaml");
        return;
    }
    finding_cure(l, f, "write %s", meant);
    if (release_value(r, meant))
        drop_value(l, f, r, v);
    else if (word_is_value(v))
        put_value(l, f, v, lint_printf(l, "%s=%s", meant, v->text));
    else if (v->doc && v->pair &&
             strcmp(strrchr(meant, '.') ? strrchr(meant, '.') + 1 : meant, v->pair->key->text) != 0)
        fix_rename(l, f, v->doc, v->pair, strrchr(meant, '.') ? strrchr(meant, '.') + 1 : meant);
}

/* Versions of parts that the chart pairs itself; a driver's or a toolkit's is the user's to choose.
 */
static bool is_paired_version(const char *path)
{
    static const char *const paths[] = {
        "gfd.version",      "devicePlugin.version",       "migManager.version",
        "dcgm.version",     "dcgmExporter.version",       "validator.version",
        "operator.version", "nodeStatusExporter.version",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(paths[i], path) == 0)
            return true;
    return false;
}

/* Whoever takes an image from a place of his own has to name its version too. */
static bool is_mirrored(struct lint *l, const struct release *r, const char *path)
{
    const char *component = lint_printf(l, "%.*s", (int)strcspn(path, "."), path);

    return release_value(r, lint_printf(l, "%s.repository", component)) ||
           release_value(r, lint_printf(l, "%s.image", component));
}

static void check_value(struct lint *l, const struct release *r, const struct chart_facts *facts,
                        int version, const struct helm_value *v)
{
    const char *edge;
    enum charts_state state = charts_value(facts, version, v->path, &edge);
    bool any_version = !*r->version && !r->command && r->doc && !*r->doc->kind;
    struct finding *f;

    if (state == CHARTS_UNKNOWN) {
        unknown_value(l, r, facts, version, v);
    } else if (any_version && (state == CHARTS_GONE || state == CHARTS_LATER)) {
        return; /* a file alone does not say for which version it is */
    } else if (state == CHARTS_GONE) {
        f = lint_find(l, RULE_HELM_VALUE_REMOVED, v->spot,
                      "value '%s' of chart %s is gone: %s was the last version that read it",
                      v->path, facts->name, edge);
        finding_cure(l, f, "drop it");
        drop_value(l, f, r, v);
    } else if (state == CHARTS_LATER) {
        f = lint_find(l, RULE_HELM_VALUE_REMOVED, v->spot,
                      "value '%s' comes with %s of chart %s: %s does not read it", v->path, edge,
                      facts->name, facts->versions[version]);
        finding_cure(l, f, "install %s or newer", edge);
    } else if (r->chart == CHART_GPU_OPERATOR && is_paired_version(v->path) &&
               !is_mirrored(l, r, v->path)) {
        f = lint_find(l, RULE_HELM_COMPONENT_VERSION, v->spot,
                      "'%s' pins a part of the operator apart from the chart, which pairs the "
                      "versions of its parts",
                      v->path);
        finding_cure(l, f, "drop it and choose the chart's version instead");
        drop_value(l, f, r, v);
    }
}

/* Whether a value is said again further on, which alone counts then. */
static bool is_last(const struct release *r, const struct helm_value *v)
{
    return release_value(r, v->path) == v;
}

/* A file of values without a release is taken for a chart's by its keys; one that is odd is not. */
static bool is_another_charts(struct lint *l, const struct release *r,
                              const struct chart_facts *facts, int version)
{
    const char *edge;

    if (r->command || (r->doc && *r->doc->kind))
        return false;
    for (size_t i = 0; i < r->n_values && i < MAX_VALUES; i++) {
        const char *path = r->values[i].path;

        if (charts_value(facts, version, lint_printf(l, "%.*s", (int)strcspn(path, ".["), path),
                         &edge) == CHARTS_UNKNOWN)
            return true;
    }
    return false;
}

static void check_values(struct lint *l, const struct release *r, const struct chart_facts *facts)
{
    int version = charts_version(facts, r->version);

    if (version < 0 || is_another_charts(l, r, facts, version))
        return;
    for (size_t i = 0; i < r->n_values && i < MAX_VALUES; i++)
        if (is_last(r, &r->values[i]))
            check_value(l, r, facts, version, &r->values[i]);
}

static void put_version(struct lint *l, struct finding *f, const struct release *r,
                        const char *version)
{
    static const char *const paths[] = {"spec.chart.spec.version", "spec.source.targetRevision"};
    const struct word *w = r->version_word;

    if (w && !w->expands)
        fix_word(l, f, w,
                 lint_printf(l, "%.*s%s", (int)call_option_size(w->text), w->text, version));
    for (size_t i = 0; !w && r->doc && i < sizeof paths / sizeof *paths; i++) {
        const struct yaml_node *node = node_at(r->doc->root, paths[i]);

        if (strstr(node_text(node, ""), r->version))
            fix_replace(l, f, r->doc, node, version);
    }
}

static void check_version(struct lint *l, const struct release *r, const struct chart_facts *facts)
{
    int version = charts_version(facts, r->version);
    unsigned behind = version < 0 ? 0 : charts_behind(facts, version);
    struct finding *f;

    if (!*r->version || behind < OLD_MINORS)
        return;
    f = lint_find(l, RULE_HELM_CHART_OLD, r->version_spot.source ? r->version_spot : r->spot,
                  "chart %s %s is %u minor versions old: boards, profiles and repairs since then "
                  "are not in it",
                  facts->name, r->version, behind);
    finding_cure(l, f, "install %s", charts_newest(facts));
    put_version(l, f, r, charts_newest(facts));
}

/* Whether a node class takes Ubuntu's images, in which the operator has to install the driver. */
static bool takes_ubuntu(const struct system *s)
{
    for (size_t i = 0; i < s->n_classes; i++) {
        const struct yaml_node *terms = node_get(s->classes[i].spec, "amiSelectorTerms");

        if (strcmp(s->classes[i].family, "Ubuntu") == 0)
            return true;
        for (size_t k = 0; terms && terms->kind == YAML_LIST && k < terms->count; k++)
            if (strstr(node_text(node_get(terms->items[k], "name"), ""), "ubuntu") ||
                strstr(node_text(node_get(terms->items[k], "ssmParameter"), ""), "ubuntu"))
                return true;
    }
    return false;
}

/* Sets a value of a release to false, where it is said or at the end. */
static void put_false(struct lint *l, struct finding *f, const struct release *r, const char *path)
{
    const struct helm_value *v = release_value(r, path);
    const char *dot = strrchr(path, '.');

    if (v && word_is_value(v))
        put_value(l, f, v, lint_printf(l, "%s=false", path));
    else if (v && v->doc && v->pair)
        fix_replace(l, f, v->doc, v->pair->value, "false");
    else if (!v && r->command)
        fix_add_words(l, f, r->command, lint_printf(l, "--set %s=false", path));
    else if (!v && r->doc && !*r->doc->kind)
        fix_put(l, f, r->doc, lint_printf(l, "%.*s", (int)(dot - path), path), dot + 1, "false");
}

static void check_driver(struct lint *l, const struct release *r)
{
    const struct helm_value *driver = release_value(r, "driver.enabled");
    struct finding *f;

    if (!l->system.eks || takes_ubuntu(&l->system) || !stack_truth(r, "driver.enabled", true) ||
        (!driver && r->values_open) || (driver && text_is_placeholder(driver->text)))
        return;
    f = lint_find(l, RULE_OPERATOR_DRIVER_ON_EKS, driver ? driver->spot : r->spot,
                  "the GPU operator is to install a driver, but EKS's GPU images carry driver and "
                  "container toolkit: the two are in each other's way and the nodes stay without "
                  "GPUs");
    finding_cure(l, f, "set driver.enabled=false and toolkit.enabled=false");
    put_false(l, f, r, "driver.enabled");
    if (stack_truth(r, "toolkit.enabled", true))
        put_false(l, f, r, "toolkit.enabled");
}

void check_helm(struct lint *l)
{
    for (size_t i = 0; i < l->system.n_releases; i++) {
        const struct release *r = &l->system.releases[i];
        const struct chart_facts *facts = charts_find(r->chart);

        if (facts) {
            check_values(l, r, facts);
            check_version(l, r, facts);
        }
        if (r->chart == CHART_GPU_OPERATOR)
            check_driver(l, r);
    }
}
