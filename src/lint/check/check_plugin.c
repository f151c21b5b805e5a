/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a device plugin's configuration says: what its reader refuses or passes over, keys that no
 * plugin knows. Whether it is loaded is check_plugin_install.c's, its sharing check_sharing.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "lint/check/checks.h"
#include "lint/check/stack.h"
#include "lint/fix/fix.h"

enum {
    MAX_DEPTH = 16,      /* of maps that are looked into */
    MAX_ROOT = 64 << 10, /* bytes of a file that is made a comment as a whole */
    MAX_NAME = 64,
};

/* What carve cannot do is no fault of a file that NVIDIA's plugin reads. */
static bool is_carves_own(const struct lint *l, const struct plugin_config *p, const char *text)
{
    return strstr(text, "not supported by carve") && !stack_release(&l->system, CHART_CARVE) &&
           !node_get(p->doc->root, "carve");
}

static bool same_place(struct spot a, struct spot b)
{
    return a.line == b.line && a.column == b.column;
}

/* The pair of which the key stands at that place, or NULL. */
static const struct yaml_pair *pair_at(const struct document *d, const struct yaml_node *node,
                                       struct spot spot, unsigned depth)
{
    if (!node || depth == MAX_DEPTH)
        return NULL;
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_pair *found;

        if (node->kind == YAML_MAP && same_place(spot_of(d, node->pairs[i].key), spot))
            return &node->pairs[i];
        found = pair_at(d, node->kind == YAML_MAP ? node->pairs[i].value : node->items[i], spot,
                        depth + 1);
        if (found)
            return found;
    }
    return NULL;
}

/* The key that "…; did you mean 'x'?" proposes, if it stands in the same map; NULL. */
static const char *meant_key(struct lint *l, const char *text)
{
    const char *meant = strstr(text, "did you mean '"), *end;

    if (!meant)
        return NULL;
    meant += strlen("did you mean '");
    end = strchr(meant, '\'');
    if (!end || memchr(meant, '.', (size_t)(end - meant)))
        return NULL;
    return lint_printf(l, "%.*s", (int)(end - meant), meant);
}

static void unknown_key(struct lint *l, const struct plugin_config *p, const struct config_note *n)
{
    const struct yaml_pair *pair = pair_at(p->doc, p->doc->root, n->spot, 0);
    const char *meant = meant_key(l, n->text);
    struct finding *f = lint_find(l, RULE_PLUGIN_CONFIG_UNKNOWN_KEY, n->spot,
                                  "%s: no device plugin reads it", n->text);

    if (meant) {
        finding_cure(l, f, "write %s", meant);
        if (pair)
            fix_rename(l, f, p->doc, pair, meant);
        return;
    }
    finding_cure(l, f, "take it out: what is under it has no effect");
    if (pair)
        fix_comment_out(l, f, p->doc, pair, "no device plugin reads this");
}

static void check_notes(struct lint *l, const struct plugin_config *p)
{
    for (size_t i = 0; i < p->n_notes; i++) {
        const struct config_note *n = &p->notes[i];

        if (is_carves_own(l, p, n->text))
            continue;
        if (strncmp(n->text, "unknown key '", 13) == 0)
            unknown_key(l, p, n);
        else
            (void)lint_find(l, n->error ? RULE_PLUGIN_CONFIG_INVALID : RULE_PLUGIN_CONFIG_IGNORED,
                            n->spot, "%s", n->text);
    }
}

/* Where the line of a source begins. */
static const char *line_of(const struct source *s, unsigned line)
{
    const char *at = s->text;

    for (; line > 1 && at; line--) {
        at = strchr(at, '\n');
        at += at != NULL;
    }
    return at;
}

/* The range's lines as comments under a valid head, each where it stood. */
static char *commented(const struct spot *spot)
{
    const char *at = line_of(spot->source, spot->line);
    OWN(buf_done) struct buf out;
    unsigned indent = spot->column - 1;

    buf_init(&out, MAX_ROOT);
    buf_text(&out, "version: v1");
    buf_printf(&out, "\n%*s# no device plugin reads this:", (int)indent, "");
    for (unsigned line = spot->line; at && line <= spot->end_line; line++) {
        const char *end = strchr(at, '\n');
        size_t size = end ? (size_t)(end - at) : strlen(at), skipped = 0;

        if (size > 0 && at[size - 1] == '\r')
            size--;
        while (skipped < size && skipped < indent && at[skipped] == ' ')
            skipped++;
        if (size > skipped && !(line == spot->end_line && spot->end_column <= 1))
            buf_printf(&out, "\n%*s# %.*s", (int)indent, "", (int)(size - skipped), at + skipped);
        at = end ? end + 1 : NULL;
    }
    return buf_take(&out);
}

/* "nvidia.com/2g.10gb": a profile where the name of its resource was meant. */
static bool is_bare_profile(const char *text)
{
    static const char prefix[] = "nvidia.com/";
    const char *at = text + sizeof prefix - 1;

    if (strncmp(text, prefix, sizeof prefix - 1) != 0 || strlen(text) > MAX_NAME)
        return false;
    at += strspn(at, "0123456789");
    return at > text + sizeof prefix - 1 && strncmp(at, "g.", 2) == 0 &&
           strspn(at + 2, "0123456789") > 0 &&
           strncmp(at + 2 + strspn(at + 2, "0123456789"), "gb", 2) == 0;
}

/* The texts below a node that name a resource which no plugin advertises. */
static void check_resources(struct lint *l, const struct document *d, const struct yaml_node *node,
                            bool edit, unsigned depth)
{
    struct finding *f;

    if (!node || depth == MAX_DEPTH)
        return;
    for (size_t i = 0; i < node->count; i++)
        check_resources(l, d, node->kind == YAML_MAP ? node->pairs[i].value : node->items[i], edit,
                        depth + 1);
    if (node->kind != YAML_SCALAR || !is_bare_profile(node->text))
        return;
    f = lint_find(l, RULE_PLUGIN_CONFIG_RESOURCE, spot_of(d, node),
                  "no resource is called '%s': those of MIG begin with nvidia.com/mig-",
                  node->text);
    finding_cure(l, f, "write nvidia.com/mig-%s", strchr(node->text, '/') + 1);
    if (edit)
        fix_replace(l, f, d, node,
                    lint_printf(l, "nvidia.com/mig-%s", strchr(node->text, '/') + 1));
}

/* A file under the plugin's name without one key of a plugin's. */
static void check_meant(struct lint *l, const struct document *d)
{
    const struct yaml_node *root = d->root;
    struct finding *f =
        lint_find(l, RULE_PLUGIN_CONFIG_UNKNOWN_KEY, spot_of(d, root->pairs[0].key),
                  "unknown key '%s': no device plugin reads it, and nothing else is in the file",
                  root->pairs[0].key->text);

    finding_cure(l, f, "share GPUs with sharing.timeSlicing, cut them with a mig-parted file");
    check_resources(l, d, root, false, 0);
    if (!fix_possible(d))
        return;
    if (root->style == YAML_FLOW) {
        struct spot spot = spot_of(d, root);
        char *text = commented(&spot);

        if (text)
            stack_edit(l, f, spot, lint_printf(l, "%s", text));
        free(text);
        return;
    }
    for (size_t i = 0; i < root->count; i++)
        if (strcmp(root->pairs[i].key->text, "version") != 0)
            fix_comment_out(l, f, d, &root->pairs[i], "no device plugin reads this");
    if (!node_get(root, "version"))
        fix_put(l, f, d, "", "version", "v1");
}

void check_plugin(struct lint *l)
{
    const struct system *s = &l->system;

    for (size_t i = 0; i < s->n_plugins; i++) {
        if (!stack_is_config(s, &s->plugins[i]))
            continue;
        check_notes(l, &s->plugins[i]);
        check_resources(l, s->plugins[i].doc, node_get(s->plugins[i].doc->root, "sharing"), true,
                        0);
    }
    for (size_t i = 0; i < s->n_documents; i++)
        if (stack_is_meant_config(s, s->documents[i]))
            check_meant(l, s->documents[i]);
}
