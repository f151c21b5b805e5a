/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents and commands into views: hands each to every reader, which takes what it knows, and
 * then lets the views find each other.
 */
#include <string.h>

#include "base/err.h"
#include "lint/view/call.h"
#include "lint/view/match_index.h"
#include "lint/view/view.h"

typedef void read_document(struct lint *l, struct system *s, const struct document *d);

static read_document *const readers[] = {
    pool_read,    node_class_read,  overlay_read,  workload_read,
    release_read, plugin_view_read, mig_view_read,
};

static bool says_aws(const char *text)
{
    return strstr(text, "karpenter.k8s.aws") || strstr(text, "amazonaws.com") ||
           strstr(text, "eksctl.io") || strstr(text, "public.ecr.aws");
}

/* Trees are no deeper than 64 levels. */
static bool tree_says_aws(const struct yaml_node *node)
{
    if (node->kind == YAML_SCALAR)
        return says_aws(node->text);
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++)
        if (tree_says_aws(node->items[i]))
            return true;
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++)
        if (says_aws(node->pairs[i].key->text) || tree_says_aws(node->pairs[i].value))
            return true;
    return false;
}

static bool command_says_aws(const struct command *c)
{
    if (c->n_words == 0)
        return false;
    if (strcmp(c->words[0].text, "eksctl") == 0)
        return true;
    if (c->n_words > 1 && strcmp(c->words[0].text, "aws") == 0 &&
        (strcmp(c->words[1].text, "eks") == 0 || strcmp(c->words[1].text, "ec2") == 0))
        return true;
    for (size_t i = 1; i < c->n_words; i++)
        if (says_aws(c->words[i].text))
            return true;
    return false;
}

/* Only types of EC2 are in the catalogue. */
static bool names_types(const struct lint *l, const struct system *s)
{
    for (size_t i = 0; i < s->n_pools; i++)
        if (s->pools[i].names_types && s->pools[i].n_types > 0)
            return true;
    for (size_t i = 0; i < s->n_workloads; i++) {
        const char *type = node_text(
            node_get(s->workloads[i].node_selector, "node.kubernetes.io/instance-type"), NULL);

        if (type && catalog_find(l->catalog, type))
            return true;
    }
    return false;
}

static bool is_eks(const struct lint *l, const struct system *s)
{
    for (size_t i = 0; i < s->n_documents; i++)
        if (tree_says_aws(s->documents[i]->root))
            return true;
    for (size_t i = 0; i < s->n_commands; i++)
        if (command_says_aws(s->commands[i]))
            return true;
    return names_types(l, s);
}

int system_read(struct lint *l, struct system *s, struct err *e)
{
    for (size_t i = 0; i < s->n_commands; i++)
        call_prepare(l, s->commands[i]);
    for (size_t i = 0; i < s->n_documents; i++)
        for (size_t k = 0; k < sizeof readers / sizeof readers[0] && !s->documents[i]->part; k++)
            readers[k](l, s, s->documents[i]);
    for (size_t i = 0; i < s->n_commands; i++)
        release_read_command(l, s, s->commands[i]);
    for (size_t i = 0; i < s->n_documents; i++)
        release_read_values(l, s, s->documents[i]);
    plugin_view_read_values(l, s);
    mig_view_read_values(l, s);
    pool_link(l, s);
    overlay_sort(s);
    plugin_view_link(s);
    s->eks = is_eks(l, s);
    index_make(l, s);
    if (l->out_of_memory || l->arena.failed)
        return err_memory(e);
    return 0;
}

void system_done(struct system *s)
{
    for (size_t i = 0; i < s->n_plugins; i++)
        config_free(s->plugins[i].config);
    for (size_t i = 0; i < s->n_migs; i++)
        mig_file_free(s->migs[i].file);
    for (size_t i = 0; i < s->n_defaults; i++)
        mig_file_free(s->defaults[i].file);
    s->n_plugins = s->n_migs = s->n_defaults = 0;
}
