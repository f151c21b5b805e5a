/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that Karpenter does not buy: see elsewhere.h. */
#include "lint/view/elsewhere.h"

#include <string.h>

#include "base/text.h"
#include "lint/lint.h"
#include "lint/view/match_index.h"

/* Whether one of the types that are parted by commas has GPUs. */
static bool has_gpu_type(const struct lint *l, const char *types)
{
    char name[64];

    for (const char *at = types; *at;) {
        size_t length = strcspn(at, ", ");

        if (length > 0 && length < sizeof name) {
            memcpy(name, at, length);
            name[length] = '\0';
            if (catalog_find(l->catalog, name))
                return true;
        }
        at += length;
        at += strspn(at, ", ");
    }
    return false;
}

/* The same of a value, or of a list of them; a placeholder may become such a type. */
static bool may_be_gpu_type(const struct lint *l, const struct yaml_node *value)
{
    const char *types = node_text(value, "");

    for (size_t i = 0; value->kind == YAML_LIST && i < value->count; i++)
        if (text_is_placeholder(node_text(value->items[i], "")) ||
            has_gpu_type(l, node_text(value->items[i], "")))
            return true;
    return text_is_placeholder(types) || has_gpu_type(l, types);
}

/* Whether a part of eksctl's file is a node group with GPUs, or may be one. */
static bool groups_gpus(const struct lint *l, const struct yaml_node *node)
{
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++)
        if (groups_gpus(l, node->items[i]))
            return true;
    for (size_t i = 0; node->kind == YAML_MAP && i < node->count; i++) {
        const char *key = node->pairs[i].key->text;
        const struct yaml_node *value = node->pairs[i].value;

        if (strcmp(key, "launchTemplate") == 0 ||
            (strcmp(key, "gpus") == 0 && strcmp(node_text(value, "0"), "0") != 0) ||
            (text_starts(key, "instanceType") && may_be_gpu_type(l, value)) ||
            groups_gpus(l, value))
            return true;
    }
    return false;
}

/* Kinds of objects that are or make nodes which Karpenter does not. */
static bool makes_nodes(const struct lint *l, const struct document *d)
{
    static const char *const kinds[] = {
        "Node",           "MachineDeployment", "MachineSet", "MachinePool", "AWSManagedMachinePool",
        "AWSMachinePool", "NodeGroup",         "Nodegroup"};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(d->kind, kinds[i]) == 0)
            return true;
    return text_starts(d->api_version, "eksctl.io/") && d->root && groups_gpus(l, d->root);
}

/* "kubectl label nodes $NODE nvidia.com/…": somebody's node is there already. */
static bool labels_node(const struct command *c)
{
    bool label = false, gpu = false;

    if (c->n_words < 4 || strcmp(c->words[0].text, "kubectl") != 0)
        return false;
    for (size_t i = 1; i < c->n_words; i++) {
        label |= strcmp(c->words[i].text, "label") == 0;
        gpu |= text_starts(c->words[i].text, "nvidia.com/");
    }
    return label && gpu;
}

/* A file or a template that names the types. */
static bool hides_types(const struct command *c)
{
    static const char *const names[] = {"-f",
                                        "--config-file",
                                        "--cli-input-json",
                                        "--cli-input-yaml",
                                        "--launch-template",
                                        "--instance-selector-gpus"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (command_option(c, names[i]))
            return true;
    return false;
}

/* "eksctl create nodegroup --node-type g5.xlarge", "aws eks create-nodegroup …". */
static bool command_makes_nodes(const struct lint *l, const struct command *c)
{
    bool group = command_has(c, "create-nodegroup") ||
                 (command_has(c, "create") && command_has(c, "nodegroup"));

    if (c->n_words < 2 ||
        (strcmp(c->words[0].text, "eksctl") != 0 && strcmp(c->words[0].text, "aws") != 0))
        return false;
    for (size_t i = 1; i < c->n_words; i++) {
        const char *equals = strchr(c->words[i].text, '=');
        const char *before = equals ? c->words[i].text : c->words[i - 1].text;

        if ((group && c->words[i].expands && strstr(before, "-type")) ||
            has_gpu_type(l, equals ? equals + 1 : c->words[i].text))
            return true;
    }
    return group && hides_types(c);
}

enum elsewhere elsewhere_nodes(const struct lint *l)
{
    const struct system *s = &l->system;
    bool labelled = false;

    for (size_t i = 0; i < s->n_documents; i++)
        if (makes_nodes(l, s->documents[i]))
            return ELSEWHERE_GROUPS;
    for (size_t i = 0; i < s->n_commands; i++) {
        if (command_makes_nodes(l, s->commands[i]))
            return ELSEWHERE_GROUPS;
        labelled |= labels_node(s->commands[i]);
    }
    return labelled ? ELSEWHERE_LABELLED : ELSEWHERE_NONE;
}

void elsewhere_soften(struct finding *f)
{
    if (f->severity == SEVERITY_ERROR)
        f->severity = SEVERITY_WARNING;
}

bool elsewhere_label(const struct system *s, const char *key)
{
    size_t size = strlen(key);

    for (size_t i = 0; i < s->n_commands; i++)
        for (size_t k = 0; command_has(s->commands[i], "label") && k < s->commands[i]->n_words;
             k++) {
            const char *word = s->commands[i]->words[k].text;

            if (strncmp(word, key, size) == 0 && word[size] == '=')
                return true;
        }
    return false;
}

/* A label of the team's own, which only nodes of a pool of the set are seen to get. */
static bool is_of_pools(const struct system *s, const char *key, const char *value)
{
    if (strstr(key, "nvidia.com/") || strstr(key, "kubernetes.io/") || strstr(key, "k8s.io/") ||
        elsewhere_label(s, key))
        return false;
    for (size_t i = 0; i < s->n_pools; i++) {
        const char *carried = pool_label(&s->pools[i], key);

        if (carried && strcmp(carried, value) == 0)
            return true;
    }
    return false;
}

bool elsewhere_never(const struct system *s, const struct workload *w)
{
    const struct yaml_node *selector = w->node_selector;
    struct selection *of = w->alike->selection;

    for (size_t i = 0; selector && selector->kind == YAML_MAP && i < selector->count &&
                       !of->never && index_try(s, s->n_pools);
         i++)
        if (is_of_pools(s, selector->pairs[i].key->text, node_text(selector->pairs[i].value, "")))
            of->never = 1;
    of->never = of->never ? of->never : -1;
    return of->never == 1;
}
